//! Record + history → feature vector; then the record, or a fraud report, into history.
//!
//! The formulas stand with the types of `fraud_plan::program`. Time runs in whole seconds. A late
//! event (before the entity's last) reads the state as it is at the last event, and adds its value
//! decayed to that time: a decayed sum depends on the set of events, not on their order.

use fraud_plan::Program;
use fraud_plan::program::{self, Cell, Events, Source, Stat, TimeForm, TimePart, Value};

use crate::history::{History, Place, Table};
use crate::record::Event;

/// Computes feature vectors; keeps its buffers.
pub struct Features {
    vector: Vec<f32>,
    /// For each table the event's place in it, and the range of its decay factors.
    places: Vec<Place>,
    decays: Vec<f32>,
    first_decay: Vec<usize>,
}

impl Features {
    /// Buffers for the program's features.
    pub fn new(program: &Program) -> Self {
        let mut decays = 0;
        let first_decay = program.tables.iter().map(|table| {
            decays += table.half_lives.len();
            decays - table.half_lives.len()
        });
        Self {
            first_decay: first_decay.collect(),
            vector: vec![f32::NAN; program.features.len()],
            places: Vec::with_capacity(program.tables.len()),
            decays: vec![0.0; decays],
        }
    }

    /// The last vector; NaN is missing.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// Makes the transaction's vector, then remembers the transaction. Returns how many of the first
    /// entity's transactions were remembered before.
    pub fn compute(
        &mut self,
        program: &Program,
        transaction: &Event,
        history: &mut History,
    ) -> u32 {
        self.find(program, transaction, history);
        for (at, feature) in program.features.iter().enumerate() {
            self.vector[at] = self.feature(program, &feature.source, transaction, history);
        }
        self.remember(program, Events::Transactions, transaction, history);
        self.places[0].seen.map_or(0, |(_, events)| events)
    }

    /// Remembers a fraud report.
    pub fn report(&mut self, program: &Program, report: &Event, history: &mut History) {
        self.find(program, report, history);
        self.remember(program, Events::Reports, report, history);
    }

    /// The event's places in all tables, and how much has decayed there since the last event.
    fn find(&mut self, program: &Program, event: &Event, history: &History) {
        self.places.clear();
        for (at, table) in program.tables.iter().enumerate() {
            let place = history.tables()[at].find(event.ids[usize::from(table.entity)]);
            let last = place.seen.map_or(event.seconds, |(last, _)| last);
            let age = last.abs_diff(event.seconds) as f32;
            let decays = &mut self.decays[self.first_decay[at]..];
            for (half_life, decay) in table.half_lives.iter().zip(decays) {
                *decay = libm::exp2f(-age / half_life);
            }
            self.places.push(place);
        }
    }

    fn feature(
        &self,
        program: &Program,
        source: &Source,
        transaction: &Event,
        history: &History,
    ) -> f32 {
        let stat = |table, stat| self.stat(program, table, stat, transaction, history);
        match *source {
            Source::Number { number, min, max, log1p } => {
                let value = transaction.numbers[usize::from(number)];
                let value = if value < min {
                    min
                } else if value > max {
                    max
                } else {
                    value
                };
                if log1p { finite(libm::log1pf(value)) } else { value }
            }
            Source::Time { part, form, offset } => time(transaction.seconds, part, form, offset),
            Source::Remembered { table, stat: which } => stat(table, which),
            Source::Ratio { value, table, stat: which } => {
                let divisor = stat(table, which);
                if divisor > 0.0 {
                    finite(self.value(value, transaction) / divisor)
                } else {
                    f32::NAN
                }
            }
        }
    }

    fn stat(
        &self,
        program: &Program,
        table: u8,
        stat: Stat,
        event: &Event,
        history: &History,
    ) -> f32 {
        let table = usize::from(table);
        let Some((last, events)) = self.places[table].seen else {
            return match stat {
                Stat::Count { .. } | Stat::Sum { .. } | Stat::Events { .. } => 0.0,
                _ => f32::NAN,
            };
        };
        let since_last = event.seconds.saturating_sub(last);
        let remembered = &history.tables()[table];
        let cell = |cell: u8| remembered.cell(self.places[table], usize::from(cell));
        let decayed = |at: u8| {
            let half_life = program.tables[table].cells[usize::from(at)].half_life();
            // A late event sees the state at the last one.
            match half_life {
                Some(half_life) if since_last > 0 => cell(at) * self.decay(table, half_life),
                _ => cell(at),
            }
        };
        match stat {
            Stat::Count { cell } | Stat::Sum { cell } | Stat::Max { cell } => decayed(cell),
            // Both have decayed alike, so the decay cancels out.
            Stat::Mean { sum, count } if cell(count) > 0.0 => finite(cell(sum) / cell(count)),
            Stat::Mean { .. } => f32::NAN,
            Stat::RunningMean { cell: at } => cell(at),
            Stat::Events { cap } => events.min(u32::from(cap)) as f32,
            Stat::SinceLast { unit } => since_last as f32 / unit as f32,
            Stat::SinceFirst { cell: at, unit } => {
                let gap = match program.tables[table].cells[usize::from(at)] {
                    Cell::Streak { gap } => gap,
                    _ => 0,
                };
                if since_last > gap {
                    return f32::NAN;
                }
                event.seconds.saturating_sub(cell(at).to_bits()) as f32 / unit as f32
            }
        }
    }

    fn decay(&self, table: usize, half_life: u8) -> f32 {
        self.decays[self.first_decay[table] + usize::from(half_life)]
    }

    fn value(&self, value: Value, transaction: &Event) -> f32 {
        match value {
            Value::Number(number) => transaction.numbers[usize::from(number)],
            Value::Feature(feature) => self.vector[usize::from(feature)],
        }
    }

    fn remember(&self, program: &Program, kind: Events, event: &Event, history: &mut History) {
        for (at, table) in program.tables.iter().enumerate() {
            if table.events == kind {
                self.remember_in(table, at, event, history.table_mut(at));
            }
        }
    }

    fn remember_in(&self, program: &program::Table, at: usize, event: &Event, table: &mut Table) {
        let place = self.places[at];
        let (last, events) = place.seen.unwrap_or((event.seconds, 0));
        let late = event.seconds < last;
        let place = table.touch(place, event.seconds);
        for (index, cell) in program.cells.iter().enumerate() {
            let old = table.cell(place, index);
            // What is remembered decays to now; a late value decays to the last time.
            let factors = |half_life: u8| {
                let decay = self.decay(at, half_life);
                if late { (old, decay) } else { (old * decay, 1.0) }
            };
            let new = match *cell {
                Cell::Count { value, half_life } => {
                    let (kept, factor) = factors(half_life);
                    let counts = value.is_none_or(|v| !self.value(v, event).is_nan());
                    if counts { kept + factor } else { kept }
                }
                Cell::Sum { value, half_life } => {
                    let (kept, factor) = factors(half_life);
                    let value = self.value(value, event);
                    if value.is_nan() { kept } else { kept + value * factor }
                }
                Cell::Max { value, half_life } => {
                    let (kept, factor) = factors(half_life);
                    let value = self.value(value, event) * factor;
                    if value > kept { value } else { kept }
                }
                Cell::Mean { value, clip } => {
                    running_mean(old, self.value(value, event), clip, events)
                }
                Cell::Streak { gap } => {
                    let first = streak(old.to_bits(), last, event.seconds, gap, events);
                    table.set_cell(place, index, f32::from_bits(first));
                    continue;
                }
            };
            table.set_cell(place, index, finite(new));
        }
    }
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
    value.clamp(f32::MIN, f32::MAX)
}

/// 2000-01-01 was a Saturday: days from the Monday before.
const FIRST_WEEKDAY: i64 = 5;
const DAY: i64 = 86_400;

fn time(seconds: u32, part: TimePart, form: TimeForm, offset: i16) -> f32 {
    let local = i64::from(seconds) + i64::from(offset) * 60;
    let of_day = local.rem_euclid(DAY);
    let of_week = (local + FIRST_WEEKDAY * DAY).rem_euclid(7 * DAY);
    let (value, period) = match part {
        TimePart::Hour => (of_day as f32 / 3600.0, 24.0),
        TimePart::Weekday => (of_week as f32 / DAY as f32, 7.0),
        TimePart::IsWeekend => (f32::from(u8::from(of_week >= 5 * DAY)), 1.0),
        TimePart::IsNight => (f32::from(u8::from(of_day < 6 * 3600)), 1.0),
    };
    let angle = value / period * std::f32::consts::TAU;
    match form {
        TimeForm::Value => value,
        TimeForm::Sin => libm::sinf(angle),
        TimeForm::Cos => libm::cosf(angle),
    }
}
