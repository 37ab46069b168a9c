//! Score → decision, and the record with the verdict spliced in.

use std::io::Write;

use fraud_plan::{Calibration, Plan};

/// Whether there is enough history to judge by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warmth {
    /// The first entity has fewer events than the spec's `warm_after`.
    Cold,
    /// It has as many or more.
    Warm,
}

impl Warmth {
    /// `events` seen before this one.
    pub fn of(events: u32, warm_after: u32) -> Self {
        if events < warm_after { Warmth::Cold } else { Warmth::Warm }
    }
}

/// What the detector says of a transaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// `score >= threshold`
    pub fraud: bool,
    /// The calibrated output of the model, 0 to 1.
    pub score: f32,
    /// The threshold in force.
    pub threshold: f32,
    /// Whether history was warm.
    pub history: Warmth,
}

impl Verdict {
    /// A verdict on the model's raw output.
    pub fn new(plan: &Plan, raw: f32, threshold: f32, history: Warmth) -> Self {
        let score = match plan.decision.calibration {
            Calibration::Identity => raw,
        };
        // NaN, which no engine gives on finite leaves, would be printed; it counts as the worst.
        let score = if score.is_nan() || score > 1.0 { 1.0 } else { score };
        let score = if score < 0.0 { 0.0 } else { score };
        Self { fraud: score >= threshold, score, threshold, history }
    }

    /// Writes `record` to `output` with the verdict as the last member of the object that closes at
    /// `end`. The object has members: an empty one lacks the spec's fields.
    pub fn splice(&self, record: &[u8], end: usize, plan: &Plan, output: &mut Vec<u8>) {
        let decision = if self.fraud { "fraud" } else { "valid" };
        let history = match self.history {
            Warmth::Cold => "cold",
            Warmth::Warm => "warm",
        };
        output.clear();
        output.reserve_exact(record.len() + 160 + plan.program.verdict.len());
        output.extend_from_slice(&record[..end]);
        write!(
            output,
            r#","{}":{{"decision":"{decision}","score":{},"threshold":{},"model":"{:08x}","history":"{history}"}}"#,
            plan.program.verdict, self.score, self.threshold, plan.id,
        )
        .expect("writing to a vector cannot fail");
        output.extend_from_slice(&record[end..]);
    }
}
