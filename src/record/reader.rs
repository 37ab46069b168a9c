//! Reading a record: what its fields mean, in one pass over its bytes.
//!
//! The scanner and the layouts (`json/`) know where a record's members are; [`Fields`] knows which
//! of them the spec asks for; the pass here turns their values into an [`Event`] and judges the
//! whole: a transaction, fraud reports, or the reason why it is neither.
//!
//! **Invariant**: what a record is depends on its bytes and the broker's timestamp alone, never on
//! the records before it. The layouts only make it cheaper to find out.
//!
//! To check a change: the property test below and the fuzz target `record` compare a reader that
//! has read much with a fresh one, `tests/reasons.rs` has records for each reason.

use fraud_plan::Program;
use fraud_plan::program::Role;
use fraud_plan::time::millis::DAY;

use super::fields::Fields;
use super::json::layouts::Layouts;
use super::json::{self, Fault, Member, Token, Visitor};
use super::{Event, Reason, value};

/// A record that was read.
#[derive(Debug)]
pub enum Record<'r> {
    /// A transaction.
    Transaction {
        /// Its fields.
        event: &'r Event,
        /// Offset of the record's closing brace: the verdict goes before it.
        end: usize,
    },
    /// Fraud reports, all of them good.
    Reports(Reports<'r>),
}

/// The fraud reports of a record.
pub struct Reports<'r> {
    reader: &'r mut Reader,
    record: &'r [u8],
    broker_timestamp: i64,
}

impl std::fmt::Debug for Reports<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reports")
    }
}

impl Reports<'_> {
    /// Hands the reports on in their order, by reading the record a second time. One bad report
    /// makes all reports of a record void, and the first reading passes a report before it knows the
    /// reports behind it. Reading twice needs no memory for reports, however many there are.
    pub fn for_each(self, mut report: impl FnMut(&Event)) {
        let read = self.reader.pass(self.record, self.broker_timestamp, &mut report);
        debug_assert_eq!(read.map(|(kind, _)| kind), Ok(Kind::Reports));
    }
}

/// A record's kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Transaction,
    Reports,
}

/// Milliseconds from 1970 to 2000.
const EPOCH_2000: i64 = 946_684_800_000;

/// A reader of records, with its buffers.
pub struct Reader {
    layouts: Layouts,
    fields: Fields,
    /// The transaction that was read last, or is being read.
    transaction: Event,
    /// The report that is being read.
    report: Event,
}

impl Reader {
    /// Makes a reader of the program's fields.
    pub fn new(program: &Program) -> Self {
        let event = Event {
            seconds: 0,
            ids: vec![0; program.entities.len()],
            numbers: vec![f32::NAN; program.numbers.len()],
            report: 0,
        };
        Self {
            layouts: Layouts::new(),
            fields: Fields::new(program),
            transaction: event.clone(),
            report: event,
        }
    }

    /// Reads one record's value; `broker_timestamp` is in milliseconds since 1970, negative if
    /// there is none.
    pub fn read<'r>(
        &'r mut self,
        record: &'r [u8],
        broker_timestamp: i64,
    ) -> Result<Record<'r>, Reason> {
        if record.first() == Some(&0) {
            return Err(Reason::SchemaFramed);
        }
        Ok(match self.pass(record, broker_timestamp, &mut |_| ())? {
            (Kind::Transaction, end) => Record::Transaction { event: &self.transaction, end },
            (Kind::Reports, _) => {
                Record::Reports(Reports { reader: self, record, broker_timestamp })
            }
        })
    }

    /// Passes over a record, and hands on each good report. Returns the record's kind and the
    /// offset of its closing brace. Most records look as one before them did; the others are
    /// scanned.
    #[inline]
    fn pass(
        &mut self,
        record: &[u8],
        broker_timestamp: i64,
        report: &mut dyn FnMut(&Event),
    ) -> Result<(Kind, usize), Reason> {
        for layout in self.layouts.known() {
            let (event, in_report) = (&mut self.transaction, &mut self.report);
            let mut pass =
                Pass::new(&self.fields, event, in_report, record, broker_timestamp, report);
            if let Some(end) = layout.read(record, &mut pass) {
                return Ok((pass.finish()?, end));
            }
        }
        self.scan(record, broker_timestamp, report)
    }

    /// Scans a record of an unknown layout, and learns from it.
    // Not inlined: the module has one copy of the scanner for both of its uses.
    #[inline(never)]
    fn scan(
        &mut self,
        record: &[u8],
        broker_timestamp: i64,
        report: &mut dyn FnMut(&Event),
    ) -> Result<(Kind, usize), Reason> {
        let mut reports = 0;
        let mut counted = |event: &Event| {
            reports += 1;
            report(event);
        };
        let (event, in_report) = (&mut self.transaction, &mut self.report);
        let mut pass =
            Pass::new(&self.fields, event, in_report, record, broker_timestamp, &mut counted);
        let end = json::scan(record, &mut pass).map_err(|fault| match fault {
            Fault::Utf8 => Reason::InvalidUtf8,
            Fault::Grammar => Reason::InvalidJson,
            Fault::TooDeep => Reason::TooDeep,
        })?;
        let end = end.ok_or(Reason::NotAnObject)?;
        let kind = pass.finish()?;
        // Not from several reports: `Layout::read` would hand on the first before it knows that the
        // rest of the record has the layout.
        if reports <= 1 {
            let fields = &self.fields;
            let find = |parent, name: &[u8], escaped| fields.find(parent, name, escaped);
            self.layouts.learn(record, end, find);
        }
        Ok((kind, end))
    }
}

/// Returns the seconds since 2000 of a time that is neither before 2000 nor more than a day after
/// the broker's.
fn seconds(millis: i64, broker_timestamp: i64) -> Result<u32, Reason> {
    let latest = match broker_timestamp {
        ..0 => i64::MAX,
        known => known.saturating_add(DAY),
    };
    let seconds = u32::try_from(millis.saturating_sub(EPOCH_2000).div_euclid(1000));
    seconds.ok().filter(|_| millis <= latest).ok_or(Reason::BadTime)
}

/// Returns the reason to give where two hold.
fn first(fault: Option<Reason>, other: Reason) -> Option<Reason> {
    Some(fault.map_or(other, |fault| fault.min(other)))
}

/// One pass over one record.
struct Pass<'r> {
    text: &'r [u8],
    broker_timestamp: i64,
    fields: &'r Fields,
    transaction: &'r mut Event,
    /// The report that is being read.
    report: &'r mut Event,
    /// Bit set of the fields whose name has occurred.
    seen: u64,
    /// Bit set of the fields that have no value so far.
    absent: u64,
    /// The record's own time.
    time: Option<i64>,
    fault: Option<Reason>,
    /// Whether all reports so far are good; `None` until the record is known to bring reports.
    reports: Option<bool>,
    /// Whether a report has begun and not ended.
    in_report: bool,
    /// Takes each good report.
    sink: &'r mut dyn FnMut(&Event),
}

impl Visitor for Pass<'_> {
    fn member(&mut self, parent: u8, name: &[u8], escaped: bool) -> Member {
        let member = self.fields.find(parent, name, escaped);
        match member {
            Member::Take(field) => self.take(field),
            Member::Skip if self.fields.is_verdict(parent, name, escaped) => {
                self.fault = first(self.fault, Reason::VerdictPresent);
            }
            Member::Skip => {}
        }
        member
    }

    #[inline(always)]
    fn value(&mut self, field: u8, token: Token) {
        let field = usize::from(field);
        let role = self.fields.roles[field];
        if role == Role::Reports {
            return self.reports_value(token);
        }
        if token == Token::Null {
            return;
        }
        self.absent &= !(1 << field);
        let (text, unit) = (self.text, self.fields.time_unit);
        let in_report = self.fields.in_report >> field & 1 == 1;
        let event = if in_report { &mut *self.report } else { &mut *self.transaction };
        let read = match role {
            Role::Object | Role::Reports => match token {
                Token::Object => Ok(()),
                _ => Err(Reason::WrongType),
            },
            Role::Entity(entity) => {
                value::id(text, token).map(|id| event.ids[usize::from(entity)] = id)
            }
            Role::Number(number) => {
                value::number(text, token).map(|value| event.numbers[usize::from(number)] = value)
            }
            Role::Time => value::time(text, token, unit).map(|millis| self.time = Some(millis)),
            Role::ReportId => value::id(text, token).map(|id| event.report = id),
            Role::ReportTime => value::time(text, token, unit)
                .and_then(|millis| seconds(millis, self.broker_timestamp))
                .map(|seconds| event.seconds = seconds),
        };
        if let Err(reason) = read {
            self.fail(field, reason);
        }
    }
}

impl<'r> Pass<'r> {
    fn new(
        fields: &'r Fields,
        transaction: &'r mut Event,
        report: &'r mut Event,
        text: &'r [u8],
        broker_timestamp: i64,
        sink: &'r mut dyn FnMut(&Event),
    ) -> Self {
        transaction.numbers.fill(f32::NAN);
        Self {
            text,
            broker_timestamp,
            fields,
            transaction,
            report,
            seen: 0,
            absent: u64::MAX,
            time: None,
            fault: None,
            reports: None,
            in_report: false,
            sink,
        }
    }

    /// Returns the record's kind, once all of it has passed.
    #[inline]
    fn finish(mut self) -> Result<Kind, Reason> {
        self.end_report();
        let required = self.fields.required & !self.fields.in_report;
        if let Some(good) = self.reports {
            // A record is one or the other: reports are not written, and no transaction is lost.
            let is_transaction = self.seen & required != 0;
            return if good && !is_transaction {
                Ok(Kind::Reports)
            } else {
                Err(Reason::BadReport)
            };
        }
        let mut fault = self.fault;
        if self.absent & required != 0 {
            fault = first(fault, Reason::MissingField);
        }
        match seconds(self.time.unwrap_or(self.broker_timestamp), self.broker_timestamp) {
            Ok(seconds) => self.transaction.seconds = seconds,
            Err(reason) => fault = first(fault, reason),
        }
        match fault {
            Some(reason) => Err(reason),
            None => Ok(Kind::Transaction),
        }
    }

    /// Marks a field's name as seen; the second time it is a duplicate.
    #[inline(always)]
    fn take(&mut self, field: u8) {
        if self.seen >> field & 1 == 1 {
            self.fail(usize::from(field), Reason::DuplicateField);
        }
        self.seen |= 1 << field;
    }

    /// Notes what is wrong with a field.
    #[cold]
    fn fail(&mut self, field: usize, reason: Reason) {
        if self.fields.in_report >> field & 1 == 1 {
            self.reports = Some(false);
        } else {
            self.fault = first(self.fault, reason);
        }
    }

    /// Takes a value of the field with the reports: the array first, then each of its values.
    fn reports_value(&mut self, token: Token) {
        self.end_report();
        let first = self.reports.is_none();
        let good = match token {
            Token::Array => first,
            Token::Object => !first,
            _ => false,
        };
        self.reports = Some(self.reports.unwrap_or(true) && good);
        if token == Token::Object {
            self.in_report = true;
            self.seen &= !self.fields.in_report;
            self.absent |= self.fields.in_report;
            self.report.numbers.fill(f32::NAN);
        }
    }

    /// Ends the report that is being read, if there is one, and hands it on if it and all before it
    /// are good.
    fn end_report(&mut self) {
        if !std::mem::take(&mut self.in_report) {
            return;
        }
        if self.absent & self.fields.required & self.fields.in_report != 0 {
            self.reports = Some(false);
        }
        if self.reports == Some(true) {
            (self.sink)(self.report);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPEC: &str = r#"
        version = 1
        [time]
        path = "at.time"
        [[entity]]
        name = "customer"
        path = "customer_id"
        [[entity]]
        name = "terminal"
        path = "at.terminal_identifier_of_the_acquirer"
        reported = 100
        [[number]]
        name = "amount"
        path = "amount"
        [reports]
        path = "reports"
        id = "id"
        time = "reported_at"
        [[feature]]
        name = "amount"
        kind = "number"
        of = "amount"
    "#;

    fn member() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "customer_id",
            "amount",
            "at",
            "time",
            "reports",
            "id",
            "fraud",
            "x",
            "é",
            "",
            "amoun\\u0074",
            "terminal_identifier_of_the_acquirer",
            "customer_iD",
            "\\\"",
            "12345",
            "123456789012",
        ]);
        let colon = prop::sample::select(vec![":", ":", ":", " :", ": "]);
        let leaf = prop::sample::select(vec![
            "1",
            "57.16",
            "-1e9",
            "\"596\"",
            "\"5\\u00396\"",
            "null",
            "true",
            "[]",
            "{}",
            "\"é\"",
            "\"2018-04-01T00:00:31Z\"",
            "\"2018-04-01 00:00:31.5+01:00\"",
            "nul",
            "\"a long text, with a comma\"",
        ]);
        let leaf = leaf.prop_map(str::to_owned);
        let value = leaf.prop_recursive(2, 8, 4, move |inner| {
            let inner = ("(customer_id|amount|at|id|terminal_identifier_of_the_acquirer|x)", inner);
            let object = prop::collection::vec(inner, 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            });
            prop_oneof![
                object.clone(),
                prop::collection::vec(object, 0..3).prop_map(|all| format!("[{}]", all.join(",")))
            ]
        });
        (name, colon, value).prop_map(|(name, colon, value)| format!("\"{name}\"{colon}{value}"))
    }

    fn record() -> impl Strategy<Value = Vec<u8>> {
        let good = r#""customer_id":1,"at":{"time":"2018-04-01T00:00:31Z","terminal_identifier_of_the_acquirer":2},"amount":3"#;
        let comma = prop::sample::select(vec![",", ",", ", ", ""]);
        let edit = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
        let report = r#"{"id":1,"reported_at":"2018-04-01T00:00:31Z","at":{"terminal_identifier_of_the_acquirer":2},"amount":3}"#;
        (0..5_usize, prop::collection::vec(member(), 0..5), comma, edit).prop_map(
            move |(good_ones, mut members, comma, edit)| {
                match good_ones {
                    0 => {}
                    1 | 2 => members.insert(members.len() / 2, good.to_owned()),
                    more => {
                        // One report, or two.
                        let reports = vec![report; more - 2].join(",");
                        members.truncate(1);
                        members.push(format!("\"reports\":[{reports}]"));
                    }
                }
                let mut record = format!("{{{}}}", members.join(comma)).into_bytes();
                if let Some((at, byte)) = edit {
                    let at = at.index(record.len());
                    record[at] = byte;
                }
                record
            },
        )
    }

    /// Bytes to write into a record, so that it looks almost as it did.
    type Like = Vec<(prop::sample::Index, u8)>;

    fn like() -> impl Strategy<Value = Like> {
        let byte = prop_oneof![
            2 => prop::sample::select(b"0123456789".to_vec()),
            1 => prop::sample::select(b"{}[]\",:\\ .-eE\xc3".to_vec()),
        ];
        prop::collection::vec((any::<prop::sample::Index>(), byte), 1..3)
    }

    fn edit(record: &[u8], like: Like) -> Vec<u8> {
        let mut record = record.to_vec();
        for (at, byte) in like {
            let at = at.index(record.len());
            record[at] = byte;
        }
        record
    }

    /// Reads a record as text, its reports included.
    fn read(reader: &mut Reader, record: &[u8]) -> Vec<String> {
        let read = reader.read(record, -1);
        let mut found = vec![format!("{read:?}")];
        if let Ok(Record::Reports(reports)) = read {
            reports.for_each(|report| found.push(format!("{report:?}")));
        }
        found
    }

    proptest! {
        #![proptest_config(crate::cases(2000))]

        #[test]
        fn a_record_is_read_by_itself(
            records in prop::collection::vec((record(), like(), like()), 1..12),
        ) {
            let program = fraud_plan::compile::spec::parse(SPEC, "SPEC").expect("a valid spec");
            let mut reader = Reader::new(&program);
            let alike = |(record, one, other): (Vec<u8>, Like, Like)| {
                [edit(&record, one), edit(&record, other), record.clone(), record]
            };
            for record in records.into_iter().flat_map(alike) {
                let mut fresh = Reader::new(&program);
                let text = String::from_utf8_lossy(&record).into_owned();
                prop_assert_eq!(read(&mut reader, &record), read(&mut fresh, &record), "{}", text);
            }
        }
    }
}
