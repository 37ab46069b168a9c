//! Records to run a module on.

use std::path::Path;

use anyhow::Result;
use fraud_detector::record::json::MAX_DEPTH;
use fraud_plan::program::{Program, Role, Step};
use fraud_simulator::civil_from_days;
use serde_json::{Map, Value, json};
use transform_host::BatchBuilder;

use crate::data::envelope::read_spec;

const USUAL_SPEC: &str = "model/fraud.toml";

/// The records of the shipped model.
const SHIPPED: &str = r#"
    version = 1
    time = { path = "timestamp" }
    entity = [
        { name = "customer", path = "customer_id" },
        { name = "terminal", path = "terminal_id" },
    ]
    number = [{ name = "amount", path = "amount" }]
    feature = [{ name = "amount", kind = "number", of = "amount" }]
"#;

/// 2018-04-01, in seconds since 1970.
const FIRST_SECOND: u64 = 1_522_540_800;

/// Makes records by a feature spec.
pub struct Sample {
    pub program: Program,
}

/// A record without headers.
pub struct Record {
    pub millis: i64,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

impl Sample {
    /// By this spec, else by that of the current directory, else by the shipped one.
    pub fn new(spec: Option<&Path>) -> Result<Self> {
        let usual = Path::new(USUAL_SPEC);
        let program = match spec {
            Some(spec) => read_spec(spec)?,
            None if usual.exists() => read_spec(usual)?,
            None => fraud_plan::compile::spec::parse(SHIPPED, "the shipped spec")?,
        };
        Ok(Self { program })
    }

    /// Record number `number`, of entities of its own.
    pub fn record(&self, number: u64) -> Record {
        Record::new(number, self.object(number, None))
    }

    /// A record with one fraud report, of entities of its own; nothing if the spec has no reports.
    pub fn report(&self, number: u64) -> Option<Record> {
        let list = self.program.fields.iter().position(|field| field.role == Role::Reports)?;
        let mut root = Value::Object(Map::new());
        *self.place(&mut root, &self.path(list, None)) = json!([self.object(number, Some(list))]);
        Some(Record::new(number, root))
    }

    /// The fields of a transaction, or those of a report in the list `list`.
    fn object(&self, number: u64, list: Option<usize>) -> Value {
        let fields = &self.program.fields;
        let mut root = Value::Object(Map::new());
        for (at, field) in fields.iter().enumerate() {
            let value = match field.role {
                Role::Time | Role::ReportTime => time(FIRST_SECOND + number).into(),
                Role::Entity(_) | Role::Id | Role::ReportId => number.to_string().into(),
                Role::Number(_) => ((number * 7919 % 20_000) as f64 / 100.0).into(),
                Role::Object | Role::Array | Role::Reports => continue,
            };
            let path = self.path(at, list);
            // Others stand elsewhere.
            if fields[path[0]].parent.map(usize::from) == list
                && path[..path.len() - 1]
                    .iter()
                    .all(|&at| matches!(fields[at].role, Role::Object | Role::Array))
            {
                *self.place(&mut root, &path) = value;
            }
        }
        root
    }

    /// The fields from below `list`, or from the top, down to this one.
    fn path(&self, at: usize, list: Option<usize>) -> Vec<usize> {
        let above = |at: &usize| self.program.fields[*at].parent.map(usize::from);
        let path = std::iter::successors(Some(at), above).take_while(|&at| Some(at) != list);
        let mut path: Vec<usize> = path.collect();
        path.reverse();
        path
    }

    fn place<'v>(&self, root: &'v mut Value, path: &[usize]) -> &'v mut Value {
        path.iter().fold(root, |place, &at| match &self.program.fields[at].step {
            Step::Name(name) => &mut place[name],
            Step::Item(item) => {
                if !place.is_array() {
                    *place = json!([]);
                }
                let items = place.as_array_mut().expect("made one");
                items.resize((usize::from(*item) + 1).max(items.len()), Value::Null);
                &mut items[usize::from(*item)]
            }
        })
    }
}

fn time(second: u64) -> String {
    let (year, month, day) = civil_from_days((second / 86_400) as i64);
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

impl Record {
    fn new(number: u64, value: Value) -> Self {
        Self {
            millis: (FIRST_SECOND + number) as i64 * 1000,
            key: number.to_string().into_bytes(),
            value: value.to_string().into_bytes(),
        }
    }

    /// With a member that nobody knows in front of the closing brace.
    fn with(mut self, before: &str, filling: &str, count: usize, after: &str) -> Self {
        self.value.pop();
        self.value.extend_from_slice(br#","__inspect":"#);
        self.value.extend_from_slice(before.as_bytes());
        self.value.extend_from_slice(filling.repeat(count).as_bytes());
        self.value.extend_from_slice(after.as_bytes());
        self.value.push(b'}');
        self
    }

    /// With one long text, so that key and value have `size` bytes, or as many as it takes.
    pub fn padded(self, size: usize) -> Self {
        let bare = self.key.len() + self.value.len() + br#","__inspect":"""#.len();
        self.with("\"", "x", size.saturating_sub(bare), "\"")
    }

    /// With arrays in arrays, `depth` deep with the record itself.
    pub fn nested(self, depth: usize) -> Self {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        self.with(&open, "", 0, &close)
    }

    /// The same with a value that is no transaction.
    pub fn broken(self) -> Self {
        Self { value: b"{}".into(), ..self }
    }

    /// Into a batch, with so many empty headers.
    pub fn push(&self, headers: usize, batch: &mut BatchBuilder) {
        let empty: (&[u8], Option<&[u8]>) = (b"", Some(b""));
        batch.push(self.millis, Some(&self.key), Some(&self.value), &vec![empty; headers]);
    }
}

/// As deep as the detector reads, and one deeper.
pub const DEPTHS: [usize; 2] = [MAX_DEPTH, MAX_DEPTH + 1];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::envelope::Envelopes;
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
            for record in
                [sample.record(0), sample.record(9).padded(5000), sample.record(8).nested(64)]
            {
                let text = String::from_utf8_lossy(&record.value).into_owned();
                let read = reader.read(&record.value, record.millis);
                assert!(read.is_ok(), "{read:?} {text}");
                let key = envelopes.read(&record.value).key;
                assert_eq!(key.as_deref(), Some(&record.key[..]), "{text}");
            }
            assert!(reader.read(&sample.record(0).nested(65).value, 0).is_err());
            assert!(reader.read(&sample.record(0).broken().value, 0).is_err());
        }
    }

    #[test]
    fn reports_are_readable() {
        assert!(sample(SHIPPED).report(7).is_none());
        let with_reports = SHIPPED.replace(
            "feature = [",
            r#"reports = { path = "of.frauds", id = "card.payment", time = "at" }
            feature = [{ name = "last", kind = "reports", entity = "terminal", stat = "days_since_last" },"#,
        );
        let sample = sample(&with_reports);
        let record = sample.report(7).expect("it has reports");
        let text = String::from_utf8_lossy(&record.value).into_owned();
        let mut reader = Reader::new(&sample.program);
        let read = reader.read(&record.value, record.millis);
        assert!(matches!(read, Ok(fraud_detector::record::Record::Reports(_))), "{text}");
        assert!(text.contains(r#"{"payment":"7"}"#), "{text}");
    }

    #[test]
    fn padding_is_exact() {
        for size in [200, 1000, 65_536] {
            let record = sample(SHIPPED).record(77).padded(size);
            assert_eq!(record.key.len() + record.value.len(), size);
        }
    }
}
