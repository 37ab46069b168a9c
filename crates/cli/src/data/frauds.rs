//! The list of known frauds, and when each of them is reported.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fraud_detector::record::timestamp;

/// Known frauds by transaction id.
pub struct Frauds {
    path: PathBuf,
    by_id: HashMap<Vec<u8>, Fraud>,
}

/// A known fraud.
pub struct Fraud {
    /// The scenario; 1 where the list does not say.
    pub scenario: u8,
    /// When it is reported, in milliseconds since 1970, if the list says so.
    pub reported_at: Option<i64>,
    /// True once its transaction has been met; the reader of the transactions sets it.
    pub found: Cell<bool>,
}

/// Known frauds, and how long after its transaction each is reported if the list does not say.
#[derive(Clone, Copy)]
pub struct Reporting<'f> {
    pub frauds: &'f Frauds,
    pub delay: Duration,
}

/// The files of transactions whose frauds are known.
pub struct Labelled {
    pub input: PathBuf,
    pub frauds: FraudList,
}

/// The file that lists the frauds, and how long after its transaction a fraud is reported where the
/// file does not say.
pub struct FraudList {
    pub path: PathBuf,
    pub report_delay: Duration,
}

impl FraudList {
    /// Returns when the frauds that were read from the file are reported.
    pub fn reporting<'f>(&self, frauds: &'f Frauds) -> Reporting<'f> {
        Reporting { frauds, delay: self.report_delay }
    }
}

impl Frauds {
    /// Reads a CSV with a column `transaction_id` and perhaps `scenario` and `reported_at`.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display();
        let mut reader = csv::Reader::from_path(path)
            .with_context(|| format!("cannot read the list of frauds {file}"))?;
        let names = reader.byte_headers().with_context(|| format!("cannot read {file}"))?;
        let column = |name: &str| names.iter().position(|found| found == name.as_bytes());
        let Some(id) = column("transaction_id") else {
            bail!("{file} has no column transaction_id; its first line must name the columns");
        };
        let (scenario_at, reported_at) = (column("scenario"), column("reported_at"));
        let mut by_id = HashMap::new();
        for row in reader.byte_records() {
            let row = row.with_context(|| format!("cannot read {file}"))?;
            let cell = |at: Option<usize>| at.and_then(|at| row.get(at));
            let line = || format!("{file} line {}", row.position().map_or(0, csv::Position::line));
            let scenario = cell(scenario_at).map_or(Ok(1), scenario).with_context(line)?;
            let reported_at = cell(reported_at).map(reported).transpose().with_context(line)?;
            let found = Cell::new(false);
            let fraud = Fraud { scenario, reported_at: reported_at.flatten(), found };
            by_id.insert(row[id].to_vec(), fraud);
        }
        Ok(Self { path: path.into(), by_id })
    }

    /// Returns the fraud with this transaction id.
    pub fn get(&self, transaction_id: &[u8]) -> Option<&Fraud> {
        self.by_id.get(transaction_id)
    }

    /// Returns how many are listed.
    pub fn len(&self) -> u64 {
        self.by_id.len() as u64
    }

    /// Returns how many of them have not been met among the transactions.
    pub fn missing(&self) -> u64 {
        self.by_id.values().filter(|fraud| !fraud.found.get()).count() as u64
    }

    /// Fails if none of them is among the transactions of `input`.
    pub fn check_belong_to(&self, input: &Path) -> Result<()> {
        ensure!(
            self.by_id.is_empty() || self.missing() < self.len(),
            "none of the {} ids in {} is a transaction_id in {}; do they belong together?",
            self.len(),
            self.path.display(),
            input.display()
        );
        Ok(())
    }
}

/// Reads a scenario, a number from 1 to 255.
fn scenario(text: &[u8]) -> Result<u8> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.filter(|&number| number > 0).with_context(|| {
        format!("scenario {:?} is no number from 1 to 255", String::from_utf8_lossy(text))
    })
}

/// Reads when a fraud was reported; the list need not say.
fn reported(text: &[u8]) -> Result<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    let millis = timestamp::parse(text).with_context(|| {
        let text = String::from_utf8_lossy(text);
        format!("reported_at {text:?} is no time like 2018-04-08T09:30:00Z")
    })?;
    Ok(Some(millis))
}
