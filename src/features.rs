//! Record + history → feature vector; then the record into history.
//!
//! The formulas stand with the types of `fraud_plan::program`. Time runs in whole seconds. A late
//! event (before the entity's last) reads the state as it is at the last event, and adds its value
//! decayed to that time: a decayed sum depends on the set of events, not on their order.

use fraud_plan::Program;
use fraud_plan::program::{Cell, Entity, Source, Stat, TimeForm, TimePart, Value};

use crate::history::{History, Place, Table};
use crate::record::Transaction;

/// Computes feature vectors; keeps its buffers.
pub struct Features {
    vector: Vec<f32>,
    doubled: Vec<f32>,
    /// For each entity its place, and the range of its decay factors.
    places: Vec<Place>,
    decays: Vec<f32>,
    first_decay: Vec<usize>,
}

impl Features {
    /// Buffers for the program's features.
    pub fn new(program: &Program) -> Self {
        let mut decays = 0;
        let first_decay = program.entities.iter().map(|entity| {
            decays += entity.half_lives.len();
            decays - entity.half_lives.len()
        });
        Self {
            first_decay: first_decay.collect(),
            vector: vec![f32::NAN; program.features.len()],
            doubled: vec![0.0; 2 * program.features.len()],
            places: Vec::with_capacity(program.entities.len()),
            decays: vec![0.0; decays],
        }
    }

    /// The last vector; NaN is missing.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// The last vector with −∞ for missing values, then again with +∞.
    pub fn doubled(&mut self) -> &[f32] {
        let (low, high) = self.doubled.split_at_mut(self.vector.len());
        for ((&value, low), high) in self.vector.iter().zip(low).zip(high) {
            let missing = value.is_nan();
            *low = if missing { f32::NEG_INFINITY } else { value };
            *high = if missing { f32::INFINITY } else { value };
        }
        &self.doubled
    }

    /// Makes the transaction's vector, then remembers the transaction. Returns how many events of
    /// the first entity were remembered before.
    pub fn compute(
        &mut self,
        program: &Program,
        transaction: &Transaction,
        history: &mut History,
    ) -> u32 {
        self.places.clear();
        for (entity, &id) in transaction.ids.iter().enumerate() {
            let place = history.tables()[entity].find(id);
            let last = place.seen.map_or(transaction.seconds, |(last, _)| last);
            let age = last.abs_diff(transaction.seconds) as f32;
            for (half_life, decay) in self.decays_of(program, entity) {
                *decay = libm::exp2f(-age / half_life);
            }
            self.places.push(place);
        }
        for (at, feature) in program.features.iter().enumerate() {
            self.vector[at] = self.feature(program, &feature.source, transaction, history);
        }
        for (at, entity) in program.entities.iter().enumerate() {
            if at == 0 || !entity.cells.is_empty() {
                self.remember(entity, at, transaction, history.table_mut(at));
            }
        }
        self.places[0].seen.map_or(0, |(_, events)| events)
    }

    fn decays_of<'a>(
        &'a mut self,
        program: &'a Program,
        entity: usize,
    ) -> impl Iterator<Item = (f32, &'a mut f32)> {
        let half_lives = program.entities[entity].half_lives.iter().copied();
        half_lives.zip(&mut self.decays[self.first_decay[entity]..])
    }

    fn feature(
        &self,
        program: &Program,
        source: &Source,
        transaction: &Transaction,
        history: &History,
    ) -> f32 {
        let stat = |entity, stat| self.stat(program, entity, stat, transaction, history);
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
            Source::Window { entity, stat: window } => stat(entity, window),
            Source::Ratio { value, entity, stat: window } => {
                let divisor = stat(entity, window);
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
        entity: u8,
        stat: Stat,
        transaction: &Transaction,
        history: &History,
    ) -> f32 {
        let entity = usize::from(entity);
        let Some((last, events)) = self.places[entity].seen else {
            return match stat {
                Stat::Count { .. } | Stat::Sum { .. } | Stat::Events { .. } => 0.0,
                _ => f32::NAN,
            };
        };
        let table = &history.tables()[entity];
        let cell = |cell: u8| table.cell(self.places[entity], usize::from(cell));
        let decayed = |at: u8| {
            let half_life = program.entities[entity].cells[usize::from(at)].half_life();
            // A late event sees the state at the last one.
            match half_life {
                Some(half_life) if transaction.seconds > last => {
                    cell(at) * self.decay(entity, half_life)
                }
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
            Stat::SinceLast => transaction.seconds.saturating_sub(last) as f32,
        }
    }

    fn decay(&self, entity: usize, half_life: u8) -> f32 {
        self.decays[self.first_decay[entity] + usize::from(half_life)]
    }

    fn value(&self, value: Value, transaction: &Transaction) -> f32 {
        match value {
            Value::Number(number) => transaction.numbers[usize::from(number)],
            Value::Feature(feature) => self.vector[usize::from(feature)],
        }
    }

    fn remember(&self, entity: &Entity, at: usize, transaction: &Transaction, table: &mut Table) {
        let place = self.places[at];
        table.touch(place, transaction.seconds);
        let (late, events) = match place.seen {
            Some((last, events)) => (transaction.seconds < last, events),
            None => (false, 0),
        };
        for (index, cell) in entity.cells.iter().enumerate() {
            let old = table.cell(place, index);
            // What is remembered decays to now; a late value decays to the last time.
            let factors = |half_life: u8| {
                let decay = self.decay(at, half_life);
                if late { (old, decay) } else { (old * decay, 1.0) }
            };
            let new = match *cell {
                Cell::Count { value, half_life } => {
                    let (kept, factor) = factors(half_life);
                    let counts = value.is_none_or(|v| !self.value(v, transaction).is_nan());
                    if counts { kept + factor } else { kept }
                }
                Cell::Sum { value, half_life } => {
                    let (kept, factor) = factors(half_life);
                    let value = self.value(value, transaction);
                    if value.is_nan() { kept } else { kept + value * factor }
                }
                Cell::Max { value, half_life } => {
                    let (kept, factor) = factors(half_life);
                    let value = self.value(value, transaction) * factor;
                    if value > kept { value } else { kept }
                }
                Cell::Mean { value, clip } => {
                    let value = self.value(value, transaction);
                    if value.is_nan() {
                        old
                    } else if old.is_nan() {
                        value
                    } else {
                        let limit = if old > 0.0 { clip * old } else { f32::INFINITY };
                        let value = if value > limit { limit } else { value };
                        old + (value - old) / (events + 1) as f32
                    }
                }
            };
            table.set_cell(place, index, finite(new));
        }
    }
}

/// The nearest finite number; missing stays missing.
fn finite(value: f32) -> f32 {
    if value > f32::MAX {
        f32::MAX
    } else if value < f32::MIN {
        f32::MIN
    } else {
        value
    }
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
