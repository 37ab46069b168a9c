//! History: what the detector remembers of each entity, in fixed tables that are sized once.
//!
//! - `mod.rs`: the program's tables, and how they share the memory
//! - `table`: one table: how an entity is found, and which one is evicted
//! - [`reported`]: the ids of fraud reports that have been counted
//! - [`known`]: the transactions that have been answered
//! - [`changelog`]: what of it survives a restart
//! - [`log`]: the lines about history in the transform's log
//!
//! Nothing is allocated after [`History::new`]. History knows events, times and cells; what a cell
//! means is for `features/` to say.

pub mod changelog;
pub mod known;
pub mod log;
pub mod reported;
mod table;

pub use table::{Place, Table, WAYS};

use fraud_plan::Program;
use fraud_plan::program::{self, Cell, ENTITY_WORDS, Events, Trace};

use table::{HEAD, LINE};

const _: () = assert!(ENTITY_WORDS == 1 + HEAD, "a slot and its tag");

/// The program's tables.
pub struct History {
    tables: Vec<Table>,
}

impl History {
    /// Makes tables of at most `bytes` together, which they share in proportion to the number of
    /// entities that the program expects in each. Each has at least one set, whatever `bytes` is.
    pub fn new(program: &Program, bytes: usize) -> Self {
        let words = |table: &program::Table| ENTITY_WORDS + table.words();
        let weight =
            |table: &program::Table| u128::from(table.expected.max(1)) * words(table) as u128;
        let total: u128 = program.tables.iter().map(weight).sum();
        let bytes = bytes.saturating_sub(program.tables.len() * LINE * size_of::<u32>());
        let table = |table: &program::Table| {
            let share = bytes as u128 / 4 * weight(table) / total;
            let sets = (share as usize / (WAYS * words(table))).max(1);
            let cells = table.cells.iter().map(|cell| blank(cell).to_bits());
            let traces = table.traces.iter().flat_map(blank_trace);
            Table::new(sets, cells.chain(traces).collect())
        };
        Self { tables: program.tables.iter().map(table).collect() }
    }

    /// Returns the tables, in the program's order.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Empties the tables of one kind of event.
    pub fn forget(&mut self, program: &Program, events: Events) {
        for (table, remembered) in program.tables.iter().zip(&mut self.tables) {
            if table.events == events {
                remembered.clear();
            }
        }
    }

    /// Returns table number `table`.
    pub fn table_mut(&mut self, table: usize) -> &mut Table {
        &mut self.tables[table]
    }
}

/// Returns the words of a trace before its first event.
fn blank_trace(trace: &Trace) -> Vec<u32> {
    const NAN: u32 = f32::NAN.to_bits();
    match trace {
        Trace::Point { .. } => vec![NAN, NAN, 0],
        Trace::Last { .. } => vec![NAN; trace.words()],
        Trace::Distinct { .. } => vec![GONE; trace.words()],
    }
}

/// Age of a value that counts no more: all bits of an age, which are the lower ones of a word of
/// [`Trace::Distinct`].
pub(crate) const GONE: u32 = (1 << 12) - 1;

/// Returns what a cell holds before its first value.
pub(crate) fn blank(cell: &Cell) -> f32 {
    match cell {
        Cell::Mean { prior, .. } => prior.unwrap_or(f32::NAN),
        Cell::Count { .. } | Cell::Sum { .. } | Cell::Max { .. } | Cell::Streak { .. } => 0.0,
    }
}
