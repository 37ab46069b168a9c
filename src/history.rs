//! What is remembered per entity: fixed, set-associative tables, sized once.
//!
//! An entity is in one of two sets, whichever was emptier when it came, so that almost all slots fill
//! before one gives way: of both sets' that seen longest ago, in event time.
//!
//! A slot is known by 48 bits of its id's hash. An id never seen before matches one of the
//! 2 · [`WAYS`] = 32 slots with probability at most 32 · 2⁻⁴⁴ = 2⁻³⁹: the first set's number (below
//! 2²⁰) settles the upper 20 of the hash's bits, of which the tag has 4; the second set's distance
//! from the first follows from the tag, so it settles no more.
//!
//! Nothing is allocated after [`History::new`].

use fraud_plan::Program;
use fraud_plan::program::{self, Cell, Events};

/// Slots in a set.
pub const WAYS: usize = 16;

/// Words of a slot before its cells: 32 bits of the tag; 16 of the tag and the number of events;
/// the last time.
const HEAD: usize = 3;
const EVENTS: u32 = 0xffff;
const HIGH_TAG: u32 = 0xffff;

/// The program's tables.
pub struct History {
    tables: Vec<Table>,
}

/// A fixed table of `sets × WAYS` slots. A slot's words lie [`WAYS`] apart, so that one set's tags
/// lie together.
pub struct Table {
    words: Vec<u32>,
    sets: usize,
    width: usize,
    /// What a cell holds before its first value.
    blank: Vec<u32>,
    len: usize,
    evictions: u64,
}

/// Where an entity is in its table.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The first word of its slot; while the entity has not been seen, those of its two sets.
    at: usize,
    other: usize,
    tag: [u32; 2],
    /// Time of the latest event, and the number of events (at most 65,535); `None` when never
    /// seen.
    pub seen: Option<(u32, u32)>,
}

impl History {
    /// Tables of at most `bytes` together, shared out in proportion to how many distinct entities
    /// the program expects in each; each has at least one set, whatever `bytes` says.
    pub fn new(program: &Program, bytes: usize) -> Self {
        let width = |table: &program::Table| HEAD + table.cells.len();
        let weight =
            |table: &program::Table| u128::from(table.expected.max(1)) * width(table) as u128;
        let total: u128 = program.tables.iter().map(weight).sum();
        let table = |table: &program::Table| {
            let words = bytes as u128 / 4 * weight(table) / total;
            let sets = (words as usize / (WAYS * width(table))).max(1);
            Table::new(sets, table.cells.iter().map(blank).map(f32::to_bits).collect())
        };
        Self { tables: program.tables.iter().map(table).collect() }
    }

    /// The tables, in the order of the program's.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Empties the tables of one kind of event.
    pub fn forget(&mut self, program: &Program, events: Events) {
        for (table, remembered) in program.tables.iter().zip(&mut self.tables) {
            if table.events == events {
                remembered.words.fill(0);
                remembered.len = 0;
            }
        }
    }

    /// Table number `table`.
    pub fn table_mut(&mut self, table: usize) -> &mut Table {
        &mut self.tables[table]
    }
}

fn blank(cell: &Cell) -> f32 {
    match cell {
        Cell::Mean { .. } => f32::NAN,
        Cell::Count { .. } | Cell::Sum { .. } | Cell::Max { .. } | Cell::Streak { .. } => 0.0,
    }
}

impl Table {
    fn new(sets: usize, blank: Vec<u32>) -> Self {
        let width = HEAD + blank.len();
        Self { words: vec![0; sets * width * WAYS], sets, width, blank, len: 0, evictions: 0 }
    }

    /// Where the entity with this hash is; if it is not there, the sets it belongs to.
    pub fn find(&self, hash: u64) -> Place {
        let (sets, tag) = (self.sets as u64, [hash as u32, (hash >> 32) as u32 & HIGH_TAG]);
        let first = ((hash >> 32) * sets) >> 32;
        // As far from the first as the tag says: who shares both sets and the tag shares all three.
        let second = first + ((u64::from(tag[0]) * (sets - 1)) >> 32) + 1;
        let second = if second < sets { second } else { second - sets };
        let bases = [first, second].map(|set| set as usize * self.width * WAYS);
        for base in bases {
            if let Some(way) = self.way(base, tag) {
                let at = base + way;
                let seen = Some((self.words[at + 2 * WAYS], self.words[at + WAYS] & EVENTS));
                return Place { at, other: at, tag, seen };
            }
        }
        Place { at: bases[0], other: bases[1], tag, seen: None }
    }

    /// The way of a set that holds this tag.
    fn way(&self, base: usize, [low, high]: [u32; 2]) -> Option<usize> {
        let set = &self.words[base..base + 2 * WAYS];
        let (tags, counts) = set.split_at(WAYS);
        let holds = |way: &usize| {
            tags[*way] == low && counts[*way] >> 16 == high && counts[*way] & EVENTS > 0
        };
        // Eight at a time, without an early end: so the compiler compares them at once.
        let near = |from: &usize| {
            let tags: &[u32; 8] = tags[*from..from + 8].try_into().expect("eight of them");
            tags.iter().fold(0, |any, tag| any | u32::from(*tag == low)) > 0
        };
        (0..WAYS).step_by(8).filter(near).flat_map(|from| from..from + 8).find(holds)
    }

    /// Of both sets the slot that is empty, in the set with more of them, else the one seen longest
    /// ago.
    fn victim(&self, place: &Place) -> usize {
        let slots = |base: usize| base..base + WAYS;
        let taken = |at: usize| self.words[at + WAYS] & EVENTS > 0;
        let filled = |base: usize| slots(base).filter(|&at| taken(at)).count();
        let (first, second) = (place.at, place.other);
        let emptier = if filled(second) < filled(first) { second } else { first };
        slots(emptier).find(|&at| !taken(at)).unwrap_or_else(|| {
            let last = |at: &usize| self.words[at + 2 * WAYS];
            slots(first).chain(slots(second)).min_by_key(last).expect("sets have slots")
        })
    }

    /// A remembered cell of an entity that has been seen.
    pub fn cell(&self, place: Place, cell: usize) -> f32 {
        f32::from_bits(self.words[place.at + (HEAD + cell) * WAYS])
    }

    /// Counts an event at `seconds`; takes a slot if the entity is new. Returns where it is now.
    pub fn touch(&mut self, mut place: Place, seconds: u32) -> Place {
        let (last, events) = match place.seen {
            Some((last, events)) => (last.max(seconds), (events + 1).min(EVENTS)),
            None => {
                place.at = self.victim(&place);
                let taken = self.words[place.at + WAYS] & EVENTS > 0;
                self.evictions += u64::from(taken);
                self.len += usize::from(!taken);
                for (cell, &blank) in self.blank.iter().enumerate() {
                    self.words[place.at + (HEAD + cell) * WAYS] = blank;
                }
                (seconds, 1)
            }
        };
        let [low, high] = place.tag;
        self.words[place.at] = low;
        self.words[place.at + WAYS] = high << 16 | events;
        self.words[place.at + 2 * WAYS] = last;
        place
    }

    /// Remembers a cell.
    pub fn set_cell(&mut self, place: Place, cell: usize, value: f32) {
        self.words[place.at + (HEAD + cell) * WAYS] = value.to_bits();
    }

    /// Number of entities remembered.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Most entities that fit.
    pub fn capacity(&self) -> usize {
        self.sets * WAYS
    }

    /// Entities that gave way to others.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Bytes of a slot.
    pub fn bytes_per_slot(&self) -> usize {
        self.width * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with room for `capacity` entities, and how many of `count` it still has after each
    /// came once.
    fn found(capacity: usize, count: u64) -> f64 {
        let mut table = Table::new(capacity / WAYS, vec![0; 3]);
        // SplitMix64's finisher.
        let hash = |id: u64| {
            let hash = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            hash ^ (hash >> 31)
        };
        for id in 0..count {
            let place = table.find(hash(id));
            assert_eq!(place.seen, None, "no false match");
            table.touch(place, id as u32);
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
        for id in 0..=WAYS as u64 {
            table.touch(table.find(id), 100 + id as u32);
            // The first comes again and again.
            table.touch(table.find(0), 100 + id as u32);
        }
        assert_eq!((table.len(), table.evictions()), (WAYS, 1));
        let gone: Vec<_> = (0..=WAYS as u64).filter(|&id| table.find(id).seen.is_none()).collect();
        assert_eq!(gone, [1]);
        assert_eq!(table.find(0).seen, Some((100 + WAYS as u32, 2 + WAYS as u32)));
    }

    #[test]
    fn events_are_counted_to_their_limit() {
        let mut table = Table::new(1, vec![]);
        for _ in 0..70_000 {
            table.touch(table.find(7), 5);
        }
        assert_eq!(table.find(7).seen, Some((5, EVENTS)));
    }
}
