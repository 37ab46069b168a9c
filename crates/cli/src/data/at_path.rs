//! The value at one path of a record.

use fraud_detector::record::json;
use fraud_detector::record::scalar::{Member, RECORD, Scalar, Text, Values, Visitor};
use fraud_plan::Program;
use fraud_plan::program::Step;

/// Returns the path of a field.
pub fn path_of(program: &Program, field: usize) -> Vec<Step> {
    let field = &program.fields[field];
    let mut path = field.parent.map_or(Vec::new(), |parent| path_of(program, parent.into()));
    path.push(field.step.clone());
    path
}

/// Returns the first value at a path; `None` if there is none, or the record is not JSON.
pub fn value<'r>(record: &'r [u8], path: &[Step]) -> Option<Scalar<'r>> {
    let mut pass = Pass { path, items: 0, found: None };
    json::scan(&record[json::byte_order_mark(record)..], &mut pass).ok()?;
    pass.found
}

/// One pass over a record, along the path.
struct Pass<'p, 'r> {
    path: &'p [Step],
    /// Items seen of the array on the way.
    items: u32,
    found: Option<Scalar<'r>>,
}

impl Pass<'_, '_> {
    /// Returns the number of the step that is taken inside the value of this number.
    fn next(&self, parent: u16) -> usize {
        if parent == RECORD { 0 } else { usize::from(parent) + 1 }
    }
}

impl<'r> Visitor<'r> for Pass<'_, 'r> {
    fn member(&mut self, parent: u16, name: Text<'r>) -> Member {
        let at = self.next(parent);
        match self.path.get(at) {
            Some(Step::Name(wanted)) if name.is(wanted) => Member::Take(at as u16),
            _ => Member::Skip,
        }
    }

    fn item(&mut self, array: u16) -> Member {
        let (at, item) = (self.next(array), self.items);
        self.items += 1;
        match self.path.get(at) {
            Some(Step::Item(wanted)) if u64::from(*wanted) == u64::from(item) => {
                Member::Take(at as u16)
            }
            _ => Member::Skip,
        }
    }
}

impl<'r> Values<'r> for Pass<'_, 'r> {
    fn value(&mut self, member: u16, value: Scalar<'r>) {
        self.items = 0;
        if usize::from(member) + 1 == self.path.len() {
            self.found.get_or_insert(value);
        }
    }
}
