//! Finding the spec's fields in a record's bytes, in one pass.

use std::borrow::Cow;

use fraud_plan::Program;
use fraud_plan::program::{Field, Role, TimeUnit};
use fraud_plan::time::millis::DAY;

use super::json::layouts::Layouts;
use super::json::{self, Fault, Member, RECORD, Token, Visitor, is_name};
use super::{Event, Reason, value};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Record<'r> {
    /// A transaction.
    Transaction(&'r Event),
    /// Fraud reports, all of them good: [`Reader::for_each_report`] gives them.
    Reports,
}

/// The same without what was read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Transaction,
    Reports,
}

/// Milliseconds from 1970 to 2000.
const EPOCH_2000: i64 = 946_684_800_000;

/// Reads records; keeps its buffers.
pub struct Reader {
    layouts: Layouts,
    fields: Fields,
    end: usize,
}

/// The spec's fields, and what a record has of them.
struct Fields {
    verdict: String,
    all: Vec<Field>,
    /// What each is for, together.
    roles: Vec<Role>,
    time_unit: TimeUnit,
    /// Sets of fields, a bit each: parts of reports, and what must not be absent.
    in_report: u64,
    required: u64,
    transaction: Event,
    report: Event,
}

impl Reader {
    /// A reader of the program's fields.
    pub fn new(program: &Program) -> Self {
        let set = |holds: &dyn Fn(&Field) -> bool| {
            let fields = program.fields.iter().enumerate();
            fields.fold(0, |set, (at, field)| set | u64::from(holds(field)) << at)
        };
        let in_report = set(&|field| program.in_report(field));
        let required = set(&|field| match field.role {
            Role::Entity(_) | Role::ReportId | Role::ReportTime => true,
            Role::Number(number) => {
                !program.in_report(field) && !program.numbers[usize::from(number)].optional
            }
            Role::Object | Role::Reports | Role::Time => false,
        });
        let event = Event {
            seconds: 0,
            ids: vec![0; program.entities.len()],
            numbers: vec![f32::NAN; program.numbers.len()],
            report: 0,
        };
        let fields = Fields {
            verdict: program.verdict.clone(),
            roles: program.fields.iter().map(|field| field.role).collect(),
            all: program.fields.clone(),
            time_unit: program.time_unit,
            in_report,
            required,
            transaction: event.clone(),
            report: event,
        };
        Self { layouts: Layouts::new(), fields, end: 0 }
    }

    /// Reads one record; `broker_timestamp` in milliseconds since 1970, negative if there is none.
    pub fn read(
        &mut self,
        value: Option<&[u8]>,
        broker_timestamp: i64,
    ) -> Result<Record<'_>, Reason> {
        let value = value.ok_or(Reason::NoValue)?;
        if value.first() == Some(&0) {
            return Err(Reason::SchemaFramed);
        }
        Ok(match self.pass(value, broker_timestamp, &mut |_| ())? {
            Kind::Transaction => Record::Transaction(&self.fields.transaction),
            Kind::Reports => Record::Reports,
        })
    }

    /// The reports of a value that was read as [`Record::Reports`], in their order.
    pub fn for_each_report(
        &mut self,
        value: &[u8],
        broker_timestamp: i64,
        mut report: impl FnMut(&Event),
    ) {
        let read = self.pass(value, broker_timestamp, &mut report);
        debug_assert_eq!(read, Ok(Kind::Reports));
    }

    /// Most records look as one before them did; the others are scanned.
    #[inline]
    fn pass(
        &mut self,
        value: &[u8],
        broker_timestamp: i64,
        report: &mut dyn FnMut(&Event),
    ) -> Result<Kind, Reason> {
        for layout in self.layouts.known() {
            let mut pass = Pass::new(&mut self.fields, value, broker_timestamp, report);
            if let Some(end) = layout.read(value, &mut pass) {
                self.end = end;
                return pass.finish();
            }
        }
        self.scan(value, broker_timestamp, report)
    }

    // One copy of the scanner in the module for both.
    #[inline(never)]
    fn scan(
        &mut self,
        value: &[u8],
        broker_timestamp: i64,
        report: &mut dyn FnMut(&Event),
    ) -> Result<Kind, Reason> {
        let mut reports = 0;
        let mut counted = |event: &Event| {
            reports += 1;
            report(event);
        };
        let mut pass = Pass::new(&mut self.fields, value, broker_timestamp, &mut counted);
        let end = json::scan(value, &mut pass).map_err(|fault| match fault {
            Fault::Utf8 => Reason::InvalidUtf8,
            Fault::Grammar => Reason::InvalidJson,
            Fault::TooDeep => Reason::TooDeep,
        })?;
        self.end = end.ok_or(Reason::NotAnObject)?;
        let kind = pass.finish()?;
        // The first of several would be handed on before it is clear that the layout fits.
        if reports <= 1 {
            self.layouts.learn(value, self.end, |parent, name, escaped| {
                find(&self.fields.all, parent, name, escaped)
            });
        }
        Ok(kind)
    }

    /// Offset of the last record's closing brace.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The first entity's id as text: what the record is keyed by. `None` if the record has none.
    pub fn partition_key(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut key = KeyPass { fields: &self.fields, key: None };
        json::scan(value, &mut key).ok()?;
        value::id_text(value, key.key?).map(Cow::into_owned)
    }
}

/// The field called `name` in `parent`.
fn find(fields: &[Field], parent: u8, name: &[u8], escaped: bool) -> Member {
    let field = fields.iter().position(|field| {
        field.parent.unwrap_or(RECORD) == parent && is_name(name, escaped, &field.name)
    });
    field.map_or(Member::Skip, |field| Member::Take(field as u8))
}

/// Seconds since 2000 of a time that is not before that nor more than a day after the broker's.
fn seconds(millis: i64, broker_timestamp: i64) -> Result<u32, Reason> {
    let latest = match broker_timestamp {
        ..0 => i64::MAX,
        known => known.saturating_add(DAY),
    };
    let seconds = u32::try_from(millis.saturating_sub(EPOCH_2000).div_euclid(1000));
    seconds.ok().filter(|_| millis <= latest).ok_or(Reason::BadTime)
}

fn first(fault: Option<Reason>, other: Reason) -> Option<Reason> {
    Some(fault.map_or(other, |fault| fault.min(other)))
}

/// One pass over one record.
struct Pass<'r> {
    text: &'r [u8],
    broker_timestamp: i64,
    fields: &'r mut Fields,
    /// Fields whose name has stood, a bit each.
    seen: u64,
    /// Fields without a value so far, a bit each.
    absent: u64,
    time: Option<i64>,
    fault: Option<Reason>,
    /// Once it is clear that the record brings reports: whether all so far are good.
    reports: Option<bool>,
    in_report: bool,
    report: &'r mut dyn FnMut(&Event),
}

impl Visitor for Pass<'_> {
    fn member(&mut self, parent: u8, name: &[u8], escaped: bool) -> Member {
        let member = find(&self.fields.all, parent, name, escaped);
        match member {
            Member::Take(field) => self.take(field),
            Member::Skip if parent == RECORD && is_name(name, escaped, &self.fields.verdict) => {
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
        let fields = &mut *self.fields;
        let event = if in_report { &mut fields.report } else { &mut fields.transaction };
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
        fields: &'r mut Fields,
        text: &'r [u8],
        broker_timestamp: i64,
        report: &'r mut dyn FnMut(&Event),
    ) -> Self {
        fields.transaction.numbers.fill(f32::NAN);
        Self {
            text,
            broker_timestamp,
            fields,
            seen: 0,
            absent: u64::MAX,
            time: None,
            fault: None,
            reports: None,
            in_report: false,
            report,
        }
    }

    /// What the record is, once all of it has passed.
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
            Ok(seconds) => self.fields.transaction.seconds = seconds,
            Err(reason) => fault = first(fault, reason),
        }
        match fault {
            Some(reason) => Err(reason),
            None => Ok(Kind::Transaction),
        }
    }

    /// The name of a field has stood.
    #[inline(always)]
    fn take(&mut self, field: u8) {
        if self.seen >> field & 1 == 1 {
            self.fail(usize::from(field), Reason::DuplicateField);
        }
        self.seen |= 1 << field;
    }

    #[cold]
    fn fail(&mut self, field: usize, reason: Reason) {
        if self.fields.in_report >> field & 1 == 1 {
            self.reports = Some(false);
        } else {
            self.fault = first(self.fault, reason);
        }
    }

    /// The array of reports first, then each of its values.
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
            self.fields.report.numbers.fill(f32::NAN);
        }
    }

    /// Hands on the report that has been read, if there is one and it is whole.
    fn end_report(&mut self) {
        if !std::mem::take(&mut self.in_report) {
            return;
        }
        if self.absent & self.fields.required & self.fields.in_report != 0 {
            self.reports = Some(false);
        }
        if self.reports == Some(true) {
            (self.report)(&self.fields.report);
        }
    }
}

/// Finds the first entity's id, whatever else the record lacks.
struct KeyPass<'r> {
    fields: &'r Fields,
    key: Option<Token>,
}

impl Visitor for KeyPass<'_> {
    fn member(&mut self, parent: u8, name: &[u8], escaped: bool) -> Member {
        find(&self.fields.all, parent, name, escaped)
    }

    fn value(&mut self, field: u8, token: Token) {
        let is_transactions = self.fields.in_report >> field & 1 == 0;
        if is_transactions && self.fields.all[usize::from(field)].role == Role::Entity(0) {
            self.key.get_or_insert(token);
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// What was read before makes no difference.
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
                let found = format!("{:?}", reader.read(Some(&record), -1));
                prop_assert_eq!(&found, &format!("{:?}", fresh.read(Some(&record), -1)), "{}", text);
                if found == "Ok(Reports)" {
                    let (mut one, mut other) = (Vec::new(), Vec::new());
                    reader.for_each_report(&record, -1, |report| one.push(format!("{report:?}")));
                    fresh.for_each_report(&record, -1, |report| other.push(format!("{report:?}")));
                    prop_assert_eq!(one, other, "{}", text);
                }
            }
        }
    }
}
