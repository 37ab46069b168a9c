//! The compiled engine gives what onnxruntime gives, |Δ| ≤ 1e-6 · max(1, |y|), and the module under
//! test holds the model that the tests compile.

mod common;

use std::path::PathBuf;

use common::{Broker, GOOD, NOW};
use fraud_detector::engine::Engine;
use fraud_plan::compile;

#[test]
fn golden_vectors() {
    let model = model();
    let text = std::fs::read_to_string(model.join("golden/vectors.csv"))
        .expect("golden/vectors.csv is written by ./scripts/train");
    let bytes = compile::model(&model).expect("the model compiles").plan;
    let plan = bytes.read().expect("a compiled plan is right");
    let mut lines = text.lines();
    let names = plan.program.features.iter().map(|feature| feature.name.as_str());
    let header: Vec<_> = names.chain(["output"]).collect();
    assert_eq!(lines.next().expect("a header").split(',').collect::<Vec<_>>(), header);
    let (mut engine, mut count) = (Engine::new(&plan), 0);
    for line in lines {
        let row: Vec<f32> = line
            .split(',')
            .map(|cell| if cell.is_empty() { f32::NAN } else { cell.parse().expect("a number") })
            .collect();
        let (&output, vector) = row.split_last().expect("a header long");
        let found = engine.run(vector);
        let tolerance = 1e-6 * output.abs().max(1.0);
        assert!((found - output).abs() <= tolerance, "{found}, should be {output}: {line}");
        count += 1;
    }
    assert!(count >= 500, "{count} vectors");
}

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
