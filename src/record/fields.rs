//! The spec's fields: which values of a record are read, and what for.

use fraud_plan::Program;
use fraud_plan::program::{
    Entity, EventTypes, Field, MAX_FIELDS, Number, Role, Step, Time, Treatment,
};

use super::scalar::{MAX_MEMBER, Member, RECORD, SKIPPED, Scalar, Text, Values, Visitor};

/// The fields, as the reader's hot loop needs them. A field's number is its place in the
/// program; it is also the visitor's number for its value.
pub(super) struct Fields {
    /// The use of each field.
    pub(super) uses: Vec<Use>,
    /// Whether each value has one use, each record is a transaction or brings reports, and each entity and
    /// number has a field that cannot be absent; there are no categories and no currencies; and nobody asks
    /// for transactions' ids.
    pub(super) is_plain: bool,
    /// The uses of a value that has several; the number is that of the first field at its place.
    pub(super) shared: Vec<(u16, Vec<Use>)>,
    /// The fields of a transaction that must not be absent.
    pub(super) required: Vec<u16>,
    /// The fields by which a transaction is known from a record of reports: those, or if there are none
    /// all that a transaction may have.
    pub(super) of_transaction: Vec<u16>,
    /// The fields of a report that must not be absent.
    pub(super) required_in_report: Vec<u16>,
    /// The field with the transaction's time.
    pub(super) time_field: Option<u16>,
    /// The way in which times are written.
    pub(super) time: Time,
    /// The program's numbers.
    pub(super) numbers: Vec<Number>,
    /// Number of currencies.
    pub(super) currencies: usize,
    /// The treatment of a record without a type that is named.
    pub(super) others: Treatment,
    /// Milliseconds that a time may be ahead of the broker's.
    pub(super) max_ahead: i64,
    /// The entities that a transaction or a report may be without.
    pub(super) optional: Vec<u8>,
    /// Whether a report may be without any entity.
    pub(super) bare_reports: bool,
    /// The entities that are made of others, and of which.
    pub(super) composites: Vec<(u8, Vec<u8>)>,
    /// The treatment of a record by its type; `None` if all are transactions, or bring reports.
    pub(super) types: Option<EventTypes>,
    /// Whether a report has an id and a time of its own.
    pub(super) reports_have_id: bool,
    pub(super) reports_have_time: bool,
    /// Whether an event may be without each entity.
    is_optional: Vec<bool>,
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
    /// Whether the value has other uses too: [`Fields::uses_of`].
    pub(super) is_shared: bool,
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
    /// Another one, or several: [`Fields::uses_of`].
    Other,
}

const _: () = assert!(MAX_FIELDS <= MAX_MEMBER as usize, "a field's number is a value's");

/// Returns whether the reader reads a field: a transaction's id only where ids are known, since a record
/// without it, or with another type in its place, is scored too.
fn is_read(program: &Program, field: &Field) -> bool {
    field.role != Role::Id || program.known > 0 || program.reports_by_id()
}

impl Fields {
    pub(super) fn new(program: &Program) -> Self {
        let is_optional = |entity: u8| program.entities[usize::from(entity)].optional;
        let is_required = |field: &Field, of_report: bool| match field.role {
            Role::Entity(entity) if of_report => {
                !is_optional(entity) && program.known == 0 && program.is_reported(entity)
            }
            Role::Entity(entity) => !is_optional(entity),
            Role::ReportId | Role::ReportTime => of_report,
            Role::Id => of_report && program.reports_by_id(),
            Role::Number(number) => !of_report && !program.numbers[usize::from(number)].optional,
            Role::Category(category) => {
                !of_report && !program.categories[usize::from(category)].optional
            }
            Role::Object
            | Role::Array
            | Role::Currency(_)
            | Role::Reports
            | Role::Time
            | Role::EventType => false,
        };
        let by_type = program.reports_by_type();
        let fields = || (0..).zip(&program.fields).filter(|(_, field)| is_read(program, field));
        // The first field at the same place.
        let first = |field: &Field| {
            let mut fields = fields();
            let found = fields.find(|(_, f)| f.parent == field.parent && f.step == field.step);
            found.expect("the field itself is one").0
        };
        let required = |of_report: bool| {
            let holds = |field: &Field| match program.in_report(field) {
                true => of_report,
                false => !of_report || by_type,
            };
            let mut required: Vec<u16> = fields()
                .filter(|(_, field)| holds(field) && is_required(field, of_report))
                .map(|(_, field)| first(field))
                .collect();
            required.dedup();
            required
        };
        let one = |field: &Field| {
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
            Use { role: field.role, in_report, usual, is_shared: false }
        };
        let mut uses: Vec<Use> = program.fields.iter().map(one).collect();
        let mut shared: Vec<(u16, Vec<Use>)> = Vec::new();
        for (at, field) in fields() {
            let first = first(field);
            if first == at {
                continue;
            }
            match shared.iter_mut().find(|(known, _)| *known == first) {
                Some((_, uses)) => uses.push(one(field)),
                None => {
                    let of_first = &mut uses[usize::from(first)];
                    shared.push((first, vec![*of_first, one(field)]));
                    of_first.usual = Usual::Other;
                    of_first.is_shared = true;
                }
            }
        }
        let entities = || (0..).zip(&program.entities);
        let has_id = fields().any(|(_, field)| field.role == Role::Id);
        let is_value = |field: &Field| {
            matches!(field.role, Role::Entity(_) | Role::Number(_) | Role::Category(_))
        };
        let is_currency =
            |field: &Field| matches!(field.role, Role::Currency(_)) && !program.in_report(field);
        let is_usual = |entity: &Entity| !entity.optional && entity.of.is_empty();
        Self {
            is_plain: shared.is_empty()
                && program.types.is_none()
                && !has_id
                && program.categories.is_empty()
                && !fields().any(|(_, field)| matches!(field.role, Role::Currency(_)))
                && program.entities.iter().all(is_usual)
                && !program.numbers.iter().any(|number| number.optional),
            uses,
            shared,
            of_transaction: match required(false) {
                none if none.is_empty() => fields()
                    .filter(|(_, field)| !program.in_report(field) && is_value(field))
                    .map(|(_, field)| first(field))
                    .collect(),
                required => required,
            },
            required: required(false),
            required_in_report: required(true),
            time_field: fields()
                .find(|(_, field)| field.role == Role::Time)
                .map(|(_, time)| first(time)),
            time: program.time,
            numbers: program.numbers.clone(),
            currencies: fields().filter(|(_, field)| is_currency(field)).count(),
            others: program.types.as_ref().map_or(Treatment::Score, |types| types.others),
            max_ahead: i64::from(program.max_ahead) * 1000,
            bare_reports: program.known > 0,
            optional: entities()
                .filter(|(_, entity)| entity.optional || program.known > 0 || by_type)
                .map(|(at, _)| at)
                .collect(),
            composites: entities()
                .filter(|(_, entity)| !entity.of.is_empty())
                .map(|(at, entity)| (at, entity.of.clone()))
                .collect(),
            types: program.types.clone(),
            reports_have_id: fields().any(|(_, field)| field.role == Role::ReportId),
            reports_have_time: fields().any(|(_, field)| field.role == Role::ReportTime),
            is_optional: program.entities.iter().map(|entity| entity.optional).collect(),
            verdict: program.verdict.clone(),
        }
    }

    /// Returns the uses of a field's value.
    pub(super) fn uses_of(&self, field: u16) -> &[Use] {
        match self.shared.iter().find(|(shared, _)| *shared == field) {
            Some((_, uses)) => uses,
            None => std::slice::from_ref(&self.uses[usize::from(field)]),
        }
    }

    /// Whether a transaction, or a report, may be without an entity.
    pub(super) fn may_lack(&self, entity: u8, in_report: bool) -> bool {
        self.is_optional[usize::from(entity)] || in_report && self.bare_reports
    }

    /// Returns what becomes of a record whose type is `value`.
    #[cold]
    pub(super) fn treatment(&self, value: Scalar) -> Treatment {
        let Some(types) = &self.types else {
            return Treatment::Score;
        };
        let is = |known: &str| match value {
            Scalar::Text(text) => text.is(known),
            Scalar::Number(number) => number.text == known.as_bytes(),
            Scalar::Bool(value) => known == if value { "true" } else { "false" },
            Scalar::Null | Scalar::Array | Scalar::Object => false,
        };
        let known = types.treatments.iter().find(|(known, _)| is(known));
        known.map_or(types.others, |(_, treatment)| *treatment)
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
/// other. Most members of a wide record are no field: nearly all of these are known by their name's
/// length and first byte, so that a record of 434 columns does not cost a search for each.
pub struct Finder {
    fields: Vec<Field>,
    /// The bit [`name_bit`] of each field's name.
    names: u64,
    /// The field behind the one that was found last.
    next: usize,
    /// For each field that is an array around others, its items.
    items: Vec<Items>,
}

/// The items of an array that is being passed.
#[derive(Clone, Copy, Default)]
struct Items {
    /// Number of fields that have passed.
    passed: u16,
    /// Number of fields that must pass until none is left.
    wanted: u16,
}

/// Returns a bit that names of one length and first byte share, with few others.
fn name_bit(name: &[u8]) -> u64 {
    let first = name.first().copied().unwrap_or(0);
    1 << ((usize::from(first) ^ name.len().wrapping_mul(11)) % 64)
}

/// The parent of a field that is not to be found.
const NOWHERE: u16 = SKIPPED;

impl Finder {
    /// Makes a finder of all of a program's fields. Of several at the same place it finds the first.
    pub fn new(program: &Program) -> Self {
        Self::of(program, |_| true)
    }

    /// Makes a finder of the fields that the reader reads.
    pub(super) fn of_read(program: &Program) -> Self {
        Self::of(program, |field| is_read(program, field))
    }

    fn of(program: &Program, is_wanted: impl Fn(&Field) -> bool) -> Self {
        let mut fields = program.fields.clone();
        let mut items = vec![Items::default(); fields.len()];
        for field in &fields {
            if let (Step::Item(item), Some(array)) = (&field.step, field.parent) {
                let wanted = &mut items[usize::from(array)].wanted;
                *wanted = item.saturating_add(1).max(*wanted);
            }
        }
        for at in 0..fields.len() {
            let (before, behind) = fields.split_at_mut(at);
            let field = &mut behind[0];
            let same = |f: &Field| f.parent == field.parent && f.step == field.step;
            if !is_wanted(field) || before.iter().any(same) {
                field.parent = Some(NOWHERE);
            }
        }
        let wanted = fields.iter().filter(|field| field.parent != Some(NOWHERE));
        let names = wanted.filter_map(|field| match &field.step {
            Step::Name(name) => Some(name_bit(name.as_bytes())),
            Step::Item(_) => None,
        });
        let names = names.fold(0, |all, bit| all | bit);
        Self { fields, names, next: 0, items }
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
        Member::Take(field as u16)
    }
}

impl<'r> Visitor<'r> for Finder {
    fn member(&mut self, parent: u16, name: Text<'r>) -> Member {
        if name.as_plain().is_some_and(|plain| name_bit(plain) & self.names == 0) {
            return Member::Skip;
        }
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
