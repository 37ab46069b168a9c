//! State of an entity that takes several words: a point, the last values, the different values.
//!
//! A trace's words follow the table's cells in a slot. At an event its values are put into the row,
//! where a statistic reads them; then it takes the event.
//!
//! **Different values** are counted exactly up to the cap: the words keep the `cap` values that came
//! last, so those that came within the window are all among them, unless they are more than `cap`. A
//! word has 20 bits of a value's hash, never 0, over 12 bits of its age in steps of
//! `window / 4095 + 1` seconds. Two values pass for one with a probability of 2⁻²⁰ a pair, and a value
//! counts for up to a step more or less than the window. Ages are those at the entity's last event:
//! what passed since is added, as the difference of two times that are whole numbers of steps, so that
//! no rounding adds up.
//!
//! **A worked example**: with a window of a day a step is 86,400 / 4095 + 1 = 22 seconds. The word
//! 0x0000_7003 is a value with the hash 7, three steps before the last event. At an event a day later,
//! 3,927 steps, its age is 3,930, above 86,400 / 22 = 3,927: it counts no more.
//!
//! To check a change: `tests/features/kinds.rs` compares each trace with a list of all events.

use fraud_plan::Program;
use fraud_plan::program::{self, Identity};
use fraud_plan::time::seconds::HOUR;

use super::distance::{Point, distance};
use super::{finite, place};
use crate::history::GONE;
use crate::record::Event;
use crate::record::event::MISSING;

/// The traces of a table.
pub(super) struct Traces(Vec<Trace>);

/// A trace, with the indices of its values in the row.
struct Trace {
    kind: Kind,
    words: usize,
    /// Index of its first value at the event.
    first: usize,
}

/// The way in which a trace takes an event.
enum Kind {
    Point { place: [usize; 2] },
    Last { value: usize },
    Distinct { of: Identity, window: u32, step: u32 },
}

/// Bits of an age; the other bits of a word are a value's hash.
const AGE_BITS: u32 = GONE.count_ones();

impl Traces {
    /// Resolves a table's traces; their values are in the row from `first` on.
    pub(super) fn new(program: &Program, table: &program::Table, mut first: usize) -> Self {
        let number = |number| place(program, program::Value::Number(number));
        let traces = table.traces.iter().map(|trace| {
            let kind = match *trace {
                program::Trace::Point { latitude, longitude } => {
                    Kind::Point { place: [latitude, longitude].map(number) }
                }
                program::Trace::Last { value, .. } => Kind::Last { value: place(program, value) },
                program::Trace::Distinct { of, window, .. } => {
                    let step = window / GONE + 1;
                    Kind::Distinct { of, window: window / step, step }
                }
            };
            first += trace.outputs();
            Trace { kind, words: trace.words(), first: first - trace.outputs() }
        });
        Self(traces.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the index of a trace's first value in the row.
    pub(super) fn first_of(&self, trace: u8) -> usize {
        self.0[usize::from(trace)].first
    }

    /// Computes the values of an entity's traces at the event; `last` is the time of its last one.
    pub(super) fn recall(&self, mut words: &[u32], event: &Event, last: u32, values: &mut [f32]) {
        for trace in &self.0 {
            let (own, others) = words.split_at(trace.words);
            words = others;
            let [first, second] = [trace.first, trace.first + 1];
            match trace.kind {
                Kind::Point { place } => {
                    let here = Point::new(place.map(|at| values[at]));
                    let there = Point::new([own[0], own[1]].map(f32::from_bits));
                    values[first] = distance(there, here);
                    // Times are whole seconds: two events in one are taken to be one apart.
                    let seconds = event.seconds.abs_diff(own[2]).max(1);
                    values[second] = values[first] / seconds as f32 * HOUR as f32;
                }
                Kind::Last { .. } => {
                    for (value, &word) in values[first..].iter_mut().zip(own) {
                        *value = f32::from_bits(word);
                    }
                }
                Kind::Distinct { window, step, .. } => {
                    let passed = event.seconds.max(last) / step - last / step;
                    let counts = |word: &&u32| (**word & GONE).saturating_add(passed) <= window;
                    values[first] = own.iter().filter(counts).count() as f32;
                }
            }
        }
    }

    /// Puts the event into an entity's traces; `last` is the time of the one before, or its own.
    pub(super) fn remember(&self, mut words: &mut [u32], event: &Event, last: u32, values: &[f32]) {
        for trace in &self.0 {
            let (own, others) = words.split_at_mut(trace.words);
            words = others;
            match trace.kind {
                Kind::Point { place } => {
                    let is_late = !f32::from_bits(own[0]).is_nan() && event.seconds < own[2];
                    if let Some(point) = Point::new(place.map(|at| values[at]))
                        && !is_late
                    {
                        own[..2].copy_from_slice(&point.degrees().map(f32::to_bits));
                        own[2] = event.seconds;
                    }
                }
                Kind::Last { value } => {
                    own.copy_within(..own.len() - 1, 1);
                    own[0] = finite(values[value]).to_bits();
                }
                Kind::Distinct { of, step, .. } => {
                    let now = event.seconds.max(last);
                    grow_older(own, now / step - last / step);
                    if let Some(hash) = hash_of(of, event) {
                        keep(own, hash, now / step - event.seconds / step);
                    }
                }
            }
        }
    }
}

/// Returns the hash of the event's id or value; `None` is missing.
fn hash_of(of: Identity, event: &Event) -> Option<u64> {
    match of {
        Identity::Entity(entity) => {
            Some(event.ids[usize::from(entity)]).filter(|&id| id != MISSING)
        }
        Identity::Category(category) => event.categories[usize::from(category)],
    }
}

/// Adds steps to the age of every word.
fn grow_older(words: &mut [u32], steps: u32) {
    for word in words {
        let age = (*word & GONE).saturating_add(steps).min(GONE);
        *word = *word & !GONE | age;
    }
}

/// Adds the different values of an earlier part of history to those of a later one, as they are at the
/// later of the two parts' last events.
pub(super) fn distinct(own: &mut [u32], last: u32, before: &[u32], last_before: u32, step: u32) {
    let now = last.max(last_before) / step;
    grow_older(own, now - last / step);
    for &word in before {
        let age = (word & GONE).saturating_add(now - last_before / step);
        if age < GONE {
            keep_value(own, word & !GONE, age);
        }
    }
}

/// Keeps a value that is `age` steps old, in place of the oldest if it is new.
fn keep(words: &mut [u32], hash: u64, age: u32) {
    let value = ((hash >> (32 + AGE_BITS)) as u32).max(1) << AGE_BITS;
    keep_value(words, value, age.min(GONE));
}

/// Keeps a value by the upper bits of its word, as [`keep`] does.
fn keep_value(words: &mut [u32], value: u32, age: u32) {
    let known = words.iter().position(|word| word & !GONE == value);
    let oldest = || (0..words.len()).max_by_key(|&at| words[at] & GONE);
    if let Some(at) = known.or_else(oldest)
        && words[at] & GONE >= age
    {
        words[at] = value | age;
    }
}
