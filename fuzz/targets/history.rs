//! Any bytes as records of history, a key and a value on each two lines: none traps, what is refused is
//! not remembered, and a transaction behind them has a score.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::{PlanBuf, compile};
use libfuzzer_sys::fuzz_target;

static PLAN: LazyLock<PlanBuf> = LazyLock::new(|| {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model");
    compile::model(&model).expect("the model compiles").plan
});

/// The customer and the terminal of this transaction are those of the seeds.
const RECORD: &[u8] = br#"{"transaction_id":"7","timestamp":"2018-04-01T00:00:31Z","customer_id":"596","terminal_id":"3156","amount":57.16}"#;

fuzz_target!(|data: &[u8]| {
    let plan = PLAN.read().expect("a compiled plan is right");
    let mut detector = Detector::new(plan, &Settings::default()).with_history(256 << 10);
    let mut lines = data.split(|byte| *byte == b'\n');
    while let (Some(key), Some(value)) = (lines.next(), lines.next()) {
        let known = |detector: &Detector| -> usize {
            detector.history().tables().iter().map(|table| table.len()).sum()
        };
        let before = known(&detector);
        if detector.restore(Some(key), Some(value), -1).is_err() {
            assert_eq!(known(&detector), before, "nothing is remembered of a refused record");
        }
    }
    let mut output = Vec::new();
    let outcome = detector.score(Some(RECORD), -1, &mut output);
    let Outcome::Scored(verdict) = outcome else { panic!("{outcome:?}") };
    assert!((0.0..=1.0).contains(&verdict.score), "{verdict:?}");
});
