//! Features of what is remembered of an entity, and remembering an event.

use fraud_plan::Program;
use fraud_plan::program::{self, Cell, Events, Stat};

use super::trace::Traces;
use super::{finite, place};
use crate::exponential::exp2;
use crate::history::{Place, Table};
use crate::record::Event;
use crate::record::event::MISSING;

/// A feature of a table: a statistic, or the ratio of a value to it.
pub(super) struct TableFeature {
    pub(super) stat: Statistic,
    /// Index of the value that is divided by the statistic.
    pub(super) dividend: Option<usize>,
    /// The statistic of an entity that has never been seen.
    pub(super) unseen: f32,
}

/// A statistic, with the indices of its values in the row.
pub(super) enum Statistic {
    Value(usize),
    Mean { sum: usize, count: usize },
    Events { cap: u32 },
    SinceLast { unit: f32 },
    SinceFirst { cell: usize, gap: u32, unit: f32 },
}

/// A table's part in an event: the entity that the event names, and what is remembered of it.
pub(super) struct Entity {
    /// Number of the entity's id in [`Event::ids`].
    pub(super) id: usize,
    /// The events that the table remembers.
    pub(super) events: Events,
    half_lives: Vec<HalfLife>,
    /// Index of the first cell in the row of values.
    pub(super) first: usize,
    cells: Vec<Remember>,
    pub(super) traces: Traces,
    /// The entity's place in the table, for the event at hand.
    pub(super) place: Place,
    /// Seconds from the entity's last event to the event at hand.
    since_last: u32,
}

/// A half-life, and the decay by it at the event at hand.
struct HalfLife {
    seconds: f32,
    /// Factor of the remembered values: 1 if the event is late.
    kept: f32,
    /// Factor of the event's own value: 1 unless the event is late.
    new: f32,
}

/// The way in which a cell takes an event, with indices of values and half-lives.
enum Remember {
    Count { value: Option<usize>, half_life: usize },
    Sum { value: usize, half_life: usize },
    Max { value: usize, half_life: usize },
    Mean { value: usize, clip: f32, has_prior: bool },
    Streak { gap: u32 },
}

impl TableFeature {
    /// Puts the feature into the row of values.
    #[inline]
    pub(super) fn set(&self, at: usize, stat: f32, values: &mut [f32]) {
        values[at] = self.dividend.map_or(stat, |dividend| ratio(values[dividend], stat));
    }
}

impl Statistic {
    pub(super) fn new(entity: &Entity, table: &program::Table, stat: Stat) -> Self {
        let cells = &table.cells;
        let remembered = |cell: u8| entity.first + usize::from(cell);
        let value = |cell: u8| entity.first + cells.len() + usize::from(cell);
        match stat {
            Stat::Count { cell }
            | Stat::Sum { cell }
            | Stat::Max { cell }
            | Stat::RunningMean { cell } => Statistic::Value(value(cell)),
            // Both have decayed by the same factor, which cancels out.
            Stat::Mean { sum, count } => {
                Statistic::Mean { sum: remembered(sum), count: remembered(count) }
            }
            Stat::Trace { trace, output } => {
                Statistic::Value(entity.traces.first_of(trace) + usize::from(output))
            }
            Stat::Events { cap } => Statistic::Events { cap: cap.into() },
            Stat::SinceLast { unit } => Statistic::SinceLast { unit: unit as f32 },
            Stat::SinceFirst { cell, unit } => {
                let gap = match cells[usize::from(cell)] {
                    Cell::Streak { gap } => gap,
                    _ => 0,
                };
                Statistic::SinceFirst { cell: remembered(cell), gap, unit: unit as f32 }
            }
        }
    }
}
impl Entity {
    pub(super) fn new(program: &Program, table: &program::Table, first: usize) -> Self {
        let half_lives = table.half_lives.iter();
        let value = |value| place(program, value);
        let cells = table.cells.iter().map(|cell| match *cell {
            Cell::Count { value: of, half_life } => {
                Remember::Count { value: of.map(value), half_life: half_life.into() }
            }
            Cell::Sum { value: of, half_life } => {
                Remember::Sum { value: value(of), half_life: half_life.into() }
            }
            Cell::Max { value: of, half_life } => {
                Remember::Max { value: value(of), half_life: half_life.into() }
            }
            Cell::Mean { value: of, clip, prior } => {
                Remember::Mean { value: value(of), clip, has_prior: prior.is_some() }
            }
            Cell::Streak { gap } => Remember::Streak { gap },
        });
        Self {
            id: table.entity.into(),
            events: table.events,
            half_lives: half_lives
                .map(|&seconds| HalfLife { seconds, kept: 1.0, new: 1.0 })
                .collect(),
            first,
            cells: cells.collect(),
            traces: Traces::new(program, table, first + 2 * table.cells.len()),
            place: Place::default(),
            since_last: 0,
        }
    }

    /// Computes the values of the cells at the event.
    #[inline]
    pub(super) fn recall(&mut self, event: &Event, table: &Table, values: &mut [f32]) {
        let Some((last, _)) = self.place.seen else { return };
        self.since_last = event.seconds.saturating_sub(last);
        let is_late = event.seconds < last;
        let age = last.abs_diff(event.seconds) as f32;
        for half_life in &mut self.half_lives {
            let decay = exp2(f64::from(-age / half_life.seconds)) as f32;
            (half_life.kept, half_life.new) = if is_late { (1.0, decay) } else { (decay, 1.0) };
        }
        let (remembered, now) = values[self.first..].split_at_mut(self.cells.len());
        let cells = self.cells.iter().zip(table.cells(&self.place));
        for (((cell, &bits), remembered), now) in cells.zip(remembered).zip(now) {
            *remembered = f32::from_bits(bits);
            *now = match *cell {
                Remember::Count { half_life, .. }
                | Remember::Sum { half_life, .. }
                | Remember::Max { half_life, .. } => *remembered * self.half_lives[half_life].kept,
                Remember::Mean { .. } | Remember::Streak { .. } => *remembered,
            };
        }
    }

    /// Computes the values of the traces at the event.
    pub(super) fn recall_traces(&self, event: &Event, table: &Table, values: &mut [f32]) {
        if let Some((last, _)) = self.place.seen {
            let words = &table.cells(&self.place)[self.cells.len()..];
            self.traces.recall(words, event, last, values);
        }
    }

    /// Puts the event into the traces, once the table has it.
    pub(super) fn remember_traces(&self, event: &Event, table: &mut Table, values: &[f32]) {
        let last = self.place.seen.map_or(event.seconds, |(last, _)| last);
        if let Some(cells) = table.cells_mut(event.ids[self.id]) {
            self.traces.remember(&mut cells[self.cells.len()..], event, last, values);
        }
    }

    /// Computes a statistic at the event; `events` is the number of events seen.
    #[inline]
    pub(super) fn stat(&self, stat: &Statistic, events: u32, event: &Event, values: &[f32]) -> f32 {
        match *stat {
            Statistic::Value(at) => values[at],
            Statistic::Mean { sum, count } if values[count] > 0.0 => {
                finite(values[sum] / values[count])
            }
            Statistic::Mean { .. } => f32::NAN,
            Statistic::Events { cap } => events.min(cap) as f32,
            Statistic::SinceLast { unit } => self.since_last as f32 / unit,
            Statistic::SinceFirst { gap, .. } if self.since_last > gap => f32::NAN,
            Statistic::SinceFirst { cell, unit, .. } => {
                event.seconds.saturating_sub(values[cell].to_bits()) as f32 / unit
            }
        }
    }

    /// Puts the event into the table.
    #[inline]
    pub(super) fn remember(&self, event: &Event, table: &mut Table, values: &[f32]) {
        let is_new = self.place.seen.is_none();
        if is_new && event.ids[self.id] == MISSING {
            return;
        }
        let (last, events) = self.place.seen.unwrap_or((event.seconds, 0));
        let now = &values[self.first + self.cells.len()..][..self.cells.len()];
        let cells = table.touch(&self.place, event.seconds);
        for ((remember, cell), now) in self.cells.iter().zip(cells).zip(now) {
            // A new entity has nothing that could decay, and its first event is not late.
            let old = if is_new { f32::from_bits(*cell) } else { *now };
            let factor = |at: usize| if is_new { 1.0 } else { self.half_lives[at].new };
            let new = match *remember {
                Remember::Count { value, half_life } => {
                    let counts = value.is_none_or(|value| !values[value].is_nan());
                    if counts { old + factor(half_life) } else { old }
                }
                Remember::Sum { value, half_life } => {
                    let value = values[value];
                    if value.is_nan() { old } else { old + value * factor(half_life) }
                }
                Remember::Max { value, half_life } => {
                    let value = values[value] * factor(half_life);
                    if value > old { value } else { old }
                }
                Remember::Mean { value, clip, has_prior } => {
                    let events = events + u32::from(has_prior);
                    running_mean(old, values[value], clip, events)
                }
                Remember::Streak { gap } => {
                    *cell = streak(*cell, last, event.seconds, gap, events);
                    continue;
                }
            };
            *cell = finite(new).to_bits();
        }
    }
}
/// Returns a ratio; it is missing unless the divisor is above 0.
fn ratio(dividend: f32, divisor: f32) -> f32 {
    if divisor > 0.0 { finite(dividend / divisor) } else { f32::NAN }
}

/// Returns the mean of `events` values with mean `mean` and one value more, which counts at most
/// `clip` times a mean above 0.
fn running_mean(mean: f32, value: f32, clip: f32, events: u32) -> f32 {
    if value.is_nan() {
        return mean;
    }
    if mean.is_nan() {
        return value;
    }
    let limit = if mean > 0.0 { clip * mean } else { f32::INFINITY };
    let value = if value > limit { limit } else { value };
    mean + (value - mean) / (events + 1) as f32
}

/// Returns when the current streak began, after one more event at `seconds`.
fn streak(first: u32, last: u32, seconds: u32, gap: u32, events: u32) -> u32 {
    let begins = events == 0 || seconds.saturating_sub(last) > gap;
    let reaches_back = seconds < first && first - seconds <= gap;
    if begins || reaches_back { seconds } else { first }
}
