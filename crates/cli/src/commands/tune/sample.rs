//! What the detector makes of labelled transactions.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use fraud_detector::{Detector, Settings};
use fraud_plan::Decision;
use fraud_plan::compile::CompiledModel;

use crate::data::envelope::Envelopes;
use crate::data::frauds::Reporting;
use crate::data::input::Lines;
use crate::data::stream::{Event, Stream};
use crate::show::units::DAY;

/// Bytes for history: so many that hardly anything is forgotten.
const HISTORY: usize = 256 << 20;

/// Transactions that can be scored, from the end of the warm-up on.
#[derive(Default)]
pub struct Sample {
    pub rows: Vec<Row>,
    /// The days on which there are any, counted from 1970-01-01.
    pub days: BTreeSet<i64>,
    /// Of each feature the values that are not missing, in genuine transactions.
    present: Vec<Vec<f32>>,
    /// Transactions in the warm-up.
    pub skipped: u64,
    pub unscorable: u64,
}

/// A transaction that was scored, and the truth about it.
pub struct Row {
    /// The model's output.
    pub raw: f32,
    /// The sum of the model's leaves, which a score is made of.
    pub sum: f64,
    pub fraud: bool,
    pub amount: f64,
}

impl Sample {
    /// Puts a file through the detector, with each fraud reported in due time. The warm-up ends with
    /// the midnight before the first transaction's time plus `skip`.
    pub fn read(
        model: &CompiledModel,
        input: &Path,
        reporting: Reporting<'_>,
        skip: Duration,
    ) -> Result<Self> {
        let program = &model.program;
        let lines = Lines::open(input, "tune")?;
        let mut stream = Stream::new(lines, Envelopes::new(program.clone()), Some(reporting))?;
        let mut envelopes = Envelopes::new(program.clone());
        let plan = model.plan(Decision::default());
        let mut detector = Detector::new(plan, &Settings::default()).with_history(HISTORY);
        let mut sample =
            Self { present: vec![Vec::new(); program.features.len()], ..Self::default() };
        let mut first_day = None;
        while let Some(event) = stream.next()? {
            let (number, line) = match event {
                Event::Transaction { line, value, .. } => (line, value),
                Event::Reports { millis, value, .. } => {
                    let _ = detector.observe(Some(value), millis);
                    continue;
                }
            };
            let envelope = envelopes.read(line);
            if detector.observe(Some(line), envelope.millis).is_err() {
                sample.unscorable += 1;
                continue;
            }
            let skip = i64::try_from(skip.as_millis()).unwrap_or(i64::MAX);
            let first_day = *first_day
                .get_or_insert_with(|| envelope.millis.saturating_add(skip).div_euclid(DAY));
            let day = envelope.millis.div_euclid(DAY);
            if day < first_day {
                sample.skipped += 1;
                continue;
            }
            let (raw, sum) = (detector.raw(), detector.sum());
            ensure!(
                (0.0..=1.0).contains(&raw),
                "{} line {number}: the model gives {raw}, but calibration takes a probability from \
                 0 to 1; export the model with its probability as output",
                input.display()
            );
            let id = envelope.transaction_id.as_deref();
            let fraud = id.is_some_and(|id| reporting.frauds.get(id).is_some());
            sample.days.insert(day);
            let amount = envelope.amount.unwrap_or_default();
            sample.rows.push(Row { raw, sum, fraud, amount });
            if !fraud {
                for (present, &value) in sample.present.iter_mut().zip(detector.vector()) {
                    if value.is_finite() {
                        present.push(value);
                    }
                }
            }
        }
        stream.done();
        Ok(sample)
    }

    /// How many are frauds.
    pub fn frauds(&self) -> u64 {
        self.rows.iter().filter(|row| row.fraud).count() as u64
    }

    /// For each feature the median over genuine transactions, or NaN if most lack it.
    pub fn baselines(&mut self) -> Vec<f32> {
        let genuine = self.rows.len() - self.frauds() as usize;
        self.present.iter_mut().map(|present| median(present, genuine)).collect()
    }
}

/// The lower median of those present of `all`; NaN if more than half are missing.
fn median(present: &mut [f32], all: usize) -> f32 {
    if present.is_empty() || 2 * present.len() < all {
        return f32::NAN;
    }
    let middle = (present.len() - 1) / 2;
    *present.select_nth_unstable_by(middle, f32::total_cmp).1
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
