//! Record + history → feature vector; then the record, or a fraud report, into history.
//!
//! The formulas stand with the types of `fraud_plan::program`. Time runs in whole seconds. A late
//! event (before the entity's last) reads the state as it is at the last event, and adds its value
//! decayed to that time: a decayed sum depends on the set of events, not on their order.
//!
//! The program is resolved once, at start: all values that a formula can name (the features
//! themselves, the record's numbers, remembered cells) lie in one row, and a formula knows its places.

use fraud_plan::Program;
use fraud_plan::program::{self, Cell, Events, Stat, TimeForm, TimePart, Value};

use crate::exponential::exp2;
use crate::history::{History, Place, Table, blank};
use crate::record::Event;

/// Computes feature vectors; keeps its buffers.
pub struct Features {
    /// The vector; the record's numbers; for each table its cells as they are remembered, then as
    /// they are at the event.
    values: Vec<f32>,
    count: usize,
    /// The features in their order, those of one source together.
    runs: Vec<Run>,
    entities: Vec<Entity>,
}

/// Features that stand side by side in the vector.
enum Run {
    /// Of the record alone.
    Record(Vec<(usize, OfRecord)>),
    /// Of one table.
    Table(usize, Vec<(usize, OfTable)>),
}

enum OfRecord {
    Number { at: usize, min: f32, max: f32, log1p: bool },
    Time { part: TimePart, form: TimeForm, offset: i16 },
}

struct OfTable {
    stat: Resolved,
    dividend: Option<usize>,
    /// The statistic while the entity has not been seen.
    unseen: f32,
}

/// A statistic over the values in their places.
enum Resolved {
    Value(usize),
    Mean { sum: usize, count: usize },
    Events { cap: u32 },
    SinceLast { unit: f32 },
    SinceFirst { cell: usize, gap: u32, unit: f32 },
}

/// One table's part in an event.
struct Entity {
    id: usize,
    events: Events,
    half_lives: Vec<HalfLife>,
    /// Where the cells' values begin.
    first: usize,
    cells: Vec<Remember>,
    place: Place,
    since_last: u32,
}

struct HalfLife {
    seconds: f32,
    /// What remains of what is remembered, and what counts of the event: one of them is 1.
    kept: f32,
    new: f32,
}

/// How a cell takes an event; `half_life` and the place of the value are resolved.
enum Remember {
    Count { value: Option<usize>, half_life: usize },
    Sum { value: usize, half_life: usize },
    Max { value: usize, half_life: usize },
    Mean { value: usize, clip: f32, has_prior: bool },
    Streak { gap: u32 },
}

impl Features {
    /// Resolves the program, whose indices are known to be within their lists.
    pub fn new(program: &Program) -> Self {
        let mut first = program.features.len() + program.numbers.len();
        let entities: Vec<_> = (program.tables.iter())
            .map(|table| {
                first += 2 * table.cells.len();
                Entity::new(program, table, first - 2 * table.cells.len())
            })
            .collect();
        let mut runs = Vec::new();
        for (at, feature) in program.features.iter().enumerate() {
            add(&mut runs, program, &entities, at, &feature.source);
        }
        Self { values: vec![f32::NAN; first], count: program.features.len(), runs, entities }
    }

    /// The last vector; NaN is missing.
    pub fn vector(&self) -> &[f32] {
        &self.values[..self.count]
    }

    /// Makes the transaction's vector, then remembers the transaction. Returns how many of the first
    /// entity's transactions were remembered before.
    pub fn compute(&mut self, transaction: &Event, history: &mut History) -> u32 {
        self.set_numbers(transaction);
        for (entity, table) in self.entities.iter_mut().zip(history.tables()) {
            entity.place = table.find(transaction.ids[entity.id]);
        }
        // Apart, so that memory is waited for once and not for one table after the other.
        for (entity, table) in self.entities.iter_mut().zip(history.tables()) {
            entity.recall(transaction, table, &mut self.values);
        }
        for run in &self.runs {
            match run {
                Run::Record(features) => {
                    for (at, feature) in features {
                        self.values[*at] = feature.value(transaction, &self.values);
                    }
                }
                Run::Table(table, features) => {
                    let entity = &self.entities[*table];
                    let Some((_, events)) = entity.place.seen else {
                        features
                            .iter()
                            .for_each(|(at, of)| of.set(*at, of.unseen, &mut self.values));
                        continue;
                    };
                    for (at, of) in features {
                        let stat = entity.stat(&of.stat, events, transaction, &self.values);
                        of.set(*at, stat, &mut self.values);
                    }
                }
            }
        }
        self.remember(Events::Transactions, transaction, history);
        self.entities[0].place.seen.map_or(0, |(_, events)| events)
    }

    /// Remembers a fraud report.
    pub fn report(&mut self, report: &Event, history: &mut History) {
        self.set_numbers(report);
        for (entity, table) in self.entities.iter_mut().zip(history.tables()) {
            if entity.events == Events::Reports {
                entity.place = table.find(report.ids[entity.id]);
                entity.recall(report, table, &mut self.values);
            }
        }
        self.remember(Events::Reports, report, history);
    }

    fn set_numbers(&mut self, event: &Event) {
        for (value, &number) in self.values[self.count..].iter_mut().zip(&event.numbers) {
            *value = number;
        }
    }

    fn remember(&mut self, events: Events, event: &Event, history: &mut History) {
        for (at, entity) in self.entities.iter().enumerate() {
            if entity.events == events {
                entity.remember(event, history.table_mut(at), &self.values);
            }
        }
    }
}

/// Adds the feature that stands at `at`.
fn add(
    runs: &mut Vec<Run>,
    program: &Program,
    entities: &[Entity],
    at: usize,
    source: &program::Source,
) {
    let mut of_record = |feature| match runs.last_mut() {
        Some(Run::Record(features)) => features.push((at, feature)),
        _ => runs.push(Run::Record(vec![(at, feature)])),
    };
    let (table, stat, dividend) = match *source {
        program::Source::Number { number, min, max, log1p } => {
            let at = place(program, Value::Number(number));
            return of_record(OfRecord::Number { at, min, max, log1p });
        }
        program::Source::Time { part, form, offset } => {
            return of_record(OfRecord::Time { part, form, offset });
        }
        program::Source::Remembered { table, stat } => (usize::from(table), stat, None),
        program::Source::Ratio { value, table, stat } => (usize::from(table), stat, Some(value)),
    };
    let cells = &program.tables[table].cells;
    let unseen = match stat {
        Stat::Count { .. } | Stat::Sum { .. } | Stat::Events { .. } => 0.0,
        Stat::RunningMean { cell } => blank(&cells[usize::from(cell)]),
        _ => f32::NAN,
    };
    let feature = OfTable {
        stat: Resolved::new(&entities[table], cells, stat),
        dividend: dividend.map(|value| place(program, value)),
        unseen,
    };
    match runs.last_mut() {
        Some(Run::Table(last, features)) if *last == table => features.push((at, feature)),
        _ => runs.push(Run::Table(table, vec![(at, feature)])),
    }
}

impl OfRecord {
    fn value(&self, transaction: &Event, values: &[f32]) -> f32 {
        match *self {
            OfRecord::Number { at, min, max, log1p } => number(values[at], min, max, log1p),
            OfRecord::Time { part, form, offset } => time(transaction.seconds, part, form, offset),
        }
    }
}

impl OfTable {
    #[inline]
    fn set(&self, at: usize, stat: f32, values: &mut [f32]) {
        values[at] = self.dividend.map_or(stat, |dividend| ratio(values[dividend], stat));
    }
}

impl Resolved {
    fn new(entity: &Entity, cells: &[Cell], stat: Stat) -> Self {
        let remembered = |cell: u8| entity.first + usize::from(cell);
        let value = |cell: u8| entity.first + cells.len() + usize::from(cell);
        match stat {
            Stat::Count { cell }
            | Stat::Sum { cell }
            | Stat::Max { cell }
            | Stat::RunningMean { cell } => Resolved::Value(value(cell)),
            // Both have decayed alike, so the decay cancels out.
            Stat::Mean { sum, count } => {
                Resolved::Mean { sum: remembered(sum), count: remembered(count) }
            }
            Stat::Events { cap } => Resolved::Events { cap: cap.into() },
            Stat::SinceLast { unit } => Resolved::SinceLast { unit: unit as f32 },
            Stat::SinceFirst { cell, unit } => {
                let gap = match cells[usize::from(cell)] {
                    Cell::Streak { gap } => gap,
                    _ => 0,
                };
                Resolved::SinceFirst { cell: remembered(cell), gap, unit: unit as f32 }
            }
        }
    }
}

/// Where a value lies in the row.
fn place(program: &Program, value: Value) -> usize {
    match value {
        Value::Feature(feature) => feature.into(),
        Value::Number(number) => program.features.len() + usize::from(number),
    }
}

impl Entity {
    fn new(program: &Program, table: &program::Table, first: usize) -> Self {
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
            place: Place::default(),
            since_last: 0,
        }
    }

    /// The values of the cells at the event.
    #[inline]
    fn recall(&mut self, event: &Event, table: &Table, values: &mut [f32]) {
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

    #[inline]
    fn stat(&self, stat: &Resolved, events: u32, event: &Event, values: &[f32]) -> f32 {
        match *stat {
            Resolved::Value(at) => values[at],
            Resolved::Mean { sum, count } if values[count] > 0.0 => {
                finite(values[sum] / values[count])
            }
            Resolved::Mean { .. } => f32::NAN,
            Resolved::Events { cap } => events.min(cap) as f32,
            Resolved::SinceLast { unit } => self.since_last as f32 / unit,
            Resolved::SinceFirst { gap, .. } if self.since_last > gap => f32::NAN,
            Resolved::SinceFirst { cell, unit, .. } => {
                event.seconds.saturating_sub(values[cell].to_bits()) as f32 / unit
            }
        }
    }

    #[inline]
    fn remember(&self, event: &Event, table: &mut Table, values: &[f32]) {
        let is_new = self.place.seen.is_none();
        let (last, events) = self.place.seen.unwrap_or((event.seconds, 0));
        let now = &values[self.first + self.cells.len()..][..self.cells.len()];
        let cells = table.touch(&self.place, event.seconds);
        for ((remember, cell), now) in self.cells.iter().zip(cells).zip(now) {
            // A new entity has nothing to decay, and is not late.
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

fn number(value: f32, min: f32, max: f32, log1p: bool) -> f32 {
    let value = if value < min {
        min
    } else if value > max {
        max
    } else {
        value
    };
    if log1p { finite(libm::log1pf(value)) } else { value }
}

/// Missing without a divisor above 0.
fn ratio(dividend: f32, divisor: f32) -> f32 {
    if divisor > 0.0 { finite(dividend / divisor) } else { f32::NAN }
}

/// The mean of `events` values and one more, which counts at most `clip` times a mean above 0.
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

/// The first time of the streak that holds the last event, after one more at `seconds`.
fn streak(first: u32, last: u32, seconds: u32, gap: u32, events: u32) -> u32 {
    let begins = events == 0 || seconds.saturating_sub(last) > gap;
    let reaches_back = seconds < first && first - seconds <= gap;
    if begins || reaches_back { seconds } else { first }
}

/// The nearest finite number; missing stays missing.
fn finite(value: f32) -> f32 {
    if value.is_infinite() { f32::MAX.copysign(value) } else { value }
}

/// 2000-01-01 was a Saturday: days from the Monday before.
const FIRST_WEEKDAY: u32 = 5;
const DAY: u32 = 86_400;
const WEEK: u32 = 7 * DAY;

fn time(seconds: u32, part: TimePart, form: TimeForm, offset: i16) -> f32 {
    let offset = (i32::from(offset) * 60).rem_euclid(WEEK as i32) as u32;
    let of_week = || (seconds % WEEK + FIRST_WEEKDAY * DAY + offset) % WEEK;
    let of_day = || (seconds % DAY + offset % DAY) % DAY;
    let (value, period) = match part {
        TimePart::Hour => (of_day() as f32 / 3600.0, 24.0),
        TimePart::Weekday => (of_week() as f32 / DAY as f32, 7.0),
        TimePart::IsWeekend => (f32::from(u8::from(of_week() >= 5 * DAY)), 1.0),
        TimePart::IsNight => (f32::from(u8::from(of_day() < 6 * 3600)), 1.0),
    };
    let angle = value / period * std::f32::consts::TAU;
    match form {
        TimeForm::Value => value,
        TimeForm::Sin => libm::sinf(angle),
        TimeForm::Cos => libm::cosf(angle),
    }
}
