//! Records one after the other, a line each, by the shipped spec and by one of other forms: what was read
//! before makes no difference, and what is read is JSON to serde_json too, with the values that it finds.

#![no_main]

use std::sync::LazyLock;

use fraud_detector::record::{Reader, Record};
use fraud_plan::{Program, compile::spec};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const FORMS: &str = r#"
version = 1
[time]
path = "at[0]"
unit = "parts"
utc_offset = "+00:00"
[[entity]]
name = "customer"
path = "customer_id"
[[number]]
name = "plain"
path = "items[1].net"
optional = true
[[number]]
name = "text"
path = "text"
form = "text"
grouping = ","
optional = true
[[number]]
name = "money"
path = "money"
currency = "currency"
optional = true
[[number]]
name = "yes"
path = "yes"
form = "boolean"
optional = true
[[feature]]
name = "plain"
kind = "number"
of = "plain"
"#;

static PROGRAMS: LazyLock<[Program; 2]> = LazyLock::new(|| {
    let shipped = include_str!("../../model/fraud.toml");
    [shipped, FORMS].map(|text| spec::parse(text, "spec").expect("a valid spec"))
});

/// Reads a record, its reports included, as text: missing numbers are NaN, which is not equal to itself.
fn read(reader: &mut Reader, record: &[u8]) -> (bool, Vec<String>) {
    let read = reader.read(record, -1);
    let mut found = vec![format!("{read:?}")];
    let is_good = read.is_ok();
    if let Ok(Record::Reports(reports)) = read {
        reports.for_each(|report| found.push(format!("{report:?}")));
    }
    (is_good, found)
}

/// Compares numbers that were read with what serde_json finds at their paths.
fn check_numbers(numbers: &[f32], record: &Value) {
    let same = |found: f32, expect: f64| {
        assert!(found == expect as f32, "{found} {expect} {record}");
    };
    if let Some(plain) = record["items"][1]["net"].as_f64() {
        // serde_json rounds twice.
        assert!((f64::from(numbers[0]) - plain).abs() <= plain.abs() * 1e-6 + 1e-44, "{record}");
    }
    if let Some(text) = record["text"].as_str().filter(|text| !text.trim().is_empty()) {
        let expect: f64 = text.trim().replace(',', "").parse().expect("a number");
        assert!((f64::from(numbers[1]) - expect).abs() <= expect.abs() * 1e-6 + 1e-44, "{record}");
    }
    if let Some(yes) = record["yes"].as_bool() {
        same(numbers[3], f64::from(u8::from(yes)));
    }
    if let (Some(money), Some("USD" | "usd")) =
        (record["money"].as_i64(), record["currency"].as_str())
    {
        same(numbers[2], money as f64 / 100.0);
    }
}

fuzz_target!(|data: &[u8]| {
    for (program, is_forms) in PROGRAMS.iter().zip([false, true]) {
        let mut learned = Reader::new(program);
        for record in data.split(|byte| *byte == b'\n') {
            let (is_good, found) = read(&mut learned, record);
            assert_eq!(found, read(&mut Reader::new(program), record).1);
            if !is_good {
                continue;
            }
            let text = record.strip_prefix("\u{feff}".as_bytes()).unwrap_or(record);
            serde_json::from_slice::<serde::de::IgnoredAny>(text).expect("JSON");
            // Numbers beyond 64-bit floats, which no field needs, and halves of surrogate pairs, are
            // not serde_json's.
            let Ok(value) = serde_json::from_slice::<Value>(text) else { continue };
            if let (true, Ok(Record::Transaction { event, .. })) =
                (is_forms, learned.read(record, -1))
            {
                check_numbers(&event.numbers, &value);
            }
        }
    }
});
