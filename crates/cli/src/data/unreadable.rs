//! The records that cannot be scored, as told on the desk: how many for each reason, and the first of them.

use std::collections::BTreeMap;
use std::fmt;

use fraud_detector::{Reason, Refusal};
use fraud_plan::Program;
use fraud_plan::program::Step;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::show::units::count;

/// Maximum number of letters of a value that is shown.
const MAX_LETTERS: usize = 60;

/// The unscorable records of a file, by reason.
#[derive(Debug, Default, PartialEq)]
pub struct Unreadable(BTreeMap<&'static str, First>);

/// The number of records that one reason holds for, and the first of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct First {
    records: u64,
    /// Its line.
    pub line: u64,
    /// Path of the field that is to blame, where one is.
    field: Option<String>,
    /// The field's value as JSON, or the beginning of a record that has no field to blame; the log of a
    /// broker never has it.
    pub value: Option<String>,
}

impl Unreadable {
    /// Counts a record that cannot be scored.
    pub fn add(&mut self, program: &Program, line: u64, record: Option<&[u8]>, refusal: Refusal) {
        let first = || {
            let value = match refusal.field {
                Some(field) => record.and_then(|record| value_at(program, record, field)),
                None => record.map(|record| String::from_utf8_lossy(record).into_owned()),
            };
            let field = refusal.field.map(|field| program.path(field.into()));
            First { records: 0, line, field, value: value.map(|value| shortened(&value)) }
        };
        self.0.entry(refusal.reason.code()).or_insert_with(first).records += 1;
    }

    /// Returns how many records are counted.
    pub fn records(&self) -> u64 {
        self.0.values().map(|first| first.records).sum()
    }

    /// Returns the first record with this reason.
    pub fn first(&self, reason: Reason) -> Option<&First> {
        self.0.get(reason.code())
    }
}

/// Returns the value of a field as JSON; `None` if it is absent.
fn value_at(program: &Program, record: &[u8], field: u16) -> Option<String> {
    let record = serde_json::from_slice(record).ok()?;
    find(program, &record, field).map(Value::to_string)
}

fn find<'v>(program: &Program, record: &'v Value, field: u16) -> Option<&'v Value> {
    let field = program.fields.get(usize::from(field))?;
    let parent = match field.parent {
        Some(parent) => find(program, record, parent)?,
        None => record,
    };
    match &field.step {
        // A field of a report: of the first one.
        Step::Name(name) => parent.get(name).or_else(|| parent.get(0)?.get(name)),
        Step::Item(item) => parent.get(usize::from(*item)),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Serialize for Unreadable {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (reason, First { records, line, field, value }) in &self.0 {
            write!(f, "{} not scored: {reason}, the first on line {line}", count(*records))?;
            match (field, value) {
                (Some(field), Some(value)) => writeln!(f, ": {field} is {value}")?,
                (Some(field), None) => writeln!(f, ": no {field}")?,
                (None, Some(value)) => writeln!(f, ": {}", value.trim_end())?,
                (None, None) => writeln!(f)?,
            }
        }
        Ok(())
    }
}
