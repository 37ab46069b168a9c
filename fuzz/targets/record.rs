//! Records one after the other, a line each, by specs of every form: what was read before makes no
//! difference, and what is read is what a plain second reader finds, to which serde_json says what is JSON.

#![no_main]

#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use std::sync::LazyLock;

use fraud_detector::record::Reader;
use fraud_plan::{Program, compile::spec};
use libfuzzer_sys::fuzz_target;

static PROGRAMS: LazyLock<[Program; 4]> =
    LazyLock::new(|| oracle::SPECS.map(|text| spec::parse(text, "spec").expect("a valid spec")));

fuzz_target!(|data: &[u8]| {
    for program in &*PROGRAMS {
        for broker in [-1, 1_522_627_200_000] {
            let mut learned = Reader::new(program);
            for record in data.split(|byte| *byte == b'\n') {
                let found = oracle::read(&mut learned, program, record, broker);
                let fresh = oracle::read(&mut Reader::new(program), program, record, broker);
                assert_eq!(found, fresh, "{}", String::from_utf8_lossy(record));
                oracle::check(&found, program, record, broker);
            }
        }
    }
});
