//! The spec's fields: which members of a record are read, and what for.

use fraud_plan::Program;
use fraud_plan::program::{Field, MAX_FIELDS, Role, TimeUnit};

use super::json::{MAX_MEMBER, Member, RECORD, is_name};

/// The spec's fields, kept densely for the reader's hot loop. A field's number is its place in the
/// program; it is also the scanner's number for the member.
pub(super) struct Fields {
    all: Vec<Field>,
    /// Name of the member that a scored record gains.
    verdict: String,
    /// The role of each field.
    pub(super) roles: Vec<Role>,
    /// Unit of a time that is a number.
    pub(super) time_unit: TimeUnit,
    /// Bit set: the fields inside a report.
    pub(super) in_report: u64,
    /// Bit set: the fields that must not be absent.
    pub(super) required: u64,
}

const _: () = assert!(MAX_FIELDS <= u64::BITS as usize, "sets of fields have 64 bits");
const _: () = assert!(MAX_FIELDS <= MAX_MEMBER as usize, "a field's number is a member's");

impl Fields {
    pub(super) fn new(program: &Program) -> Self {
        let set = |holds: &dyn Fn(&Field) -> bool| {
            let fields = program.fields.iter().enumerate();
            fields.fold(0, |set, (at, field)| set | u64::from(holds(field)) << at)
        };
        let is_required = |field: &Field| match field.role {
            Role::Entity(_) | Role::ReportId | Role::ReportTime => true,
            Role::Number(number) => {
                !program.in_report(field) && !program.numbers[usize::from(number)].optional
            }
            Role::Object | Role::Reports | Role::Time => false,
        };
        Self {
            all: program.fields.clone(),
            verdict: program.verdict.clone(),
            roles: program.fields.iter().map(|field| field.role).collect(),
            time_unit: program.time_unit,
            in_report: set(&|field| program.in_report(field)),
            required: set(&is_required),
        }
    }

    /// Finds a member among the fields, as [`find`] does.
    pub(super) fn find(&self, parent: u8, name: &[u8], escaped: bool) -> Member {
        find(&self.all, parent, name, escaped)
    }

    /// Returns whether a member that is no field has the verdict's name.
    pub(super) fn is_verdict(&self, parent: u8, name: &[u8], escaped: bool) -> bool {
        parent == RECORD && is_name(name, escaped, &self.verdict)
    }
}

/// Finds the field called `name` (between its quotes, `escaped` if it holds a backslash) in the
/// object `parent`, as a [`Visitor`](super::json::Visitor) is asked for it.
pub fn find(fields: &[Field], parent: u8, name: &[u8], escaped: bool) -> Member {
    let field = fields.iter().position(|field| {
        field.parent.unwrap_or(RECORD) == parent && is_name(name, escaped, &field.name)
    });
    field.map_or(Member::Skip, |field| Member::Take(field as u8))
}
