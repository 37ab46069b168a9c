//! The compiled engine beside onnxruntime, on the vectors that the trainer left.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use fraud_detector::engine::Engine;
use fraud_plan::Decision;
use fraud_plan::compile::CompiledModel;

/// Compiles the model, and compares it with each golden vector's output: |Δ| ≤ 1e-6 · max(1, |y|).
/// Returns how many vectors there are, and the largest difference.
pub fn check(directory: &Path) -> Result<(usize, f32)> {
    let model = CompiledModel::read(&directory.join("fraud.toml"), &directory.join("fraud.onnx"))?;
    let plan = model.plan(Decision::default());
    let mut engine = Engine::new(&plan);
    let path = directory.join("golden/vectors.csv");
    let cannot_read = || format!("cannot read {}", path.display());
    let mut reader = csv::Reader::from_path(&path).with_context(cannot_read)?;
    let (mut count, mut largest) = (0, 0_f32);
    for row in reader.records() {
        let row = row.with_context(cannot_read)?;
        let cell = |cell: &str| if cell.is_empty() { Ok(f32::NAN) } else { cell.parse() };
        let numbers: Vec<f32> = row.iter().map(cell).collect::<Result<_, _>>()?;
        let (&output, vector) = numbers.split_last().with_context(cannot_read)?;
        let difference = (engine.run(vector) - output).abs();
        ensure!(
            difference <= 1e-6 * output.abs().max(1.0),
            "{} line {}: onnxruntime gives {output}, and the compiled engine differs by {difference}; \
             please report it with the model",
            path.display(),
            row.position().map_or(0, csv::Position::line),
        );
        largest = largest.max(difference);
        count += 1;
    }
    ensure!(count > 0, "{} has no vectors", path.display());
    Ok((count, largest))
}
