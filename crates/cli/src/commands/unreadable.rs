//! The answer of a command that finds no record that can be scored.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::data::notes::Notes;
use crate::show::report::Report;

#[derive(Serialize)]
struct Answer<'n> {
    records: u64,
    #[serde(flatten)]
    notes: &'n Notes,
}

/// Returns the answer if no record can be scored: it is no.
pub fn answer(notes: &Notes) -> Result<Option<Report>> {
    if notes.hint.is_none() {
        return Ok(None);
    }
    Ok(Some(Report::of(&Answer { records: notes.records, notes })?.ok(false)))
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.notes)
    }
}
