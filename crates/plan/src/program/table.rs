//! The history of an entity: what is remembered of it. `Program` says what the letters of a formula mean.

use serde::{Deserialize, Serialize};

/// A table of what is remembered of one entity's events of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// A hash of what is remembered: tables with the same one, also of different programs, remember the
    /// same of the same entities.
    pub meaning: u32,
    /// Index into [`Program::entities`](super::Program::entities).
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

/// Several remembered words of a table, with a formula of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trace {
    /// The latest point that an event had, in degrees, and its time. A latitude beyond ±90 or a
    /// longitude beyond ±360 is no point.
    Point {
        /// Index into [`Program::numbers`](super::Program::numbers).
        latitude: u16,
        /// Index into [`Program::numbers`](super::Program::numbers).
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
