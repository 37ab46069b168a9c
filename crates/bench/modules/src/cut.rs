//! The real module's shell around a detector that is cut short: what a stage costs is the
//! difference to the cut before it.
//!
//! `src/shell` is compiled here as it stands. What it takes from `fraud_detector` it finds in
//! the crate that this file is part of, which goes by that name and puts its own [`Detector`] before
//! the real one.

pub use detector::{Outcome, Settings, history};

use detector::verdict::{Verdict, Warmth};
use fraud_plan::Plan;

use crate::Cut;

#[path = "../../../../src/shell/mod.rs"]
pub(crate) mod shell;

/// The real detector, of which [`Cut`] runs some stages.
pub struct Detector<'p> {
    real: detector::Detector<'p>,
    cut: Cut,
}

impl<'p> Detector<'p> {
    /// As the real one.
    pub fn new(plan: Plan<'p>, settings: &Settings) -> Self {
        let cut = Cut::new(&plan, settings);
        Self { real: detector::Detector::new(plan, settings), cut }
    }

    /// The same.
    pub fn with_history(self, bytes: usize) -> Self {
        Self { real: self.real.with_history(bytes), ..self }
    }

    /// Runs the stages, and writes what came of them.
    pub fn score(&mut self, value: Option<&[u8]>, time: i64, output: &mut Vec<u8>) -> Outcome {
        self.cut.score(&mut self.real, value, time, output)
    }
}

impl<'p> std::ops::Deref for Detector<'p> {
    type Target = detector::Detector<'p>;

    fn deref(&self) -> &Self::Target {
        &self.real
    }
}

/// Writes a record as it came.
#[allow(dead_code)] // the naive one writes a verdict
pub fn unchanged(value: Option<&[u8]>, output: &mut Vec<u8>) -> Outcome {
    output.extend_from_slice(value.unwrap_or_default());
    Outcome::Scored(Verdict { fraud: false, score: 0.0, history: Warmth::Warm })
}
