//! Log lines and figures of a VM.

use std::time::Duration;

/// The level of a log line, which is that of the file descriptor it was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Written to standard output.
    Info,
    /// Written to standard error.
    Warn,
}

/// One log event, as the broker would publish it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The level.
    pub level: Level,
    /// The message, cut to [`Limits::log_line_max_bytes`](crate::Limits::log_line_max_bytes).
    pub message: String,
}

/// Figures of a VM since it was made, over all its restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records read.
    pub records: u64,
    /// Batches completed.
    pub batches: u64,
    /// Fuel spent in batches, all records together.
    pub record_fuel: u64,
    /// Part of `record_fuel` that is the batches' own: what is spent before their first records.
    pub batch_fuel: u64,
    /// Fuel of the dearest record.
    pub record_fuel_max: u64,
    /// Fuel of the last start, from `_start` to the first wait for a batch.
    pub start_fuel: u64,
    /// Largest size of the linear memory.
    pub peak_memory_bytes: u64,
    /// Starts after the first.
    pub restarts: u64,
    /// Log events dropped, as the broker drops them: control characters, not UTF-8, or a full buffer.
    pub logs_dropped: u64,
    /// Time in batches, in the module and the host functions it called.
    pub engine_time: Duration,
    /// Time in starts, in the module and the host functions it called.
    pub start_time: Duration,
}

impl Stats {
    /// Returns the fuel of the dearest record with the mean share of what batches take beside their
    /// records: at least the mean `record_fuel` of a record.
    pub fn record_fuel_most(&self) -> u64 {
        self.record_fuel_max + self.batch_fuel.div_ceil(self.records.max(1))
    }
}

/// The fuel accounts of one batch.
///
/// Every record is given the full amount of fuel. So the meter keeps the level at the last look
/// (`mark`), and each look charges the difference: `read_next_record` and `read_batch_header` look
/// before the level changes.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub records: u64,
    pub record_fuel: u64,
    pub batch_fuel: u64,
    pub record_fuel_max: u64,
    /// Fuel left at the last look.
    mark: u64,
    /// Set when the fuel since the mark is a record's, and not the batch's own.
    in_record: bool,
}

impl Meter {
    /// Charges the fuel used since the last look to the present record, if there is one.
    #[inline]
    pub(crate) fn charge(&mut self, left: u64) {
        let spent = self.mark.saturating_sub(left);
        self.mark = left;
        self.record_fuel += spent;
        if self.in_record {
            self.record_fuel_max = self.record_fuel_max.max(spent);
        } else {
            self.batch_fuel += spent;
        }
    }

    /// Begins a batch, with the fuel that the one before has left.
    pub(crate) fn begin_batch(&mut self, left: u64) {
        *self = Self { mark: left, ..Self::default() };
    }

    /// Begins a record, with the fuel that it is given.
    #[inline]
    pub(crate) fn begin_record(&mut self, fuel: u64) {
        self.records += 1;
        self.mark = fuel;
        self.in_record = true;
    }
}
