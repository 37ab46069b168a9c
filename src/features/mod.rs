//! Features: record + history → feature vector; then the record, or a fraud report, into history.
//!
//! - `mod.rs`: the program, resolved for evaluation, and the order of its steps
//! - `record`: features of the record alone: a number, a time, two values combined; `category`: a
//!   category
//! - `window`: features of what is remembered of an entity, and remembering an event; `trace`: what
//!   is remembered in several words; `distance`: kilometres between two points
//! - [`merge`]: two parts of an entity's history → one
//!
//! The formulas are documented with the types of `fraud_plan::program`. Time runs in whole seconds.
//! A late event (before the entity's last) reads the state as it is at the last event, and adds its
//! value decayed to that time: a decayed sum depends on the set of events, not on their order.
//!
//! The program is resolved once, at the start: every value that a formula can name (a feature, a
//! number of the record, a remembered cell) has an index in one row of values, and a formula knows
//! its indices.

mod category;
mod distance;
pub mod merge;
mod record;
mod trace;
mod window;

use fraud_plan::Program;
use fraud_plan::program::{self, Events, Stat, Value};

use crate::history::changelog::{Changelog, MAX_EVENTS};
use crate::history::{History, blank};
use crate::record::Event;
use crate::record::event::MISSING;
use category::{Codes, Form};
use record::RecordFeature;
use window::{Entity, Statistic, TableFeature};

/// The feature program, resolved, with its buffers.
pub struct Features {
    /// The row of values: the vector; the record's numbers; for each table its cells as they are
    /// remembered, then as they are at the event, and the values of its traces.
    values: Vec<f32>,
    /// Number of features.
    count: usize,
    /// The features in their order; neighbours with the same source are in one run.
    runs: Vec<Run>,
    /// The tables, in the program's order.
    entities: Vec<Entity>,
    /// Whether a table has traces.
    is_traced: bool,
    /// The codes of each category's known values.
    categories: Vec<Codes>,
}

/// Features that are side by side in the vector and have the same source, each with its index.
enum Run {
    /// Features of the record alone.
    Record(Vec<(usize, RecordFeature)>),
    /// Features of table number `.0`.
    Table(usize, Vec<(usize, TableFeature)>),
}

impl Features {
    /// Resolves the program. Its indices are within their lists: reading a plan has checked that.
    pub fn new(program: &Program) -> Self {
        let mut first = program.features.len() + program.numbers.len();
        let entities: Vec<_> = (program.tables.iter())
            .map(|table| {
                let entity = Entity::new(program, table, first);
                let traces = table.traces.iter().map(program::Trace::outputs);
                first += 2 * table.cells.len() + traces.sum::<usize>();
                entity
            })
            .collect();
        let mut runs = Vec::new();
        for (at, feature) in program.features.iter().enumerate() {
            add(&mut runs, program, &entities, at, &feature.source);
        }
        Self {
            values: vec![f32::NAN; first],
            count: program.features.len(),
            runs,
            is_traced: program.tables.iter().any(|table| !table.traces.is_empty()),
            entities,
            categories: program.categories.iter().map(Codes::new).collect(),
        }
    }

    /// Returns the last vector; NaN is missing.
    pub fn vector(&self) -> &[f32] {
        &self.values[..self.count]
    }

    /// Makes the transaction's vector, then remembers the transaction. Returns the number of the
    /// first entity's transactions that were remembered before.
    pub fn compute(&mut self, transaction: &Event, history: &mut History) -> u32 {
        self.run::<true>(transaction, history, true)
    }

    /// Makes the vector of a transaction that may be without entities, then remembers it if it
    /// `counts`. Returns the same number as [`Features::compute`].
    // Apart, so that what few specs ask for costs the others nothing.
    #[inline(never)]
    pub fn compute_any(&mut self, transaction: &Event, history: &mut History, counts: bool) -> u32 {
        self.run::<false>(transaction, history, counts)
    }

    #[inline(always)]
    fn run<const WHOLE: bool>(
        &mut self,
        transaction: &Event,
        history: &mut History,
        counts: bool,
    ) -> u32 {
        self.set_numbers(transaction);
        for (entity, table) in self.entities.iter_mut().zip(history.tables()) {
            entity.place = table.find(transaction.ids[entity.id]);
        }
        // A second loop on purpose: the first one touches every table, so that their cache misses
        // overlap.
        for (entity, table) in self.entities.iter_mut().zip(history.tables()) {
            entity.recall(transaction, table, &mut self.values);
        }
        if self.is_traced {
            self.recall_traces(transaction, history);
        }
        for run in &self.runs {
            match run {
                Run::Record(features) => {
                    for (at, feature) in features {
                        self.values[*at] =
                            feature.value(transaction, &self.categories, &self.values);
                    }
                }
                Run::Table(table, features) => {
                    let entity = &self.entities[*table];
                    let Some((_, events)) = entity.place.seen else {
                        if !WHOLE && transaction.ids[entity.id] == MISSING {
                            features.iter().for_each(|(at, _)| self.values[*at] = f32::NAN);
                            continue;
                        }
                        for (at, of) in features {
                            of.set(*at, of.unseen, &mut self.values);
                        }
                        continue;
                    };
                    for (at, of) in features {
                        let stat = entity.stat(&of.stat, events, transaction, &self.values);
                        of.set(*at, stat, &mut self.values);
                    }
                }
            }
        }
        if WHOLE || counts {
            self.remember(Events::Transactions, transaction, history);
            if self.is_traced {
                self.remember_traces(transaction, history);
            }
        }
        self.entities[0].place.seen.map_or(0, |(_, events)| events)
    }

    /// Hands on the entities of the transaction that was remembered last whose slot is to be in the
    /// changelog: number of the table, and the id's hash.
    pub(crate) fn each_due(
        &self,
        changelog: &Changelog,
        transaction: &Event,
        mut each: impl FnMut(usize, u64),
    ) {
        for (at, entity) in self.entities.iter().enumerate() {
            let before = entity.place.seen.map_or(0, |(_, events)| events);
            if entity.events == Events::Transactions
                && changelog.is_due((before + 1).min(MAX_EVENTS), transaction.seconds)
                && transaction.ids[entity.id] != MISSING
            {
                each(at, transaction.ids[entity.id]);
            }
        }
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

    /// Puts the event's numbers into the row of values.
    fn set_numbers(&mut self, event: &Event) {
        for (value, &number) in self.values[self.count..].iter_mut().zip(&event.numbers) {
            *value = number;
        }
    }

    // Not inlined, and behind one look at a flag: most programs have no traces.
    #[inline(never)]
    fn recall_traces(&mut self, transaction: &Event, history: &History) {
        for (entity, table) in self.entities.iter().zip(history.tables()) {
            entity.recall_traces(transaction, table, &mut self.values);
        }
    }

    #[inline(never)]
    fn remember_traces(&self, transaction: &Event, history: &mut History) {
        for (at, entity) in self.entities.iter().enumerate() {
            if entity.events == Events::Transactions && !entity.traces.is_empty() {
                entity.remember_traces(transaction, history.table_mut(at), &self.values);
            }
        }
    }

    /// Remembers an event of the kind `events` in all tables of this kind.
    fn remember(&mut self, events: Events, event: &Event, history: &mut History) {
        for (at, entity) in self.entities.iter().enumerate() {
            if entity.events == events {
                entity.remember(event, history.table_mut(at), &self.values);
            }
        }
    }
}

/// Adds feature number `at` to the runs.
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
            return of_record(RecordFeature::Number { at, min, max, log1p });
        }
        program::Source::Category { category, form } => {
            let category = usize::from(category);
            let form = Form::new(&program.categories[category], form);
            return of_record(RecordFeature::Category { category, form });
        }
        program::Source::Combine { operation, left, right } => {
            let [left, right] = [left, right].map(|value| place(program, value));
            return of_record(RecordFeature::Combine { operation, left, right });
        }
        program::Source::Distance { from, to } => {
            let [from, to] =
                [from, to].map(|point| point.map(|number| place(program, Value::Number(number))));
            return of_record(RecordFeature::Distance { from, to });
        }
        program::Source::Time { part, form, offset } => {
            return of_record(RecordFeature::Time { part, form, offset });
        }
        program::Source::Remembered { table, stat } => (usize::from(table), stat, None),
        program::Source::Ratio { value, table, stat } => (usize::from(table), stat, Some(value)),
    };
    let (cells, traces) = (&program.tables[table].cells, &program.tables[table].traces);
    let unseen = match stat {
        Stat::Count { .. } | Stat::Sum { .. } | Stat::Events { .. } => 0.0,
        Stat::RunningMean { cell } => blank(&cells[usize::from(cell)]),
        Stat::Trace { trace, .. } => match traces[usize::from(trace)] {
            program::Trace::Distinct { .. } => 0.0,
            _ => f32::NAN,
        },
        _ => f32::NAN,
    };
    let feature = TableFeature {
        stat: Statistic::new(&entities[table], &program.tables[table], stat),
        dividend: dividend.map(|value| place(program, value)),
        unseen,
    };
    match runs.last_mut() {
        Some(Run::Table(last, features)) if *last == table => features.push((at, feature)),
        _ => runs.push(Run::Table(table, vec![(at, feature)])),
    }
}
/// Returns the index of a value in the row.
fn place(program: &Program, value: Value) -> usize {
    match value {
        Value::Feature(feature) => feature.into(),
        Value::Number(number) => program.features.len() + usize::from(number),
    }
}
/// Returns the nearest finite number; missing stays missing.
fn finite(value: f32) -> f32 {
    if value.is_infinite() { f32::MAX.copysign(value) } else { value }
}
