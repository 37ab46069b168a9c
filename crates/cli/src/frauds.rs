//! The list of known frauds.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A known fraud.
pub struct Fraud {
    /// 1 where the list does not say.
    pub scenario: u8,
    /// Whether its transaction has come by.
    pub found: bool,
}

/// Reads a CSV with a column `transaction_id` and perhaps `scenario`.
pub fn read(path: &Path) -> Result<HashMap<Vec<u8>, Fraud>> {
    let file = path.display();
    let mut reader = csv::Reader::from_path(path)
        .with_context(|| format!("cannot read the list of frauds {file}"))?;
    let names = reader.byte_headers().with_context(|| format!("cannot read {file}"))?;
    let column = |name: &str| names.iter().position(|found| found == name.as_bytes());
    let Some(id) = column("transaction_id") else {
        bail!("{file} has no column transaction_id; its first line must name the columns");
    };
    let scenario_at = column("scenario");
    let mut frauds = HashMap::new();
    for row in reader.byte_records() {
        let row = row.with_context(|| format!("cannot read {file}"))?;
        let scenario = match scenario_at.and_then(|at| row.get(at)) {
            None => 1,
            Some(text) => match std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
                Some(number @ 1..) => number,
                _ => bail!(
                    "{file} line {}: scenario {:?} is no number from 1 to 255",
                    row.position().map_or(0, csv::Position::line),
                    String::from_utf8_lossy(text)
                ),
            },
        };
        frauds.insert(row[id].to_vec(), Fraud { scenario, found: false });
    }
    Ok(frauds)
}
