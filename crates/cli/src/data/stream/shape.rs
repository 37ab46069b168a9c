//! A record of reports, as the spec wants it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use fraud_detector::record::json::byte_order_mark;
use fraud_plan::Program;
use fraud_plan::program::{Field, Role, Step};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::show::units::rfc3339;

/// The form of a record of reports, as the spec wants it.
pub(super) struct ReportShape {
    /// The text before the first report.
    pub(super) open: String,
    /// The text after the last report.
    pub(super) close: String,
    /// Path of the time inside a report.
    pub(super) time: Vec<String>,
}

impl ReportShape {
    /// Returns `None` if the spec has no reports.
    pub(super) fn of(program: &Program) -> Option<Self> {
        let name = |field: &Field| match &field.step {
            Step::Name(name) => Some(name.clone()),
            // No spec has its reports, or their time, in an item.
            Step::Item(_) => None,
        };
        let path = |role: Role| {
            let fields = &program.fields;
            let mut field = fields.iter().find(|field| field.role == role)?;
            let mut path = vec![name(field)?];
            while let Some(parent) = field.parent {
                field = &fields[usize::from(parent)];
                if field.role == Role::Reports {
                    break;
                }
                path.insert(0, name(field)?);
            }
            Some(path)
        };
        let (reports, time) = (path(Role::Reports)?, path(Role::ReportTime)?);
        let open = reports.iter().map(|name| format!("{{{}:", Value::from(name.as_str())));
        let open = open.collect::<String>() + "[";
        Some(Self { open, close: "]".to_owned() + &"}".repeat(reports.len()), time })
    }

    /// Returns a fraud's own record with the time of its report in it. Members keep their text, to
    /// the digit.
    pub(super) fn report(&self, transaction: &[u8], at: i64) -> Result<Vec<u8>> {
        let transaction = &transaction[byte_order_mark(transaction)..];
        let mut members: BTreeMap<String, &RawValue> =
            serde_json::from_slice(transaction).context("a fraud's record is no JSON object")?;
        let (first, rest) = self.time.split_first().context("a path has a name")?;
        let nested = rest.iter().rev();
        let at = nested.fold(json!(rfc3339(at)), |value, name| json!({ name.as_str(): value }));
        let at = to_raw_value(&at)?;
        members.insert(first.clone(), &at);
        Ok(serde_json::to_vec(&members)?)
    }
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

    fn program(spec: &str) -> Program {
        fraud_plan::compile::spec::parse(spec, "SPEC").expect("a valid spec")
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
            let shape = ReportShape::of(&program(&spec)).expect("reports");
            assert_eq!(shape.open, open);
            let report = shape.report(transaction, 0).expect("an object");
            assert_eq!(String::from_utf8_lossy(&report), expect);
        }
    }
}
