//! Log lines and figures: what a VM leaves behind for its user.

use std::time::Duration;

/// How serious a log line is: file descriptor 1 is information, 2 a warning.
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
    /// Where it was written.
    pub level: Level,
    /// The message, cut to the limit.
    pub message: String,
}

/// What a VM has used since it was made, over all its restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records read.
    pub records: u64,
    /// Batches completed.
    pub batches: u64,
    /// Fuel spent in batches, all records together.
    pub record_fuel: u64,
    /// The most fuel that one record took.
    pub record_fuel_max: u64,
    /// Fuel from `_start` to the first wait for a batch, the last time.
    pub start_fuel: u64,
    /// The largest the memory has been.
    pub peak_memory_bytes: u64,
    /// Starts after the first.
    pub restarts: u64,
    /// Log events that the broker drops: control characters, not UTF-8, or a full buffer.
    pub logs_dropped: u64,
    /// Time in the module and the host functions it called, in batches.
    pub engine_time: Duration,
    /// The same for starts.
    pub start_time: Duration,
}

/// Fuel accounts of one batch.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub records: u64,
    pub record_fuel: u64,
    pub record_fuel_max: u64,
    /// Fuel left when something was last charged.
    mark: u64,
    in_record: bool,
}

impl Meter {
    /// Charges what was used since the last mark to the record being worked on.
    #[inline]
    pub(crate) fn charge(&mut self, left: u64) {
        let spent = self.mark.saturating_sub(left);
        self.mark = left;
        self.record_fuel += spent;
        if self.in_record {
            self.record_fuel_max = self.record_fuel_max.max(spent);
        }
    }

    /// A batch starts with what the last one left.
    pub(crate) fn begin_batch(&mut self, left: u64) {
        *self = Self { mark: left, ..Self::default() };
    }

    #[inline]
    pub(crate) fn begin_record(&mut self, fuel: u64) {
        self.records += 1;
        self.mark = fuel;
        self.in_record = true;
    }
}
