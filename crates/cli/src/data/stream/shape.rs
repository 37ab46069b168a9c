//! A record of reports, as the spec wants it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use fraud_detector::record::json::byte_order_mark;
use fraud_detector::record::value::id_text;
use fraud_plan::Program;
use fraud_plan::program::{Role, Step, Treatment};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::data::at_path;
use crate::show::units::rfc3339;

/// Maximum number of reports in a record.
const MAX_REPORTS: u64 = 100;

/// The form of a record of reports, as the spec wants it.
pub(super) struct ReportShape {
    /// The text before the first report.
    pub(super) open: String,
    /// The text after the last report.
    pub(super) close: String,
    /// Most reports of a record.
    pub(super) most: u64,
    /// Path of the time inside a report; `None` if the broker's timestamp is its time.
    pub(super) time: Option<Vec<Step>>,
    /// The members to change in a transaction, where a record is a report by its type.
    pub(super) typed: Option<Typed>,
}

/// The members that tell a report from its transaction.
pub(super) struct Typed {
    /// Path of the type, and the type of reports.
    event: (Vec<Step>, String),
    /// Where a transaction and a report have the transaction's id, if in two places.
    id: Option<[Vec<Step>; 2]>,
}

impl ReportShape {
    /// Returns `None` if the spec has no reports.
    pub(super) fn of(program: &Program) -> Option<Self> {
        let path = |role: Role| {
            let field = program.fields.iter().position(|field| field.role == role)?;
            Some(at_path::path_of(program, field))
        };
        if let Some(report) = program.type_of(Treatment::Report) {
            let id = path(Role::Id).zip(path(Role::ReportId)).map(|(of, to)| [of, to]);
            return Some(Self {
                open: String::new(),
                close: String::new(),
                most: 1,
                time: path(Role::ReportTime).or_else(|| path(Role::Time)),
                typed: Some(Typed { event: (path(Role::EventType)?, report.to_owned()), id }),
            });
        }
        let (reports, time) = (path(Role::Reports)?, path(Role::ReportTime)?);
        let open = reports.iter().map(|step| match step {
            Step::Name(name) => format!("{{{}:", Value::from(name.as_str())),
            Step::Item(_) => unreachable!("the compiler refuses reports in an item"),
        });
        Some(Self {
            open: open.collect::<String>() + "[",
            close: "]".to_owned() + &"}".repeat(reports.len()),
            most: MAX_REPORTS,
            time: Some(time[reports.len()..].to_vec()),
            typed: None,
        })
    }

    /// Returns whether records of a type are reports: a file of all types has its own.
    pub(super) fn is_typed(&self) -> bool {
        self.typed.is_some()
    }

    /// Returns a fraud's own record as a report of it, made at this time. Other members keep their text,
    /// to the digit.
    pub(super) fn report(&self, transaction: &[u8], at: i64) -> Result<Vec<u8>> {
        let transaction = &transaction[byte_order_mark(transaction)..];
        let record = std::str::from_utf8(transaction).context("a fraud's record is no text")?;
        let mut report = record.to_owned();
        if let Some(Typed { event: (path, name), id }) = &self.typed {
            report = set(&report, path, &json!(name))?;
            let id = id.as_ref().and_then(|[of, to]| {
                let id = id_text(at_path::value(transaction, of)?)?;
                Some((to, json!(String::from_utf8_lossy(&id))))
            });
            if let Some((to, id)) = id {
                report = set(&report, to, &id)?;
            }
        }
        match &self.time {
            Some(time) => Ok(set(&report, time, &json!(rfc3339(at)))?.into_bytes()),
            None => Ok(report.into_bytes()),
        }
    }
}

/// Returns JSON with another value at a path. What is on the way there and is no object or array becomes one.
fn set(json: &str, path: &[Step], value: &Value) -> Result<String> {
    let Some((step, rest)) = path.split_first() else { return Ok(value.to_string()) };
    let inside = |inner: Option<&&RawValue>| {
        let inner = inner.map_or("null", |inner| inner.get());
        Ok::<_, anyhow::Error>(RawValue::from_string(set(inner, rest, value)?)?)
    };
    Ok(match step {
        Step::Name(name) => {
            let mut members: BTreeMap<String, &RawValue> =
                serde_json::from_str(json).unwrap_or_default();
            let inner = inside(members.get(name))?;
            members.insert(name.clone(), &inner);
            serde_json::to_string(&members)?
        }
        Step::Item(item) => {
            let mut items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
            let item = usize::from(*item);
            let inner = inside(items.get(item))?;
            items.resize(items.len().max(item + 1), RawValue::NULL);
            items[item] = &inner;
            serde_json::to_string(&items)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"
        version = 1
        time = { path = "t", unit = "seconds" }
        transaction = { id = "transaction_id" }
        entity = [{ name = "customer", path = "c" }]
        number = [{ name = "amount", path = "amount" }]
        reports = { path = "fraud_reports", id = "transaction_id", time = "reported_at" }
        feature = [{ name = "amount", kind = "number", of = "amount" }]
    "#;

    fn shape(spec: &str) -> ReportShape {
        let program = fraud_plan::compile::spec::parse(spec, "SPEC");
        ReportShape::of(&program.unwrap_or_else(|error| panic!("{error:#}"))).expect("reports")
    }

    #[test]
    fn a_report_keeps_every_digit() {
        let transaction = br#"{"amount":1.10,"id":12345678901234567890123,"reported_at":0}"#;
        for (spec, open, expect) in [
            (
                SPEC.to_owned(),
                r#"{"fraud_reports":["#,
                r#"{"amount":1.10,"id":12345678901234567890123,"reported_at":"1970-01-01T00:00:00Z"}"#,
            ),
            (
                SPEC.replace("fraud_reports", "a.b").replace("reported_at", "at.time"),
                r#"{"a":{"b":["#,
                r#"{"amount":1.10,"at":{"time":"1970-01-01T00:00:00Z"},"id":12345678901234567890123,"reported_at":0}"#,
            ),
        ] {
            let shape = shape(&spec);
            assert_eq!(shape.open, open);
            let report = shape.report(transaction, 0).expect("an object");
            assert_eq!(String::from_utf8_lossy(&report), expect);
        }
    }

    #[test]
    fn a_transaction_becomes_a_report_by_its_type() {
        let transaction = r#"{"amount":1.10,"is":["x","sale"],"t":5,"transaction_id":70.0}"#;
        for (reports, expect) in [
            (
                "",
                r#"{"amount":1.10,"is":["x","fraud"],"t":"1970-01-01T00:00:00Z","transaction_id":70.0}"#,
            ),
            (
                "id = \"of\"\ntime = \"at.day\"",
                r#"{"amount":1.10,"at":{"day":"1970-01-01T00:00:00Z"},"is":["x","fraud"],"of":"70","t":5,"transaction_id":70.0}"#,
            ),
        ] {
            let rest = SPEC.lines().filter(|line| !line.contains("reports"));
            let spec = rest.collect::<Vec<_>>().join("\n");
            let events = "[events]\nfield = \"is[1]\"\nscored = [\"sale\"]\nreports = [\"fraud\"]";
            let shape = shape(&format!("{spec}\n{events}\n[reports]\n{reports}"));
            let report = shape.report(transaction.as_bytes(), 0).expect("an object");
            assert_eq!(String::from_utf8_lossy(&report), expect, "{reports}");
        }
    }
}
