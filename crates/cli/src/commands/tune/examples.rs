//! The labelled transactions that a decision is made on, as the detector sees them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use fraud_detector::{Detector, Observed, Settings};
use fraud_plan::Decision;
use fraud_plan::compile::CompiledModel;
use fraud_plan::time::millis::DAY;

use crate::data::envelope::Envelopes;
use crate::data::input::Records;
use crate::data::labels::Reporting;
use crate::data::notes::Notes;
use crate::data::stream::{Event, Stream, Transaction};
use crate::numbers::quantile;

/// The transactions that can be scored, from the end of the warm-up on.
pub struct Examples {
    pub all: Vec<Example>,
    /// The days of the examples, counted from 1970-01-01.
    pub days: BTreeSet<i64>,
    /// The values of each feature that are not missing, in genuine transactions.
    present: Vec<Vec<f32>>,
    /// Transactions in the warm-up.
    pub skipped: u64,
    pub unscorable: u64,
    /// The notes on the file.
    pub notes: Notes,
}

/// A transaction that was scored, and the truth about it.
pub struct Example {
    /// The model's output.
    pub raw: f32,
    /// The sum of the model's leaves, which a score is made of.
    pub sum: f64,
    pub is_fraud: bool,
    pub amount: f64,
}

impl Examples {
    /// Puts a file through the detector, with each fraud reported in due time. The warm-up ends with
    /// the midnight before the first transaction's time plus `skip`; history has `history` bytes.
    pub fn read(
        model: &CompiledModel,
        input: &Path,
        reporting: Reporting<'_>,
        skip: Duration,
        history: u64,
    ) -> Result<Self> {
        let program = &model.program;
        let records = Records::open(input, "tune")?;
        let mut stream = Stream::new(records, Envelopes::new(program.clone()), Some(reporting));
        let plan = model.plan(Decision::default());
        let mut detector = Detector::new(plan, &Settings::default()).with_history(history as usize);
        let mut examples = Self {
            all: Vec::new(),
            days: BTreeSet::new(),
            present: vec![Vec::new(); program.features.len()],
            skipped: 0,
            unscorable: 0,
            notes: Notes::default(),
        };
        let skip = i64::try_from(skip.as_millis()).unwrap_or(i64::MAX);
        let mut first_day = None;
        while let Some(event) = stream.next()? {
            let transaction = match event {
                Event::Transaction(transaction) => transaction,
                Event::Reports { arrival, value, .. } => {
                    // A report of a record that cannot be scored may be malformed: it counts nowhere.
                    let _ = detector.observe(Some(value), arrival);
                    continue;
                }
            };
            let Transaction { line, scenario, amount, arrival, value, .. } = transaction;
            match detector.observe(value, arrival) {
                Ok(Observed::Transaction { duplicate: false, .. }) => {}
                Ok(_) => continue,
                Err(_) => {
                    examples.unscorable += 1;
                    continue;
                }
            }
            let day = arrival.div_euclid(DAY);
            if day < *first_day.get_or_insert(arrival.saturating_add(skip).div_euclid(DAY)) {
                examples.skipped += 1;
                continue;
            }
            let (raw, sum) = (detector.raw(), detector.sum());
            ensure!(
                (0.0..=1.0).contains(&raw),
                "{} line {line}: the model gives {raw}, but calibration takes a probability from 0 \
                 to 1; export the model with its probability as output",
                input.display()
            );
            let is_fraud = scenario > 0;
            let example = Example { raw, sum, is_fraud, amount: amount.unwrap_or_default() };
            examples.add(example, day, detector.vector());
        }
        examples.notes = stream.finish();
        Ok(examples)
    }

    fn add(&mut self, example: Example, day: i64, vector: &[f32]) {
        if !example.is_fraud {
            for (present, &value) in self.present.iter_mut().zip(vector) {
                if value.is_finite() {
                    present.push(value);
                }
            }
        }
        self.days.insert(day);
        self.all.push(example);
    }

    /// Returns how many are frauds.
    pub fn frauds(&self) -> u64 {
        self.all.iter().filter(|example| example.is_fraud).count() as u64
    }

    /// Returns for each feature the median over genuine transactions, or NaN if most lack it.
    pub fn baselines(&mut self) -> Vec<f32> {
        let genuine = self.all.len() - self.frauds() as usize;
        self.present.iter_mut().map(|present| median(present, genuine)).collect()
    }
}

/// Returns the lower median of the values present of `all`; NaN if more than half are missing.
fn median(present: &mut [f32], all: usize) -> f32 {
    match quantile(present, 0.5, f32::total_cmp) {
        Some(median) if 2 * present.len() >= all => median,
        _ => f32::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians() {
        for (present, all, expect) in [
            (vec![3.0], 1, Some(3.0)),
            (vec![3.0, -1.0, 7.0], 3, Some(3.0)),
            (vec![4.0, 1.0, 3.0, 2.0], 4, Some(2.0)),
            (vec![4.0, 1.0], 4, Some(1.0)),
            (vec![4.0, 1.0], 5, None),
            (vec![], 0, None),
        ] {
            let is = median(&mut present.clone(), all);
            assert_eq!((!is.is_nan()).then_some(is), expect, "{present:?} of {all}");
        }
    }
}
