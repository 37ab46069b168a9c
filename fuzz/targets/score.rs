//! The whole detector with the shipped model scores records, a line each: every record gets an
//! answer, and one that is scored leaves as it came, with one member more.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::{PlanBuf, compile};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

static PLAN: LazyLock<PlanBuf> = LazyLock::new(|| {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model");
    compile::model(&model).expect("the model compiles").plan
});

fuzz_target!(|data: &[u8]| {
    let plan = PLAN.read().expect("a compiled plan is right");
    let mut detector = Detector::new(plan, &Settings::default()).with_history(256 << 10);
    let mut output = Vec::new();
    for record in data.split(|byte| *byte == b'\n') {
        output.clear();
        let outcome = detector.score(Some(record), -1, &mut output);
        let Outcome::Scored(verdict) = outcome else {
            assert!(output.is_empty(), "{outcome:?}");
            continue;
        };
        assert!((0.0..=1.0).contains(&verdict.score), "{verdict:?}");
        let brace = record.iter().rposition(|byte| *byte == b'}').expect("an object");
        assert!(output.starts_with(&record[..brace]) && output.ends_with(&record[brace..]));
        let scored: Map<String, Value> = serde_json::from_slice(&output).expect("JSON");
        assert_eq!(scored["fraud"]["decision"] == "fraud", verdict.fraud);
    }
});
