//! The modules that `fraud bench` runs beside the real one. They are built for the broker alone.
//!
//! - `identity`: the SDK alone; `floor`: a scoring transform as one usually writes it. Neither has
//!   anything of this project
//! - `shell`, `record`, `features`, `engine`: the real shell around a detector that runs only the
//!   first stages (`Stages`). A stage costs the difference to the module before it
//! - `naive`: the whole detector, with the model evaluated in the obvious way
//! - `any_plan`: the whole detector, with the plan as its first record
#![cfg(target_os = "wasi")]

use fraud_detector::shell::{self, RecordArenas, Score};
use fraud_detector::verdict::{Verdict, Warmth};
use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::{Plan, PlanBytes};

#[global_allocator]
static MEMORY: RecordArenas = RecordArenas::new();

static PLAN: &PlanBytes<[u8]> =
    &PlanBytes(*include_bytes!(concat!(env!("OUT_DIR"), "/fraud.plan")));

/// Runs a detector of the shipped plan in the real module's shell.
pub fn run<D: Score>() -> ! {
    shell::run::<D>(&PLAN.0, &MEMORY)
}

/// The first stages of a detector.
pub trait Stages {
    /// Makes what they need beside the detector.
    fn new(plan: &Plan<'static>) -> Self;
    /// Runs them on a record.
    fn run(&mut self, detector: &mut Detector<'static>, value: Option<&[u8]>, time: i64);
}

/// A detector that runs some stages, and then writes the record as it came.
pub struct Partial<S> {
    detector: Detector<'static>,
    stages: S,
}

impl<S: Stages> Score for Partial<S> {
    fn new(plan: Plan<'static>, settings: &Settings) -> Self {
        Self { stages: S::new(&plan), detector: Detector::new(plan, settings) }
    }

    fn with_history(self, bytes: usize) -> Self {
        Self { detector: self.detector.with_history(bytes), ..self }
    }

    fn score(&mut self, value: Option<&[u8]>, time: i64, output: &mut Vec<u8>) -> Outcome {
        self.stages.run(&mut self.detector, value, time);
        output.extend_from_slice(value.unwrap_or_default());
        Outcome::Scored(Verdict {
            fraud: false,
            score: 0.0,
            history: Warmth::Warm,
            duplicate: false,
        })
    }

    fn detector(&self) -> &Detector<'static> {
        &self.detector
    }

    fn detector_mut(&mut self) -> &mut Detector<'static> {
        &mut self.detector
    }
}
