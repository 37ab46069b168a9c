//! The event that a record tells of.

use super::value;

/// The id of an entity that an event is without. No id's hash is known to be this one.
pub const MISSING: u64 = 0;

/// A transaction, or a fraud report of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// When it happened, or was reported: whole seconds since 2000-01-01T00:00:00Z.
    pub seconds: u32,
    /// The entities' ids as hashes: 64 well-mixed bits of the id's text, or [`MISSING`].
    pub ids: Vec<u64>,
    /// The spec's numbers; NaN is missing.
    pub numbers: Vec<f32>,
    /// The hashes of the spec's categories, as of ids; `None` is missing.
    pub categories: Vec<Option<u64>>,
    /// The hash of the transaction's id, where ids are known and it has one.
    pub id: Option<u64>,
    /// The hash of the id by which a report is known.
    pub report: u64,
}

impl Event {
    /// Makes the ids of entities that consist of others, each given with its parts; missing where one of them
    /// is.
    #[inline(always)]
    pub fn compose(&mut self, composites: &[(u8, Vec<u8>)]) {
        for (entity, of) in composites {
            let part = |of: &u8| Some(self.ids[usize::from(*of)]).filter(|&id| id != MISSING);
            let ids = of.iter().map(part);
            let all = ids.reduce(|id, part| Some(value::mix(id?.rotate_left(1) ^ part?)));
            self.ids[usize::from(*entity)] = all.flatten().unwrap_or(MISSING);
        }
    }
}
