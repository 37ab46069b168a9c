//! The published data set of the Fraud Detection Handbook, where it is at hand.

mod place;

use std::io::Write;
use std::path::Path;

use place::{Place, fraud_detector};

/// Runs a command with the project's module and spec on this data; returns its JSON, or `None` with a
/// message that it was skipped if the data is not at hand.
fn fraud(place: &Place, command: &str, options: &str) -> Option<serde_json::Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = root.join("../shared/data/handbook-2018-04-01_2018-08-14");
    let data = data.display();
    if !Path::new(&format!("{data}.jsonl.zst")).exists() {
        // Past the test harness, which shows nothing of a test that passes.
        let note =
            format!("skipped `fraud {command}` on outside data: there is no {data}.jsonl.zst\n");
        let _ = std::io::stderr().write_all(note.as_bytes());
        return None;
    }
    let (report, status) = place.json(&format!(
        "{command} --module {} --input {data}.jsonl.zst --frauds {data}.frauds.csv{options}",
        fraud_detector().display(),
    ));
    assert_eq!((status, &report["failure"]), (0, &serde_json::Value::Null), "{report:#}");
    Some(report)
}

#[test]
fn nothing_is_lost() {
    let place = Place::new();
    let Some(summary) = fraud(&place, "run", " --report-delay 7d --output o") else { return };
    for (key, expect) in [
        ("records", 1_303_778),
        ("lost", 0),
        ("restarts", 0),
        ("reports", 10_091),
        ("frauds", 10_659),
    ] {
        assert_eq!(summary[key], expect, "{key}");
    }
    let topics = summary["by_topic"].as_object().expect("by topic").values();
    assert_eq!(topics.filter_map(serde_json::Value::as_u64).sum::<u64>(), 1_303_778);
}

/// The published figures are for these numbers of transactions and frauds.
#[test]
fn the_baseline_week() {
    let place = Place::new();
    let Some(report) = fraud(&place, "backtest", " --protocol handbook") else { return };
    let expect = [("transactions", 58_264), ("frauds", 385), ("lost", 0), ("restarts", 0)];
    for (key, expect) in expect {
        assert_eq!(report[key], expect, "{key}");
    }
    assert_eq!((&report["from"], &report["to"]), (&"2018-08-08".into(), &"2018-08-14".into()));
}
