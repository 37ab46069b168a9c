//! The compiled engine beside onnxruntime, on the vectors that the trainer left.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use fraud_detector::engine::Engine;
use fraud_plan::Decision;
use fraud_plan::compile::CompiledModel;

/// Compiles the model in a directory, and compares it with each golden vector's output:
/// |Δ| ≤ 1e-6 · max(1, |y|). Returns how many vectors there are, and the largest difference.
pub fn check(directory: &Path) -> Result<(usize, f32)> {
    let model = CompiledModel::read(&directory.join("fraud.toml"), &directory.join("fraud.onnx"))?;
    let plan = model.plan(Decision::default());
    let mut engine = Engine::new(&plan);
    let path = directory.join("golden/vectors.csv");
    let cannot_read = || format!("cannot read {}", path.display());
    let mut reader = csv::Reader::from_path(&path).with_context(cannot_read)?;
    let names = plan.program.features.iter().map(|feature| feature.name.as_str());
    ensure!(
        reader.headers().with_context(cannot_read)?.iter().eq(names.chain(["output"])),
        "{} is of another spec: its columns are not the features of {}, and `output`; train again",
        path.display(),
        directory.join("fraud.toml").display(),
    );
    let (mut count, mut largest) = (0, 0_f32);
    for row in reader.records() {
        let row = row.with_context(cannot_read)?;
        let cell = |cell: &str| if cell.is_empty() { Ok(f32::NAN) } else { cell.parse() };
        let numbers: Vec<f32> =
            row.iter().map(cell).collect::<Result<_, _>>().with_context(cannot_read)?;
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// Returns the shipped model's directory, or that of another one that `scripts/train-smoke` tests.
    fn model() -> PathBuf {
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../model");
        std::env::var_os("GOLDEN_MODEL").map_or(shipped.into(), PathBuf::from)
    }

    #[test]
    fn golden_vectors() {
        let (count, _) = check(&model()).expect("equal outputs");
        assert!(count >= 500, "{count} vectors");
    }

    #[test]
    fn other_vectors_are_refused() {
        let place = tempfile::tempdir().expect("a temporary directory");
        for file in ["fraud.toml", "fraud.onnx"] {
            fs::copy(model().join(file), place.path().join(file)).expect("readable");
        }
        fs::create_dir(place.path().join("golden")).expect("writable");
        let vectors = fs::read_to_string(model().join("golden/vectors.csv")).expect("text");
        let names = vectors.lines().next().expect("a header");
        let zeros = names.split(',').map(|_| "0").collect::<Vec<_>>().join(",");
        for (text, expect) in [
            (vectors.replacen(names, &format!("{names}s"), 1), "vectors.csv is of another spec"),
            (format!("{names}\n"), "vectors.csv has no vectors"),
            (format!("{names}\n{zeros}\n"), "vectors.csv line 2: onnxruntime gives 0, and the"),
        ] {
            fs::write(place.path().join("golden/vectors.csv"), text).expect("writable");
            let refused = check(place.path()).expect_err(expect).to_string();
            assert!(refused.contains(expect), "{refused}");
        }
    }
}
