//! Records one after the other, a line each: what was read before makes no difference, and what is
//! read is JSON to serde_json too.

#![no_main]

use std::sync::LazyLock;

use fraud_detector::record::{Event, Reader};
use fraud_plan::{Program, compile::spec};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

static PROGRAM: LazyLock<Program> = LazyLock::new(|| {
    spec::parse(include_str!("../../model/fraud.toml"), "fraud.toml").expect("a valid spec")
});

/// What a reader makes of a record, its reports included.
fn read(reader: &mut Reader, record: &[u8]) -> (String, Vec<Event>) {
    let found = format!("{:?}", reader.read(Some(record), -1));
    let mut reports = Vec::new();
    if found == "Ok(Reports)" {
        reader.for_each_report(record, -1, |report| reports.push(report.clone()));
    }
    (found, reports)
}

fuzz_target!(|data: &[u8]| {
    let mut learned = Reader::new(&PROGRAM);
    for record in data.split(|byte| *byte == b'\n') {
        let (found, reports) = read(&mut learned, record);
        let (fresh, fresh_reports) = read(&mut Reader::new(&PROGRAM), record);
        // Missing numbers are NaN, which is not equal to itself.
        assert_eq!((&found, format!("{reports:?}")), (&fresh, format!("{fresh_reports:?}")));
        if found.starts_with("Ok") {
            serde_json::from_slice::<IgnoredAny>(record).expect("JSON");
        }
    }
});
