//! The list of known frauds.

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
    /// 1 where the list does not say.
    pub scenario: u8,
    /// When it is reported, in milliseconds since 1970, if the list says so.
    pub reported_at: Option<i64>,
    /// Whether its transaction has come by.
    pub found: Cell<bool>,
}

/// Known frauds, and how long after its transaction one is reported if the list does not say.
#[derive(Clone, Copy)]
pub struct Reporting<'f> {
    pub frauds: &'f Frauds,
    pub delay: Duration,
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
            let line = row.position().map_or(0, csv::Position::line);
            let scenario = match scenario_at.and_then(|at| row.get(at)) {
                None => 1,
                Some(text) => {
                    match std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
                        Some(number @ 1..) => number,
                        _ => bail!(
                            "{file} line {line}: scenario {:?} is no number from 1 to 255",
                            String::from_utf8_lossy(text)
                        ),
                    }
                }
            };
            let reported_at = match reported_at.and_then(|at| row.get(at)) {
                None | Some(b"") => None,
                Some(text) => Some(timestamp::parse(text).with_context(|| {
                    format!(
                        "{file} line {line}: reported_at {:?} is no time like 2018-04-08T09:30:00Z",
                        String::from_utf8_lossy(text)
                    )
                })?),
            };
            let fraud = Fraud { scenario, reported_at, found: Cell::new(false) };
            by_id.insert(row[id].to_vec(), fraud);
        }
        Ok(Self { path: path.into(), by_id })
    }

    /// The fraud with this transaction id.
    pub fn get(&self, transaction_id: &[u8]) -> Option<&Fraud> {
        self.by_id.get(transaction_id)
    }

    /// How many are listed.
    pub fn len(&self) -> u64 {
        self.by_id.len() as u64
    }

    /// How many of them have not come by.
    pub fn missing(&self) -> u64 {
        self.by_id.values().filter(|fraud| !fraud.found.get()).count() as u64
    }

    /// An error if not one of them is among the transactions of `input`.
    pub fn belong_to(&self, input: &Path) -> Result<()> {
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
