//! Values of uses that few specs have, or few records: fraud reports, types, categories, ids of
//! transactions.

use fraud_plan::Program;
use fraud_plan::program::{Role, Treatment};

use super::Kind;
use super::money::Money;
use super::pass::{Pass, seconds};
use crate::record::event::MISSING;
use crate::record::fields::{Fields, Use};
use crate::record::scalar::{Number, Scalar, Text};
use crate::record::timestamp::Parts;
use crate::record::{Event, Reason, Refusal, number, value};

/// State of a record that only few specs or records need.
pub(super) struct Rare {
    /// The first reason in the order of [`Reason`] why the record is no good transaction.
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
    /// The report that is being read.
    pub(super) report: Event,
    /// The parts of a time so far.
    pub(super) parts: Parts,
    /// Amounts in minor units, of the transaction and of a report.
    pub(super) money: [Money; 2],
}

impl Rare {
    pub(super) fn new(program: &Program, fields: &Fields, report: Event) -> Self {
        let money = match fields.currencies {
            0 => Money { minor: Vec::new(), decimals: Vec::new() },
            count => {
                let minor = vec![f64::NAN; program.numbers.len()];
                Money { minor, decimals: vec![None; count] }
            }
        };
        Self {
            fault: None,
            treatment: fields.others,
            brings_reports: false,
            in_list: false,
            is_bad: false,
            bad_field: None,
            in_report: false,
            report,
            parts: Parts::default(),
            money: [money.clone(), money],
        }
    }
}

impl Pass<'_> {
    /// Sets the state up for this record, if it is not.
    pub(super) fn set_up(&mut self) {
        if std::mem::replace(&mut self.is_rare, true) {
            return;
        }
        let rare = &mut *self.rare;
        rare.fault = None;
        rare.treatment = self.fields.others;
        (rare.brings_reports, rare.in_list, rare.in_report) = (false, false, false);
        (rare.is_bad, rare.bad_field) = (false, None);
        rare.parts = Parts::default();
    }

    /// Sets up what a record may be without, for specs that are not [`Fields::is_plain`].
    #[inline(never)]
    pub(super) fn clear(&mut self) {
        self.set_up();
        let event = &mut *self.transaction;
        event.numbers.fill(f32::NAN);
        event.categories.fill(None);
        event.id = None;
        for &entity in &self.fields.optional {
            event.ids[usize::from(entity)] = MISSING;
        }
        if self.fields.currencies > 0 {
            self.rare.money[0].clear();
        }
    }

    /// Takes any value, for each of its uses.
    // Not inlined: the loop over the usual values is all the faster.
    #[inline(never)]
    pub(super) fn other_value(&mut self, field: u16, value: Scalar) {
        self.set_up();
        let fields = self.fields;
        match fields.uses[usize::from(field)] {
            Use { is_shared: false, .. } => {
                self.take(fields.uses[usize::from(field)], field, value)
            }
            _ => fields.uses_of(field).iter().for_each(|of| self.take(*of, field, value)),
        }
    }

    // Apart, so that a value of the usual way is made a [`Scalar`] here alone.
    #[inline(never)]
    pub(super) fn other_text(&mut self, field: u16, text: &[u8]) {
        self.other_value(field, Scalar::Text(Text::plain(text)));
    }

    #[inline(never)]
    pub(super) fn other_number(&mut self, field: u16, text: &[u8]) {
        if let Some((_, decimal)) = number::read(text, 0) {
            self.other_value(field, Scalar::Number(Number { text, decimal }));
        }
    }

    /// Takes a value for one of its uses.
    pub(super) fn take(&mut self, of: Use, field: u16, value: Scalar) {
        let Use { role, in_report, .. } = of;
        if role == Role::Reports {
            return self.reports_value(field, value);
        }
        if value == Scalar::Null {
            if matches!(of.role, Role::Time | Role::ReportTime) {
                self.rare.parts.push(b"null");
            }
            return;
        }
        let event = if in_report { &mut self.rare.report } else { &mut *self.transaction };
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
                self.rare.treatment = self.fields.treatment(value);
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
                    self.time = millis;
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

    /// Takes a value of the field with the reports: one report, or an array first, then each of its
    /// values. Null instead of the field is no report.
    pub(super) fn reports_value(&mut self, field: u16, value: Scalar) {
        self.end_report();
        let first = !self.rare.in_list && !self.rare.brings_reports;
        let good = match value {
            Scalar::Null if !self.rare.in_list => return,
            Scalar::Array => first,
            Scalar::Object => first || self.rare.in_list,
            _ => false,
        };
        if !good {
            self.rare.is_bad = true;
            self.rare.bad_field = self.rare.bad_field.or(Some(field));
        }
        match value {
            Scalar::Array if good => self.rare.in_list = true,
            Scalar::Object => {
                self.rare.brings_reports = true;
                self.rare.in_report = true;
                self.rare.report.numbers.fill(f32::NAN);
                if self.fields.currencies > 0 {
                    self.rare.money[1].clear();
                }
                for &entity in &self.fields.optional {
                    self.rare.report.ids[usize::from(entity)] = MISSING;
                }
            }
            _ => self.rare.brings_reports = true,
        }
    }

    /// Ends the report that is being read, if there is one, and hands it on if it and all before it
    /// are good.
    pub(super) fn end_report(&mut self) {
        if !std::mem::take(&mut self.rare.in_report) {
            return;
        }
        if self.fields.currencies > 0 {
            self.end_money(true);
        }
        if !self.rare.is_bad {
            self.rare.report.compose(&self.fields.composites);
            (self.sink)(&self.rare.report);
        }
    }

    /// Returns the kind of a record that [`Rare`] is set up for.
    #[inline(never)]
    pub(super) fn finish_other(&mut self) -> Result<Kind, Refusal> {
        self.end_report();
        match self.rare.treatment {
            Treatment::Pass => Ok(Kind::Passed),
            Treatment::Report => {
                self.finish_typed_report().map_err(|field| self.bad_report(field))?;
                (self.sink)(&self.rare.report);
                Ok(Kind::Reports)
            }
            _ if self.rare.brings_reports && self.rare.is_bad => Err(self.bad_report(None)),
            _ if self.rare.brings_reports => Ok(Kind::Reports),
            Treatment::Remember => self.finish_transaction().map(|()| Kind::Remembered),
            Treatment::Score => self.finish_transaction().map(|()| Kind::Transaction),
        }
    }

    fn finish_transaction(&mut self) -> Result<(), Refusal> {
        let fields = self.fields;
        if fields.currencies > 0 {
            self.end_money(false);
        }
        match seconds(self.time, self.broker_timestamp, fields) {
            Ok(seconds) => self.transaction.seconds = seconds,
            Err(reason) => self.blame(fields.time_field, reason),
        }
        self.transaction.compose(&fields.composites);
        self.rare.fault.map_or(Ok(()), Err)
    }

    /// Makes the report of a record that is one by its type; else names the field that is wrong.
    pub(super) fn finish_typed_report(&mut self) -> Result<(), Option<u16>> {
        self.finish_transaction().map_err(|refusal| refusal.field)?;
        if self.rare.is_bad {
            return Err(None);
        }
        self.rare.report.ids.clone_from(&self.transaction.ids);
        self.rare.report.numbers.clone_from(&self.transaction.numbers);
        if !self.fields.reports_have_time {
            self.rare.report.seconds = self.transaction.seconds;
        }
        if !self.fields.reports_have_id {
            self.rare.report.report = self.transaction.id.ok_or(None)?;
        }
        Ok(())
    }
}
