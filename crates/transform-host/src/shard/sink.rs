//! One output of a processor: a queue and its writer.
//!
//! The writer takes the whole queue at once and writes it as one batch or, since 25.1, as several.
//! Records and marks share the queue, so that an offset is committed only after the records before
//! it are written.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::record::output::Output;

use super::log::OutputBatch;
use super::options::BrokerVersion;

/// The queue and the writer of one output.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pub queue: VecDeque<Item>,
    pub queued_bytes: usize,
    pub writing: Option<Write>,
    /// Set while records are replayed that this output already has and a slower one has not.
    pub suppress: bool,
    pub last_committed: i64,
    /// Set when the writer has ended with an error while other writers go on (before 26.1.11).
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

/// Batches on their way to an output topic, one after the other.
#[derive(Debug)]
pub(super) struct Write {
    /// Time at which `batch` is written.
    pub done_at: u64,
    pub batch: OutputBatch,
    /// The records of the batches after it, each made when its turn comes.
    pub rest: VecDeque<Output>,
    /// Time at which the last batch is written.
    pub ends_at: u64,
    /// The input offset to commit after the last batch.
    pub mark: i64,
}

/// The largest batch that a broker makes since 25.1, unless it is of a single record.
const BATCH_BYTES: usize = 1 << 20;

/// An upper bound of a record's bytes beside its payload: attributes and three varints. The broker
/// estimates a record's size too; that its estimate is this one is assumed.
const FRAME_BYTES: usize = 1 + 3 * 10;

impl Sink {
    /// Queues the records of `output` that go to `topic`.
    pub(super) fn push(&mut self, topic: usize, output: &Arc<Output>) {
        let own = || output.iter().filter(|record| record.topic == topic);
        if own().next().is_some() {
            self.queued_bytes += own().map(|record| record.payload.bytes().len()).sum::<usize>();
            self.queue.push_back(Item::Records(output.clone()));
        }
    }

    /// Takes the whole queue: the records by batch, and the offset to commit after them.
    pub(super) fn pop_all(
        &mut self,
        topic: usize,
        broker: BrokerVersion,
    ) -> (VecDeque<Output>, i64) {
        let limit = if broker < BrokerVersion::V25_1 { usize::MAX } else { BATCH_BYTES };
        let mut batches = VecDeque::<Output>::new();
        let mut mark = self.last_committed;
        for item in self.queue.drain(..) {
            match item {
                Item::Records(output) if !self.suppress => {
                    for record in output.iter().filter(|record| record.topic == topic) {
                        let payload = record.payload.bytes();
                        let room = batches.back().is_some_and(|batch| {
                            let size = batch.bytes() + payload.len();
                            size + FRAME_BYTES * (batch.len() + 1) <= limit
                        });
                        if !room {
                            batches.push_back(Output::default());
                        }
                        // Never refused: a full write buffer stops the VM long before.
                        batches.back_mut().expect("just made").push(topic, payload);
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
        (batches, mark)
    }

    /// Drops the queue; a write under way still ends.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.failed = false;
        self.lag = 0;
    }
}
