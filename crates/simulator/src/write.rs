//! A transaction as a JSON line, a fraud as a CSV row.

use std::io::{self, Write};

use crate::Transaction;
use crate::date::{SECONDS_PER_DAY, civil_from_days};

/// Writes a transaction as one JSON line, its line feed included:
/// `{"transaction_id":"0","timestamp":"2018-04-01T00:00:31Z","customer_id":"596","terminal_id":"3156","amount":57.16}`.
/// Its scenario is left out. An amount has one decimal if the second would be 0 (`146.0`, `10.5`),
/// else two.
pub fn write_transaction(
    transaction: &Transaction,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let days = transaction.seconds.div_euclid(SECONDS_PER_DAY);
    let second = transaction.seconds.rem_euclid(SECONDS_PER_DAY);
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    write!(
        out,
        "{{\"transaction_id\":\"{}\",\"timestamp\":\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\",\"customer_id\":\"{}\",\"terminal_id\":\"{}\",\"amount\":",
        transaction.id, transaction.customer, transaction.terminal,
    )?;
    let (units, cents) = (transaction.amount_cents / 100, transaction.amount_cents % 100);
    match cents % 10 {
        0 => writeln!(out, "{units}.{}}}", cents / 10),
        _ => writeln!(out, "{units}.{cents:02}}}"),
    }
}

/// Writes the first line of a list of frauds, `transaction_id,scenario`.
pub fn write_frauds_header(out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    writeln!(out, "transaction_id,scenario")
}

/// Writes a transaction's line in a list of frauds, such as `3527,1`; nothing if it is genuine.
pub fn write_fraud_row(
    transaction: &Transaction,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    match transaction.scenario {
        0 => Ok(()),
        scenario => writeln!(out, "{},{scenario}", transaction.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSACTION: Transaction = Transaction {
        id: 0,
        seconds: 1_522_540_831,
        customer: 596,
        terminal: 3156,
        amount_cents: 5716,
        scenario: 0,
    };

    #[test]
    fn json() {
        let line = |t: &Transaction| {
            let mut out = Vec::new();
            write_transaction(t, &mut out).expect("a Vec takes everything");
            String::from_utf8(out).expect("JSON is UTF-8")
        };
        assert_eq!(
            line(&TRANSACTION),
            "{\"transaction_id\":\"0\",\"timestamp\":\"2018-04-01T00:00:31Z\",\"customer_id\":\"596\",\"terminal_id\":\"3156\",\"amount\":57.16}\n"
        );
        for (amount_cents, text) in [
            (0, "0.0"),
            (5, "0.05"),
            (10, "0.1"),
            (99, "0.99"),
            (1_050, "10.5"),
            (14_600, "146.0"),
            (110_885, "1108.85"),
        ] {
            let line = line(&Transaction { amount_cents, ..TRANSACTION });
            assert!(line.ends_with(&format!(":{text}}}\n")), "{line}");
        }
    }

    #[test]
    fn csv() {
        let fraud = Transaction { id: 3527, scenario: 1, ..TRANSACTION };
        let mut out = Vec::new();
        write_frauds_header(&mut out).expect("a Vec takes everything");
        for transaction in [TRANSACTION, fraud] {
            write_fraud_row(&transaction, &mut out).expect("a Vec takes everything");
        }
        assert_eq!(out, b"transaction_id,scenario\n3527,1\n");
    }
}
