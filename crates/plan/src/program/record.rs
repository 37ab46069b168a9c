//! A record to read: its fields, and the ways in which their values are written.

use serde::{Deserialize, Serialize};

/// Most fields, with the objects and arrays around them, that a program reads from a record.
pub const MAX_FIELDS: usize = 1024;

/// The treatment of records of a shared topic, by the value of the field [`Role::EventType`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventTypes {
    /// The types that are named, and what becomes of each.
    pub treatments: Vec<(String, Treatment)>,
    /// The treatment of the others, and of those without a type.
    pub others: Treatment,
    /// Where a record goes on that is not scored.
    pub unscored: Passage,
}

/// The treatment of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Treatment {
    /// It is a transaction: it is scored, and remembered.
    Score,
    /// It is a transaction that is remembered, and goes on unchanged.
    Remember,
    /// It is a fraud report: it is remembered, and is not written.
    Report,
    /// It goes on unchanged.
    Pass,
}

/// Where a record goes on that is not scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Passage {
    /// To the second topic, beside the transactions that are no fraud.
    Valid,
    /// To the third topic, or the first where there is none.
    Unscorable,
}

/// Somebody or something that has a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// The name in the spec.
    pub name: String,
    /// Absent, `null` or empty is a missing entity rather than an unscorable record.
    pub optional: bool,
    /// The entities that it is made of, each before it; none if it has a field of its own. It is missing
    /// where one of them is.
    pub of: Vec<u8>,
}

/// Most entities: a program has two tables of each at most, and their numbers have 8 bits.
pub const MAX_ENTITIES: usize = 64;

/// Most decimals that a number of the record implies.
pub const MAX_DECIMALS: u8 = 18;

/// One value of the record, or of an object or array in it. Several fields may be at the same place:
/// what is a category may also be the record's type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The way to it from `parent`.
    pub step: Step,
    /// Index of the object or array around it; `None` in the record itself.
    pub parent: Option<u16>,
    /// The use of the value.
    pub role: Role,
}

/// One step of a path into a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Step {
    /// To the member of this name, unescaped.
    Name(String),
    /// To the item of an array, counted from 0.
    Item(u16),
}

/// The use of a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// An object around other fields.
    Object,
    /// The array of fraud reports, which makes the record a report record. Fields in its objects
    /// have it as an ancestor.
    Reports,
    /// The id of a report, by which it counts once if it comes again.
    ReportId,
    /// The time when a report was made, written as [`Role::Time`] is.
    ReportTime,
    /// The transaction's time: RFC 3339 text, or a number in [`Program::time`](super::Program::time)'s unit.
    Time,
    /// The id of entity number `.0`: text or an integer.
    Entity(u8),
    /// Number `.0` of the program.
    Number(u16),
    /// The transaction's id: text or an integer.
    Id,
    /// The record's type: text, an integer or a boolean.
    EventType,
    /// An array around fields that are items of it.
    Array,
    /// The code of a currency, by which numbers of [`Scale::Currency`] `.0` have their decimals.
    Currency(u16),
    /// Category `.0` of the program: text or an integer.
    Category(u16),
}

/// The way in which times are written, if not as RFC 3339 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Time {
    /// The meaning of a time that is a number, or digits in text.
    pub unit: TimeUnit,
    /// The clock of a text that names no zone, minutes east of UTC; without it, such a text is no time.
    pub utc_offset: Option<i16>,
}

impl Time {
    /// Milliseconds, and texts that name their zone.
    pub const USUAL: Self = Self { unit: TimeUnit::Milliseconds, utc_offset: None };
}

/// The meaning of a time that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
    /// None: the time is an array, `[year, month, day, hour, minute, second, nanosecond]`, of the clock
    /// that [`Time::utc_offset`] gives. Parts behind the day may be absent.
    Parts,
    /// Steps from a beginning.
    Steps {
        /// Step 0, milliseconds since 1970.
        start: i64,
        /// A step's length, milliseconds.
        step: i64,
    },
}

/// A number of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// The name in the spec.
    pub name: String,
    /// Absent or `null` is a missing value (NaN) rather than an unscorable record.
    pub optional: bool,
    /// The form that it has in a record.
    pub form: NumberForm,
    /// The power of ten by which it is divided.
    pub scale: Scale,
}

impl Number {
    /// Whether a record has it as its format writes numbers.
    pub fn is_plain(&self) -> bool {
        self.form == NumberForm::Number && self.scale == Scale::One
    }
}

/// The form that a number has in a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NumberForm {
    /// A number.
    #[default]
    Number,
    /// A number, or decimal text.
    Text {
        /// The byte between whole and fraction.
        point: u8,
        /// The byte between groups of digits.
        grouping: Option<u8>,
    },
    /// True or false: 1 or 0.
    Boolean,
    /// Base64 text of a whole number's bytes, two's complement, the highest first.
    Base64,
}

/// The power of ten by which a number is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// None.
    #[default]
    One,
    /// As many decimals are implied.
    Decimals(u8),
    /// As many decimals are implied as the currency `.0` of the record has.
    Currency(u16),
}

/// A category of the record: a text or an integer, one of many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Category {
    /// The name in the spec.
    pub name: String,
    /// Absent or `null` is a missing value rather than an unscorable record.
    pub optional: bool,
    /// All values that are known, as text: the vocabulary, then those that only a table has. A value's
    /// code is its place here. At most [`MAX_VALUES`].
    pub values: Vec<String>,
    /// Number of the values that are the vocabulary.
    pub vocabulary: u16,
    /// Numbers for the values, which training made.
    pub tables: Vec<ValueTable>,
}

/// Most values that are known of a category.
pub const MAX_VALUES: usize = u16::MAX as usize;
/// Most tables of a category.
pub const MAX_TABLES: usize = u8::MAX as usize;

/// A number for each value of a category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueTable {
    /// The numbers by the value's code; values with a code beyond them are unknown.
    pub numbers: Vec<f32>,
    /// The number of a value that the table does not have; NaN is missing.
    pub unknown: f32,
}
