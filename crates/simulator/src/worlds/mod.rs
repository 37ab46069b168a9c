//! Worlds whose records have other shapes than the default's, and other members' names.
//!
//! Each has three scenarios of fraud that amounts and counts of one customer hardly show. The share
//! of frauds is about 0.5 % for any number of customers.

mod cards;
mod charges;
mod table;
mod transfers;

use std::fmt::Display;
use std::io::{self, Write};

use crate::date::SECONDS_PER_DAY;
use crate::random::Random;

/// A world besides the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Card payments: flat, with categories, coordinates, local times and a label.
    Cards,
    /// Account transfers: flat, with types, balances, a count of hours and a label.
    Transfers,
    /// Events about charges: nested, with minor units of many currencies, guests, refunds, disputes
    /// and duplicates.
    Charges,
}

/// A way to write flat records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// A line of names, then one of values for each record.
    Csv,
}

/// The size of a [`World`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// First day, in days since 1970-01-01.
    pub start_date: i64,
    /// Length, in days.
    pub days: u32,
    /// Number of customers.
    pub customers: u32,
    /// Any number; each gives another population and another history.
    pub seed: u64,
}

/// Counts from [`World::write`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records of every kind, duplicates included.
    pub records: u64,
    /// Transactions by scenario; those of scenario 0 are genuine.
    pub scenarios: [u64; 4],
}

impl World {
    /// Names the scenarios 1, 2 and 3.
    pub fn scenarios(self) -> [&'static str; 3] {
        match self {
            World::Cards => ["unusual category", "impossible speed", "strangers to a shop"],
            World::Transfers => ["emptied account", "fan-out", "fan-in"],
            World::Charges => ["accounts on a card", "cards on an account", "excessive total"],
        }
    }

    /// Tells whether its records can be written in a format: nested ones are JSON only.
    pub fn takes(self, format: Format) -> bool {
        self != World::Charges || format == Format::JsonLines
    }

    /// Writes the records in order of time, and the list of frauds, `transaction_id,scenario`.
    ///
    /// # Panics
    ///
    /// If the world does not [take](Self::takes) the format.
    pub fn write(
        self,
        population: &Population,
        format: Format,
        records: &mut dyn Write,
        frauds: &mut dyn Write,
    ) -> io::Result<Written> {
        assert!(self.takes(format), "{self:?} cannot be written as {format:?}");
        crate::write_frauds_header(frauds)?;
        let mut frauds = FraudList { out: frauds, written: Written::default() };
        match self {
            World::Cards => cards::write(population, format, records, &mut frauds)?,
            World::Transfers => transfers::write(population, format, records, &mut frauds)?,
            World::Charges => charges::write(population, records, &mut frauds)?,
        }
        Ok(frauds.written)
    }
}

/// The list of frauds, and counts of all that was written.
struct FraudList<'w> {
    out: &'w mut dyn Write,
    written: Written,
}

impl FraudList<'_> {
    /// Counts a transaction, and lists it if it is a fraud.
    fn add(&mut self, id: impl Display, scenario: u8) -> io::Result<()> {
        self.written.scenarios[usize::from(scenario)] += 1;
        match scenario {
            0 => Ok(()),
            _ => writeln!(self.out, "{id},{scenario}"),
        }
    }
}

impl Population {
    /// Seconds since 1970 at which a day of the simulation begins; day `days` is its end.
    fn day_start(&self, day: u32) -> i64 {
        (self.start_date + i64::from(day)) * SECONDS_PER_DAY
    }
}

/// Draws the seconds of a day at which a person is active, in order.
fn seconds_of_day(random: &mut Random, rate: f64) -> Vec<i64> {
    let mut seconds: Vec<i64> = (0..random.poisson(rate))
        .map(|_| libm::floor(random.normal(43_200.0, 20_000.0)) as i64)
        .filter(|second| (0..SECONDS_PER_DAY).contains(second))
        .collect();
    seconds.sort_unstable();
    seconds
}

/// Draws a time span between so many hours, in seconds.
fn hours(random: &mut Random, from: f64, to: f64) -> i64 {
    libm::floor(random.uniform(from, to) * 3_600.0) as i64
}
