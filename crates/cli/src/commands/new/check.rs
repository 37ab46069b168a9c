//! The proof of a proposal: the spec's compiler reads it, and its reader reads the sample's records by it.

use anyhow::{Context, Result};
use fraud_detector::record::{Reader, Record};
use fraud_plan::Program;
use fraud_plan::compile::spec;
use serde::Serialize;

use super::propose::Proposal;
use super::sample::Sample;
use crate::data::envelope::Envelopes;
use crate::data::unreadable::Unreadable;

/// The sample's records as the spec reads them, counted.
#[derive(Default, Serialize)]
pub struct Tried {
    /// Scored.
    pub scored: u64,
    /// Records of reports.
    pub reports: u64,
    /// Passed on, or only remembered.
    pub passed: u64,
    /// Records that cannot be scored.
    pub refused: Unreadable,
}

/// Compiles a proposal.
pub fn compile(proposal: &Proposal) -> Result<Program> {
    let text = proposal.inline();
    spec::parse(&text, "fraud.toml").with_context(|| {
        format!("the proposed spec does not compile; this is a fault of fraud new:\n{text}")
    })
}

/// Compiles a proposal and reads the sample by it.
pub fn check(proposal: &Proposal, sample: &Sample) -> Result<Tried> {
    let program = compile(proposal)?;
    let mut tried = Tried::default();
    let mut envelopes = Envelopes::new(program.clone());
    let mut reader = Reader::new(&program);
    for row in &sample.rows {
        match reader.read(&row.bytes, row.arrival(&mut envelopes)) {
            Ok(Record::Transaction { is_scored: true, .. }) => tried.scored += 1,
            Ok(Record::Reports(_)) => tried.reports += 1,
            Ok(_) => tried.passed += 1,
            Err(refusal) => tried.refused.add(&program, row.line, Some(&row.bytes), refusal),
        }
    }
    Ok(tried)
}
