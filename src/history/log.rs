//! The lines about history in the transform's log: how full it is, and how many entities were
//! evicted.

use std::io::Write;
use std::ops::Range;

use fraud_plan::program::{Events, Program};
use fraud_plan::time::millis::{DAY, MINUTE};

use super::History;
use super::changelog::Taken;

/// The writer of lines about history: at most one a minute, and only with news. News is that a
/// table has filled by another tenth of its room, or that evictions, or records of the changelog that
/// were refused, are a quarter more than in the last line.
///
/// The broker's timestamps of the records are the only clock that a module has. While a backlog is
/// read, minutes pass in an instant; then it is the news that bounds the log.
pub struct HistoryLog {
    /// Broker timestamps for which no line is due: the running minute and the day before it.
    quiet: Range<i64>,
    /// Entities and evictions of each table, as the log knows them.
    told: Vec<(usize, u64)>,
    /// Records of the changelog that came in until now.
    pub taken: Taken,
    /// Number of them that were refused, as the log knows them.
    refused: u64,
}

impl HistoryLog {
    /// Makes the log of a history that is empty.
    pub fn new(history: &History) -> Self {
        Self {
            quiet: 0..0,
            told: vec![(0, 0); history.tables().len()],
            taken: Taken::default(),
            refused: 0,
        }
    }

    /// Returns whether a minute has passed at this broker timestamp. A timestamp far ahead of all
    /// others must not silence the log for good: a line is due again when the others are a day
    /// behind it.
    pub fn is_due(&self, timestamp: i64) -> bool {
        !self.quiet.contains(&timestamp)
    }

    /// Begins a minute; appends a line to `out` if there is news. The line has numbers and the
    /// spec's names, and nothing of a record.
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
        let Taken { restored, refused } = self.taken;
        let news = tables.iter().zip(&self.told).any(|(table, &(len, evictions))| {
            table.len() >= len + table.capacity().div_ceil(10)
                || table.evictions() > evictions + evictions / 4
        });
        if !news && refused <= self.refused + self.refused / 4 {
            return;
        }
        let mut before = "history:";
        for ((table, told), of) in tables.iter().zip(&mut self.told).zip(&program.tables) {
            let entity = &program.entities[usize::from(of.entity)].name;
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
        self.refused = refused;
        if restored + refused > 0 {
            let _ = write!(out, "; {restored} restored, {refused} refused");
        }
        out.extend_from_slice(b"\n");
    }
}
