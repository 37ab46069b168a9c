//! One input partition's way through the VM to its outputs.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::record::batch::Batch;
use crate::record::output::Output;

use super::log::OutputBatch;

/// What `rpk transform list` shows for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Starting, or the transform is paused.
    Inactive,
    /// Reading and writing.
    Running,
    /// Waiting to be started again after an error.
    Errored,
    /// No processor: the module cannot be loaded, or the partition is elsewhere.
    Unknown,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Waits one commit interval, so that earlier commits are kept before they are read.
    Starting {
        ready_at: u64,
    },
    /// Reads when its last read is worked off, or a second after one that found nothing.
    Running {
        next_offset: i64,
        poll_at: u64,
        pending: VecDeque<Arc<Batch>>,
        busy: Option<Busy>,
    },
    Backoff {
        until: u64,
    },
}

/// A batch in the VM.
#[derive(Debug)]
pub(super) struct Busy {
    pub done_at: u64,
    pub last_offset: i64,
    pub output: Output,
}

#[derive(Debug)]
pub(super) struct Processor {
    pub partition: usize,
    pub phase: Phase,
    pub state: State,
    pub sinks: Vec<Sink>,
    pub error: Option<String>,
    pub holds_vm: bool,
    backoff_s: u64,
    started_at: u64,
}

const MAX_BACKOFF_S: u64 = 30;
/// Running longer than this resets the backoff.
const GOOD_MICROS: u64 = 10_000_000;

impl Processor {
    pub(super) fn new(partition: usize, outputs: usize, now: u64) -> Self {
        Self {
            partition,
            phase: Phase::Backoff { until: now },
            state: State::Inactive,
            sinks: (0..outputs).map(|_| Sink::default()).collect(),
            error: None,
            holds_vm: false,
            backoff_s: 0,
            started_at: now,
        }
    }

    pub(super) fn start(&mut self, now: u64, ready_at: u64) {
        self.started_at = now;
        self.state = State::Inactive;
        self.phase = Phase::Starting { ready_at };
    }

    /// Records the error and returns when to start again: 1, 2, 4, 8, 16, then 30 seconds after
    /// the writes under way are done.
    pub(super) fn fail(&mut self, now: u64, why: String) {
        if now > self.started_at + GOOD_MICROS {
            self.backoff_s = 0;
        }
        self.backoff_s = (self.backoff_s * 2).clamp(1, MAX_BACKOFF_S);
        self.state = State::Errored;
        self.error = Some(why);
        self.stop();
        let writes = self.sinks.iter().filter_map(|sink| sink.writing.as_ref());
        let stopped = writes.map(|write| write.done_at).max().unwrap_or(now).max(now);
        self.phase = Phase::Backoff { until: stopped + self.backoff_s * 1_000_000 };
    }

    /// Queues are dropped; a write under way still ends.
    pub(super) fn stop(&mut self) {
        for sink in &mut self.sinks {
            sink.queue.clear();
            sink.queued_bytes = 0;
            sink.failed = false;
            sink.lag = 0;
        }
    }

    /// When it wants to do something.
    pub(super) fn due(&self) -> u64 {
        let own = match &self.phase {
            Phase::Starting { ready_at } => *ready_at,
            Phase::Backoff { until } => *until,
            Phase::Running { poll_at, busy, .. } => busy.as_ref().map_or(*poll_at, |b| b.done_at),
        };
        self.writes_due().map_or(own, |write| write.min(own))
    }

    pub(super) fn writes_due(&self) -> Option<u64> {
        self.sinks.iter().filter_map(|sink| Some(sink.writing.as_ref()?.done_at)).min()
    }

    pub(super) fn lag(&self) -> i64 {
        self.sinks.iter().map(|sink| sink.lag).max().unwrap_or(0)
    }
}

/// The queue and the writer of one output.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pub queue: VecDeque<Item>,
    pub queued_bytes: usize,
    pub writing: Option<Write>,
    /// Replaying what this output has, because another one has not.
    pub suppress: bool,
    pub last_committed: i64,
    /// Its writer ended with an error while those of other outputs go on.
    pub failed: bool,
    pub lag: i64,
}

#[derive(Debug)]
pub(super) enum Item {
    /// Those of one batch's records that go to this output.
    Records(Arc<Output>),
    /// Everything up to this offset is queued.
    Mark(i64),
}

#[derive(Debug)]
pub(super) struct Write {
    pub done_at: u64,
    pub batch: OutputBatch,
    pub mark: i64,
}

impl Sink {
    pub(super) fn push(&mut self, topic: usize, output: &Arc<Output>) {
        let bytes: usize = output
            .iter()
            .filter(|record| record.topic == topic)
            .map(|record| record.payload.bytes().len())
            .sum();
        if bytes > 0 || output.iter().any(|record| record.topic == topic) {
            self.queued_bytes += bytes;
            self.queue.push_back(Item::Records(output.clone()));
        }
    }

    /// Everything queued, as one batch, and the offset that is done with it.
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
}
