//! Two parts of an entity's history → one: what was remembered before a restart under what has been
//! remembered since.
//!
//! **The idea**: all that a slot holds can be added up from disjoint sets of events.
//!
//! | | |
//! |---|---|
//! | decayed count, sum, maximum | both as they are at the later last event, added; the larger one |
//! | running mean | by the numbers of events; a prior counts once |
//! | streak | the earlier part's, if it reaches the later part's within the gap |
//! | point | the later one |
//! | last values | the later part's first |
//! | different values | of both, each with its younger age; the youngest of them, where they are too many |
//!
//! All of these are exact, to a float's rounding, but for three things: a mean with `clip` (an event
//! of the later part was clipped by that part's mean, not by the whole's), events without a value in a
//! mean (the means are weighted by all events), and parts whose times overlap, in last values and in
//! streaks.
//!
//! **A worked example**: with a half-life of a day, a sum of 8 at noon on Monday and one of 3 at noon
//! on Wednesday make 8 / 4 + 3 = 5 on Wednesday. Means of 10 over 4 events and of 40 over 2 make 20
//! over 6.
//!
//! To check a change: `tests/history.rs` compares with a detector that has seen all events.

use std::ops::Range;

use fraud_plan::program::{Cell, Table, Trace};

use super::distance::Point;
use super::finite;
use super::trace::distinct;
use crate::exponential::exp2;
use crate::history::GONE;
use crate::history::changelog::{MAX_EVENTS, Slot};

/// Returns whether what a slot holds can have come of events.
pub fn is_sound(table: &Table, slot: &Slot) -> bool {
    let is_event = |seconds: u32| seconds <= slot.last;
    let mut words = &slot.words[..];
    if !(1..=MAX_EVENTS).contains(&slot.events) || words.len() != table.words() {
        return false;
    }
    let mut take = |count: usize| {
        let (taken, rest) = words.split_at(count);
        words = rest;
        taken
    };
    let cells = take(table.cells.len());
    let cell_is_sound = |(cell, &word): (&Cell, &u32)| {
        let value = f32::from_bits(word);
        match cell {
            Cell::Count { .. } | Cell::Max { .. } => value.is_finite() && value >= 0.0,
            Cell::Sum { .. } => value.is_finite(),
            Cell::Mean { prior, .. } => value.is_finite() || value.is_nan() && prior.is_none(),
            Cell::Streak { .. } => is_event(word),
        }
    };
    table.cells.iter().zip(cells).all(cell_is_sound)
        && table.traces.iter().all(|trace| {
            let own = take(trace.words());
            match trace {
                Trace::Point { .. } => {
                    let degrees = [own[0], own[1]].map(f32::from_bits);
                    match degrees.iter().all(|degrees| degrees.is_nan()) {
                        true => own[2] == 0,
                        false => Point::new(degrees).is_some() && is_event(own[2]),
                    }
                }
                Trace::Last { .. } => own.iter().all(|&word| !f32::from_bits(word).is_infinite()),
                Trace::Distinct { .. } => true,
            }
        })
}

/// Puts an earlier part of an entity's history under the later one; both are of this table.
pub fn merge(table: &Table, earlier: &Slot, later: &mut Slot) {
    let now = earlier.last.max(later.last);
    let decayed = |slot: &Slot, at: usize, half_life: u8| {
        let half_life = f64::from(table.half_lives[usize::from(half_life)]);
        f64::from(slot.float(at)) * exp2(-f64::from(now - slot.last) / half_life)
    };
    for (at, cell) in table.cells.iter().enumerate() {
        let merged = match *cell {
            Cell::Count { half_life, .. } | Cell::Sum { half_life, .. } => {
                decayed(earlier, at, half_life) + decayed(later, at, half_life)
            }
            Cell::Max { half_life, .. } => {
                decayed(earlier, at, half_life).max(decayed(later, at, half_life))
            }
            Cell::Mean { prior, .. } => mean(earlier, later, at, prior),
            Cell::Streak { gap } => {
                later.words[at] = streak(earlier, later, at, gap);
                continue;
            }
        };
        later.words[at] = finite(merged as f32).to_bits();
    }
    let mut first = table.cells.len();
    for trace in &table.traces {
        let words = first..first + trace.words();
        first = words.end;
        merge_trace(trace, earlier, later, words);
    }
    later.last = now;
    later.events = (earlier.events + later.events).min(MAX_EVENTS);
}

/// Returns the mean of both parts' events.
fn mean(earlier: &Slot, later: &Slot, at: usize, prior: Option<f32>) -> f64 {
    let [before, since] = [earlier, later].map(|slot| f64::from(slot.float(at)));
    match (before.is_nan(), since.is_nan()) {
        (true, _) => return since,
        (_, true) => return before,
        _ => {}
    }
    // A prior is one event of each part, and is to be one of the whole.
    let (prior, one) = prior.map_or((0.0, 0.0), |prior| (f64::from(prior), 1.0));
    let [old, new] = [earlier, later].map(|slot| f64::from(slot.events) + one);
    (before * old + since * new - prior) / (old + new - one)
}

/// Returns when the current streak of both parts' events began.
fn streak(earlier: &Slot, later: &Slot, at: usize, gap: u32) -> u32 {
    let (first, second) =
        if earlier.last <= later.last { (earlier, later) } else { (later, earlier) };
    match second.words[at].saturating_sub(first.last) <= gap {
        true => first.words[at].min(second.words[at]),
        false => second.words[at],
    }
}

/// Puts the earlier part of a trace, whose words are `at`, under the later one.
fn merge_trace(trace: &Trace, earlier: &Slot, later: &mut Slot, at: Range<usize>) {
    let before = &earlier.words[at.clone()];
    let own = &mut later.words[at];
    match *trace {
        Trace::Point { .. } => {
            let is_point = |words: &[u32]| !f32::from_bits(words[0]).is_nan();
            if is_point(before) && (!is_point(own) || before[2] > own[2]) {
                own.copy_from_slice(before);
            }
        }
        Trace::Last { .. } => {
            let known = own.len().min(later.events as usize);
            let room = own.len() - known;
            own[known..].copy_from_slice(&before[..room]);
        }
        Trace::Distinct { window, .. } => {
            distinct(own, later.last, before, earlier.last, window / GONE + 1);
        }
    }
}
