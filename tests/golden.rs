//! The compiled engine gives what onnxruntime gives: |Δ| ≤ 1e-6 · max(1, |y|).

mod common;

use fraud_detector::engine::Engine;
use fraud_plan::Plan;

#[test]
fn golden_vectors() {
    let text = std::fs::read_to_string(common::root().join("model/golden/vectors.csv"))
        .expect("model/golden/vectors.csv is written by ./scripts/train");
    let bytes = common::plan_bytes();
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
