//! The module's log.

use serde::Serialize;
use transform_host::{Level, Vm};

use crate::show::units;

/// The first log lines of all instances, and how many lines there were.
#[derive(Default)]
pub struct Logs {
    pub first: Vec<LogEntry>,
    pub total: u64,
}

/// A line of an instance's log.
#[derive(Serialize)]
pub struct LogEntry {
    instance: usize,
    /// `info` or `warn`.
    level: &'static str,
    message: String,
}

impl Logs {
    /// Maximum number of lines that are kept.
    const MAX_LINES: usize = 100;
    /// Number of lines that are shown beside an answer.
    const SHOWN: usize = 5;

    /// Takes the lines that an instance has written since the last call.
    pub fn take(&mut self, instance: usize, vm: &mut Vm) {
        for line in vm.take_logs() {
            self.total += 1;
            if self.first.len() < Self::MAX_LINES {
                let level = if line.level == Level::Info { "info" } else { "warn" };
                self.first.push(LogEntry { instance, level, message: line.message });
            }
        }
    }

    /// Returns the first few lines, to be shown beside an answer.
    pub fn aside(&self) -> String {
        let first = self.first.iter().take(Self::SHOWN);
        let mut text: String = first
            .map(|line| format!("instance {}: {}\n", line.instance, line.message.trim_end()))
            .collect();
        if let Some(more @ 1..) = self.total.checked_sub(Self::SHOWN as u64) {
            text += &format!("… and {} more log lines\n", units::count(more));
        }
        text
    }
}
