//! What is remembered per entity: fixed, set-associative tables, sized once.
//!
//! An entity is in one of two sets, whichever was emptier when it came, so that almost all slots fill
//! before one gives way: of both sets' that seen longest ago, in event time.
//!
//! A slot is known by 48 bits of its id's hash. An id never seen before matches one of the
//! 2 · [`WAYS`] = 32 slots with probability at most 32 · 2⁻⁴³ = 2⁻³⁸: the first set's number (below
//! 2²⁰) settles the upper 20 of the hash's bits, of which the tag has 4; the second set's distance
//! from the first follows from the tag, so it settles no more; and 0, the empty slot's, counts as 1,
//! which makes one tag twice as likely as the others.
//!
//! Nothing is allocated after [`History::new`].
//!
//! - `table`: one table; [`reported`]: which fraud reports have been counted; [`log`]: what the log
//!   is told of history

pub mod log;
pub mod reported;
mod table;

pub use table::{Place, Table, WAYS};

use fraud_plan::Program;
use fraud_plan::program::{self, Cell, Events};

use table::{HEAD, LINE};

/// The program's tables.
pub struct History {
    tables: Vec<Table>,
}

impl History {
    /// Tables of at most `bytes` together, shared out in proportion to how many distinct entities
    /// the program expects in each; each has at least one set, whatever `bytes` says.
    pub fn new(program: &Program, bytes: usize) -> Self {
        let words = |table: &program::Table| 1 + HEAD + table.cells.len();
        let weight =
            |table: &program::Table| u128::from(table.expected.max(1)) * words(table) as u128;
        let total: u128 = program.tables.iter().map(weight).sum();
        let bytes = bytes.saturating_sub(program.tables.len() * LINE * size_of::<u32>());
        let table = |table: &program::Table| {
            let share = bytes as u128 / 4 * weight(table) / total;
            let sets = (share as usize / (WAYS * words(table))).max(1);
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
                remembered.clear();
            }
        }
    }

    /// Table number `table`.
    pub fn table_mut(&mut self, table: usize) -> &mut Table {
        &mut self.tables[table]
    }
}

/// What a cell holds before its first value.
pub(crate) fn blank(cell: &Cell) -> f32 {
    match cell {
        Cell::Mean { prior, .. } => prior.unwrap_or(f32::NAN),
        Cell::Count { .. } | Cell::Sum { .. } | Cell::Max { .. } | Cell::Streak { .. } => 0.0,
    }
}
