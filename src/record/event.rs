//! The event that a record tells of.

/// A transaction, or a fraud report of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// When it happened, or was reported: whole seconds since 2000-01-01T00:00:00Z.
    pub seconds: u32,
    /// The entities' ids as hashes: 64 well-mixed bits of the id's text.
    pub ids: Vec<u64>,
    /// The spec's numbers; NaN is missing.
    pub numbers: Vec<f32>,
    /// The hashes of the spec's categories, as of ids; `None` is missing.
    pub categories: Vec<Option<u64>>,
    /// The hash of the id by which a report is known.
    pub report: u64,
}
