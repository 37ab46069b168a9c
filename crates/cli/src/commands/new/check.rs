//! The proof of a proposal: the spec's compiler reads it, and its reader reads the sample's records by it.

use anyhow::{Context, Result};
use fraud_detector::history::History;
use fraud_detector::record::{Reader, Record};
use fraud_plan::Program;
use fraud_plan::compile::spec;
use serde::Serialize;

use super::propose::Proposal;
use super::sample::Sample;
use crate::data::envelope::Envelopes;
use crate::data::unreadable::Unreadable;

/// Memory that history has of a stock broker's 2 MiB, about.
const HISTORY: usize = 1 << 20;
/// Arrival of a record that has no time: 2024-01-01T00:00:00Z, milliseconds since 1970.
const SOME_TIME: i64 = 1_704_067_200_000;

/// What the sample's records are by the spec.
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
    /// What is remembered, by entity.
    pub remembered: Vec<Remembered>,
}

/// What is remembered of one kind of entity.
#[derive(Serialize)]
pub struct Remembered {
    pub entity: String,
    /// Bytes of each.
    pub bytes: usize,
    /// How many fit into a stock broker's memory, about.
    pub fit: u64,
}

/// Compiles a proposal and reads the sample by it.
pub fn check(proposal: &Proposal, sample: &Sample) -> Result<Tried> {
    let text = proposal.inline();
    let program = spec::parse(&text, "fraud.toml").with_context(|| {
        format!("the proposed spec does not compile; this is a fault of fraud new:\n{text}")
    })?;
    let mut tried = Tried { remembered: remembered(&program), ..Tried::default() };
    let mut envelopes = Envelopes::new(program.clone());
    let mut reader = Reader::new(&program);
    for row in &sample.rows {
        let own = envelopes.read(&row.bytes).millis;
        let arrival = own.or(row.delivery.as_ref().map(|(_, millis)| *millis)).unwrap_or(SOME_TIME);
        match reader.read(&row.bytes, arrival) {
            Ok(Record::Transaction { is_scored: true, .. }) => tried.scored += 1,
            Ok(Record::Reports(_)) => tried.reports += 1,
            Ok(_) => tried.passed += 1,
            Err(refusal) => tried.refused.add(&program, row.line, Some(&row.bytes), refusal),
        }
    }
    Ok(tried)
}

fn remembered(program: &Program) -> Vec<Remembered> {
    let history = History::new(program, HISTORY);
    let tables = program.tables.iter().zip(history.tables());
    tables
        .map(|(table, sized)| {
            let entity = program.entities[usize::from(table.entity)].name.clone();
            let reports = if table.events == fraud_plan::program::Events::Reports {
                " (reports)"
            } else {
                ""
            };
            Remembered {
                entity: entity + reports,
                bytes: table.bytes(),
                fit: sized.capacity() as u64,
            }
        })
        .collect()
}
