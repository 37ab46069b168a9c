//! A table: a fixed number of slots, one for each entity remembered.
//!
//! **The idea** is a set-associative cache with two choices. An entity's hash names two sets of 16
//! slots. A new entity goes into the emptier of the two, so almost all slots fill before one has to
//! be reused. If both sets are full, the victim is the slot of the two sets
//! with the oldest last event, in event time.
//!
//! **The layout** of a set, in words of 32 bits, for an entity with c cells:
//!
//! ```text
//! tags    16 words: the lower part of each slot's tag; 0: the slot is empty
//! slots   16 times 2 + c words: upper part of the tag << 17 | whole << 16 | number of events; time
//!         of the last event; the cells
//! ```
//!
//! The tags of a set fill a cache line, and each slot's words lie together. So finding an entity
//! costs the two lines of tags, both asked for before either is used, and then the slot's.
//!
//! A slot is *whole* if it was restored: it holds what was remembered of its entity before this
//! instance saw it. The [changelog](super::changelog) keeps the others apart.
//!
//! **The invariant**: nothing is remembered of an id beyond 47 bits of its hash, its tag, and an id
//! never seen before matches a slot with a probability of at most 2⁻³⁸:
//! - the tag is the lower 47 bits of the hash;
//! - the first set's number, below 2²⁰, is settled by the upper 20 bits, of which the tag has 3;
//!   the second set's distance from the first follows from the tag. So given the sets, 44 bits are
//!   still free;
//! - a lower part of 0 counts as 1, because 0 is the empty slot's. That makes one tag twice as
//!   likely as the others: 43 bits;
//! - there are 32 = 2⁵ slots to match.
//!
//! **A worked example**: in a table of 3 sets, the hash 0x8000_0000_4000_0000 has the tag 0x0000
//! and 0x4000_0000. Its first set is ⌊0x8000_0000 · 3 / 2³²⌋ = 1; the second is ⌊0x4000_0000 · 2 /
//! 2³²⌋ + 1 = 1 further: 2.
//!
//! **To check a change**: the tests below fill tables and look for every entity;
//! `tests/features/` compares all that is remembered with a list of all events; `tests/start.rs`
//! counts what fits.

use crate::simd::positions_of;

/// Slots in a set.
pub const WAYS: usize = 16;

/// Words of a slot before its cells.
pub(super) const HEAD: usize = 2;
/// Most events of an entity that are counted: the lower half of a slot's first word.
pub const MAX_EVENTS: u32 = 0xffff;
/// The bit above them: the slot is whole.
const WHOLE: u32 = 1 << 16;
/// Place of the upper part of a tag in a slot's first word.
const HIGH_TAG: u32 = 17;
/// The lower part of the tag of a slot that is empty.
const EMPTY: u32 = 0;

/// Words of a cache line.
pub(super) const LINE: usize = 16;

// The tags of a set fill a cache line.
const _: () = assert!(WAYS == LINE);

/// A fixed table of sets.
pub struct Table {
    words: Vec<u32>,
    /// Index of the first set's first word, so that sets begin on cache lines.
    start: usize,
    sets: usize,
    /// Words of a slot.
    width: usize,
    /// The cells of an entity before its first event.
    blank: Vec<u32>,
    /// Number of entities remembered.
    len: usize,
    /// Number of entities evicted.
    evictions: u64,
}

/// An entity's place in its table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// Index of its slot's first word; of its first set's, while the entity has not been seen.
    at: usize,
    /// Index of its second set's first word, while the entity has not been seen.
    other: usize,
    /// Lower part of the tag, and upper part at its place in a slot's first word.
    tag: [u32; 2],
    /// Time of the last event, and the number of events (at most 65,535); `None` if the entity has
    /// never been seen.
    pub seen: Option<(u32, u32)>,
}

impl Table {
    /// Makes a table of `sets` empty sets; `blank` are the cells of an entity before its first
    /// event.
    pub(super) fn new(sets: usize, blank: Vec<u32>) -> Self {
        let width = HEAD + blank.len();
        let words = vec![0; LINE - 1 + sets * WAYS * (1 + width)];
        let start = words.as_ptr().align_offset(LINE * size_of::<u32>()).min(LINE - 1);
        Self { words, start, sets, width, blank, len: 0, evictions: 0 }
    }

    /// Forgets every entity.
    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.len = 0;
    }

    /// Finds the entity with this hash; if it is not remembered, the sets that it belongs to.
    #[inline(always)]
    pub fn find(&self, hash: u64) -> Place {
        let sets = self.sets as u64;
        let tag = [(hash as u32).max(EMPTY + 1), ((hash >> 32) as u32) << HIGH_TAG];
        let first = ((hash >> 32) * sets) >> 32;
        // The distance follows from the tag, so that two sets tell no more of the hash than one.
        let second = first + ((u64::from(tag[0]) * (sets - 1)) >> 32) + 1;
        let second = if second < sets { second } else { second - sets };
        let [at, other] =
            [first, second].map(|set| self.start + set as usize * (WAYS * (1 + self.width)));
        // Both before either is used, so that the two cache misses overlap.
        let (in_first, in_second) = (self.ways(at, tag[0]), self.ways(other, tag[0]));
        let mut ways = u32::from(in_first) | u32::from(in_second) << WAYS;
        while ways != 0 {
            let way = ways.trailing_zeros() as usize;
            let slot = self.slot_of(if way < WAYS { at } else { other }, way % WAYS);
            let head = self.words[slot];
            // What is left if the tag is the same: whole, and the number of events.
            let rest = head ^ tag[1];
            if rest < 1 << HIGH_TAG {
                let seen = Some((self.words[slot + 1], rest & MAX_EVENTS));
                return Place { at: slot, other: slot, tag, seen };
            }
            ways &= ways - 1;
        }
        Place { at, other, tag, seen: None }
    }

    /// Returns which ways of a set have this lower part of a tag, a bit each.
    #[inline]
    fn ways(&self, set: usize, low: u32) -> u16 {
        let tags = self.words[set..].first_chunk().expect("a set has its tags");
        positions_of(low, tags)
    }

    /// Returns the index of a slot's first word.
    fn slot_of(&self, set: usize, way: usize) -> usize {
        set + WAYS + way * self.width
    }

    /// Chooses the slot for a new entity, as set and way: an empty slot of the set with more of
    /// them, else the slot with the oldest last event.
    #[cold]
    fn victim(&self, place: &Place) -> (usize, usize) {
        let (first, second) = (place.at, place.other);
        let [in_first, in_second] = [first, second].map(|set| self.ways(set, EMPTY));
        let second_is_emptier = in_second.count_ones() > in_first.count_ones();
        let (emptier, empty) =
            if second_is_emptier { (second, in_second) } else { (first, in_first) };
        if empty != 0 {
            return (emptier, empty.trailing_zeros() as usize);
        }
        let slots =
            [first, second].into_iter().flat_map(|set| (0..WAYS).map(move |way| (set, way)));
        let last = |&(set, way): &(usize, usize)| self.words[self.slot_of(set, way) + 1];
        slots.min_by_key(last).expect("sets have slots")
    }

    /// Returns the cells of an entity that has been seen.
    #[inline]
    pub fn cells(&self, place: &Place) -> &[u32] {
        &self.words[place.at..][HEAD..self.width]
    }

    /// Returns the remembered cells of the entity with this hash, if it is there.
    pub fn cells_mut(&mut self, hash: u64) -> Option<&mut [u32]> {
        let place = self.find(hash);
        place.seen.map(|_| &mut self.words[place.at..][HEAD..self.width])
    }

    /// Counts an event at `seconds`; takes a slot if the entity is new. Returns its cells.
    #[inline]
    pub fn touch(&mut self, place: &Place, seconds: u32) -> &mut [u32] {
        let (at, last, events) = match place.seen {
            Some((last, events)) => (place.at, last.max(seconds), (events + 1).min(MAX_EVENTS)),
            None => (self.take(place), seconds, 1),
        };
        let slot = &mut self.words[at..][..self.width];
        slot[0] = slot[0] & !MAX_EVENTS | events;
        slot[1] = last;
        &mut slot[HEAD..]
    }

    /// Whether an entity's slot was restored.
    pub(crate) fn is_whole(&self, place: &Place) -> bool {
        place.seen.is_some() && self.words[place.at] & WHOLE != 0
    }

    /// Puts a whole slot in the place of what is remembered of an entity; takes a slot if the entity
    /// is new, unless that would evict another one that came later.
    pub(crate) fn restore(&mut self, place: &Place, last: u32, events: u32, cells: &[u32]) {
        let at = match place.seen {
            Some(_) => place.at,
            None => {
                let (set, way) = self.victim(place);
                let is_taken = self.words[set + way] != EMPTY;
                if is_taken && self.words[self.slot_of(set, way) + 1] >= last {
                    return;
                }
                self.take(place)
            }
        };
        let slot = &mut self.words[at..][..self.width];
        slot[0] = place.tag[1] | WHOLE | events;
        slot[1] = last;
        slot[HEAD..].copy_from_slice(cells);
    }

    /// Takes a slot for an entity that has none, and returns the index of its first word.
    fn take(&mut self, place: &Place) -> usize {
        let (set, way) = self.victim(place);
        let at = self.slot_of(set, way);
        let taken = self.words[set + way] != EMPTY;
        self.evictions += u64::from(taken);
        self.len += usize::from(!taken);
        self.words[set + way] = place.tag[0];
        self.words[at] = place.tag[1];
        self.words[at + HEAD..][..self.blank.len()].copy_from_slice(&self.blank);
        at
    }

    /// Returns the number of entities remembered.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of entities that there is room for.
    pub fn capacity(&self) -> usize {
        self.sets * WAYS
    }

    /// Returns the number of entities that were evicted for others.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Returns the bytes of a slot and its tag.
    pub fn bytes_per_slot(&self) -> usize {
        (1 + self.width) * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use fraud_simulator::SplitMix64;

    use super::*;

    /// A table with room for `capacity` entities, and how many of `count` it still has after each
    /// came once.
    fn found(capacity: usize, count: u64) -> f64 {
        let mut table = Table::new(capacity / WAYS, vec![0; 3]);
        let hash = |id: u64| SplitMix64::new(id).draw();
        for id in 0..count {
            let place = table.find(hash(id));
            assert_eq!(place.seen, None, "no false match");
            table.touch(&place, id as u32);
        }
        assert_eq!(table.len() as u64 + table.evictions(), count);
        let found = (0..count).filter(|&id| table.find(hash(id)).seen.is_some()).count();
        found as f64 / count as f64
    }

    #[test]
    fn almost_all_slots_fill() {
        assert!(found(30_000, 28_500) > 0.99);
        assert!(found(30_000, 30_000) > 0.97);
        assert!(found(1_200_000, 1_200_000) > 0.97);
        assert!(found(16, 1) == 1.0);
    }

    #[test]
    fn the_one_seen_longest_ago_gives_way() {
        let mut table = Table::new(1, vec![]);
        let ids = 1..=WAYS as u64 + 1;
        for id in ids.clone() {
            table.touch(&table.find(id), 100 + id as u32);
            // The first comes again and again.
            table.touch(&table.find(1), 100 + id as u32);
        }
        assert_eq!((table.len(), table.evictions()), (WAYS, 1));
        let gone: Vec<_> = ids.filter(|&id| table.find(id).seen.is_none()).collect();
        assert_eq!(gone, [2]);
        assert_eq!(table.find(1).seen, Some((101 + WAYS as u32, 2 + WAYS as u32)));
    }

    #[test]
    fn a_restored_slot_stays_whole_and_evicts_nothing_that_came_later() {
        let mut table = Table::new(1, vec![0]);
        for id in 0..WAYS as u64 {
            let place = table.find(id << 8 | 1);
            assert!(!table.is_whole(&place));
            table.touch(&place, 100 + id as u32);
        }
        let [late, early] = [1001, 1002];
        table.restore(&table.find(early), 100, 9, &[7]);
        assert_eq!(table.find(early).seen, None, "as old as the oldest");
        table.restore(&table.find(late), 101, 9, &[7]);
        let place = table.find(late);
        assert_eq!((place.seen, table.is_whole(&place)), (Some((101, 9)), true));
        assert_eq!(table.cells(&place), [7]);
        table.touch(&place, 300);
        let place = table.find(late);
        assert_eq!((place.seen, table.is_whole(&place)), (Some((300, 10)), true));
        assert_eq!((table.len(), table.evictions()), (WAYS, 1));
    }

    #[test]
    fn events_are_counted_to_their_limit() {
        let mut table = Table::new(1, vec![]);
        for _ in 0..70_000 {
            table.touch(&table.find(7), 5);
        }
        assert_eq!(table.find(7).seen, Some((5, MAX_EVENTS)));
    }
}
