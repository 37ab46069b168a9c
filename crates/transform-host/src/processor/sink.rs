//! One output of a processor: a queue, and the write under way.
//!
//! The writer takes the whole queue at once, with the offset up to which everything is queued, and
//! writes it as one batch or, since 25.1, as several. With the last of them that offset is committed.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::record::output::Output;

use super::options::BrokerVersion;

/// The queue and the writer of one output.
#[derive(Debug, Default)]
pub(super) struct Sink {
    /// Records that the VM has written for a batch, over all outputs; the sink writes its own.
    queue: Vec<Arc<Output>>,
    pub queued_bytes: usize,
    pub writing: Option<Write>,
    pub last_committed: i64,
    /// Set when the writer has ended with an error while other writers go on (before 26.1.11).
    pub failed: bool,
}

/// A write under way.
#[derive(Debug)]
pub(super) struct Write {
    /// The batches after the present one.
    rest: VecDeque<Output>,
    /// The input offset to commit after the last batch.
    upto: i64,
}

/// The next step of a writer.
pub(super) enum Next {
    Write(Output),
    Commit(i64),
}

/// The largest batch that a broker makes since 25.1, unless it is of a single record.
const BATCH_BYTES: usize = 1 << 20;

/// An upper bound of a record's bytes beside its payload: attributes and three varints. The broker
/// estimates a record's size too; that its estimate is this one is assumed.
const FRAME_BYTES: usize = 1 + 3 * 10;

impl Sink {
    /// Queues the records that go to `topic`, of a batch that ends at `last_offset`. An output that
    /// was ahead of a slower one at the start has them already.
    pub(super) fn push(&mut self, topic: usize, output: &Arc<Output>, last_offset: i64) {
        if last_offset <= self.last_committed {
            return;
        }
        let own = || output.iter().filter(|record| record.topic == topic);
        if own().next().is_some() {
            self.queued_bytes += own().map(|record| record.payload.bytes().len()).sum::<usize>();
            self.queue.push(output.clone());
        }
    }

    /// Returns whether everything that was ever queued is written.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.writing.is_none() && !self.failed
    }

    /// Takes the queue, in which everything up to `queued` is, unless the writer is busy.
    pub(super) fn begin(
        &mut self,
        topic: usize,
        queued: i64,
        broker: BrokerVersion,
    ) -> Option<Next> {
        if self.failed || self.writing.is_some() {
            return None;
        }
        let rest = self.take(topic, broker);
        self.next(Write { rest, upto: queued })
    }

    /// Goes on after a batch that is written.
    pub(super) fn go_on(&mut self) -> Option<Next> {
        let write = self.writing.take()?;
        self.next(write)
    }

    fn next(&mut self, mut write: Write) -> Option<Next> {
        if let Some(records) = write.rest.pop_front() {
            self.writing = Some(write);
            return Some(Next::Write(records));
        }
        if write.upto <= self.last_committed {
            return None;
        }
        self.last_committed = write.upto;
        Some(Next::Commit(write.upto))
    }

    /// Takes the whole queue, by batch.
    fn take(&mut self, topic: usize, broker: BrokerVersion) -> VecDeque<Output> {
        let limit = if broker < BrokerVersion::V25_1 { usize::MAX } else { BATCH_BYTES };
        let mut batches = VecDeque::<Output>::new();
        let queue = std::mem::take(&mut self.queue);
        for record in queue.iter().flat_map(|output| output.iter()) {
            if record.topic != topic {
                continue;
            }
            let len = record.payload.bytes().len();
            let taken = batches.back_mut().is_some_and(|batch| {
                let size = batch.bytes() + len + FRAME_BYTES * (batch.len() + 1);
                size <= limit && batch.push(topic, record.payload)
            });
            if !taken {
                let mut batch = Output::default();
                batch.push(topic, record.payload);
                batches.push_back(batch);
            }
        }
        self.queued_bytes = 0;
        batches
    }

    /// Drops the queue; a write under way still ends.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.failed = false;
    }
}
