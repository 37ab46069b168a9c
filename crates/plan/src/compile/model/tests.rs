use std::path::{Path, PathBuf};

use super::model;
use crate::Calibration::{Identity, Isotonic, Platt};
use crate::forest::Trees;

const SPEC: &str = r#"version = 1
[[entity]]
name = "customer"
path = "customer_id"
"#;

/// A directory with a spec of this many features, the LightGBM fixture and a decision.
fn directory(name: &str, features: usize, decision: Option<&str>) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("fraud-plan-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let feature = |at| format!("[[feature]]\nname = \"f{at}\"\nkind = \"time\"\npart = \"hour\"\n");
    let spec: String = (0..features).map(feature).collect();
    std::fs::write(dir.join("fraud.toml"), format!("{SPEC}{spec}")).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lightgbm.onnx");
    std::fs::copy(fixture, dir.join("fraud.onnx")).unwrap();
    if let Some(decision) = decision {
        std::fs::write(dir.join("decision.toml"), decision).unwrap();
    }
    dir
}

#[track_caller]
fn check_error(dir: &Path, error: &str) {
    let refused = format!("{:#}", model(dir).unwrap_err());
    assert_eq!(refused.replace(&format!("{}/", dir.display()), ""), error);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn three_files_make_a_plan() {
    let decision = "threshold = 0.62\nbasis = \"f1\"\n[expected]\nprecision = 0.8\n";
    let dir = directory("whole", 4, Some(decision));
    let compiled = model(&dir).unwrap();
    assert_eq!(compiled.warnings, [""; 0]);
    assert_eq!(compiled.inputs.len(), 3);
    let plan = compiled.plan.read().unwrap();
    assert_eq!((plan.decision.threshold, plan.program.features.len()), (0.62, 4));
    let Trees::Masks(masks) = plan.forest.unwrap().trees else { panic!("{:?}", plan.forest) };
    assert_eq!(masks.leaves.len(), 128);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_decision_may_be_missing() {
    let dir = directory("undecided", 4, None);
    let compiled = model(&dir).unwrap();
    let warning = format!(
        "there is no {}: the threshold is 0.5 and the score is the model's raw output; `fraud tune` \
         writes one",
        dir.join("decision.toml").display()
    );
    assert_eq!(compiled.warnings, [warning]);
    assert_eq!(compiled.inputs[2], dir);
    let decision = compiled.plan.read().unwrap().decision;
    assert_eq!((decision.threshold, decision.calibration), (0.5, Identity));
    assert_eq!(decision.baselines, []);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn calibrations() {
    let decision = |calibration| format!("threshold = 0.5\n[calibration]\n{calibration}\n");
    for (text, expect) in [
        ("slope = 1.5\noffset = -2", Platt { slope: 1.5, offset: -2.0 }),
        (
            "output = [0, 0.5, 1]\nscore = [0.0, 0.25, 1.0]",
            Isotonic { knots: vec![[0.0, 0.0], [0.5, 0.25], [1.0, 1.0]] },
        ),
    ] {
        let dir = directory("calibrated", 4, Some(&decision(text)));
        let compiled = model(&dir).unwrap();
        assert_eq!(compiled.plan.read().unwrap().decision.calibration, expect);
        std::fs::remove_dir_all(dir).unwrap();
    }
    let rule = "decision.toml:2:1: calibration: it takes a calibration of 2 to 16 knots, both of \
                its numbers increasing, the outputs from 0 to 1";
    for (text, error) in [
        ("output = [0, 1]", "decision.toml:2:1: calibration: `score` is missing"),
        ("output = [0, 1]\nscore = [0]", "decision.toml:2:1: calibration: 2 outputs have 1 scores"),
        (
            "output = [0, nan]\nscore = [0, 1]",
            "decision.toml:3:10: calibration: `output` is [0, nan], but it takes a list of numbers",
        ),
        ("output = [0, 0.9]\nscore = [0, 1]", rule),
        ("output = [0, 0.5, 0.5, 1]\nscore = [0, 0.1, 0.2, 1]", rule),
        ("output = [0, 0.5, 1]\nscore = [0, 0, 1]", rule),
        ("output = [0, 1]\nscore = [0, 1.5]", rule),
    ] {
        check_error(&directory("uncalibrated", 4, Some(&decision(text))), error);
    }
}

#[test]
fn errors_name_the_file() {
    check_error(
        &directory("mismatch", 3, None),
        "fraud.onnx takes 4 inputs, but fraud.toml makes 3 features; they must be the same ones, \
         in the same order",
    );
    check_error(
        &directory("threshold", 4, Some("threshold = 1.5")),
        "decision.toml:1:13: `threshold` is 1.5, but it takes a number from 0 to 1",
    );
    check_error(
        &directory("key", 4, Some("threshold = 0.5\ntreshold = 0.6")),
        "decision.toml:2:1: a decision has no key \"treshold\" (did you mean \"threshold\"?); its \
         keys: threshold, basis, data, expected, calibration, baselines",
    );
    let dir = directory("no-spec", 4, None);
    std::fs::remove_file(dir.join("fraud.toml")).unwrap();
    check_error(
        &dir,
        "cannot read the feature spec fraud.toml; docs/spec.md describes how to write one: No such \
         file or directory (os error 2)",
    );
    let dir = directory("no-model", 4, None);
    std::fs::remove_file(dir.join("fraud.onnx")).unwrap();
    check_error(
        &dir,
        "cannot read the model fraud.onnx; `model/train/train.py` writes one: No such file or \
         directory (os error 2)",
    );
}

#[test]
fn an_output_that_is_no_probability_is_refused() {
    for (fixture, is_refused) in
        [("lightgbm_regressor", true), ("random_forest", false), ("extra_trees", false)]
    {
        let dir = directory(fixture, 4, None);
        let path = format!("tests/fixtures/{fixture}.onnx");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::copy(path, dir.join("fraud.onnx")).unwrap();
        let error = model(&dir).err().map(|error| format!("{error:#}"));
        let said = error.as_ref().is_some_and(|error| error.contains("but a score is from 0 to 1"));
        assert!(said == is_refused && error.is_some() == is_refused, "{fixture}: {error:?}");
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn a_plan_too_large_for_the_stock_memory_is_said() {
    let most = super::STOCK_MEMORY - super::BESIDE_PLAN;
    assert_eq!(super::too_large(most), None);
    let said = super::too_large(most + 1).unwrap();
    assert!(said.contains("set data_transforms_per_function_memory_limit to 3145728"), "{said}");
}
