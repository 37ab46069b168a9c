//! The published data set of the Fraud Detection Handbook, where it is at hand.

mod place;

use std::path::Path;

use place::{Place, fraud_detector};

#[test]
fn nothing_of_the_handbooks_data_is_lost() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let input = root.join("../shared/data/handbook-2018-04-01_2018-08-14.jsonl.zst");
    if !input.exists() {
        eprintln!("skipped: there is no {}", input.display());
        return;
    }
    let place = Place::new();
    let (summary, status) = place.json(&format!(
        "run --module {} --spec {} --input {} --output o",
        fraud_detector().display(),
        root.join("model/fraud.toml").display(),
        input.display(),
    ));
    assert_eq!((status, &summary["failure"]), (0, &serde_json::Value::Null), "{summary:#}");
    for (key, expect) in [("records", 1_303_778), ("lost", 0), ("restarts", 0)] {
        assert_eq!(summary[key], expect, "{key}");
    }
    let topics = summary["by_topic"].as_object().expect("by topic").values();
    assert_eq!(topics.filter_map(serde_json::Value::as_u64).sum::<u64>(), 1_303_778);
}
