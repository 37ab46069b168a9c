//! One output of a processor: a queue, and a writer that takes all of it at once.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::record::output::Output;

use super::log::OutputBatch;

/// The queue and the writer of one output.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pub queue: VecDeque<Item>,
    pub queued_bytes: usize,
    pub writing: Option<Write>,
    /// Set while records are replayed that this output already has and a slower one has not.
    pub suppress: bool,
    pub last_committed: i64,
    /// The writer ended with an error while the writers of other outputs go on.
    pub failed: bool,
    pub lag: i64,
}

/// An entry of a [`Sink`]'s queue.
#[derive(Debug)]
pub(super) enum Item {
    /// The records of one batch, over all outputs; the sink writes its own.
    Records(Arc<Output>),
    /// Everything up to this offset is queued.
    Mark(i64),
}

/// A batch on its way to an output topic.
#[derive(Debug)]
pub(super) struct Write {
    pub done_at: u64,
    pub batch: OutputBatch,
    /// The input offset that is done with this batch.
    pub mark: i64,
}

impl Sink {
    /// Queues those records of `output` that go to `topic`.
    pub(super) fn push(&mut self, topic: usize, output: &Arc<Output>) {
        let own = || output.iter().filter(|record| record.topic == topic);
        if own().next().is_some() {
            self.queued_bytes += own().map(|record| record.payload.bytes().len()).sum::<usize>();
            self.queue.push_back(Item::Records(output.clone()));
        }
    }

    /// Takes everything queued, as one batch, and the offset that is done with it.
    pub(super) fn pop_all(&mut self, topic: usize) -> (Output, i64) {
        let mut records = Output::default();
        let mut mark = self.last_committed;
        for item in self.queue.drain(..) {
            match item {
                Item::Records(output) if !self.suppress => {
                    for record in output.iter().filter(|record| record.topic == topic) {
                        // Cannot be refused before the write buffer is full many times over.
                        records.push(topic, record.payload.bytes());
                    }
                }
                Item::Records(_) => {}
                Item::Mark(offset) => {
                    self.suppress = self.last_committed > offset;
                    mark = offset;
                }
            }
        }
        self.queued_bytes = 0;
        (records, mark)
    }

    /// Drops the queue; a write under way still ends.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.failed = false;
        self.lag = 0;
    }
}
