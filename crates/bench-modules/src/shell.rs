//! The shell without a detector.

extern crate self as fraud_detector;

mod cut;

pub use cut::*;

use fraud_plan::Plan;

/// What is run of the detector.
pub struct Cut;

impl Cut {
    fn new(_: &Plan, _: &Settings) -> Self {
        Self
    }

    fn score(
        &mut self,
        _: &mut detector::Detector,
        value: Option<&[u8]>,
        _: i64,
        output: &mut Vec<u8>,
    ) -> Outcome {
        unchanged(value, output)
    }
}

fn main() {
    shell::run();
}
