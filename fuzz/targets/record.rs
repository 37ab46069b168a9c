//! Records are read one after the other, a line each: earlier records make no difference, and a
//! record that is read is JSON to serde_json too.

#![no_main]

use std::sync::LazyLock;

use fraud_detector::record::{Reader, Record};
use fraud_plan::{Program, compile::spec};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

static PROGRAM: LazyLock<Program> = LazyLock::new(|| {
    spec::parse(include_str!("../../model/fraud.toml"), "fraud.toml").expect("a valid spec")
});

/// Reads a record, its reports included, as text: missing numbers are NaN, which is not equal to
/// itself.
fn read(reader: &mut Reader, record: &[u8]) -> (bool, Vec<String>) {
    let read = reader.read(record, -1);
    let mut found = vec![format!("{read:?}")];
    let is_good = read.is_ok();
    if let Ok(Record::Reports(reports)) = read {
        reports.for_each(|report| found.push(format!("{report:?}")));
    }
    (is_good, found)
}

fuzz_target!(|data: &[u8]| {
    let mut learned = Reader::new(&PROGRAM);
    for record in data.split(|byte| *byte == b'\n') {
        let (is_good, found) = read(&mut learned, record);
        assert_eq!(found, read(&mut Reader::new(&PROGRAM), record).1);
        if is_good {
            serde_json::from_slice::<IgnoredAny>(record).expect("JSON");
        }
    }
});
