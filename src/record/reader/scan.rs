//! The scanner's view of a record of an unknown layout: the pass over its values, and that each field
//! is there once.

use fraud_plan::program::{Role, Treatment};

use super::Kind;
use super::pass::Pass;
use crate::record::fields::Finder;
use crate::record::scalar::{Member, Scalar, Text, Values, Visitor};
use crate::record::{Reason, Refusal};

/// The kinds that a record of a layout can be, a bit each: the record from which the layout was
/// learnt has all that the kind takes, and nothing that it must not have.
pub(super) mod sound {
    pub(in crate::record::reader) const TRANSACTION: u8 = 1;
    pub(in crate::record::reader) const REPORTS: u8 = 2;
    pub(in crate::record::reader) const PASSED: u8 = 4;
    /// All of them.
    pub(in crate::record::reader) const ALL: u8 = 7;
}

/// The marks of a field.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    /// Its name has occurred.
    pub(super) seen: bool,
    /// It has a value.
    pub(super) present: bool,
}

/// Takes the values of a record that is scanned, and sees to it that each field is there once. A record
/// of a known layout needs no such look: the one from which the layout was learnt had it.
pub(super) struct Scan<'p> {
    pub(super) pass: Pass<'p>,
    pub(super) finder: &'p mut Finder,
    pub(super) marks: &'p mut [Mark],
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
    pub(super) fn finish(mut self) -> Result<(Kind, u8), Refusal> {
        self.check_report();
        let fields = self.pass.fields;
        let is_there = |field: &u16| self.marks[usize::from(*field)].present;
        let has_fields = fields.of_transaction.iter().find(|field| is_there(field)).copied();
        let mut names = (0..).zip(fields.uses.iter().zip(&*self.marks));
        let list = names.find(|(_, (of, mark))| of.role == Role::Reports && mark.seen);
        // A record with an empty list of reports, and no transaction, brings reports: none. It must be a
        // list.
        let is_empty = list.is_some() && !self.pass.rare.brings_reports && has_fields.is_none();
        if is_empty {
            self.pass.rare.brings_reports = true;
            self.pass.rare.is_bad |= !self.pass.rare.in_list;
            self.pass.rare.bad_field = self.pass.rare.bad_field.or(list.map(|(field, _)| field));
        }
        let treatment = self.pass.rare.treatment;
        let missing = self.absent(&fields.required);
        let missing_in_report = self.absent(&fields.required_in_report);
        let is_faultless = self.pass.rare.fault.is_none() && !self.pass.rare.is_bad;
        let sound = match &fields.types {
            _ if is_empty => 0,
            None => sound::ALL,
            Some(_) if !is_faultless => 0,
            Some(_) if self.pass.rare.brings_reports => 0,
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
                    self.pass.rare.is_bad = true;
                    self.pass.rare.bad_field = self.pass.rare.bad_field.or(Some(field));
                }
            }
            Treatment::Score | Treatment::Remember if self.pass.rare.brings_reports => {
                // A record is one or the other: reports are not written, and no transaction is lost.
                if has_fields.is_some() {
                    self.pass.rare.is_bad = true;
                    self.pass.rare.bad_field = self.pass.rare.bad_field.or(has_fields);
                }
            }
            Treatment::Score | Treatment::Remember => {
                if let Some(field) = missing {
                    self.pass.blame(Some(field), Reason::MissingField);
                }
            }
        }
        Ok((self.pass.finish_other()?, sound))
    }

    /// Sees to it that the report that is being read, if there is one, has all that it must have.
    pub(super) fn check_report(&mut self) {
        if self.pass.rare.in_report
            && let Some(field) = self.absent(&self.pass.fields.required_in_report)
        {
            self.pass.rare.is_bad = true;
            self.pass.rare.bad_field = self.pass.rare.bad_field.or(Some(field));
        }
    }

    /// Returns the first of these fields that has no value.
    pub(super) fn absent(&self, required: &[u16]) -> Option<u16> {
        required.iter().copied().find(|&field| !self.marks[usize::from(field)].present)
    }
}
