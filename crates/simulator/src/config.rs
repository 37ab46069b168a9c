//! The knobs of a simulation, each with its unit; the defaults are the published simulation's.

use crate::date::days_from_civil;

/// The simulation to make.
///
/// The rates of frauds are absolute: with fewer customers or terminals than the default, the number
/// of compromised ones is unchanged, and the share of frauds rises.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// First day, in days since 1970-01-01 (see [`days_from_civil`]).
    pub start_date: i64,
    /// Length, in days.
    pub days: u32,
    /// Number of customers.
    pub customers: u32,
    /// Number of terminals.
    pub terminals: u32,
    /// The seed: every number gives another population and another history.
    pub seed: u64,
    /// The distance that a customer goes to a terminal, on a map of 100 × 100 units of length.
    pub radius: f64,
    /// Scenario 1: a transaction above this amount is fraud, in currency units.
    pub amount_limit: f64,
    /// Scenario 2: terminals newly compromised a day. A fraction is spread over the days: 4.5 is 4 and
    /// 5 in turn.
    pub terminals_per_day: f64,
    /// Scenario 2: the days, the first included, on which all transactions at a compromised terminal
    /// are fraud.
    pub terminal_days: u32,
    /// Scenario 3: customers newly compromised a day; a fraction is spread over the days too.
    pub customers_per_day: f64,
    /// Scenario 3: the days, the first included, on which a customer stays compromised.
    pub customer_days: u32,
    /// Scenario 3: a share, 0 to 1. The customers who are compromised on one day make transactions
    /// while they stay so; this share of all of them together, rounded down, is fraud.
    pub customer_share: f64,
    /// Scenario 3: the amount of a fraud is multiplied by this, at least 0. A transaction is chosen
    /// twice, and multiplied twice, if its customer is compromised twice at a time.
    pub amount_factor: f64,
}

impl Default for Config {
    /// Returns the published simulation, but for its seed: half a year from 2018-04-01.
    fn default() -> Self {
        Config {
            start_date: days_from_civil(2018, 4, 1),
            days: 183,
            customers: 5_000,
            terminals: 10_000,
            seed: 0,
            radius: 5.0,
            amount_limit: 220.0,
            terminals_per_day: 2.0,
            terminal_days: 28,
            customers_per_day: 3.0,
            customer_days: 14,
            customer_share: 1.0 / 3.0,
            amount_factor: 5.0,
        }
    }
}

impl Config {
    /// Returns a simulation whose frauds a model trained on the default has not seen: every amount,
    /// rate and duration of a fraud is shifted by half.
    ///
    /// Rates go up and durations down, so the amount of fraud is about that of the default, while
    /// each case leaves half the time to notice it. The frauds of scenario 3 are half as conspicuous,
    /// and the amounts of the default's scenario 1 are nearly always genuine.
    pub fn shifted() -> Self {
        Config {
            amount_limit: 330.0,
            terminals_per_day: 3.0,
            terminal_days: 14,
            customers_per_day: 4.5,
            customer_days: 7,
            customer_share: 0.5,
            amount_factor: 2.5,
            ..Config::default()
        }
    }
}
