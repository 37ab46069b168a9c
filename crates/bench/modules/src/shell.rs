//! The shell, around no stage of the detector.

use bench_modules::{Partial, Stages};
use fraud_detector::Detector;
use fraud_plan::Plan;

struct NoStage;

impl Stages for NoStage {
    fn new(_: &Plan) -> Self {
        Self
    }

    fn run(&mut self, _: &mut Detector, _: Option<&[u8]>, _: i64) {}
}

fn main() {
    bench_modules::run::<Partial<NoStage>>()
}
