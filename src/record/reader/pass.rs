//! The pass over one record's values: those that nearly every spec reads, and the record's end.

use fraud_plan::program::{Role, Time, TimeUnit, Treatment};
use fraud_plan::time::millis::YEAR_2000;

use super::Kind;
use super::other::Rare;
use super::scan::sound;
use crate::record::fields::{Fields, Use, Usual};
use crate::record::scalar::{Number, Scalar, Values};
use crate::record::{Event, Reason, Refusal, timestamp, value};

/// Takes the values of one record.
///
/// Values that nearly every spec reads are taken here. Any other value goes to [`Pass::other_value`], which sets
/// [`Rare`] up for the record before it takes the first one.
pub(super) struct Pass<'p> {
    pub(super) broker_timestamp: i64,
    pub(super) fields: &'p Fields,
    pub(super) transaction: &'p mut Event,
    /// The record's own time, else the broker's.
    pub(super) time: i64,
    /// Whether `rare` is set up for this record: nothing has gone wrong and no report has begun if not.
    pub(super) is_rare: bool,
    pub(super) rare: &'p mut Rare,
    /// Takes each good report.
    pub(super) sink: &'p mut dyn FnMut(&Event),
}

impl<'r> Values<'r> for Pass<'_> {
    #[inline(always)]
    fn value(&mut self, field: u16, value: Scalar<'r>) {
        self.other_value(field, value);
    }

    #[inline(always)]
    fn text(&mut self, field: u16, text: &'r [u8]) {
        match self.fields.uses[usize::from(field)].usual {
            Usual::Entity(entity) if !text.is_empty() => {
                self.transaction.ids[usize::from(entity)] = value::hash(text);
            }
            Usual::Time => match timestamp::usual(text) {
                Some(Some(millis)) => self.time = millis,
                _ => self.other_text(field, text),
            },
            _ => self.other_text(field, text),
        }
    }

    #[inline(always)]
    fn number(&mut self, field: u16, number: Number<'r>) {
        match self.fields.uses[usize::from(field)].usual {
            Usual::Number(at) => match number.decimal.quotient() {
                Some(value) => self.transaction.numbers[usize::from(at)] = value,
                None => self.other_number(field, number.text),
            },
            Usual::Entity(entity) if number.decimal.integer => {
                self.transaction.ids[usize::from(entity)] = value::hash(number.text);
            }
            _ => self.other_number(field, number.text),
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
            Some(Role::Time) => time.map(|millis| self.time = millis),
            _ => time
                .and_then(|millis| seconds(millis, self.broker_timestamp, self.fields))
                .map(|seconds| self.rare.report.seconds = seconds),
        };
        if let Err(reason) = read {
            self.fail(field, reason);
        }
    }
}

impl<'p> Pass<'p> {
    #[inline(always)]
    pub(super) fn new(
        fields: &'p Fields,
        transaction: &'p mut Event,
        rare: &'p mut Rare,
        broker_timestamp: i64,
        sink: &'p mut dyn FnMut(&Event),
    ) -> Self {
        let time = broker_timestamp;
        let is_rare = false;
        let mut pass = Self { broker_timestamp, fields, transaction, time, is_rare, rare, sink };
        if !fields.is_plain {
            pass.clear();
        }
        pass
    }

    /// Returns what the layout of the record must be sound for.
    pub(super) fn bit(&self) -> u8 {
        match self.rare.treatment {
            Treatment::Pass => sound::PASSED,
            Treatment::Report => sound::REPORTS,
            _ if self.rare.brings_reports => sound::REPORTS,
            _ => sound::TRANSACTION,
        }
    }

    /// Returns the record's kind, once all of it has passed.
    #[inline(always)]
    pub(super) fn finish(mut self) -> Result<Kind, Refusal> {
        if self.is_rare {
            return self.finish_other();
        }
        match seconds(self.time, self.broker_timestamp, self.fields) {
            Ok(seconds) => self.transaction.seconds = seconds,
            Err(reason) => return Err(Refusal { reason, field: self.fields.time_field }),
        }
        Ok(Kind::Transaction)
    }

    pub(super) fn bad_report(&self, field: Option<u16>) -> Refusal {
        Refusal { reason: Reason::BadReport, field: self.rare.bad_field.or(field) }
    }

    /// Notes what is wrong with a field for each of its uses.
    #[cold]
    pub(super) fn fail(&mut self, field: u16, reason: Reason) {
        self.set_up();
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
            self.rare.is_bad = true;
            self.rare.bad_field = self.rare.bad_field.or(Some(field));
        } else {
            self.blame(Some(field), reason);
        }
    }

    /// Notes a reason, unless one that comes before it is known.
    #[cold]
    pub(super) fn blame(&mut self, field: Option<u16>, reason: Reason) {
        if self.rare.fault.is_none_or(|fault| reason < fault.reason) {
            self.rare.fault = Some(Refusal { reason, field });
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
