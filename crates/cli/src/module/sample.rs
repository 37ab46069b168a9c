//! Records to run a module on, made from a feature spec.

use fraud_detector::record::json::MAX_DEPTH;
use fraud_plan::program::{Number, NumberForm, Program, Role, Scale, Step, Treatment};
use fraud_plan::time::millis::{DAY, SECOND};
use fraud_simulator::days_from_civil;
use serde_json::{Map, Value, json};

use super::record::PlainRecord;
use crate::show::units::rfc3339;

/// Depths of nested records: as deep as the detector reads, and one deeper.
pub const DEPTHS: [usize; 2] = [MAX_DEPTH, MAX_DEPTH + 1];

/// Time of record 0, milliseconds since 1970.
const FIRST: i64 = days_from_civil(2018, 4, 1) * DAY;

/// Makes records that a feature spec describes, each of entities of its own.
pub struct Sample {
    pub program: Program,
}

impl Sample {
    /// Makes transaction number `number`.
    pub fn transaction(&self, number: u64) -> PlainRecord {
        plain(number, self.object(number, None, Treatment::Score))
    }

    /// Makes a record with fraud report number `number`; `None` if the spec has no reports.
    pub fn report(&self, number: u64) -> Option<PlainRecord> {
        if self.program.reports_by_type() {
            return Some(plain(number, self.object(number, None, Treatment::Report)));
        }
        let list = self.program.fields.iter().position(|field| field.role == Role::Reports)?;
        let mut root = Value::Object(Map::new());
        let report = self.object(number, Some(list), Treatment::Score);
        *self.value_at(&mut root, &self.path(list, None)) = json!([report]);
        Some(plain(number, root))
    }

    /// Makes the object of a transaction, or of a report in the list `list`; its type is one that is
    /// treated so.
    fn object(&self, number: u64, list: Option<usize>, treatment: Treatment) -> Value {
        let fields = &self.program.fields;
        let mut root = Value::Object(Map::new());
        for (at, field) in fields.iter().enumerate() {
            let value = match field.role {
                Role::Time | Role::ReportTime => rfc3339(millis(number)).into(),
                Role::Entity(_) | Role::Id | Role::ReportId => number.to_string().into(),
                Role::Category(at) => category(&self.program, at, number).into(),
                Role::Number(at) => number_in_form(number, &self.program.numbers[usize::from(at)]),
                Role::Currency(_) => "EUR".into(),
                Role::EventType => match self.program.type_of(treatment) {
                    Some(name) => name.into(),
                    None => continue,
                },
                Role::Object | Role::Array | Role::Reports => continue,
            };
            let path = self.path(at, list);
            // Fields of the other object are left out.
            if fields[path[0]].parent.map(usize::from) == list
                && path[..path.len() - 1]
                    .iter()
                    .all(|&at| matches!(fields[at].role, Role::Object | Role::Array))
            {
                *self.value_at(&mut root, &path) = value;
            }
        }
        root
    }

    /// Returns the fields from below `list`, or from the top, down to field `at`.
    fn path(&self, at: usize, list: Option<usize>) -> Vec<usize> {
        let above = |at: &usize| self.program.fields[*at].parent.map(usize::from);
        let path = std::iter::successors(Some(at), above).take_while(|&at| Some(at) != list);
        let mut path: Vec<usize> = path.collect();
        path.reverse();
        path
    }

    /// Returns the value at a path of fields; makes the objects and arrays on the way.
    fn value_at<'v>(&self, root: &'v mut Value, path: &[usize]) -> &'v mut Value {
        path.iter().fold(root, |value, &at| match &self.program.fields[at].step {
            Step::Name(name) => &mut value[name],
            Step::Item(item) => {
                if !value.is_array() {
                    *value = json!([]);
                }
                let items = value.as_array_mut().expect("made one");
                items.resize((usize::from(*item) + 1).max(items.len()), Value::Null);
                &mut items[usize::from(*item)]
            }
        })
    }
}

/// Returns one value after the other of a category's, or any where none is known.
fn category(program: &Program, at: u16, number: u64) -> &str {
    let values = &program.categories[usize::from(at)].values;
    let place = number as usize % values.len().max(1);
    values.get(place).map_or("a category", String::as_str)
}

/// Returns the amount of record number `number` in the form that a spec wants it in.
fn number_in_form(number: u64, of: &Number) -> Value {
    let hundredths = number * 7919 % 20_000;
    match (of.form, of.scale) {
        (NumberForm::Boolean, _) => number.is_multiple_of(2).into(),
        // 1950, in as many decimals as the spec says.
        (NumberForm::Base64, _) => "B54=".into(),
        (NumberForm::Number | NumberForm::Text { .. }, Scale::Decimals(_) | Scale::Currency(_)) => {
            hundredths.into()
        }
        (NumberForm::Number | NumberForm::Text { .. }, Scale::One) => {
            (hundredths as f64 / 100.0).into()
        }
    }
}

fn plain(number: u64, value: Value) -> PlainRecord {
    PlainRecord {
        millis: millis(number),
        key: Some(number.to_string().into_bytes()),
        value: value.to_string().into_bytes(),
    }
}

/// Returns the time of record `number`: one a second.
fn millis(number: u64) -> i64 {
    FIRST + number as i64 * SECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::envelope::Envelopes;
    use crate::module::target::SHIPPED;
    use fraud_detector::record::Reader;

    fn sample(spec: &str) -> Sample {
        Sample { program: fraud_plan::compile::spec::parse(spec, "spec").expect("a valid spec") }
    }

    #[test]
    fn records_are_readable() {
        let nested =
            SHIPPED.replace("customer_id", "of.customer.id").replace("\"timestamp\"", "\"of.at\"");
        for spec in [SHIPPED, &nested] {
            let sample = sample(spec);
            let mut reader = Reader::new(&sample.program);
            let mut envelopes = Envelopes::new(sample.program.clone());
            for record in [
                sample.transaction(0),
                sample.transaction(9).padded(5000),
                sample.transaction(8).nested(64),
            ] {
                let text = String::from_utf8_lossy(&record.value).into_owned();
                let read = reader.read(&record.value, record.millis);
                assert!(read.is_ok(), "{read:?} {text}");
                let key = envelopes.read(&record.value).key;
                assert_eq!(key.as_deref(), record.key.as_deref(), "{text}");
            }
            assert!(reader.read(&sample.transaction(0).nested(65).value, 0).is_err());
            assert!(reader.read(&sample.transaction(0).broken().value, 0).is_err());
        }
    }

    #[test]
    fn reports_are_readable() {
        let reports = r#"reports = { path = "fraud_reports", time = "reported_at" }"#;
        let feature = r#"{ name = "reported", kind = "reports", entity = "terminal", stat = "days_since_last" },"#;
        let without = SHIPPED.replace(reports, "").replace(feature, "");
        assert!(sample(&without).report(7).is_none());
        let deep = r#"reports = { path = "of.frauds", id = "card.payment", time = "at" }"#;
        let sample = sample(&SHIPPED.replace(reports, deep));
        let record = sample.report(7).expect("it has reports");
        let text = String::from_utf8_lossy(&record.value).into_owned();
        let mut reader = Reader::new(&sample.program);
        let read = reader.read(&record.value, record.millis);
        assert!(matches!(read, Ok(fraud_detector::record::Record::Reports(_))), "{text}");
        assert!(text.contains(r#"{"payment":"7"}"#), "{text}");
    }
}
