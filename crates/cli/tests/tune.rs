//! `fraud tune` with the project's model, on a small simulated file.

mod place;

use std::path::Path;

use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::Calibration;
use place::{Place, lines, text};
use serde_json::Value;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../model");

/// Makes a place with fifteen days of transactions and a copy of the project's model without a decision.
fn simulated() -> Place {
    let place = Place::new();
    for name in ["fraud.toml", "fraud.onnx"] {
        std::fs::copy(Path::new(MODEL).join(name), place.path(name)).expect("the model is there");
    }
    place.json("simulate --days 15 --customers 1000 --output t.jsonl --frauds f.csv");
    place
}

fn command(options: &str) -> String {
    format!(
        "tune --spec fraud.toml --model fraud.onnx --input t.jsonl --frauds f.csv --output \
         decision.toml {options}"
    )
}

fn tune(place: &Place, options: &str) -> Value {
    let (report, status) = place.json(&command(options));
    assert_eq!(status, 0, "{report:#}");
    report
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The file makes a plan, and the detector with that plan gives exactly the expected alerts.
#[test]
fn what_is_decided_is_what_happens() {
    let place = simulated();
    for goal in [
        "",
        "--alerts-per-day 3",
        "--min-precision 0.7",
        "--review-cost 30",
        "--review-cost 30 --calibration platt",
    ] {
        let report = tune(&place, format!("--skip 5d --report-delay 3650d {goal}").trim_end());
        let compiled = fraud_plan::compile::model(place.0.path()).expect("a plan");
        assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
        let plan = compiled.plan.read().expect("a compiled plan is right");
        let decision = plan.decision.clone();

        let same = |is: f32, written: &Value| match written {
            Value::Null => is.is_nan(),
            number => is.to_string() == number.to_string().trim_end_matches(".0"),
        };
        assert!(same(decision.threshold, &report["threshold"]), "{decision:?} {report:#}");
        let written = &report["calibration"];
        match &decision.calibration {
            Calibration::Isotonic { knots } => {
                for (at, [output, score]) in knots.iter().enumerate() {
                    assert!(same(*output, &written["output"][at]), "{output} {written}");
                    assert!(same(*score, &written["score"][at]), "{score} {written}");
                }
            }
            Calibration::Platt { slope, offset } => {
                assert!(same(*slope as f32, &written["slope"]), "{slope} {written}");
                assert!(same(*offset as f32, &written["offset"]), "{offset} {written}");
            }
            Calibration::Identity => panic!("not calibrated"),
        }
        assert_eq!(goal.contains("platt"), written["slope"].is_f64());
        assert_eq!(decision.baselines.len(), plan.program.features.len());
        for (feature, &is) in plan.program.features.iter().zip(&decision.baselines) {
            let written = &report["baselines"][&feature.name];
            assert!(same(is, written), "{} {is} {written}", feature.name);
        }

        let mut detector = Detector::new(plan, &Settings::default()).with_history(64 << 20);
        let (mut alerts, mut caught) = (0.0, 0.0);
        let frauds = lines(&place.read("f.csv"));
        let ids: Vec<_> = frauds.iter().filter_map(|line| line.split(',').next()).collect();
        for line in lines(&place.read("t.jsonl")) {
            let outcome = detector.score(Some(line.as_bytes()), -1, &mut Vec::new());
            let record: Value = serde_json::from_str(&line).expect("JSON");
            let flagged = matches!(outcome, Outcome::Scored(verdict) if verdict.fraud);
            if flagged && record["timestamp"].as_str() >= Some("2018-04-06") {
                alerts += 1.0;
                caught +=
                    f64::from(ids.contains(&record["transaction_id"].as_str().expect("text")));
            }
        }
        let expected = &report["expected"];
        assert_eq!((&report["from"], &report["days"]), (&"2018-04-06".into(), &10.into()));
        assert!(caught > 0.0, "{report:#}");
        assert_eq!(number(&expected["alerts_per_day"]), alerts / 10.0, "{goal}");
        assert_eq!(number(&expected["precision"]), caught / alerts, "{goal}");
        assert_eq!(number(&expected["recall"]), caught / number(&report["frauds"]), "{goal}");
        match goal {
            "--alerts-per-day 3" => assert!(alerts <= 30.0),
            "--min-precision 0.7" => assert!(caught >= 0.7 * alerts),
            _ => {}
        }
    }
}

/// Both calibrations leave the order of all transactions as it is.
#[test]
fn calibrations_do_not_change_the_order() {
    let place = simulated();
    let choices = ["platt", "isotonic"].map(|kind| {
        let report = tune(&place, &format!("--skip 5d --calibration {kind}"));
        let at = |choice: &Value| {
            ["precision", "recall", "alerts_per_day"].map(|key| choice["expected"][key].clone())
        };
        let alternatives = report["alternatives"].as_array().expect("a list");
        alternatives.iter().chain([&report]).map(at).collect::<Vec<_>>()
    });
    assert_eq!(choices[0], choices[1]);
}

#[test]
fn the_file_and_the_screen_explain_themselves() {
    let place = simulated();
    let human = place.fraud(&command("--skip 5d --alerts-per-day 50"));
    let (said, file) = (text(&human.stdout), text(&place.read("decision.toml")));
    for part in ["at most 50 alerts a day", "precision", "mean score", "decision.toml written"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let basis = "basis = \"at most 50 alerts a day on t.jsonl, 10 days, 2018-04-06 to 2018-04-15\"";
    for part in ["# Written by `fraud tune`", "FRAUD_THRESHOLD", basis, "data = \"sha256:", "= nan"]
    {
        assert!(file.contains(part), "{part}: {file}");
    }
    // Equal data gives an equal decision.
    place.fraud(&command("--skip 5d --alerts-per-day 50"));
    assert_eq!(text(&place.read("decision.toml")), file);
}

#[test]
fn what_cannot_be_decided_is_refused() {
    let place = simulated();
    place.write("strangers.csv", "transaction_id\nx\n");
    let frauds = lines(&place.read("f.csv"));
    place.write("few.csv", frauds[..6].join("\n"));
    // Every eleventh transaction is listed if it is cheap, so unlike a fraud.
    let wrong: String = lines(&place.read("t.jsonl")).iter().step_by(11).fold(
        "transaction_id\n".into(),
        |list, line| {
            let record: Value = serde_json::from_str(line).expect("JSON");
            let cheap = number(&record["amount"]) < 20.0;
            let id = record["transaction_id"].as_str().expect("text");
            if cheap { list + id + "\n" } else { list }
        },
    );
    place.write("wrong.csv", wrong);
    place.write("fraud.txt", "");
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spec.toml");
    for (options, expect) in [
        ("--skip 16d", "t.jsonl: no transaction is left to decide on"),
        ("--min-precision 1.5", "not a share above 0 and up to 1"),
        ("--alerts-per-day 0", "not a number above 0"),
        ("--alerts-per-day 5 --review-cost 1", "cannot be used with"),
        ("--skip 0s --alerts-per-day 0.01", "t.jsonl: --alerts-per-day 0.01 is too few"),
        ("--skip 0s --review-cost 1000000", "--review-cost 1000000 is too much"),
    ] {
        place.refused(&command(options), expect);
    }
    for (is, instead, expect) in [
        ("f.csv", "strangers.csv", "do they belong together?"),
        ("f.csv", "few.csv", "are frauds by few.csv; it takes at least 10"),
        ("f.csv", "wrong.csv", "fraud.onnx: the model ranks frauds no higher"),
        ("--spec fraud.toml", &format!("--spec {other}"), "they must be the same ones"),
        ("fraud.onnx", "fraud.txt", "fraud.txt"),
        ("decision.toml", "no/decision.toml", "cannot write no/decision.toml"),
    ] {
        place.refused(&command("--skip 0s").replace(is, instead), expect);
    }
    assert!(!place.path("decision.toml").exists());
}
