//! The reasons why a record cannot be scored: a closed list, documented in the README.

/// The reason why a record cannot be scored. Where several hold, the first in this order is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The record has no value (a tombstone).
    NoValue,
    /// The value begins with a zero byte, as the schema registry's wire format does.
    SchemaFramed,
    /// The value is not valid UTF-8.
    InvalidUtf8,
    /// Objects and arrays are nested deeper than [`MAX_DEPTH`](super::json::MAX_DEPTH).
    TooDeep,
    /// The value is not one JSON value.
    InvalidJson,
    /// The value is JSON, but not an object.
    NotAnObject,
    /// A field of the spec occurs twice.
    DuplicateField,
    /// The record already has a member with the verdict's name.
    VerdictPresent,
    /// A field of the spec is absent or `null`.
    MissingField,
    /// A field of the spec has another type than the spec says.
    WrongType,
    /// A number is written as `NaN` or as an infinity.
    NotANumber,
    /// A number is beyond what a 32-bit float holds.
    NotFinite,
    /// The time is not a time, before 2000, or further after the broker's than the spec's `max_ahead`; or neither the
    /// record nor the broker has a time.
    BadTime,
    /// The record brings fraud reports, and one of them lacks or mistypes a required field, or the
    /// record is also a transaction. No report in it counts.
    BadReport,
}

/// A record that cannot be scored: why, and because of which field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The field that is to blame, by its number in the program; `None` where no field is, as in a record
    /// that is no JSON.
    pub field: Option<u16>,
}

impl From<Reason> for Refusal {
    /// Blames no field.
    fn from(reason: Reason) -> Self {
        Self { reason, field: None }
    }
}

impl Reason {
    /// All reasons, in their order.
    pub const ALL: [Reason; 14] = [
        Reason::NoValue,
        Reason::SchemaFramed,
        Reason::InvalidUtf8,
        Reason::TooDeep,
        Reason::InvalidJson,
        Reason::NotAnObject,
        Reason::DuplicateField,
        Reason::VerdictPresent,
        Reason::MissingField,
        Reason::WrongType,
        Reason::NotANumber,
        Reason::NotFinite,
        Reason::BadTime,
        Reason::BadReport,
    ];

    /// Returns the code that the shell puts into the header `fraud-error`.
    pub fn code(self) -> &'static str {
        match self {
            Reason::NoValue => "no_value",
            Reason::SchemaFramed => "schema_framed",
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::TooDeep => "too_deep",
            Reason::InvalidJson => "invalid_json",
            Reason::NotAnObject => "not_an_object",
            Reason::DuplicateField => "duplicate_field",
            Reason::VerdictPresent => "verdict_present",
            Reason::MissingField => "missing_field",
            Reason::WrongType => "wrong_type",
            Reason::NotANumber => "not_a_number",
            Reason::NotFinite => "not_finite",
            Reason::BadTime => "bad_time",
            Reason::BadReport => "bad_report",
        }
    }
}
