//! Synthetic transactions with known frauds.
//!
//! The simulation is that of the *Fraud Detection Handbook* (Le Borgne, Siblini, Lebichot,
//! Bontempi, 2022), chapter "Transaction data simulator", written anew from its description:
//! customers shop at the terminals around them, and three kinds of fraud happen among the purchases.
//! Equal configurations give equal bits on every platform.
//!
//! It is *not* a picture of any bank. Its frauds follow three rules that somebody made up, its
//! customers have no habits beyond an average, and nobody adapts to being caught: a model that does
//! well here has learned these rules, which says nothing about the frauds of a real bank. The
//! simulation fits no distribution to data, reads no data, and labels frauds at once that a bank
//! learns of weeks later; `fraud run` delays the reports when it replays the output.
//!
//! # Layout
//!
//! In the order in which a simulation runs:
//!
//! - `config.rs`: [`Config`], every knob with its unit
//! - `random.rs`: independent streams of random numbers, and the distributions drawn from them
//! - `purchases.rs`: customers, terminals, and the genuine transactions between them
//! - `frauds.rs`: the three scenarios, laid over the transactions
//! - `write.rs`: a transaction as a JSON line, a fraud as a CSV row
//! - `date.rs`: days since 1970 to and from the calendar
//!
//! `worlds/` has three other simulations, [`World`]: their records have other shapes, and their
//! frauds show in other ways. Each has a file, and `table.rs` writes flat records as JSON or CSV.
//!
//! `split_mix.rs` is no part of a simulation: it is a small generator for tools, tests and
//! benchmarks.

mod config;
mod date;
mod frauds;
mod purchases;
mod random;
mod split_mix;
mod worlds;
mod write;

pub use config::Config;
pub use date::{civil_from_days, days_from_civil};
pub use split_mix::SplitMix64;
pub use worlds::{Format, Population, World, Written};
pub use write::{write_fraud_row, write_frauds_header, write_transaction};

/// One card transaction, and whether it is fraud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Its position in the simulation, from 0.
    pub id: u64,
    /// Its time, in seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// The customer who paid: below [`Config::customers`].
    pub customer: u32,
    /// The terminal: below [`Config::terminals`].
    pub terminal: u32,
    /// The amount, in hundredths of the currency unit; never negative.
    pub amount_cents: i64,
    /// 0 = genuine; 1 = a conspicuous amount; 2 = a compromised terminal; 3 = a compromised customer.
    pub scenario: u8,
}

/// The result of [`simulate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// The transactions in order of time, at equal seconds in order of customer; 40 bytes each.
    pub transactions: Vec<Transaction>,
    /// The number of customers without a terminal within [`Config::radius`]: they buy nothing.
    pub stranded_customers: u32,
}

/// Generates all transactions of the configured days.
///
/// This cannot fail: no days, customers or terminals give no transactions, and a customer without a
/// terminal in reach makes none. The time of day is drawn from a normal distribution
/// and a transaction that falls outside its day (3.1 %) does not happen.
pub fn simulate(config: &Config) -> Simulation {
    let (mut transactions, day_starts, stranded_customers) = purchases::make(config);
    frauds::commit(config, &mut transactions, &day_starts);
    Simulation { transactions, stranded_customers }
}
