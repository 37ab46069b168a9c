//! The model's inputs.

use serde::{Deserialize, Serialize};

use super::Value;

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
        /// Index into [`Program::numbers`](super::Program::numbers).
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
        /// Index into [`Program::categories`](super::Program::categories).
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
    /// [`Trace::Point`](super::Trace::Point).
    Distance {
        /// Latitude and longitude, indices into [`Program::numbers`](super::Program::numbers).
        from: [u16; 2],
        /// Latitude and longitude, indices into [`Program::numbers`](super::Program::numbers).
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
        /// Index into [`Program::tables`](super::Program::tables).
        table: u8,
        /// The statistic.
        stat: Stat,
    },
    /// `value / stat`; missing if the statistic is missing or not above 0.
    Ratio {
        /// The dividend.
        value: Value,
        /// Index into [`Program::tables`](super::Program::tables).
        table: u8,
        /// The divisor.
        stat: Stat,
    },
}

/// A statistic over an entity's events; cells index [`Table::cells`](super::Table::cells). Before the
/// first event all but `Count`, `Sum`, `Events` and a mean with a prior are missing (NaN).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stat {
    /// Decayed number of events: `c * decay`.
    Count {
        /// A [`Cell::Count`](super::Cell::Count).
        cell: u8,
    },
    /// Decayed sum: `c * decay`.
    Sum {
        /// A [`Cell::Sum`](super::Cell::Sum).
        cell: u8,
    },
    /// Decayed sum over the decayed number of the events summed.
    Mean {
        /// A [`Cell::Sum`](super::Cell::Sum).
        sum: u8,
        /// A [`Cell::Count`](super::Cell::Count) with the same half-life.
        count: u8,
    },
    /// Decayed maximum: `c * decay`.
    Max {
        /// A [`Cell::Max`](super::Cell::Max).
        cell: u8,
    },
    /// Mean over all events.
    RunningMean {
        /// A [`Cell::Mean`](super::Cell::Mean).
        cell: u8,
    },
    /// A value of a trace at the event; before the first event the number of what is different is 0.
    Trace {
        /// Index into [`Table::traces`](super::Table::traces).
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
        /// A [`Cell::Streak`](super::Cell::Streak).
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
        /// Index into [`Category::tables`](super::Category::tables).
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
