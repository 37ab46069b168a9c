//! Values of uses that few specs have, or few records: fraud reports, types, categories, ids of
//! transactions.

use fraud_plan::Program;
use fraud_plan::program::Role;

use super::money::Money;
use super::pass::{Pass, seconds};
use crate::record::event::MISSING;
use crate::record::fields::{Fields, Use};
use crate::record::scalar::Scalar;
use crate::record::timestamp::Parts;
use crate::record::{Event, Reason, value};

/// State of forms that few specs ask for.
pub(super) struct Rare {
    /// The parts of a time so far.
    pub(super) parts: Parts,
    /// Amounts in minor units, of the transaction and of a report.
    pub(super) money: [Money; 2],
}

impl Rare {
    pub(super) fn new(program: &Program, fields: &Fields) -> Self {
        let money = match fields.currencies {
            0 => Money { minor: Vec::new(), decimals: Vec::new() },
            count => {
                let minor = vec![f64::NAN; program.numbers.len()];
                Money { minor, decimals: vec![None; count] }
            }
        };
        Self { parts: Parts::default(), money: [money.clone(), money] }
    }
}

impl Pass<'_> {
    /// Takes a value of a use that is not [`Usual`].
    // Not inlined: the loop over the usual values is all the faster.
    #[inline(never)]
    pub(super) fn other_value(&mut self, field: u16, value: Scalar) {
        let fields = self.fields;
        for of in fields.uses_of(field) {
            self.take(*of, field, value);
        }
    }

    /// Takes a value for one of its uses.
    pub(super) fn take(&mut self, of: Use, field: u16, value: Scalar) {
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

    /// Takes a value of the field with the reports: one report, or an array first, then each of its
    /// values. Null instead of the field is no report.
    pub(super) fn reports_value(&mut self, field: u16, value: Scalar) {
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
    pub(super) fn end_report(&mut self) {
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

    /// Makes the report of a record that is one by its type; else names the field that is wrong.
    pub(super) fn finish_typed_report(&mut self) -> Result<(), Option<u16>> {
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
}

/// Makes the ids of entities that consist of others; missing where one of them is.
#[inline(always)]
pub(super) fn compose(composites: &[(u8, Vec<u8>)], event: &mut Event) {
    for (entity, of) in composites {
        let part = |of: &u8| Some(event.ids[usize::from(*of)]).filter(|&id| id != MISSING);
        let ids = of.iter().map(part);
        let all = ids.reduce(|id, part| Some(value::mix(id?.rotate_left(1) ^ part?)));
        event.ids[usize::from(*entity)] = all.flatten().unwrap_or(MISSING);
    }
}
