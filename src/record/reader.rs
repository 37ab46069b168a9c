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
use fraud_plan::program::{Role, Scale, Time, TimeUnit, Treatment};
use fraud_plan::time::millis::YEAR_2000;

use super::event::MISSING;
use super::fields::{Fields, Finder, Use, Usual};
use super::json::layouts::Layouts;
use super::json::{self, Fault};
use super::scalar::{Member, Scalar, Text, Values, Visitor};
use super::timestamp::Parts;
use super::{Event, Reason, Refusal, amount, currency, value};

/// A record that was read.
#[derive(Debug)]
pub enum Record<'r> {
    /// A transaction.
    Transaction {
        /// Its fields.
        event: &'r Event,
        /// Offset of the record's closing brace: the verdict goes before it.
        end: usize,
        /// Whether it is to be scored, and not only remembered.
        is_scored: bool,
    },
    /// Fraud reports, all of them good.
    Reports(Reports<'r>),
    /// Another record, which goes on unread.
    Passed,
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
        let read = self.reader.pass_any(self.record, self.broker_timestamp, &mut report);
        debug_assert_eq!(read.map(|(kind, _)| kind), Ok(Kind::Reports));
    }
}

/// A record's kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Transaction,
    Remembered,
    Reports,
    Passed,
}

/// The kinds that a record of a layout can be, a bit each: the record from which the layout was
/// learnt has all that the kind takes, and nothing that it must not have.
mod sound {
    pub(super) const TRANSACTION: u8 = 1;
    pub(super) const REPORTS: u8 = 2;
    pub(super) const PASSED: u8 = 4;
    /// All of them.
    pub(super) const ALL: u8 = 7;
}

/// A reader of records, with its buffers.
pub struct Reader {
    layouts: Layouts,
    fields: Fields,
    finder: Finder,
    /// The marks of each field of a record that is being scanned.
    marks: Vec<Mark>,
    /// The transaction that is being read.
    transaction: Event,
    /// The report that is being read.
    report: Event,
    rare: Rare,
}

/// State of forms that few specs ask for.
struct Rare {
    /// The parts of a time so far.
    parts: Parts,
    /// Amounts in minor units, of the transaction and of a report.
    money: [Money; 2],
}

/// Amounts in minor units, until their currencies are known.
#[derive(Clone)]
struct Money {
    /// For each of the program's numbers; NaN is none.
    minor: Vec<f64>,
    /// For each currency, the decimals of its amounts.
    decimals: Vec<Option<u8>>,
}

impl Money {
    /// Forgets what was read before.
    #[cold]
    #[inline(never)]
    fn clear(&mut self) {
        self.minor.fill(f64::NAN);
        self.decimals.fill(None);
    }
}

/// The marks of a field.
#[derive(Clone, Copy, Default)]
struct Mark {
    /// Its name has occurred.
    seen: bool,
    /// It has a value.
    present: bool,
}

impl Reader {
    /// Makes a reader of the program's fields.
    pub fn new(program: &Program) -> Self {
        let event = Event {
            seconds: 0,
            ids: vec![0; program.entities.len()],
            numbers: vec![f32::NAN; program.numbers.len()],
            categories: vec![None; program.categories.len()],
            id: None,
            report: 0,
        };
        let fields = Fields::new(program);
        let money = match fields.currencies {
            0 => Money { minor: Vec::new(), decimals: Vec::new() },
            count => {
                let minor = vec![f64::NAN; program.numbers.len()];
                Money { minor, decimals: vec![None; count] }
            }
        };
        Self {
            layouts: Layouts::new(),
            fields,
            finder: Finder::of_read(program),
            marks: vec![Mark::default(); program.fields.len()],
            transaction: event.clone(),
            report: event,
            rare: Rare { parts: Parts::default(), money: [money.clone(), money] },
        }
    }

    /// Reads one record's value; `broker_timestamp` is in milliseconds since 1970, negative if
    /// there is none.
    pub fn read<'r>(
        &'r mut self,
        record: &'r [u8],
        broker_timestamp: i64,
    ) -> Result<Record<'r>, Refusal> {
        let mark = match record {
            [0, ..] => return Err(Reason::SchemaFramed.into()),
            [0xef, ..] => json::byte_order_mark(record),
            _ => 0,
        };
        let record = &record[mark..];
        Ok(match self.pass_any(record, broker_timestamp, &mut |_| ())? {
            (kind @ (Kind::Transaction | Kind::Remembered), end) => Record::Transaction {
                event: &self.transaction,
                end: end + mark,
                is_scored: kind == Kind::Transaction,
            },
            (Kind::Passed, _) => Record::Passed,
            (Kind::Reports, _) => {
                Record::Reports(Reports { reader: self, record, broker_timestamp })
            }
        })
    }

    /// Passes over a record in the way of the spec; see [`Reader::pass`].
    #[inline]
    fn pass_any(
        &mut self,
        record: &[u8],
        broker_timestamp: i64,
        report: &mut dyn FnMut(&Event),
    ) -> Result<(Kind, usize), Refusal> {
        match self.fields.is_plain {
            true => self.pass::<true>(record, broker_timestamp, report),
            false => self.pass::<false>(record, broker_timestamp, report),
        }
    }

    /// Passes over a record, and hands on each good report. Returns the record's kind and the
    /// offset of its closing brace. Most records look as one before them did; the others are
    /// scanned.
    #[inline]
    fn pass<const PLAIN: bool>(
        &mut self,
        record: &[u8],
        broker_timestamp: i64,
        report: &mut dyn FnMut(&Event),
    ) -> Result<(Kind, usize), Refusal> {
        for layout in self.layouts.known() {
            let (event, in_report) = (&mut self.transaction, &mut self.report);
            let rare = &mut self.rare;
            let mut pass =
                Pass::new::<PLAIN>(&self.fields, event, in_report, rare, broker_timestamp, report);
            if let Some(end) = layout.read(record, &mut pass) {
                if !PLAIN && layout.sound & pass.bit() == 0 {
                    break;
                }
                return Ok((pass.finish::<PLAIN>()?, end));
            }
        }
        self.scan(record, broker_timestamp, report)
    }

    /// Scans a record of an unknown layout, and learns from it.
    // Not inlined: the module has one copy of the scanner for all of its uses.
    #[inline(never)]
    fn scan(
        &mut self,
        record: &[u8],
        broker_timestamp: i64,
        report: &mut dyn FnMut(&Event),
    ) -> Result<(Kind, usize), Refusal> {
        let mut reports = 0;
        let mut counted = |event: &Event| {
            reports += 1;
            report(event);
        };
        let (event, in_report) = (&mut self.transaction, &mut self.report);
        let rare = &mut self.rare;
        let pass = Pass::new::<false>(
            &self.fields,
            event,
            in_report,
            rare,
            broker_timestamp,
            &mut counted,
        );
        self.marks.fill(Mark::default());
        let mut scan = Scan { pass, finder: &mut self.finder, marks: &mut self.marks };
        let end = json::scan(record, &mut scan).map_err(|fault| match fault {
            Fault::Utf8 => Reason::InvalidUtf8,
            Fault::Grammar => Reason::InvalidJson,
            Fault::NotANumber => Reason::NotANumber,
            Fault::TooDeep => Reason::TooDeep,
        })?;
        let end = end.ok_or(Reason::NotAnObject)?;
        let (kind, sound) = scan.finish()?;
        // Not from several reports: `Layout::read` would hand on the first before it knows that the
        // rest of the record has the layout.
        if reports <= 1 && sound != 0 {
            self.layouts.learn(record, end, sound, &mut self.finder);
        }
        Ok((kind, end))
    }
}

/// Returns the seconds since 2000 of a time that is neither before 2000 nor more than `max_ahead`
/// milliseconds after the broker's. One after the broker's counts as the broker's: no entity's clock runs
/// ahead of it.
#[inline(always)]
fn seconds(millis: i64, broker_timestamp: i64, fields: &Fields) -> Result<u32, Reason> {
    let millis = match millis > broker_timestamp && broker_timestamp >= 0 {
        true => broker_time(millis, broker_timestamp, fields.max_ahead)?,
        false => millis,
    };
    let seconds = millis.saturating_sub(YEAR_2000).div_euclid(1000);
    u32::try_from(seconds).map_err(|_| Reason::BadTime)
}

/// Returns the broker's time instead of one that is ahead of it, but not too far.
#[cold]
#[inline(never)]
fn broker_time(millis: i64, broker_timestamp: i64, max_ahead: i64) -> Result<i64, Reason> {
    let is_near = millis <= broker_timestamp.saturating_add(max_ahead);
    is_near.then_some(broker_timestamp).ok_or(Reason::BadTime)
}

/// Takes the values of one record. `PLAIN` is the way of specs as [`Fields::is_plain`] has it: what the
/// others ask for costs it nothing.
struct Pass<'p> {
    broker_timestamp: i64,
    fields: &'p Fields,
    transaction: &'p mut Event,
    /// The report that is being read.
    report: &'p mut Event,
    /// The record's own time.
    time: Option<i64>,
    /// State that only rare forms need.
    rare: &'p mut Rare,
    fault: Option<Refusal>,
    /// The treatment of the record, by its type.
    treatment: Treatment,
    /// Whether the record brings reports, and whether the array around them has begun.
    brings_reports: bool,
    in_list: bool,
    /// Whether one of the reports is bad.
    is_bad: bool,
    /// The first field that makes a report bad.
    bad_field: Option<u16>,
    /// Whether a report has begun and not ended.
    in_report: bool,
    /// Takes each good report.
    sink: &'p mut dyn FnMut(&Event),
}

impl<'r> Values<'r> for Pass<'_> {
    #[inline(always)]
    fn value(&mut self, field: u16, value: Scalar<'r>) {
        let usual = self.fields.uses[usize::from(field)].usual;
        if matches!(usual, Usual::Other) {
            return self.other_value(field, value);
        }
        if value == Scalar::Null {
            return;
        }
        let event = &mut *self.transaction;
        let read = match usual {
            Usual::Entity(entity) => {
                value::entity(value).map(|id| event.ids[usize::from(entity)] = id)
            }
            Usual::Number(number) => {
                value::number(value).map(|value| event.numbers[usize::from(number)] = value)
            }
            Usual::Time => match value::time(value, &self.fields.time, &mut self.rare.parts) {
                Ok(millis) => {
                    self.time = Some(millis);
                    Ok(())
                }
                Err(None) => Ok(()),
                Err(Some(reason)) => Err(reason),
            },
            Usual::Other => Ok(()),
        };
        if let Err(reason) = read {
            self.fail(field, reason);
        }
    }

    /// Ends a time of parts; no other field needs to know of its end.
    #[cold]
    #[inline(never)]
    fn end(&mut self, field: u16) {
        let Time { unit: TimeUnit::Parts, utc_offset } = self.fields.time else { return };
        let role = self.fields.uses.get(usize::from(field)).map(|field| field.role);
        if !matches!(role, Some(Role::Time | Role::ReportTime)) {
            return;
        }
        let time = self.rare.parts.end(utc_offset).ok_or(Reason::BadTime);
        let read = match role {
            Some(Role::Time) => time.map(|millis| self.time = Some(millis)),
            _ => time
                .and_then(|millis| seconds(millis, self.broker_timestamp, self.fields))
                .map(|seconds| self.report.seconds = seconds),
        };
        if let Err(reason) = read {
            self.fail(field, reason);
        }
    }
}

impl<'p> Pass<'p> {
    fn new<const PLAIN: bool>(
        fields: &'p Fields,
        transaction: &'p mut Event,
        report: &'p mut Event,
        rare: &'p mut Rare,
        broker_timestamp: i64,
        sink: &'p mut dyn FnMut(&Event),
    ) -> Self {
        transaction.numbers.fill(f32::NAN);
        if !PLAIN {
            transaction.categories.fill(None);
        }
        if !PLAIN && fields.currencies > 0 {
            rare.money[0].clear();
        }
        if !PLAIN {
            transaction.id = None;
            for &entity in &fields.optional {
                transaction.ids[usize::from(entity)] = MISSING;
            }
        }
        Self {
            broker_timestamp,
            fields,
            transaction,
            report,
            time: None,
            rare,
            fault: None,
            treatment: if PLAIN { Treatment::Score } else { fields.others },
            brings_reports: false,
            in_list: false,
            is_bad: false,
            bad_field: None,
            in_report: false,
            sink,
        }
    }

    /// Returns what the layout of the record must be sound for.
    fn bit(&self) -> u8 {
        match self.treatment {
            Treatment::Pass => sound::PASSED,
            Treatment::Report => sound::REPORTS,
            _ if self.brings_reports => sound::REPORTS,
            _ => sound::TRANSACTION,
        }
    }

    /// Returns the record's kind, once all of it has passed.
    #[inline]
    fn finish<const PLAIN: bool>(mut self) -> Result<Kind, Refusal> {
        if self.brings_reports || !PLAIN && self.treatment != Treatment::Score {
            return self.finish_other();
        }
        self.finish_transaction::<PLAIN>().map(|()| Kind::Transaction)
    }

    #[inline(always)]
    fn finish_transaction<const PLAIN: bool>(&mut self) -> Result<(), Refusal> {
        let (time, fields) = (self.time.unwrap_or(self.broker_timestamp), self.fields);
        if !PLAIN && fields.currencies > 0 {
            self.end_money(false);
        }
        match seconds(time, self.broker_timestamp, fields) {
            Ok(seconds) => self.transaction.seconds = seconds,
            Err(reason) => self.blame(fields.time_field, reason),
        }
        if !PLAIN {
            compose(&fields.composites, self.transaction);
        }
        self.fault.map_or(Ok(()), Err)
    }

    #[cold]
    #[inline(never)]
    fn finish_other(&mut self) -> Result<Kind, Refusal> {
        self.end_report();
        match self.treatment {
            Treatment::Pass => return Ok(Kind::Passed),
            Treatment::Report => {
                self.finish_typed_report().map_err(|field| self.bad_report(field))?;
                (self.sink)(self.report);
            }
            _ if self.brings_reports && self.is_bad => return Err(self.bad_report(None)),
            _ if self.brings_reports => {}
            _ => return self.finish_transaction::<false>().map(|()| Kind::Remembered),
        }
        Ok(Kind::Reports)
    }

    fn bad_report(&self, field: Option<u16>) -> Refusal {
        Refusal { reason: Reason::BadReport, field: self.bad_field.or(field) }
    }

    /// Makes the report of a record that is one by its type; else names the field that is wrong.
    fn finish_typed_report(&mut self) -> Result<(), Option<u16>> {
        self.finish_transaction::<false>().map_err(|refusal| refusal.field)?;
        if self.is_bad {
            return Err(None);
        }
        self.report.ids.clone_from(&self.transaction.ids);
        self.report.numbers.clone_from(&self.transaction.numbers);
        if !self.fields.reports_have_time {
            self.report.seconds = self.transaction.seconds;
        }
        if !self.fields.reports_have_id {
            self.report.report = self.transaction.id.ok_or(None)?;
        }
        Ok(())
    }

    /// Takes a value of a use that is not [`Usual`].
    // Not inlined: the loop over the usual values is all the faster.
    #[inline(never)]
    fn other_value(&mut self, field: u16, value: Scalar) {
        let fields = self.fields;
        for of in fields.uses_of(field) {
            self.take(*of, field, value);
        }
    }

    /// Takes a value for one of its uses.
    fn take(&mut self, of: Use, field: u16, value: Scalar) {
        let Use { role, in_report, .. } = of;
        if role == Role::Reports {
            return self.reports_value(field, value);
        }
        if value == Scalar::Null {
            return;
        }
        let event = if in_report { &mut *self.report } else { &mut *self.transaction };
        let is = |is: bool| if is { Ok(()) } else { Err(Reason::WrongType) };
        let read = match role {
            Role::Object | Role::Reports => is(value == Scalar::Object),
            Role::Array => is(value == Scalar::Array),
            Role::Entity(entity) => {
                value::entity(value).map(|id| event.ids[usize::from(entity)] = id)
            }
            Role::Number(number) if !self.fields.numbers[usize::from(number)].is_plain() => {
                self.formed_number(number, in_report, value)
            }
            Role::Number(number) => {
                value::number(value).map(|value| event.numbers[usize::from(number)] = value)
            }
            Role::Currency(currency) => self.currency(currency, in_report, value),
            Role::Category(category) => value::category(value)
                .map(|value| event.categories[usize::from(category)] = Some(value)),
            Role::Id => {
                event.id = value::entity(value).ok();
                Ok(())
            }
            Role::EventType => {
                self.treatment = self.fields.treatment(value);
                Ok(())
            }
            Role::ReportId => value::entity(value).map(|id| event.report = id),
            Role::ReportTime => match value::time(value, &self.fields.time, &mut self.rare.parts) {
                Ok(millis) => seconds(millis, self.broker_timestamp, self.fields)
                    .map(|seconds| event.seconds = seconds),
                Err(None) => Ok(()),
                Err(Some(reason)) => Err(reason),
            },
            Role::Time => match value::time(value, &self.fields.time, &mut self.rare.parts) {
                Ok(millis) => {
                    self.time = Some(millis);
                    Ok(())
                }
                Err(None) => Ok(()),
                Err(Some(reason)) => Err(reason),
            },
        };
        if let Err(reason) = read {
            self.fail_of(of, field, reason);
        }
    }

    /// Takes a number that is not in its format's form.
    #[cold]
    #[inline(never)]
    fn formed_number(&mut self, at: u16, in_report: bool, value: Scalar) -> Result<(), Reason> {
        let at = usize::from(at);
        let number = &self.fields.numbers[at];
        let is_empty = match number.scale {
            Scale::Currency(_) => {
                let minor = amount::read_f64(value, number)?;
                self.rare.money[usize::from(in_report)].minor[at] = minor.unwrap_or(f64::NAN);
                minor.is_none()
            }
            Scale::One | Scale::Decimals(_) => {
                let value = amount::read(value, number)?;
                let event = if in_report { &mut *self.report } else { &mut *self.transaction };
                event.numbers[at] = value.unwrap_or(f32::NAN);
                value.is_none()
            }
        };
        match is_empty && !number.optional && !in_report {
            true => Err(Reason::MissingField),
            false => Ok(()),
        }
    }

    /// Takes the code of a currency.
    #[cold]
    #[inline(never)]
    fn currency(&mut self, at: u16, in_report: bool, value: Scalar) -> Result<(), Reason> {
        let decimals = match value {
            Scalar::Text(text) => currency::decimals(text.written()),
            _ => None,
        };
        // Its fault is noted, so that it is not noted as missing too.
        let known = decimals.or(Some(0));
        self.rare.money[usize::from(in_report)].decimals[usize::from(at)] = known;
        decimals.map(|_| ()).ok_or(Reason::WrongType)
    }

    /// Makes numbers of the amounts in minor units, once their currencies are known.
    #[cold]
    #[inline(never)]
    fn end_money(&mut self, in_report: bool) {
        for at in 0..self.fields.numbers.len() {
            let Scale::Currency(currency) = self.fields.numbers[at].scale else { continue };
            let Money { minor, decimals } = &self.rare.money[usize::from(in_report)];
            let (minor, decimals) = (minor[at], decimals[usize::from(currency)]);
            if minor.is_nan() {
                continue;
            }
            let field = |role: Role| {
                let uses = self.fields.uses.iter();
                uses.clone().position(|field| (field.role, field.in_report) == (role, in_report))
            };
            match decimals.map(|decimals| amount::of_minor_units(minor, decimals) as f32) {
                Some(value) if value.is_finite() => {
                    let event = if in_report { &mut *self.report } else { &mut *self.transaction };
                    event.numbers[at] = value;
                }
                Some(_) => {
                    let field = field(Role::Number(at as u16)).expect("the number's field");
                    self.fail(field as u16, Reason::NotFinite);
                }
                None => {
                    let field = field(Role::Currency(currency)).expect("the currency's field");
                    self.fail(field as u16, Reason::MissingField);
                }
            }
        }
    }

    /// Notes what is wrong with a field for each of its uses.
    #[cold]
    fn fail(&mut self, field: u16, reason: Reason) {
        let fields = self.fields;
        for of in fields.uses_of(field) {
            self.fail_of(*of, field, reason);
        }
    }

    /// Notes what is wrong with a field for one of its uses.
    #[cold]
    fn fail_of(&mut self, of: Use, field: u16, reason: Reason) {
        if let (Role::Entity(entity), Reason::MissingField) = (of.role, reason)
            && self.fields.may_lack(entity, of.in_report)
        {
            return;
        }
        if of.in_report || of.role == Role::Reports {
            self.is_bad = true;
            self.bad_field = self.bad_field.or(Some(field));
        } else {
            self.blame(Some(field), reason);
        }
    }

    /// Notes a reason, unless one that comes before it is known.
    #[cold]
    fn blame(&mut self, field: Option<u16>, reason: Reason) {
        if self.fault.is_none_or(|fault| reason < fault.reason) {
            self.fault = Some(Refusal { reason, field });
        }
    }

    /// Takes a value of the field with the reports: one report, or an array first, then each of its
    /// values. Null instead of the field is no report.
    fn reports_value(&mut self, field: u16, value: Scalar) {
        self.end_report();
        let first = !self.in_list && !self.brings_reports;
        let good = match value {
            Scalar::Null if !self.in_list => return,
            Scalar::Array => first,
            Scalar::Object => first || self.in_list,
            _ => false,
        };
        if !good {
            self.is_bad = true;
            self.bad_field = self.bad_field.or(Some(field));
        }
        match value {
            Scalar::Array if good => self.in_list = true,
            Scalar::Object => {
                self.brings_reports = true;
                self.in_report = true;
                self.report.numbers.fill(f32::NAN);
                if self.fields.currencies > 0 {
                    self.rare.money[1].clear();
                }
                for &entity in &self.fields.optional {
                    self.report.ids[usize::from(entity)] = MISSING;
                }
            }
            _ => self.brings_reports = true,
        }
    }

    /// Ends the report that is being read, if there is one, and hands it on if it and all before it
    /// are good.
    fn end_report(&mut self) {
        if !std::mem::take(&mut self.in_report) {
            return;
        }
        if self.fields.currencies > 0 {
            self.end_money(true);
        }
        if !self.is_bad {
            compose(&self.fields.composites, self.report);
            (self.sink)(self.report);
        }
    }
}

/// Makes the ids of entities that consist of others; missing where one of them is.
#[inline(always)]
fn compose(composites: &[(u8, Vec<u8>)], event: &mut Event) {
    for (entity, of) in composites {
        let part = |of: &u8| Some(event.ids[usize::from(*of)]).filter(|&id| id != MISSING);
        let ids = of.iter().map(part);
        let all = ids.reduce(|id, part| Some(value::mix(id?.rotate_left(1) ^ part?)));
        event.ids[usize::from(*entity)] = all.flatten().unwrap_or(MISSING);
    }
}

/// Takes the values of a record that is scanned, and sees to it that each field is there once. A record
/// of a known layout needs no such look: the one from which the layout was learnt had it.
struct Scan<'p> {
    pass: Pass<'p>,
    finder: &'p mut Finder,
    marks: &'p mut [Mark],
}

impl<'r> Visitor<'r> for Scan<'_> {
    fn member(&mut self, parent: u16, name: Text<'r>) -> Member {
        let member = self.finder.member(parent, name);
        match member {
            Member::Take(field) => {
                let mark = &mut self.marks[usize::from(field)];
                if std::mem::replace(&mut mark.seen, true) {
                    self.pass.fail(field, Reason::DuplicateField);
                }
            }
            Member::Skip if self.pass.fields.is_verdict(parent, name) => {
                self.pass.blame(None, Reason::VerdictPresent);
            }
            Member::Skip => {}
        }
        member
    }

    fn item(&mut self, array: u16) -> Member {
        let member = self.finder.item(array);
        if let Member::Take(field) = member {
            self.marks[usize::from(field)].seen = true;
        }
        member
    }
}

impl<'r> Values<'r> for Scan<'_> {
    #[inline(always)]
    fn value(&mut self, field: u16, value: Scalar<'r>) {
        self.finder.value(field, value);
        let is_reports = self.pass.fields.uses[usize::from(field)].role == Role::Reports;
        if is_reports {
            self.check_report();
        }
        self.marks[usize::from(field)].present |= value != Scalar::Null;
        self.pass.value(field, value);
        if is_reports && value == Scalar::Object {
            for (mark, field) in self.marks.iter_mut().zip(&self.pass.fields.uses) {
                if field.in_report {
                    *mark = Mark::default();
                }
            }
        }
    }

    fn end(&mut self, field: u16) {
        self.pass.end(field);
    }
}

impl Scan<'_> {
    /// Returns the record's kind, once all of it has passed, and what other records of its layout can be
    /// without a look at their members.
    fn finish(mut self) -> Result<(Kind, u8), Refusal> {
        self.check_report();
        let fields = self.pass.fields;
        let is_there = |field: &u16| self.marks[usize::from(*field)].present;
        let has_fields = fields.of_transaction.iter().find(|field| is_there(field)).copied();
        let mut names = (0..).zip(fields.uses.iter().zip(&*self.marks));
        let list = names.find(|(_, (of, mark))| of.role == Role::Reports && mark.seen);
        // A record with an empty list of reports, and no transaction, brings reports: none. It must be a
        // list.
        let is_empty = list.is_some() && !self.pass.brings_reports && has_fields.is_none();
        if is_empty {
            self.pass.brings_reports = true;
            self.pass.is_bad |= !self.pass.in_list;
            self.pass.bad_field = self.pass.bad_field.or(list.map(|(field, _)| field));
        }
        let treatment = self.pass.treatment;
        let missing = self.absent(&fields.required);
        let missing_in_report = self.absent(&fields.required_in_report);
        let is_faultless = self.pass.fault.is_none() && !self.pass.is_bad;
        let sound = match &fields.types {
            _ if is_empty => 0,
            None => sound::ALL,
            Some(_) if !is_faultless => 0,
            Some(_) if self.pass.brings_reports => 0,
            Some(_) => {
                let transaction = if missing.is_none() { sound::TRANSACTION } else { 0 };
                let has_report = fields.reports_have_id || fields.reports_have_time;
                let report = match missing_in_report.is_none() || !has_report {
                    true => sound::REPORTS,
                    false => 0,
                };
                sound::PASSED | transaction | report
            }
        };
        match treatment {
            Treatment::Pass => {}
            Treatment::Report => {
                if let Some(field) = missing_in_report {
                    self.pass.is_bad = true;
                    self.pass.bad_field = self.pass.bad_field.or(Some(field));
                }
            }
            Treatment::Score | Treatment::Remember if self.pass.brings_reports => {
                // A record is one or the other: reports are not written, and no transaction is lost.
                if has_fields.is_some() {
                    self.pass.is_bad = true;
                    self.pass.bad_field = self.pass.bad_field.or(has_fields);
                }
            }
            Treatment::Score | Treatment::Remember => {
                if let Some(field) = missing {
                    self.pass.blame(Some(field), Reason::MissingField);
                }
            }
        }
        Ok((self.pass.finish::<false>()?, sound))
    }

    /// Sees to it that the report that is being read, if there is one, has all that it must have.
    fn check_report(&mut self) {
        if self.pass.in_report
            && let Some(field) = self.absent(&self.pass.fields.required_in_report)
        {
            self.pass.is_bad = true;
            self.pass.bad_field = self.pass.bad_field.or(Some(field));
        }
    }

    /// Returns the first of these fields that has no value.
    fn absent(&self, required: &[u16]) -> Option<u16> {
        required.iter().copied().find(|&field| !self.marks[usize::from(field)].present)
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

    /// A spec of these fields in which a record's member `x` says what the record is.
    const TYPED: &str = r#"
        version = 1
        [time]
        path = "at.time"
        [transaction]
        id = "id"
        known = 10
        [[entity]]
        name = "customer"
        path = "customer_id"
        optional = true
        [[entity]]
        name = "terminal"
        path = "at.terminal_identifier_of_the_acquirer"
        reported = 100
        [[entity]]
        name = "both"
        of = ["customer", "terminal"]
        [[number]]
        name = "amount"
        path = "amount"
        [events]
        field = "x"
        scored = ["a long text, with a comma", "596"]
        remembered = ["1"]
        reports = ["true", "é"]
        [reports]
        id = "12345"
        time = "at.time"
        [[feature]]
        name = "amount"
        kind = "number"
        of = "amount"
    "#;

    /// A spec of the same records in the forms that the first one does not have.
    const FORMS: &str = r#"
        version = 1
        [time]
        path = "at.time"
        unit = "parts"
        utc_offset = "+00:00"
        [[entity]]
        name = "customer"
        path = "customer_id"
        [[number]]
        name = "amount"
        path = "amount"
        form = "text"
        currency = "at.id"
        [[number]]
        name = "item"
        path = "x[1].amount"
        form = "boolean"
        optional = true
        [[number]]
        name = "x"
        path = "12345[0][1]"
        form = "text"
        grouping = ","
        optional = true
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
            "false",
            "[2018,4,1,0,0,31]",
            "\"1,234.50\"",
            "\"NaN\"",
            "[7,{\"amount\":true}]",
            "[7,{\"amount\":false},8]",
            "[[1,\"2\"],3]",
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
        let good = r#""x":"596","customer_id":1,"at":{"time":"2018-04-01T00:00:31Z","terminal_identifier_of_the_acquirer":2,"id":"usd"},"amount":3"#;
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
            let alike = |(record, one, other): (Vec<u8>, Like, Like)| {
                [edit(&record, one), edit(&record, other), record.clone(), record]
            };
            let records: Vec<Vec<u8>> = records.into_iter().flat_map(alike).collect();
            for spec in [SPEC, FORMS, TYPED] {
                let program = fraud_plan::compile::spec::parse(spec, "SPEC").expect("a valid spec");
                let mut reader = Reader::new(&program);
                for record in &records {
                    let mut fresh = Reader::new(&program);
                    let text = String::from_utf8_lossy(record).into_owned();
                    prop_assert_eq!(read(&mut reader, record), read(&mut fresh, record), "{}", text);
                }
            }
        }
    }
}
