//! Everything but the verdict.

use std::hint::black_box;

use bench_modules::{Partial, Stages};
use fraud_detector::Detector;
use fraud_plan::Plan;

struct UpToEngine;

impl Stages for UpToEngine {
    fn new(_: &Plan) -> Self {
        Self
    }

    fn run(&mut self, detector: &mut Detector, value: Option<&[u8]>, time: i64) {
        let _ = black_box(detector.observe(value, time));
        black_box(detector.sum());
    }
}

fn main() {
    bench_modules::run::<Partial<UpToEngine>>()
}
