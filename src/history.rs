//! What is remembered per entity: fixed, set-associative tables, sized once.
//!
//! A slot is found by 48 bits of its id's hash; the set by other bits of it. An id never seen
//! before matches one of its set's [`WAYS`] slots with probability at most 32 · 2⁻⁴⁴ = 2⁻³⁹: the set
//! number (up to 2²⁰ sets or so) settles about 20 of the hash's upper 32 bits, of which the upper
//! 16 of the tag overlap with at most 4. When a set is full, the entity seen longest ago (in event
//! time) gives way.
//!
//! Nothing is allocated after [`History::new`].

use fraud_plan::Program;
use fraud_plan::program::{self, Cell, Events};

/// Slots in a set.
pub const WAYS: usize = 32;

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
    /// The tag's place in its slot; while the entity has not been seen, that of its set's first.
    at: usize,
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

    /// Where the entity with this hash is; if it is not there, the set it belongs to.
    pub fn find(&self, hash: u64) -> Place {
        let set = (((hash >> 32) * self.sets as u64) >> 32) as usize;
        let first = set * self.width * WAYS;
        let (low, high) = (hash as u32, (hash >> 32) as u32 & HIGH_TAG);
        let set = &self.words[first..first + HEAD * WAYS];
        let (tags, rest) = set.split_at(WAYS);
        let (counts, times) = rest.split_at(WAYS);
        let matches = |way: &usize| tags[*way] == low && counts[*way] >> 16 == high;
        // Eight at a time, without an early end: so the compiler compares them at once.
        let near = |from: &usize| {
            let tags: &[u32; 8] = tags[*from..from + 8].try_into().expect("eight of them");
            tags.iter().fold(0, |any, tag| any | u32::from(*tag == low)) > 0
        };
        let hit = (0..WAYS).step_by(8).filter(near).flat_map(|from| from..from + 8).find(matches);
        if let Some(way) = hit
            && counts[way] & EVENTS > 0
        {
            let seen = Some((times[way], counts[way] & EVENTS));
            return Place { at: first + way, tag: [low, high], seen };
        }
        Place { at: first, tag: [low, high], seen: None }
    }

    /// The slot of a set that is empty, else the one seen longest ago.
    fn victim(&self, first: usize) -> usize {
        let age = |way: &usize| {
            let at = first + way;
            (self.words[at + WAYS] & EVENTS > 0, self.words[at + 2 * WAYS])
        };
        first + (0..WAYS).min_by_key(age).expect("a set has slots")
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
                place.at = self.victim(place.at);
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
