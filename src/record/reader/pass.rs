//! The pass over one record's values: those that nearly every spec reads, and the record's end.

use fraud_plan::program::{Role, Time, TimeUnit, Treatment};
use fraud_plan::time::millis::YEAR_2000;

use super::Kind;
use super::other::{Rare, compose};
use super::scan::sound;
use crate::record::event::MISSING;
use crate::record::fields::{Fields, Use, Usual};
use crate::record::scalar::{Scalar, Values};
use crate::record::{Event, Reason, Refusal, value};

/// Takes the values of one record. `PLAIN` is the way of specs as [`Fields::is_plain`] has it: what the
/// others ask for costs it nothing.
pub(super) struct Pass<'p> {
    pub(super) broker_timestamp: i64,
    pub(super) fields: &'p Fields,
    pub(super) transaction: &'p mut Event,
    /// The report that is being read.
    pub(super) report: &'p mut Event,
    /// The record's own time.
    pub(super) time: Option<i64>,
    /// State that only rare forms need.
    pub(super) rare: &'p mut Rare,
    pub(super) fault: Option<Refusal>,
    /// The treatment of the record, by its type.
    pub(super) treatment: Treatment,
    /// Whether the record brings reports, and whether the array around them has begun.
    pub(super) brings_reports: bool,
    pub(super) in_list: bool,
    /// Whether one of the reports is bad.
    pub(super) is_bad: bool,
    /// The first field that makes a report bad.
    pub(super) bad_field: Option<u16>,
    /// Whether a report has begun and not ended.
    pub(super) in_report: bool,
    /// Takes each good report.
    pub(super) sink: &'p mut dyn FnMut(&Event),
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
    pub(super) fn new<const PLAIN: bool>(
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
    pub(super) fn bit(&self) -> u8 {
        match self.treatment {
            Treatment::Pass => sound::PASSED,
            Treatment::Report => sound::REPORTS,
            _ if self.brings_reports => sound::REPORTS,
            _ => sound::TRANSACTION,
        }
    }

    /// Returns the record's kind, once all of it has passed.
    #[inline]
    pub(super) fn finish<const PLAIN: bool>(mut self) -> Result<Kind, Refusal> {
        if self.brings_reports || !PLAIN && self.treatment != Treatment::Score {
            return self.finish_other();
        }
        self.finish_transaction::<PLAIN>().map(|()| Kind::Transaction)
    }

    #[inline(always)]
    pub(super) fn finish_transaction<const PLAIN: bool>(&mut self) -> Result<(), Refusal> {
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
    pub(super) fn finish_other(&mut self) -> Result<Kind, Refusal> {
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

    pub(super) fn bad_report(&self, field: Option<u16>) -> Refusal {
        Refusal { reason: Reason::BadReport, field: self.bad_field.or(field) }
    }

    /// Notes what is wrong with a field for each of its uses.
    #[cold]
    pub(super) fn fail(&mut self, field: u16, reason: Reason) {
        let fields = self.fields;
        for of in fields.uses_of(field) {
            self.fail_of(*of, field, reason);
        }
    }

    /// Notes what is wrong with a field for one of its uses.
    #[cold]
    pub(super) fn fail_of(&mut self, of: Use, field: u16, reason: Reason) {
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
    pub(super) fn blame(&mut self, field: Option<u16>, reason: Reason) {
        if self.fault.is_none_or(|fault| reason < fault.reason) {
            self.fault = Some(Refusal { reason, field });
        }
    }
}

/// Returns the seconds since 2000 of a time that is neither before 2000 nor more than `max_ahead`
/// milliseconds after the broker's. One after the broker's counts as the broker's: no entity's clock runs
/// ahead of it.
#[inline(always)]
pub(super) fn seconds(millis: i64, broker_timestamp: i64, fields: &Fields) -> Result<u32, Reason> {
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
pub(super) fn broker_time(
    millis: i64,
    broker_timestamp: i64,
    max_ahead: i64,
) -> Result<i64, Reason> {
    let is_near = millis <= broker_timestamp.saturating_add(max_ahead);
    is_near.then_some(broker_timestamp).ok_or(Reason::BadTime)
}
