//! The module under test holds the model that the tests compile. That its engine gives what onnxruntime
//! gives is tested where training checks it, in `crates/cli/src/commands/train/golden.rs`.

mod common;

use std::path::PathBuf;

use common::{Broker, GOOD, NOW};
use fraud_plan::compile;

#[test]
fn the_module_holds_this_model() {
    let model = model();
    let bytes = compile::model(&model).expect("the model compiles").plan;
    let id = bytes.read().expect("a compiled plan is right").id;
    let scored = Broker::start().send(NOW, None, Some(GOOD.as_bytes()), &[]).value;
    let verdict = String::from_utf8(scored.expect("scored")).expect("text");
    let expect = format!(r#""model":"{id:08x}""#);
    assert!(
        verdict.contains(&expect),
        "./fraud-detector.wasm does not hold the model of {}: ./scripts/build --model {}: {verdict}",
        model.display(),
        model.display()
    );
}

/// Returns the model's directory; `scripts/train-smoke` tests another one than the shipped.
fn model() -> PathBuf {
    std::env::var_os("GOLDEN_MODEL").map_or(common::root().join("model"), PathBuf::from)
}
