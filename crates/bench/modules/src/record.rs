//! The shell, and the record's fields.

use std::hint::black_box;

use bench_modules::{Partial, Stages};
use fraud_detector::Detector;
use fraud_detector::record::Reader;
use fraud_plan::Plan;

struct Fields(Reader);

impl Stages for Fields {
    fn new(plan: &Plan) -> Self {
        Self(Reader::new(&plan.program))
    }

    fn run(&mut self, _: &mut Detector, value: Option<&[u8]>, time: i64) {
        let _ = black_box(value.map(|value| self.0.read(value, time).is_ok()));
    }
}

fn main() {
    bench_modules::run::<Partial<Fields>>()
}
