//! Amounts in minor units, which are numbers once the record's currency is known.

use fraud_plan::program::{Role, Scale, Treatment};

use super::pass::Pass;
use crate::record::scalar::Scalar;
use crate::record::{Reason, amount, currency};

/// Amounts in minor units, until their currencies are known.
#[derive(Clone)]
pub(super) struct Money {
    /// For each of the program's numbers; NaN is none.
    pub(super) minor: Vec<f64>,
    /// For each currency, the decimals of its amounts.
    pub(super) decimals: Vec<Option<u8>>,
}

impl Money {
    /// Forgets what was read before.
    #[cold]
    #[inline(never)]
    pub(super) fn clear(&mut self) {
        self.minor.fill(f64::NAN);
        self.decimals.fill(None);
    }
}

impl Pass<'_> {
    /// Takes a number that is not in its format's form.
    #[cold]
    #[inline(never)]
    pub(super) fn formed_number(
        &mut self,
        at: u16,
        in_report: bool,
        value: Scalar,
    ) -> Result<(), Reason> {
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
                let event = if in_report { &mut self.rare.report } else { &mut *self.transaction };
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
    pub(super) fn currency(
        &mut self,
        at: u16,
        in_report: bool,
        value: Scalar,
    ) -> Result<(), Reason> {
        let decimals = match value {
            Scalar::Text(text) => text.copy_to(&mut [0; 3]).and_then(currency::decimals),
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
    pub(super) fn end_money(&mut self, in_report: bool) {
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
                    let event =
                        if in_report { &mut self.rare.report } else { &mut *self.transaction };
                    event.numbers[at] = value;
                }
                Some(_) => {
                    let field = field(Role::Number(at as u16)).expect("the number's field");
                    self.fail(field as u16, Reason::NotFinite);
                }
                // A report by type is an event of another kind, which need not say the amount.
                None if !in_report && self.rare.treatment == Treatment::Report => {}
                None => {
                    let field = field(Role::Currency(currency)).expect("the currency's field");
                    self.fail(field as u16, Reason::MissingField);
                }
            }
        }
    }
}
