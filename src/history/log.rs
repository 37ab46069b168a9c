//! What the log is told of history: how full it is, and how much gave way.

use std::io::Write;
use std::ops::Range;

use fraud_plan::program::{Events, Program};
use fraud_plan::time::millis::{DAY, MINUTE};

use super::History;

/// At most one line a minute, and only with news: a table has filled by another tenth of its room,
/// or evictions are a quarter more than the log knows.
///
/// A module has no clock but the broker's timestamps of the records. The news are what bounds the
/// log while a backlog is read, when minutes pass in an instant.
pub struct HistoryLog {
    /// Broker timestamps of the running minute, and of a day before it.
    quiet: Range<i64>,
    /// Each table's entities and evictions, as the log knows them.
    told: Vec<(usize, u64)>,
}

impl HistoryLog {
    /// Of a history that is empty.
    pub fn new(history: &History) -> Self {
        Self { quiet: 0..0, told: vec![(0, 0); history.tables().len()] }
    }

    /// Whether a minute has passed at this broker timestamp. The day is for a timestamp far ahead of
    /// all others, which is not to silence the log.
    pub fn is_due(&self, timestamp: i64) -> bool {
        !self.quiet.contains(&timestamp)
    }

    /// Begins a minute; appends a line if there are news. It holds numbers and the spec's names,
    /// nothing of a record.
    #[cold]
    pub fn write(
        &mut self,
        timestamp: i64,
        program: &Program,
        history: &History,
        out: &mut Vec<u8>,
    ) {
        if timestamp < 0 {
            return;
        }
        self.quiet = timestamp - DAY..timestamp.saturating_add(MINUTE);
        let tables = history.tables();
        let news = tables.iter().zip(&self.told).any(|(table, &(len, evictions))| {
            table.len() >= len + table.capacity().div_ceil(10)
                || table.evictions() > evictions + evictions / 4
        });
        if !news {
            return;
        }
        let mut before = "history:";
        for ((table, told), of) in tables.iter().zip(&mut self.told).zip(&program.tables) {
            let entity = &program.entities[usize::from(of.entity)];
            let events = if of.events == Events::Reports { " reports" } else { "" };
            let (len, capacity, evictions) = (table.len(), table.capacity(), table.evictions());
            let percent = len as u64 * 100 / capacity as u64;
            let _ = write!(
                out,
                "{before} {entity}{events} {len} of {capacity} ({percent}%), {evictions} evicted"
            );
            before = ";";
            *told = (len, evictions);
        }
        out.extend_from_slice(b"\n");
    }
}
