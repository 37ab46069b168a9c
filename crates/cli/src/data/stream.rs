//! The lines of a file, and between them the reports that fall due, in order of event time.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use fraud_plan::Program;
use fraud_plan::program::{Field, Role, Step};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::envelope::Envelopes;
use super::frauds::Reporting;
use super::input::Lines;
use crate::show::units::rfc3339;

/// Maximum number of reports in a record.
const MAX_REPORTS: u64 = 100;
/// Maximum number of bytes of a record with several reports.
const MAX_BYTES: usize = 32 << 10;

/// The transactions of a file, and before each of them the reports that are due at its time.
///
/// A report falls due after its transaction; one that falls due after the last transaction of the
/// file is never given. If the spec has no `reports`, there are none.
pub struct Stream<'f> {
    lines: Lines,
    envelopes: Envelopes,
    reporting: Option<Reporting<'f>>,
    /// The form of reports; `None` if the spec has none.
    shape: Option<ReportShape>,
    pending: Pending,
    /// Reports made from `keep_from` on, for [`Stream::republish`].
    kept: BTreeMap<(i64, u64), Vec<u8>>,
    keep_from: i64,
    /// The transaction that has been read and not yet given; its bytes are in `line`, `key`, `id`.
    next: Option<Next>,
    line: Vec<u8>,
    key: Vec<u8>,
    id: Vec<u8>,
    /// The record of reports that was given last.
    record: Vec<u8>,
}

/// The transaction that comes next.
struct Next {
    number: u64,
    millis: i64,
    has_key: bool,
    has_id: bool,
    amount: Option<f64>,
    /// When its report is made, if it is a fraud.
    report: Option<i64>,
}

/// A record of the stream.
#[derive(Debug, PartialEq)]
pub enum Event<'s> {
    /// A line of the file, for the partition of its key.
    Transaction {
        /// Number of the line, from 1.
        line: u64,
        /// The first entity's id.
        key: Option<&'s [u8]>,
        /// The transaction's id.
        id: Option<&'s [u8]>,
        amount: Option<f64>,
        /// Event time, milliseconds since 1970.
        millis: i64,
        /// The line itself.
        value: &'s [u8],
    },
    /// A record with reports, for every partition.
    Reports {
        /// Number of the line that comes next.
        line: u64,
        /// When the last of the reports was made.
        millis: i64,
        /// The record itself.
        value: &'s [u8],
        /// Number of reports in it.
        count: u64,
    },
}

impl<'f> Stream<'f> {
    /// Makes a stream of the lines, and of the reports of frauds if there is a list of frauds, which names
    /// them by their ids.
    pub fn new(
        lines: Lines,
        envelopes: Envelopes,
        reporting: Option<Reporting<'f>>,
    ) -> Result<Self> {
        let fields = &envelopes.program().fields;
        ensure!(
            reporting.is_none() || fields.iter().any(|field| field.role == Role::Id),
            "a list of frauds names transactions by their ids, but the feature spec does not say where \
             an id is; add [transaction] with id = \"…\", the path of the id"
        );
        Ok(Self {
            shape: ReportShape::of(envelopes.program()),
            lines,
            envelopes,
            reporting,
            pending: Pending::default(),
            kept: BTreeMap::new(),
            keep_from: i64::MAX,
            next: None,
            line: Vec::new(),
            key: Vec::new(),
            id: Vec::new(),
            record: Vec::new(),
        })
    }

    /// Gives the next event; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<Event<'_>>> {
        self.next_millis()?;
        let Some(next) = self.next.take() else { return Ok(None) };
        if let Some(shape) = &self.shape {
            let due = self.pending.take_due(next.millis, shape, &mut self.record);
            if let Some((millis, count)) = due {
                let line = next.number;
                self.next = Some(next);
                return Ok(Some(Event::Reports { line, millis, value: &self.record, count }));
            }
            if let Some(at) = next.report {
                let report = shape.report(&self.line, at)?;
                if at >= self.keep_from {
                    self.kept.insert((at, self.pending.added), report.clone());
                }
                self.pending.add(at, report);
            }
        }
        Ok(Some(Event::Transaction {
            line: next.number,
            key: next.has_key.then_some(&self.key),
            id: next.has_id.then_some(&self.id),
            amount: next.amount,
            millis: next.millis,
            value: &self.line,
        }))
    }

    /// Returns the event time of the transaction that comes next; `None` at the end of the file.
    pub fn next_millis(&mut self) -> Result<Option<i64>> {
        if self.next.is_none() {
            self.next = self.read()?;
        }
        Ok(self.next.as_ref().map(|next| next.millis))
    }

    /// Keeps the reports made from `since` on, so that [`Stream::republish`] can give them again.
    pub fn keep_reports(&mut self, since: i64) {
        self.keep_from = since;
    }

    /// Puts the kept reports before the next transaction once more; returns how many they are.
    pub fn republish(&mut self) -> u64 {
        let due = self.pending.reports.len();
        self.pending.reports.append(&mut self.kept);
        self.keep_from = i64::MAX;
        (self.pending.reports.len() - due) as u64
    }

    /// Reads the whole file, and gives only the reports made from `since` on and before `until`, by
    /// default up to the last transaction: each record, with the number of its reports, goes to
    /// `out`. Returns the number of reports made later.
    pub fn write_reports(
        mut self,
        since: i64,
        until: Option<i64>,
        out: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<u64> {
        let shape = self.shape.take().context("the feature spec has no [reports]")?;
        let mut end = i64::MIN;
        while let Some(next) = self.read()? {
            end = end.max(next.millis.saturating_add(1));
            if let Some(at) = next.report.filter(|&at| at >= since) {
                self.pending.add(at, shape.report(&self.line, at)?);
            }
        }
        let last = until.unwrap_or(end).saturating_sub(1);
        while let Some((_, count)) = self.pending.take_due(last, &shape, &mut self.record) {
            out(&self.record, count)?;
        }
        Ok(self.pending.reports.len() as u64)
    }

    /// Clears the progress bar.
    pub fn done(&self) {
        self.lines.done();
    }

    fn read(&mut self) -> Result<Option<Next>> {
        let Some((number, line)) = self.lines.next()? else { return Ok(None) };
        let envelope = self.envelopes.read(line);
        let fraud = match (&self.reporting, &envelope.transaction_id) {
            (Some(reporting), Some(id)) => reporting.frauds.get(id),
            _ => None,
        };
        // A transaction that comes twice is reported once.
        let report = fraud.filter(|fraud| !fraud.found.replace(true)).and_then(|fraud| {
            let delay = i64::try_from(self.reporting?.delay.as_millis()).unwrap_or(i64::MAX);
            Some(fraud.reported_at.unwrap_or(envelope.millis.saturating_add(delay)))
        });
        self.line.clear();
        self.line.extend_from_slice(line);
        self.key.clear();
        self.key.extend_from_slice(envelope.key.as_deref().unwrap_or_default());
        self.id.clear();
        self.id.extend_from_slice(envelope.transaction_id.as_deref().unwrap_or_default());
        Ok(Some(Next {
            number,
            millis: envelope.millis,
            has_key: envelope.key.is_some(),
            has_id: envelope.transaction_id.is_some(),
            amount: envelope.amount,
            report,
        }))
    }
}

/// The form of a record of reports, as the spec wants it.
struct ReportShape {
    /// The text before the first report.
    open: String,
    /// The text after the last report.
    close: String,
    /// Path of the time inside a report.
    time: Vec<String>,
}

impl ReportShape {
    /// Returns `None` if the spec has no reports.
    fn of(program: &Program) -> Option<Self> {
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
    fn report(&self, transaction: &[u8], at: i64) -> Result<Vec<u8>> {
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

/// The reports that are not due yet, by when they are made; at equal times in the order of their
/// transactions.
#[derive(Default)]
struct Pending {
    reports: BTreeMap<(i64, u64), Vec<u8>>,
    added: u64,
}

impl Pending {
    fn add(&mut self, at: i64, report: Vec<u8>) {
        self.reports.insert((at, self.added), report);
        self.added += 1;
    }

    /// Takes out reports that are due at `now` and writes them to `record`, until it is full; a single
    /// report may be of any size. Returns the time of the last one and their number.
    fn take_due(
        &mut self,
        now: i64,
        shape: &ReportShape,
        record: &mut Vec<u8>,
    ) -> Option<(i64, u64)> {
        record.clear();
        record.extend_from_slice(shape.open.as_bytes());
        let mut last = None;
        while let Some(entry) = self.reports.first_entry() {
            let ((at, _), count) = (*entry.key(), last.map_or(0, |(_, count)| count));
            let size = record.len() + 1 + entry.get().len() + shape.close.len();
            let full = count > 0 && (count == MAX_REPORTS || size > MAX_BYTES);
            if at > now || full {
                break;
            }
            if count > 0 {
                record.push(b',');
            }
            record.extend_from_slice(&entry.remove());
            last = Some((at, count + 1));
        }
        record.extend_from_slice(shape.close.as_bytes());
        last
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;
    use crate::data::frauds::Frauds;

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

    fn file(content: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(content.as_bytes()).expect("a writable file");
        file
    }

    /// The events as text: `id@seconds`, and reports as `[id@seconds …]@seconds`.
    fn events(transactions: &str, frauds: &str, delay_seconds: u64) -> Vec<String> {
        let lines: String = (transactions.split(' '))
            .map(|word| {
                let (id, time) = word.split_once('@').expect("id and time");
                format!("{{\"transaction_id\":\"{id}\",\"t\":{time},\"c\":1,\"amount\":1.10}}\n")
            })
            .collect();
        let (input, frauds) = (file(&lines), file(frauds));
        let frauds = Frauds::read(frauds.path()).expect("a valid list");
        let program = program(SPEC);
        let delay = Duration::from_secs(delay_seconds);
        let reporting = Some(Reporting { frauds: &frauds, delay });
        let lines = Lines::open(input.path(), "test").expect("readable");
        let mut stream = Stream::new(lines, Envelopes::new(program), reporting).expect("ids");
        let mut events = Vec::new();
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        while let Some(event) = stream.next().expect("readable") {
            events.push(match event {
                Event::Transaction { key, millis, value, .. } => {
                    assert_eq!(key, Some(&b"1"[..]));
                    let value: serde_json::Value = serde_json::from_slice(value).expect("JSON");
                    format!("{}@{}", text(&value["transaction_id"]), millis / 1000)
                }
                Event::Reports { millis, value, count, .. } => {
                    let value: serde_json::Value = serde_json::from_slice(value).expect("JSON");
                    let reports = value["fraud_reports"].as_array().expect("a list");
                    assert_eq!(reports.len() as u64, count);
                    let reports: Vec<_> = (reports.iter())
                        .map(|report| {
                            let at = text(&report["reported_at"]);
                            let at = fraud_detector::record::timestamp::parse(at.as_bytes());
                            let at = at.expect("a time") / 1000;
                            format!("{}@{at}", text(&report["transaction_id"]))
                        })
                        .collect();
                    format!("[{}]@{}", reports.join(" "), millis / 1000)
                }
            });
        }
        events
    }

    #[test]
    fn reports_come_before_the_first_transaction_of_their_time() {
        let frauds = "transaction_id\na\nb\ne\n";
        for (delay, expect) in [
            (10, "a@1 b@2 c@3 [a@11]@11 d@11 [b@12]@12 e@20"),
            // Due together, in one record; a fraud is not reported before it has happened.
            (2, "a@1 b@2 [a@3]@3 c@3 [b@4]@4 d@11 e@20"),
            (0, "a@1 [a@1]@1 b@2 [b@2]@2 c@3 d@11 e@20"),
            (1000, "a@1 b@2 c@3 d@11 e@20"),
            (5, "a@1 b@2 c@3 [a@6 b@7]@7 d@11 e@20"),
        ] {
            assert_eq!(events("a@1 b@2 c@3 d@11 e@20", frauds, delay).join(" "), expect, "{delay}");
        }
    }

    #[test]
    fn the_list_may_say_when() {
        let frauds = "transaction_id,reported_at\n\
                      a,1970-01-01T00:00:15Z\nb,\nc,1970-01-01T00:00:12+00:00\n";
        let expect = "a@1 b@2 c@3 [b@9]@9 d@11 [c@12 a@15]@15 e@20";
        assert_eq!(events("a@1 b@2 c@3 d@11 e@20", frauds, 7).join(" "), expect);
    }

    #[test]
    fn a_transaction_that_comes_twice_is_reported_once() {
        let events = events("a@1 a@1 b@9 a@10", "transaction_id\na\n", 2);
        assert_eq!(events.join(" "), "a@1 a@1 [a@3]@3 b@9 a@10");
    }

    #[test]
    fn records_are_bounded() {
        let shape = ReportShape::of(&program(SPEC)).expect("reports");
        let mut pending = Pending::default();
        let mut record = Vec::new();
        for at in 0..150 {
            pending.add(at, b"1".to_vec());
        }
        let big = vec![b' '; MAX_BYTES];
        pending.add(150, big.clone());
        pending.add(150, b"2".to_vec());
        let mut sizes = Vec::new();
        while let Some((last, count)) = pending.take_due(1000, &shape, &mut record) {
            sizes.push((last, count));
            assert!(count == 1 || record.len() <= MAX_BYTES);
        }
        assert_eq!(sizes, [(99, 100), (149, 50), (150, 1), (150, 1)]);
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
