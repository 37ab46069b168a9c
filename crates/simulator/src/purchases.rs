//! Customers, terminals, and the genuine transactions between them.

use crate::date::SECONDS_PER_DAY;
use crate::random::{Purpose, Random};
use crate::{Config, Transaction};

/// Length of both sides of the map.
const MAP: f64 = 100.0;

struct Customer {
    /// Mean of the amounts, in currency units; the standard deviation is half of it.
    amount: f64,
    /// Transactions a day, before the ones outside of the day are dropped.
    rate: f64,
    /// Terminals within the radius.
    terminals: Vec<u32>,
}

/// Makes all transactions, as genuine ones. Returns them, the index at which each day starts among
/// them with the end of the last day, and the number of customers who cannot buy anything.
pub fn make(config: &Config) -> (Vec<Transaction>, Vec<usize>, u32) {
    let customers = customers(config);
    let mut transactions = Vec::new();
    let mut day_starts = vec![0];
    for day in 0..config.days {
        let start = transactions.len();
        for (customer, index) in customers.iter().zip(0..) {
            if !customer.terminals.is_empty() {
                shop(config, day, index, customer, &mut transactions);
            }
        }
        // A stable sort: a customer's transactions of one second stay in the order of their draws.
        transactions[start..].sort_by_key(|t| t.seconds);
        day_starts.push(transactions.len());
    }
    for (transaction, id) in transactions.iter_mut().zip(0..) {
        transaction.id = id;
    }
    let stranded = customers.iter().filter(|c| c.terminals.is_empty()).count();
    (transactions, day_starts, stranded as u32)
}

fn customers(config: &Config) -> Vec<Customer> {
    let terminals: Vec<(f64, f64)> = (0..config.terminals)
        .map(|i| place(&mut Random::new(config.seed, Purpose::Terminal, 0, i)))
        .collect();
    let customer = |index| {
        let mut random = Random::new(config.seed, Purpose::Customer, 0, index);
        let (x, y) = place(&mut random);
        let near = |&(tx, ty): &(f64, f64)| {
            (tx - x) * (tx - x) + (ty - y) * (ty - y) < config.radius * config.radius
        };
        Customer {
            amount: random.uniform(5.0, 100.0),
            rate: random.uniform(0.0, 4.0),
            terminals: (0..).zip(&terminals).filter_map(|(i, t)| near(t).then_some(i)).collect(),
        }
    };
    (0..config.customers).map(customer).collect()
}

fn place(random: &mut Random) -> (f64, f64) {
    (random.uniform(0.0, MAP), random.uniform(0.0, MAP))
}

/// Adds one customer's transactions of a day.
fn shop(config: &Config, day: u32, index: u32, customer: &Customer, out: &mut Vec<Transaction>) {
    let mut random = Random::new(config.seed, Purpose::Purchases, day, index);
    for _ in 0..random.poisson(customer.rate) {
        let second = libm::floor(random.normal(43_200.0, 20_000.0)) as i64;
        if !(0..SECONDS_PER_DAY).contains(&second) {
            continue;
        }
        let mut amount = random.normal(customer.amount, customer.amount / 2.0);
        if amount < 0.0 {
            amount = random.uniform(0.0, 2.0 * customer.amount);
        }
        out.push(Transaction {
            id: 0,
            seconds: (config.start_date + i64::from(day)) * SECONDS_PER_DAY + second,
            customer: index,
            terminal: customer.terminals[random.below(customer.terminals.len())],
            amount_cents: libm::round(amount * 100.0) as i64,
            scenario: 0,
        });
    }
}
