//! The records of a file, and between them the reports that fall due, in order of event time.
//!
//! A record of the file that brings reports is an event of reports as the others are. Where records are
//! reports by their type, a file of all types has its own: then a fraud is reported beside them only if
//! somebody says when. All records that cannot be scored are counted here, for every command.
//!
//! - [`shape`]: a record of reports, as the spec wants it; [`due`]: the reports that are not due yet

mod due;
mod shape;

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context, Result};
use fraud_detector::record::{Reader, Record};
use fraud_detector::{Reason, Refusal};
use fraud_plan::program::{EventTypes, Role, Treatment};

use crate::data::clock::{self, Clock, LOOKAHEAD};
use crate::data::envelope::Envelopes;
use crate::data::hint::hint;
use crate::data::input::Records;
use crate::data::input::dump::Delivery;
use crate::data::labels::{Due, Reporting};
use crate::data::notes::Notes;
use crate::data::spread::SpreadCounter;
use due::Pending;
use shape::ReportShape;

/// The records of a file, and before each of them the reports that are due at its time.
///
/// A report falls due after its transaction; one that falls due after the last transaction of the
/// file is never given. If the spec has no `reports`, there are none.
pub struct Stream<'f> {
    records: Records,
    envelopes: Envelopes,
    reader: Reader,
    clock: Clock,
    has_time: bool,
    /// True if records of other types pass on unread, as tombstones then do.
    passes_tombstones: bool,
    reporting: Option<Reporting<'f>>,
    /// The form of reports; `None` if the spec has none.
    shape: Option<ReportShape>,
    /// Whether there has been a report, in the file or of a known fraud.
    has_reports: bool,
    pending: Pending,
    /// Reports made from `keep_from` on, for [`Stream::republish`].
    kept: BTreeMap<(i64, u64), Vec<u8>>,
    keep_from: i64,
    /// The records that have been read and are not looked at yet.
    ahead: VecDeque<Ahead>,
    /// The record that comes next, and its meaning.
    next: Option<(Ahead, Next)>,
    /// The record that was given last.
    given: Ahead,
    /// The record of reports that was given last.
    record: Vec<u8>,
    notes: Notes,
    spread: SpreadCounter,
}

/// A record as it was read.
#[derive(Default)]
struct Ahead {
    line: u64,
    value: Option<Vec<u8>>,
    delivery: Option<Delivery>,
    key: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
    amount: Option<f64>,
    /// Its own time, or that of its delivery.
    time: Option<i64>,
}

/// The meaning of a record.
struct Next {
    arrival: i64,
    /// Number of reports that it brings, if it is a record of reports.
    reports: Option<u64>,
    label: Label,
}

/// The truth about a transaction, and when it is known.
struct Label {
    /// Its scenario if it is a fraud, else 0.
    scenario: u8,
    /// When that becomes known.
    due: Due,
    /// Whether it is a fraud that is not reported yet.
    is_to_report: bool,
}

impl Label {
    /// Makes the label of a record that nobody labels.
    fn none(now: i64) -> Self {
        Self { scenario: 0, due: Due { at: now, is_said: false }, is_to_report: false }
    }
}

/// A record of the stream.
#[derive(Debug, PartialEq)]
pub enum Event<'s> {
    /// A transaction, or a record that cannot be scored, for the partition of its key.
    Transaction(Transaction<'s>),
    /// A record with reports.
    Reports {
        /// Line of the record, or of the record that comes next.
        line: u64,
        /// When it arrives, milliseconds since 1970.
        arrival: i64,
        /// The record itself.
        value: &'s [u8],
        /// Number of reports in it.
        count: u64,
        /// Its delivery, in a dump; otherwise it goes to every partition.
        delivery: Option<&'s Delivery>,
    },
}

/// A record of the file that brings no reports.
#[derive(Debug, PartialEq)]
pub struct Transaction<'s> {
    /// Its line, from 1.
    pub line: u64,
    /// The first entity's id.
    pub key: Option<&'s [u8]>,
    /// The transaction's id.
    pub id: Option<&'s [u8]>,
    pub amount: Option<f64>,
    /// Its scenario if it is a known fraud, else 0.
    pub scenario: u8,
    /// When that becomes known, milliseconds since 1970.
    pub label_known: i64,
    /// Event time, milliseconds since 1970.
    pub millis: i64,
    /// The broker's timestamp, milliseconds since 1970: by the [`clock`], or as it was
    /// delivered; −1 for none.
    pub arrival: i64,
    /// The record itself; `None` for a tombstone.
    pub value: Option<&'s [u8]>,
    /// Its delivery, in a dump.
    pub delivery: Option<&'s Delivery>,
}

impl<'f> Stream<'f> {
    /// Makes a stream of the records, and of the reports of frauds if there is a list of frauds, which names
    /// them by their ids.
    pub fn new(records: Records, envelopes: Envelopes, reporting: Option<Reporting<'f>>) -> Self {
        let program = envelopes.program();
        let key = program.fields.iter().position(|field| field.role == Role::Entity(0));
        let key = key.map(|key| program.path(key)).unwrap_or_default();
        let spread = SpreadCounter::new(key);
        let has = |role: Role| program.fields.iter().any(|field| field.role == role);
        let passes = |types: &EventTypes| types.others == Treatment::Pass;
        Self {
            shape: ReportShape::of(program),
            reader: Reader::new(program),
            has_time: has(Role::Time),
            passes_tombstones: program.types.as_ref().is_some_and(passes),
            records,
            envelopes,
            clock: Clock::default(),
            reporting,
            has_reports: false,
            pending: Pending::default(),
            kept: BTreeMap::new(),
            keep_from: i64::MAX,
            ahead: VecDeque::new(),
            next: None,
            given: Ahead::default(),
            record: Vec::new(),
            notes: Notes::default(),
            spread,
        }
    }

    /// Gives the next event; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<Event<'_>>> {
        self.next_arrival()?;
        let Some((record, next)) = self.next.take() else { return Ok(None) };
        if let Some(shape) = &self.shape {
            let due = self.pending.take_due(next.arrival, shape, &mut self.record);
            if let Some((arrival, count)) = due {
                let line = record.line;
                self.next = Some((record, next));
                let value = &self.record;
                return Ok(Some(Event::Reports { line, arrival, value, count, delivery: None }));
            }
            let Label { is_to_report, due: Due { at, is_said }, .. } = next.label;
            let is_reported = is_to_report && (is_said || !shape.is_typed());
            if let (true, Some(value)) = (is_reported, &record.value) {
                self.has_reports = true;
                let report = shape.report(value, at)?;
                if at >= self.keep_from {
                    self.kept.insert((at, self.pending.added), report.clone());
                }
                self.pending.add(at, report);
            }
        }
        self.given = record;
        let Ahead { line, value, delivery, key, id, amount, time } = &self.given;
        let (line, arrival, value) = (*line, next.arrival, value.as_deref());
        let delivery = delivery.as_ref();
        Ok(Some(match (next.reports, value) {
            (Some(count), Some(value)) => Event::Reports { line, arrival, value, count, delivery },
            _ => Event::Transaction(Transaction {
                line,
                key: key.as_deref(),
                id: id.as_deref(),
                amount: *amount,
                scenario: next.label.scenario,
                label_known: next.label.due.at,
                millis: time.unwrap_or(arrival),
                arrival,
                value,
                delivery,
            }),
        }))
    }

    /// Returns when the record that comes next arrives; `None` at the end of the file.
    pub fn next_arrival(&mut self) -> Result<Option<i64>> {
        if self.next.is_none() {
            self.next = self.read()?;
        }
        Ok(self.next.as_ref().map(|(_, next)| next.arrival))
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
    /// `out`. Returns the number of reports made later, and what is to be said of the file.
    pub fn write_reports(
        mut self,
        since: i64,
        until: Option<i64>,
        out: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<(u64, Notes)> {
        let shape = self.shape.take().context("the feature spec has no [reports]")?;
        let mut end = i64::MIN;
        while let Some((record, next)) = self.read()? {
            end = end.max(next.arrival.saturating_add(1));
            let Label { is_to_report, due: Due { at, .. }, .. } = next.label;
            if let (true, Some(value)) = (is_to_report && at >= since, &record.value) {
                self.pending.add(at, shape.report(value, at)?);
            }
        }
        let last = until.unwrap_or(end).saturating_sub(1);
        while let Some((_, count)) = self.pending.take_due(last, &shape, &mut self.record) {
            out(&self.record, count)?;
        }
        let later = self.pending.reports.len() as u64;
        Ok((later, self.finish()))
    }

    /// Clears the progress bar; returns what is to be said of the file.
    pub fn finish(&mut self) -> Notes {
        self.records.done();
        let mut notes = std::mem::take(&mut self.notes);
        let empty = SpreadCounter::new(String::new());
        notes.spread = std::mem::replace(&mut self.spread, empty).finish();
        let program = self.envelopes.program();
        let is_told = self.has_reports || self.reporting.is_none() || notes.transactions == 0;
        notes.unreported =
            program.type_of(Treatment::Report).filter(|_| !is_told).map(str::to_owned);
        if notes.is_unreadable() {
            notes.hint = Some(hint(&self.records.head, &notes.unreadable, program));
        }
        notes
    }

    /// Takes the next record, and finds out what it is.
    fn read(&mut self) -> Result<Option<(Ahead, Next)>> {
        while self.ahead.len() <= LOOKAHEAD && self.read_ahead()? {}
        let Some(record) = self.ahead.pop_front() else { return Ok(None) };
        let now = match self.has_time || record.delivery.is_some() {
            true => self.clock.tick(record.time, self.ahead.iter().map(|record| record.time)),
            false => clock::without_time(self.notes.records),
        };
        self.notes.count(record.line, record.time, now);
        // A dump is replayed as it was.
        let arrival = record.delivery.as_ref().map_or(now, |delivery| delivery.millis);
        let read = match record.value.as_deref() {
            None if self.passes_tombstones => Ok(Record::Passed),
            None => Err(Refusal::from(Reason::NoValue)),
            Some(value) => self.reader.read(value, arrival),
        };
        let mut reports = None;
        let mut label = Label::none(now);
        match read {
            Ok(Record::Transaction { .. }) => {
                self.notes.transactions += 1;
                if let (Some(delivery), Some(key)) = (&record.delivery, &record.key) {
                    self.spread.add(key, delivery.partition);
                }
                label = self.label(&record, now)?;
            }
            Ok(Record::Reports(all)) => {
                let mut count = 0;
                all.for_each(|_| count += 1);
                reports = Some(count);
                self.has_reports = true;
            }
            Ok(Record::Passed) => {}
            Err(refusal) => {
                let (program, value) = (self.envelopes.program(), record.value.as_deref());
                self.notes.unreadable.add(program, record.line, value, refusal);
                if self.reporting.is_some_and(|reporting| reporting.labels.are_by_id()) {
                    self.label(&record, now)?;
                }
            }
        }
        Ok(Some((record, Next { arrival, reports, label })))
    }

    /// Reads one record more; false at the end of the file.
    fn read_ahead(&mut self) -> Result<bool> {
        let Some(record) = self.records.next()? else { return Ok(false) };
        let delivery = record.delivery.cloned();
        let envelope = self.envelopes.read(record.value.unwrap_or_default());
        let delivered = delivery.as_ref().map(|delivery| delivery.millis).filter(|&at| at >= 0);
        self.ahead.push_back(Ahead {
            line: record.line,
            key: envelope.key.map(Into::into),
            id: envelope.transaction_id.map(Into::into),
            amount: envelope.amount,
            time: envelope.millis.or(delivered),
            value: record.value.map(Into::into),
            delivery,
        });
        Ok(true)
    }

    /// Returns what is known of a transaction.
    fn label(&self, record: &Ahead, now: i64) -> Result<Label> {
        let Some(reporting) = self.reporting else { return Ok(Label::none(now)) };
        let value = record.value.as_deref().unwrap_or_default();
        let met = reporting.labels.meet(record.line, record.id.as_deref(), value)?;
        let fraud = met.map(|(fraud, _)| fraud);
        Ok(Label {
            scenario: fraud.map_or(0, |fraud| fraud.scenario),
            due: reporting.due(record.time.unwrap_or(now), fraud),
            is_to_report: met.is_some_and(|(_, is_new)| is_new),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;
    use crate::data::labels::{LabelPlace, LabelSource, Labels};

    const SPEC: &str = r#"
        version = 1
        time = { path = "t", unit = "seconds" }
        transaction = { id = "transaction_id" }
        entity = [{ name = "customer", path = "c" }]
        number = [{ name = "amount", path = "amount" }]
        reports = { path = "fraud_reports", id = "transaction_id", time = "reported_at" }
        feature = [{ name = "amount", kind = "number", of = "amount" }]
    "#;

    /// Seconds from 1970 to 2000, where the times of the tests begin.
    const START: i64 = 946_684_800;

    fn program(spec: &str) -> fraud_plan::Program {
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
                let time = time.parse::<i64>().expect("seconds") + START;
                format!("{{\"transaction_id\":\"{id}\",\"t\":{time},\"c\":1,\"amount\":1.10}}\n")
            })
            .collect();
        let (input, frauds) = (file(&lines), file(frauds));
        let report_delay = Some(Duration::from_secs(delay_seconds));
        let source = LabelSource { place: LabelPlace::List(frauds.path().into()), report_delay };
        let labels = Labels::read(&source, &program(SPEC)).expect("a valid list");
        let program = program(SPEC);
        let reporting = Some(source.reporting(&labels));
        let lines = Records::open(input.path(), "test").expect("readable");
        let mut stream = Stream::new(lines, Envelopes::new(program), reporting);
        let mut events = Vec::new();
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        while let Some(event) = stream.next().expect("readable") {
            events.push(match event {
                Event::Transaction(Transaction { key, millis, value, .. }) => {
                    assert_eq!(key, Some(&b"1"[..]));
                    let value = value.expect("no tombstone");
                    let value: serde_json::Value = serde_json::from_slice(value).expect("JSON");
                    format!("{}@{}", text(&value["transaction_id"]), millis / 1000 - START)
                }
                Event::Reports { arrival, value, count, .. } => {
                    let value: serde_json::Value = serde_json::from_slice(value).expect("JSON");
                    let reports = value["fraud_reports"].as_array().expect("a list");
                    assert_eq!(reports.len() as u64, count);
                    let reports: Vec<_> = (reports.iter())
                        .map(|report| {
                            let at = text(&report["reported_at"]);
                            let at = fraud_detector::record::timestamp::parse(at.as_bytes());
                            let at = at.expect("a time") / 1000 - START;
                            format!("{}@{at}", text(&report["transaction_id"]))
                        })
                        .collect();
                    format!("[{}]@{}", reports.join(" "), arrival / 1000 - START)
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
                      a,2000-01-01T00:00:15Z\nb,\nc,2000-01-01T00:00:12+00:00\n";
        let expect = "a@1 b@2 c@3 [b@9]@9 d@11 [c@12 a@15]@15 e@20";
        assert_eq!(events("a@1 b@2 c@3 d@11 e@20", frauds, 7).join(" "), expect);
    }

    #[test]
    fn a_transaction_that_comes_twice_is_reported_once() {
        let events = events("a@1 a@1 b@9 a@10", "transaction_id\na\n", 2);
        assert_eq!(events.join(" "), "a@1 a@1 [a@3]@3 b@9 a@10");
    }
}
