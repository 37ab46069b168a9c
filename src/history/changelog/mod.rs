//! The changelog of history: what a restart forgets, written beside the verdicts and taken again from
//! the input.
//!
//! - `mod.rs`: when a slot is written, and what a restored one does to the one that is there
//! - `text`: a record of the changelog as text
//! - `topic`: what whoever restores makes of the topic's records
//!
//! **The idea**: every so many events of an entity its slot goes to a compacted topic, under a key made
//! of the table and the entity. So the topic is a table itself, of the last slot of each. To restore is
//! to publish the topic's records on the input again, marked by a header.
//!
//! **The trap**: an instance that has just started knows nothing, and must not write its first events
//! over what an earlier one knew. So only a *whole* slot, one that was restored, is written under the
//! entity's own key. Any other has a key with the instance's *segment* in it, a number that no other
//! instance has, and stands beside the whole one. Whoever reads the topic adds them up, by their order
//! in it: a whole slot has in it every segment before it, and nothing of those behind it.
//!
//! **The rules** for a record that is taken:
//! - nothing is known of the entity: it is taken as it is, and the slot is whole;
//! - something is known, from since the start: it goes under it, and the slot is whole;
//! - the slot is whole: it is replaced if the record has more events, or as many and a later last one.
//!
//! So taking a record twice does nothing more than once, and an older one changes nothing. What the
//! record has of the instance's own segment is left out where the instance still knows it.
//!
//! **A worked example**: an instance knew 200 events of a customer, wrote them whole at the 192nd, and
//! stopped. The next one sees two events, writes the first under its segment, and then the record comes
//! that a restore makes of both: 192 events, and apart from them the segment's one. The instance leaves
//! its own out, and has 194 events, whole. The eight in between are lost.
//!
//! To check a change: `tests/history.rs` has the rules against a detector that has seen all events.

mod text;
mod topic;

pub use text::{Codec, Entry, Parts, Refused, ReportId};
pub use topic::Topic;

use fraud_plan::Program;

pub use super::table::MAX_EVENTS;

/// The state of an entity: a slot of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slot {
    /// Time of the last event, seconds since 2000.
    pub last: u32,
    /// Number of events, at most [`MAX_EVENTS`].
    pub events: u32,
    /// The cells, and the words of the traces behind them.
    pub words: Vec<u32>,
}

impl Slot {
    /// Returns word number `at` as the float that it is.
    pub fn float(&self, at: usize) -> f32 {
        f32::from_bits(self.words[at])
    }
}

/// The changelog of a detector.
pub struct Changelog {
    /// The writer and reader of records.
    pub(crate) codec: Codec,
    /// Events of an entity from one record to the next.
    every: u32,
    warm_after: u32,
    /// The number of this instance, once it has written something.
    segment: u32,
    /// Records that were taken, and that were refused.
    pub(crate) taken: Taken,
}

/// Numbers of records of the changelog that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Records that were sound, whether or not they changed anything.
    pub restored: u64,
    /// Records that were not.
    pub refused: u64,
}

impl Changelog {
    /// Makes a changelog with a record every so many events of an entity; with a key, it signs its records
    /// and takes no others.
    pub(crate) fn new(program: &Program, every: u32, key: Option<[u64; 2]>) -> Self {
        Self {
            codec: Codec::new(program, key),
            every: every.max(1),
            warm_after: program.warm_after,
            segment: 0,
            taken: Taken::default(),
        }
    }

    /// Returns whether a slot is written at its event number `events`, which was at `seconds`: at the
    /// first, at the one that makes a customer warm, and at every multiple.
    #[inline]
    pub(crate) fn is_due(&self, events: u32, seconds: u32) -> bool {
        // At most that many are counted: then the time stands for the number.
        let number = if events < MAX_EVENTS { events } else { seconds };
        number.is_multiple_of(self.every) || events == 1 || events == self.warm_after
    }

    /// Returns the number of this instance, made of the first record of which it writes something.
    pub(crate) fn segment(&mut self, record: &[u8], timestamp: i64) -> u32 {
        if self.segment == 0 {
            use crate::record::value::{hash, mix};
            self.segment = (mix(hash(record) ^ timestamp as u64) >> 32) as u32 | 1;
        }
        self.segment
    }

    /// Returns whether a segment is this instance's own.
    pub(crate) fn is_own(&self, segment: u32) -> bool {
        segment == self.segment
    }

    /// Counts a record that came in.
    pub(crate) fn count(&mut self, is_sound: bool) {
        let Taken { restored, refused } = &mut self.taken;
        *(if is_sound { restored } else { refused }) += 1;
    }
}
