//! The compiled engine gives what onnxruntime gives: |Δ| ≤ 1e-6 · max(1, |y|).

mod common;

use std::path::PathBuf;

use fraud_detector::engine::Engine;
use fraud_plan::{Plan, PlanBytes, compile};

#[test]
fn golden_vectors() {
    // ./scripts/train-smoke has a model of its own.
    let model = std::env::var_os("GOLDEN_MODEL");
    let model = model.map_or(common::root().join("model"), PathBuf::from);
    let text = std::fs::read_to_string(model.join("golden/vectors.csv"))
        .expect("golden/vectors.csv is written by ./scripts/train");
    let bytes = PlanBytes(compile::model(&model).expect("the model compiles").plan);
    let plan = Plan::read(&bytes.0).expect("a compiled plan is right");
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
