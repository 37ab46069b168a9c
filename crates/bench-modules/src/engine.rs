//! Everything but the verdict.

extern crate self as fraud_detector;

mod cut;

pub use cut::*;

use std::hint::black_box;

use fraud_plan::Plan;

/// What is run of the detector.
pub struct Cut;

impl Cut {
    fn new(_: &Plan, _: &Settings) -> Self {
        Self
    }

    fn score(
        &mut self,
        real: &mut detector::Detector,
        value: Option<&[u8]>,
        time: i64,
        output: &mut Vec<u8>,
    ) -> Outcome {
        let _ = black_box(real.observe(value, time));
        black_box(real.raw());
        unchanged(value, output)
    }
}

fn main() {
    shell::run();
}
