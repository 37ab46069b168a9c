//! The three scenarios of fraud, laid over the genuine transactions.

use crate::random::{Purpose, Random};
use crate::{Config, Transaction};

/// Lays the scenarios over the transactions, later ones over earlier ones.
pub fn commit(config: &Config, transactions: &mut [Transaction], day_starts: &[usize]) {
    conspicuous_amounts(config, transactions);
    compromised_terminals(config, transactions, day_starts);
    compromised_customers(config, transactions, day_starts);
}

fn conspicuous_amounts(config: &Config, transactions: &mut [Transaction]) {
    for transaction in transactions {
        if transaction.amount_cents as f64 > config.amount_limit * 100.0 {
            transaction.scenario = 1;
        }
    }
}

fn compromised_terminals(config: &Config, transactions: &mut [Transaction], day_starts: &[usize]) {
    let mut clean_from = vec![0; config.terminals as usize];
    for day in 0..config.days {
        let mut random = Random::new(config.seed, Purpose::CompromisedTerminals, day, 0);
        let count = due(config.terminals_per_day, day);
        for terminal in random.distinct(count, clean_from.len()) {
            clean_from[terminal] = day.saturating_add(config.terminal_days);
        }
        let today = day_starts[day as usize]..day_starts[day as usize + 1];
        for transaction in &mut transactions[today] {
            if day < clean_from[transaction.terminal as usize] {
                transaction.scenario = 2;
            }
        }
    }
}

fn compromised_customers(config: &Config, transactions: &mut [Transaction], day_starts: &[usize]) {
    for day in 0..config.days {
        let mut random = Random::new(config.seed, Purpose::CompromisedCustomers, day, 0);
        let count = due(config.customers_per_day, day);
        let customers = random.distinct(count, config.customers as usize);

        let end = day.saturating_add(config.customer_days).min(config.days);
        let theirs: Vec<usize> = (day_starts[day as usize]..day_starts[end as usize])
            .filter(|&i| customers.contains(&(transactions[i].customer as usize)))
            .collect();

        let mut random = Random::new(config.seed, Purpose::StolenCards, day, 0);
        let count = (theirs.len() as f64 * config.customer_share) as usize;
        for chosen in random.distinct(count, theirs.len()) {
            let transaction = &mut transactions[theirs[chosen]];
            let cents = transaction.amount_cents as f64 * config.amount_factor;
            transaction.amount_cents = libm::round(cents).max(0.0) as i64;
            transaction.scenario = 3;
        }
    }
}

/// Returns the number for one day, so that the total is always the rate times the days, rounded down.
fn due(per_day: f64, day: u32) -> usize {
    let total = |days: u64| (per_day * days as f64) as usize;
    total(u64::from(day) + 1) - total(u64::from(day))
}

#[cfg(test)]
mod tests {
    use super::due;

    #[test]
    fn fractions_of_a_rate_are_made_up_over_the_days() {
        let first_four = |per_day| [0, 1, 2, 3].map(|day| due(per_day, day));
        assert_eq!(first_four(0.0), [0, 0, 0, 0]);
        assert_eq!(first_four(3.0), [3, 3, 3, 3]);
        assert_eq!(first_four(4.5), [4, 5, 4, 5]);
        assert_eq!(first_four(0.25), [0, 0, 0, 1]);
        assert_eq!(first_four(-1.0), [0, 0, 0, 0]);
    }
}
