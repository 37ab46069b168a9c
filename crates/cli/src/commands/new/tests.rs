//! Samples of many shapes, and the roles that are found in them.

use std::io::Write as _;

use fraud_simulator::{Format, Population, World};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::propose::{Proposal, propose};
use super::roles::Roles;
use super::sample::Sample;
use super::{Asked, check, check::Tried};

/// What came of a sample: `role path` of each role, and what else is compared.
struct Came {
    roles: Vec<String>,
    left_out: Vec<String>,
    unsure: String,
    proposal: Proposal,
    tried: Tried,
}

fn came(text: &str, asked: &Asked, records: usize) -> Came {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("writable");
    let sample = Sample::read(file.path(), records).expect("records");
    let mut roles = Roles::find(&sample, asked).expect("roles");
    let has_labels = roles.label.is_some() || asked.frauds.is_some();
    let proposal = propose(&mut roles, "sample", sample.records, has_labels);
    let tried =
        check::check(&proposal, &sample).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
    Came {
        roles: roles.found.iter().map(|found| format!("{} {}", found.role, found.path)).collect(),
        left_out: roles.left_out.into_iter().map(|left| left.path).collect(),
        unsure: roles.doubts.into_iter().map(|doubt| doubt.what + "\n").collect(),
        proposal,
        tried,
    }
}

#[test]
fn look() {
    for entry in std::fs::read_dir("/work/shared/cases").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            let text = std::fs::read_to_string(&path).unwrap();
            let came = came(&text, &Asked::default(), 5000);
            println!(
                "== {}\n{:#?}\nleft {:?}\nunsure {}scored {} passed {} reports {} refused {}\n{}",
                path.display(),
                came.roles,
                came.left_out,
                came.unsure,
                came.tried.scored,
                came.tried.passed,
                came.tried.reports,
                came.tried.refused.records(),
                came.tried.refused
            );
        }
    }
}
