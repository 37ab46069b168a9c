//! Which transactions are learned from, and which validate.
//!
//! **Idea**: of a file's time the first tenth only fills history, and the last quarter validates. Somebody who
//! trained when validation begins would know the labels that were known then, and no others. So what lies
//! between is learned from where its label was known by then: a fraud if its report had come, a genuine
//! transaction if a report would have come.
//!
//! **Invariant**: no label that became known later is learned, neither by the model nor by a table.
//!
//! **Example**: of 100 days with reports after 7, day 10 to 67 are learned from, and 75 to 99 validate.

use anyhow::{Context, Result};

use crate::data::stream::Transaction;
use crate::numbers::quantile;

/// The share of a file's time that only fills history, and the share before validation.
const SHARES: [f64; 2] = [0.1, 0.75];

/// The facts of a transaction that decide on its use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub line: u64,
    /// Its time, milliseconds since 1970.
    pub time: i64,
    /// When its label is known, milliseconds since 1970.
    pub known: i64,
    pub is_fraud: bool,
}

impl Row {
    pub fn of(transaction: &Transaction) -> Self {
        Self {
            line: transaction.line,
            time: transaction.millis,
            known: transaction.label_known,
            is_fraud: transaction.scenario > 0,
        }
    }
}

/// The times at which learning and validation begin, milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    pub learn_from: i64,
    pub validate_from: i64,
}

impl Split {
    /// Splits a file's transactions.
    pub fn of(rows: &[Row]) -> Result<Self> {
        let mut times: Vec<i64> = rows.iter().map(|row| row.time).collect();
        // Of the middle of the times, so that a few wrong dates move nothing.
        let mut at = |share| quantile(&mut times, share, i64::cmp);
        let (first, last) =
            at(0.001).zip(at(0.999)).context("there is no transaction to learn from")?;
        let [learn_from, validate_from] =
            SHARES.map(|share| first + (share * (last - first) as f64) as i64);
        Ok(Self { learn_from, validate_from })
    }

    /// Returns whether the label of a transaction was known when validation begins.
    pub fn knows(&self, row: &Row) -> bool {
        row.known < self.validate_from
    }

    /// Returns whether a transaction is learned from or validates.
    pub fn takes(&self, row: &Row) -> bool {
        self.validates(row) || row.time >= self.learn_from && self.knows(row)
    }

    /// Returns whether a transaction validates.
    pub fn validates(&self, row: &Row) -> bool {
        row.time >= self.validate_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_each_transaction() {
        let row = |time, known| Row { line: 1, time, known, is_fraud: true };
        let rows: Vec<Row> = (0..=1000).map(|time| row(time, time + 70)).collect();
        let split = Split::of(&rows).expect("rows");
        // Of 998 of the thousand: a few wrong dates move nothing.
        assert_eq!(split, Split { learn_from: 100, validate_from: 749 });
        let split = Split { validate_from: 750, ..split };
        for (time, known, expect) in [
            (99, 100, false),
            (100, 170, true),
            (679, 749, true),
            // Its report comes when validation has begun.
            (680, 750, false),
            (680, 700, true),
            (300, 900, false),
            (750, 2000, true),
        ] {
            assert_eq!(split.takes(&row(time, known)), expect, "{time} {known}");
        }
        assert!(Split::of(&[]).is_err());
    }
}
