//! The spec's fields: which values of a record are read, and what for.

use fraud_plan::Program;
use fraud_plan::program::{Field, MAX_FIELDS, Number, Role, Step, Time};

use super::scalar::{MAX_MEMBER, Member, RECORD, Scalar, Text, Values, Visitor};

/// What the reader's hot loop wants to know of the fields. A field's number is its place in the
/// program; it is also the visitor's number for its value.
pub(super) struct Fields {
    /// The use of each field.
    pub(super) uses: Vec<Use>,
    /// The fields of a transaction that must not be absent.
    pub(super) required: Vec<u16>,
    /// The fields of a report that must not be absent.
    pub(super) required_in_report: Vec<u16>,
    /// The field with the transaction's time.
    pub(super) time_field: Option<u16>,
    /// The way in which times are written.
    pub(super) time: Time,
    /// The program's numbers.
    pub(super) numbers: Vec<Number>,
    /// How many currencies there are.
    pub(super) currencies: usize,
    /// Name of the member that a scored record gains.
    verdict: String,
}

/// The use of a field.
#[derive(Clone, Copy)]
pub(super) struct Use {
    pub(super) role: Role,
    /// Whether it is part of a report.
    pub(super) in_report: bool,
    /// The use, if it is one that nearly every spec has.
    pub(super) usual: Usual,
}

/// The uses that the reader's loop is made for.
#[derive(Clone, Copy)]
pub(super) enum Usual {
    /// The id of a transaction's entity.
    Entity(u8),
    /// A transaction's number, in its format's form.
    Number(u16),
    /// The transaction's time.
    Time,
    /// Another one: [`Use::role`].
    Other,
}

const _: () = assert!(MAX_FIELDS <= MAX_MEMBER as usize, "a field's number is a value's");

impl Fields {
    pub(super) fn new(program: &Program) -> Self {
        let is_required = |field: &Field| match field.role {
            Role::Entity(_) | Role::ReportId | Role::ReportTime => true,
            Role::Number(number) => {
                !program.in_report(field) && !program.numbers[usize::from(number)].optional
            }
            Role::Category(category) => !program.categories[usize::from(category)].optional,
            Role::Object
            | Role::Array
            | Role::Currency(_)
            | Role::Reports
            | Role::Id
            | Role::Time => false,
        };
        let required = |in_report: bool| {
            let fields = program.fields.iter().enumerate();
            fields
                .filter(|(_, field)| is_required(field) && program.in_report(field) == in_report)
                .map(|(at, _)| at as u16)
                .collect()
        };
        let is_time = |field: &Field| field.role == Role::Time;
        let is_currency =
            |field: &Field| matches!(field.role, Role::Currency(_)) && !program.in_report(field);
        let uses = program.fields.iter();
        Self {
            uses: uses
                .map(|field| {
                    let in_report = program.in_report(field);
                    let usual = match field.role {
                        _ if in_report => Usual::Other,
                        Role::Entity(entity) => Usual::Entity(entity),
                        Role::Number(at) if program.numbers[usize::from(at)].is_plain() => {
                            Usual::Number(at)
                        }
                        Role::Time => Usual::Time,
                        _ => Usual::Other,
                    };
                    Use { role: field.role, in_report, usual }
                })
                .collect(),
            required: required(false),
            required_in_report: required(true),
            time_field: program.fields.iter().position(is_time).map(|at| at as u16),
            time: program.time,
            numbers: program.numbers.clone(),
            currencies: program.fields.iter().filter(|field| is_currency(field)).count(),
            verdict: program.verdict.clone(),
        }
    }

    /// Returns whether a member that is no field has the verdict's name.
    pub(super) fn is_verdict(&self, parent: u16, name: Text) -> bool {
        parent == RECORD && name.is(&self.verdict)
    }
}

/// Finds fields among the values that a format passes: the reader's visitor asks it, and so does each
/// other that reads records by a spec.
///
/// A record's members mostly come in an order that does not change, so the search begins behind the
/// field that was found last: as many fields as there are cost a comparison each, not one with each
/// other.
pub struct Finder {
    fields: Vec<Field>,
    /// Whether the transaction's id is found too.
    finds_id: bool,
    /// The field behind the one that was found last.
    next: usize,
    /// For each field that is an array around others, its items.
    items: Vec<Items>,
}

/// The items of an array that is being passed.
#[derive(Clone, Copy, Default)]
struct Items {
    /// How many have passed.
    passed: u16,
    /// How many it takes until none is a field any more.
    wanted: u16,
}

impl Finder {
    /// Makes a finder of all of a program's fields.
    pub fn new(program: &Program) -> Self {
        Self { finds_id: true, ..Self::of_features(program) }
    }

    /// Makes a finder of all but the transaction's id: no feature needs it, so that a record without it, or
    /// with another type in its place, is scored too.
    pub fn of_features(program: &Program) -> Self {
        let fields = program.fields.clone();
        let mut items = vec![Items::default(); fields.len()];
        for field in &fields {
            if let (Step::Item(item), Some(array)) = (&field.step, field.parent) {
                let wanted = &mut items[usize::from(array)].wanted;
                *wanted = item.saturating_add(1).max(*wanted);
            }
        }
        Self { fields, finds_id: false, next: 0, items }
    }

    /// Finds the field that `is` says is it, in the object or array `parent`.
    fn find(&mut self, parent: u16, is: impl Fn(&Step) -> bool) -> Member {
        let found = |field: &Field| field.parent.unwrap_or(RECORD) == parent && is(&field.step);
        let (before, behind) = self.fields.split_at(self.next);
        let field = match behind.iter().position(found) {
            Some(at) => Some(self.next + at),
            None => before.iter().position(found),
        };
        let Some(field) = field else {
            return Member::Skip;
        };
        self.next = field + 1;
        match self.fields[field].role {
            Role::Id if !self.finds_id => Member::Skip,
            _ => Member::Take(field as u16),
        }
    }
}

impl<'r> Visitor<'r> for Finder {
    fn member(&mut self, parent: u16, name: Text<'r>) -> Member {
        self.find(parent, |step| matches!(step, Step::Name(known) if name.is(known)))
    }

    fn item(&mut self, array: u16) -> Member {
        let Some(Field { role: Role::Array, .. }) = self.fields.get(usize::from(array)) else {
            return Member::Take(array);
        };
        let items = &mut self.items[usize::from(array)];
        let item = items.passed;
        if item >= items.wanted {
            return Member::Skip;
        }
        items.passed += 1;
        self.find(array, |step| *step == Step::Item(item))
    }
}

impl<'r> Values<'r> for Finder {
    /// Counts an array's items from its beginning.
    fn value(&mut self, member: u16, value: Scalar<'r>) {
        if value == Scalar::Array {
            self.items[usize::from(member)].passed = 0;
        }
    }
}
