//! The notes with which every command ends that reads a file.

use std::fmt;

use fraud_plan::time::millis::HOUR;
use serde::Serialize;

use super::spread::Spread;
use super::unreadable::Unreadable;
use crate::show::units::{count, share};

/// Records that are so much behind the clock are out of order.
const LATE: i64 = HOUR;

/// The notes on a file.
#[derive(Debug, Default, Serialize)]
pub struct Notes {
    #[serde(skip)]
    pub records: u64,
    /// When the first record arrives, and when the last does, milliseconds since 1970.
    #[serde(skip)]
    pub span: [i64; 2],
    /// Records that can be scored.
    #[serde(skip)]
    pub transactions: u64,
    #[serde(rename = "refused")]
    pub unreadable: Unreadable,
    /// Records whose time is an hour or more before that of a record before them.
    out_of_order: u64,
    #[serde(skip)]
    first_out_of_order: u64,
    /// Customers by their partitions, in a dump.
    #[serde(rename = "spread_customers")]
    pub spread: Option<Spread>,
    /// The type of records that are reports, if there was none of it though frauds are known.
    #[serde(skip)]
    pub unreported: Option<String>,
    /// The kind of file that this seems to be, if no record of it can be scored.
    pub hint: Option<String>,
}

impl Notes {
    /// Counts a record.
    pub fn count(&mut self, line: u64, time: Option<i64>, now: i64) {
        self.span = [if self.records == 0 { now } else { self.span[0] }, now];
        self.records += 1;
        if time.is_some_and(|time| time <= now.saturating_sub(LATE)) {
            if self.out_of_order == 0 {
                self.first_out_of_order = line;
            }
            self.out_of_order += 1;
        }
    }

    /// Returns whether the file is empty, or has records but none that can be scored.
    pub fn is_unreadable(&self) -> bool {
        self.transactions == 0 && (self.records == 0 || self.unreadable.records() > 0)
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.unreadable)?;
        if self.out_of_order > 0 {
            writeln!(
                f,
                "{} records ({}) are an hour or more older than one before them, the first on line {}; \
                 history is right only in order of time: sort the file by it",
                count(self.out_of_order),
                share(self.out_of_order, self.records),
                self.first_out_of_order,
            )?;
        }
        if let Some(spread) = &self.spread {
            write!(f, "{spread}")?;
        }
        if let Some(kind) = &self.unreported {
            writeln!(
                f,
                "no fraud was reported: the spec takes reports from records of type {kind}, and the file has none; \
                 --report-delay 7d makes one of each known fraud, a week after it"
            )?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "no record can be scored: {hint}"),
            None => Ok(()),
        }
    }
}
