//! The topics around a transform, in memory, and the offsets it commits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::deploy::FromOffset;
use crate::record::batch::{Batch, HEADER_BYTES, framed_len};
use crate::record::output::{Output, Written};

/// A read ends with the batch that brings it to this many bytes or more.
const READ_BYTES: usize = 128 << 10;

/// One input partition.
#[derive(Debug, Default)]
pub(super) struct InputLog {
    batches: Vec<Arc<Batch>>,
}

impl InputLog {
    /// Appends a batch at the next offset, and returns that.
    pub(super) fn append(&mut self, batch: Batch) -> i64 {
        let offset = self.latest() + 1;
        self.batches.push(Arc::new(batch.moved_to(offset)));
        offset
    }

    /// Returns the offset of the last record, −1 if there is none.
    pub(super) fn latest(&self) -> i64 {
        self.batches.last().map_or(-1, |batch| batch.last_offset())
    }

    /// Reads whole batches, beginning with the one that holds `offset`.
    pub(super) fn read(&self, offset: i64) -> impl Iterator<Item = Arc<Batch>> {
        let first = self.batches.partition_point(|batch| batch.last_offset() < offset);
        let mut bytes = 0;
        self.batches[first..]
            .iter()
            .take_while(move |batch| {
                let room = bytes < READ_BYTES;
                bytes += batch.size_bytes();
                room
            })
            .cloned()
    }

    /// Returns the offset that counts as committed when a transform starts here for the first time.
    ///
    /// It is the broker's arithmetic with its edges: `+N` past the end starts *at* the last record,
    /// `-N` from before the beginning *after* the first.
    pub(super) fn initial(&self, from: FromOffset, deployed_ms: i64) -> i64 {
        let (start, latest) = (0, self.latest());
        let at = |timestamp| {
            let mut records = self.batches.iter().flat_map(|batch| batch.iter());
            records.find(|r| r.timestamp >= timestamp).map_or(latest, |r| r.offset - 1)
        };
        match from {
            FromOffset::Now => at(deployed_ms),
            FromOffset::Timestamp(timestamp) => at(timestamp),
            FromOffset::Start(delta) => latest.min(start + delta).max(0) - 1,
            FromOffset::End(delta) => latest.saturating_sub(delta).max(start),
        }
    }
}

/// A batch in an output partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputBatch {
    /// Time at which it was made, in milliseconds, which is every record's timestamp.
    pub timestamp: i64,
    /// Its records, all of one topic.
    pub records: Output,
}

impl OutputBatch {
    /// Returns the bytes of the batch, which the topic's `max.message.bytes` bounds.
    pub fn size_bytes(&self) -> usize {
        let framed = |(i, record): (usize, Written<'_>)| {
            framed_len(record.payload.bytes().len(), 0, i as i64)
        };
        self.records.iter().enumerate().map(framed).sum::<usize>() + HEADER_BYTES
    }
}

/// Committed offsets by input partition and output: marked at once, kept a commit interval later.
#[derive(Debug, Default)]
pub(super) struct Commits {
    kept: BTreeMap<(usize, usize), i64>,
    marked: BTreeMap<(usize, usize), i64>,
    /// Time at which the marked offsets are kept, if there are any.
    pub(super) flush_at: Option<Duration>,
}

impl Commits {
    pub(super) fn mark(&mut self, key: (usize, usize), offset: i64, flush_at: Duration) {
        self.marked.insert(key, offset);
        self.flush_at.get_or_insert(flush_at);
    }

    pub(super) fn kept(&self, key: (usize, usize)) -> Option<i64> {
        self.kept.get(&key).copied()
    }

    pub(super) fn flush(&mut self) {
        self.kept.append(&mut self.marked);
        self.flush_at = None;
    }

    /// Forgets the offsets that are only marked, as a crash does.
    pub(super) fn crash(&mut self) {
        self.marked.clear();
        self.flush_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::batch::BatchBuilder;

    fn log(batches: usize, value: &[u8]) -> InputLog {
        let mut log = InputLog::default();
        for i in 0..batches as i64 {
            let mut builder = BatchBuilder::new(0);
            builder.push(10 * i, None, Some(value), &[]).push(10 * i, None, Some(value), &[]);
            log.append(builder.build());
        }
        log
    }

    #[test]
    fn start_positions() {
        let log = log(5, b"x");
        let cases = [
            (FromOffset::Now, 5), // deployed at 25: records of 30 on
            (FromOffset::Timestamp(0), -1),
            (FromOffset::Timestamp(11), 3),
            (FromOffset::Timestamp(99), 9), // none: the end
            (FromOffset::Start(0), -1),
            (FromOffset::Start(3), 2),
            (FromOffset::Start(100), 8), // the last record once more
            (FromOffset::End(0), 9),
            (FromOffset::End(3), 6),
            (FromOffset::End(100), 0), // the first record is left out
        ];
        for (from, committed) in cases {
            assert_eq!(log.initial(from, 25), committed, "{from:?}");
        }
        assert_eq!(InputLog::default().initial(FromOffset::Start(0), 0), -1);
    }

    #[test]
    fn a_read_takes_whole_batches_up_to_128_kib() {
        let log = log(5, &[0; 30_000]);
        let lens = |offset| log.read(offset).map(|b| b.header().base_offset).collect::<Vec<_>>();
        assert_eq!(lens(0), [0, 2, 4]);
        // An offset inside a batch reads all of it.
        assert_eq!(lens(7), [6, 8]);
        assert!(lens(10).is_empty());
    }
}
