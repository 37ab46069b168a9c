//! The feature program: where a record's fields are, what is remembered of its entities, and how
//! the feature vector is made of both. The compiler writes it from `fraud.toml`; `check` holds it to
//! what evaluation relies on.
//!
//! Every formula below reads what is remembered *before* the transaction at hand; the transaction is
//! added afterwards. `now` is the later of the transaction's time and the entity's last seen time. In
//! a formula, `c` is the cell and `v` the value.

mod check;

use serde::{Deserialize, Serialize};

/// The detector's work before the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Name of the member that is spliced into a scored record.
    pub verdict: String,
    /// A verdict says `"history":"cold"` while the first entity has fewer events than this.
    pub warm_after: u32,
    /// Transactions that are known by their id at most, so that one that comes again counts once; 0 if
    /// none are told apart.
    pub known: u32,
    /// Seconds that a record's time may be ahead of the broker's.
    pub max_ahead: u32,
    /// The treatment of a record by its type; `None` if all are transactions, or bring reports.
    pub types: Option<EventTypes>,
    /// The fields that are read from a record, parents before children. At most [`MAX_FIELDS`].
    pub fields: Vec<Field>,
    /// The way in which times are written.
    pub time: Time,
    /// Numbers of the record, in the order that [`Value::Number`] counts them.
    pub numbers: Vec<Number>,
    /// Categories of the record, in the order that [`Role::Category`] counts them.
    pub categories: Vec<Category>,
    /// The entities; the first is the partition key.
    pub entities: Vec<Entity>,
    /// The tables of what is remembered. The first is of the first entity's transactions: their number
    /// tells cold from warm.
    pub tables: Vec<Table>,
    /// The model's inputs, in order.
    pub features: Vec<Feature>,
}

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
    /// The transaction's time: RFC 3339 text, or a number in [`Program::time`]'s unit.
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

/// A table of what is remembered of one entity's events of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Index into [`Program::entities`].
    pub entity: u8,
    /// The events that update it.
    pub events: Events,
    /// The rough number of distinct ids: tables share memory in this proportion.
    pub expected: u32,
    /// The half-lives in use, seconds.
    pub half_lives: Vec<f32>,
    /// The words that are remembered of each id, beside its last time and number of events.
    pub cells: Vec<Cell>,
    /// State of several words, which comes after the cells.
    pub traces: Vec<Trace>,
}

/// Words that history takes for each entity of a table beside what the table remembers: the tag, the
/// number of events and the last time.
pub const ENTITY_WORDS: usize = 3;

/// The events that update a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Events {
    /// Transactions, at their time.
    Transactions,
    /// Fraud reports, at the time when they were made.
    Reports,
}

/// One remembered word of a table, an f32 but for [`Cell::Streak`]. `decay = 2^(-(now - last) / half_life)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    /// `c * decay + 1`
    Count {
        /// The value that an event must have to be counted; `None` counts all.
        value: Option<Value>,
        /// Index into [`Table::half_lives`].
        half_life: u8,
    },
    /// `c * decay + v`
    Sum {
        /// The value that is summed.
        value: Value,
        /// Index into [`Table::half_lives`].
        half_life: u8,
    },
    /// `max(c * decay, v)`; values below 0 count as 0.
    Max {
        /// The value that is compared.
        value: Value,
        /// Index into [`Table::half_lives`].
        half_life: u8,
    },
    /// Mean over all events, each counted at most `clip` times a mean above 0 so far:
    /// `c + (min(v, clip * c) - c) / n`, n the number of events with this one, at most 65,535.
    /// Without a prior the first value is taken whole; a prior is the mean before it, and counts as
    /// one more event.
    Mean {
        /// The value that is averaged.
        value: Value,
        /// A multiple of the mean; infinite without clipping.
        clip: f32,
        /// The mean of an entity without events, in the value's unit.
        prior: Option<f32>,
    },
    /// Time of the first event of the current streak, a u32 of seconds since 2000: an event more
    /// than `gap` seconds after the last begins a new one.
    Streak {
        /// Longest pause within a streak, seconds.
        gap: u32,
    },
}

/// Several remembered words of a table, with a formula of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trace {
    /// The latest point that an event had, in degrees, and its time. A latitude beyond ±90 or a
    /// longitude beyond ±360 is no point.
    Point {
        /// Index into [`Program::numbers`].
        latitude: u16,
        /// Index into [`Program::numbers`].
        longitude: u16,
    },
    /// The values of the events that came last, the newest first; NaN where an event had none.
    Last {
        /// The value.
        value: Value,
        /// Number of events.
        length: u8,
    },
    /// The different ids or values that came last, each as a hash of 20 bits and its age. An age
    /// counts steps of `window / 4095 + 1` seconds.
    Distinct {
        /// The values that are told apart.
        of: Identity,
        /// Seconds within which an id or a value is counted.
        window: u32,
        /// Most that are counted.
        cap: u8,
    },
}

impl Trace {
    /// Returns the number of its words.
    pub fn words(&self) -> usize {
        match *self {
            Trace::Point { .. } => 3,
            Trace::Last { length, .. } => length.into(),
            Trace::Distinct { cap, .. } => cap.into(),
        }
    }

    /// Returns the number of values that it has at an event: kilometres from the point, and kilometres
    /// an hour since; the values of the last events; the number of what is different.
    pub fn outputs(&self) -> usize {
        match *self {
            Trace::Point { .. } => 2,
            Trace::Last { length, .. } => length.into(),
            Trace::Distinct { .. } => 1,
        }
    }
}

impl Table {
    /// Returns the number of words that the table remembers of an entity.
    pub fn words(&self) -> usize {
        self.cells.len() + self.traces.iter().map(Trace::words).sum::<usize>()
    }

    /// Returns the bytes that history takes for an entity.
    pub fn bytes(&self) -> usize {
        (ENTITY_WORDS + self.words()) * size_of::<u32>()
    }
}

/// A value that is told apart by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identity {
    /// The ids of entity number `.0`.
    Entity(u8),
    /// The values of category number `.0`.
    Category(u16),
}

/// A value of the transaction at hand. If it is missing, a cell keeps its value, and still decays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// A number of the record.
    Number(u16),
    /// A feature earlier in the vector.
    Feature(u16),
}

/// One input of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// The name in the spec and in a verdict's reasons.
    pub name: String,
    /// The way in which it is made.
    pub source: Source,
}

/// The way in which a feature is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// A number of the record: clamped to `min..=max`, then `ln(1 + x)` if `log1p`.
    Number {
        /// Index into [`Program::numbers`].
        number: u16,
        /// Lower clamp, in the number's own unit; −∞ for none.
        min: f32,
        /// Upper clamp; ∞ for none.
        max: f32,
        /// Whether to take the natural logarithm of one plus the clamped value.
        log1p: bool,
    },
    /// A category of the record; missing if it is.
    Category {
        /// Index into [`Program::categories`].
        category: u16,
        /// The way from a value to a number.
        form: CategoryForm,
    },
    /// Two values; missing if one of them is. What overflows is the largest float.
    Combine {
        /// The operation on them.
        operation: Operation,
        /// The first: the dividend, or what is subtracted from.
        left: Value,
        /// The second: the divisor, or what is subtracted.
        right: Value,
    },
    /// Kilometres between two points of the record, in degrees, on a sphere. A point is as in
    /// [`Trace::Point`].
    Distance {
        /// Latitude and longitude, indices into [`Program::numbers`].
        from: [u16; 2],
        /// Latitude and longitude, indices into [`Program::numbers`].
        to: [u16; 2],
    },
    /// A part of the transaction's time of day or week.
    Time {
        /// The part.
        part: TimePart,
        /// The form: a number, or a point on the circle.
        form: TimeForm,
        /// Minutes east of UTC.
        offset: i16,
    },
    /// A statistic of what is remembered of an entity.
    Remembered {
        /// Index into [`Program::tables`].
        table: u8,
        /// The statistic.
        stat: Stat,
    },
    /// `value / stat`; missing if the statistic is missing or not above 0.
    Ratio {
        /// The dividend.
        value: Value,
        /// Index into [`Program::tables`].
        table: u8,
        /// The divisor.
        stat: Stat,
    },
}

/// A statistic over an entity's events; cells index [`Table::cells`]. Before the first event all
/// but `Count`, `Sum`, `Events` and a mean with a prior are missing (NaN).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stat {
    /// Decayed number of events: `c * decay`.
    Count {
        /// A [`Cell::Count`].
        cell: u8,
    },
    /// Decayed sum: `c * decay`.
    Sum {
        /// A [`Cell::Sum`].
        cell: u8,
    },
    /// Decayed sum over the decayed number of the events summed.
    Mean {
        /// A [`Cell::Sum`].
        sum: u8,
        /// A [`Cell::Count`] with the same half-life.
        count: u8,
    },
    /// Decayed maximum: `c * decay`.
    Max {
        /// A [`Cell::Max`].
        cell: u8,
    },
    /// Mean over all events.
    RunningMean {
        /// A [`Cell::Mean`].
        cell: u8,
    },
    /// A value of a trace at the event; before the first event the number of what is different is 0.
    Trace {
        /// Index into [`Table::traces`].
        trace: u8,
        /// Which of the trace's values.
        output: u8,
    },
    /// Number of events, at most `cap`.
    Events {
        /// At most 65,535.
        cap: u16,
    },
    /// Time since the last event, 0 for a late one.
    SinceLast {
        /// The unit of the feature, in seconds.
        unit: u32,
    },
    /// Time since the first event of the current streak; missing once the streak has ended.
    SinceFirst {
        /// A [`Cell::Streak`].
        cell: u8,
        /// The unit of the feature, in seconds.
        unit: u32,
    },
}

/// An operation on two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// The first divided by the second; missing if the second is 0.
    Ratio,
    /// The first less the second.
    Difference,
    /// The first times the second.
    Product,
}

/// The way from a category's value to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CategoryForm {
    /// The value's code, −1 for one that is not in the vocabulary.
    Ordinal,
    /// 1 for the value with this code, 0 for any other.
    OneHot {
        /// An index into the vocabulary.
        code: u16,
    },
    /// The number of the bucket that the value's hash is in: `(hash >> 32) * buckets >> 32`.
    Hashed {
        /// At least 2.
        buckets: u32,
    },
    /// The value's number in a table.
    Table {
        /// Index into [`Category::tables`].
        table: u8,
    },
}

/// Part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimePart {
    /// Hour of the day with its fraction, 0 ≤ h < 24.
    Hour,
    /// Day of the week with its fraction, Monday 0 ≤ d < 7.
    Weekday,
    /// 1 on Saturday and Sunday, else 0.
    IsWeekend,
    /// 1 from 00:00 to 05:59, else 0.
    IsNight,
}

/// The form in which a part of a time goes to the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeForm {
    /// The number itself.
    #[default]
    Value,
    /// Sine of the part's share of its period.
    Sin,
    /// Cosine of the part's share of its period.
    Cos,
}

impl Cell {
    /// Returns the index into [`Table::half_lives`] of a cell that decays.
    pub fn half_life(&self) -> Option<u8> {
        match *self {
            Cell::Count { half_life, .. }
            | Cell::Sum { half_life, .. }
            | Cell::Max { half_life, .. } => Some(half_life),
            Cell::Mean { .. } | Cell::Streak { .. } => None,
        }
    }
}

impl Program {
    /// Returns the path of a field as a spec writes it: `items[0].amount`.
    pub fn path(&self, field: usize) -> String {
        let field = &self.fields[field];
        let parent = field.parent.map(|parent| self.path(parent.into()));
        match (&field.step, parent) {
            (Step::Name(name), None) => name.clone(),
            (Step::Name(name), Some(parent)) => format!("{parent}.{name}"),
            (Step::Item(item), parent) => format!("{}[{item}]", parent.unwrap_or_default()),
        }
    }

    /// Whether a record is a fraud report by its type, and its fields are where a transaction has them.
    pub fn reports_by_type(&self) -> bool {
        let types = self.types.iter().flat_map(|types| &types.treatments);
        types.into_iter().any(|(_, treatment)| *treatment == Treatment::Report)
    }

    /// Returns a record's type that is treated so, if one is named.
    pub fn type_of(&self, treatment: Treatment) -> Option<&str> {
        let mut types = self.types.iter().flat_map(|types| &types.treatments);
        types.find(|(_, of)| *of == treatment).map(|(name, _)| name.as_str())
    }

    /// Whether a report is known by what is the id of a transaction.
    pub fn reports_by_id(&self) -> bool {
        self.reports_by_type() && !self.fields.iter().any(|field| field.role == Role::ReportId)
    }

    /// Whether anything is remembered of an entity's fraud reports, or of those of one made of it.
    pub fn is_reported(&self, entity: u8) -> bool {
        let reported = self.tables.iter().filter(|table| table.events == Events::Reports);
        let mut reported =
            reported.map(|table| (table.entity, &self.entities[usize::from(table.entity)]));
        reported.any(|(at, of)| at == entity || of.of.contains(&entity))
    }

    /// Returns whether a field is part of a report, not of a transaction.
    pub fn in_report(&self, field: &Field) -> bool {
        if matches!(field.role, Role::ReportId | Role::ReportTime) {
            return true;
        }
        let mut parent = field.parent;
        while let Some(at) = parent {
            let holder = &self.fields[usize::from(at)];
            if holder.role == Role::Reports {
                return true;
            }
            parent = holder.parent;
        }
        false
    }
}
