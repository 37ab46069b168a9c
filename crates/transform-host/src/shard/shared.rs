//! Things that a transform's processors share: the VM, the clock, the topics and the commits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::deploy::Deployment;
use crate::engine::Module;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::processor::event::Event;
use crate::record::batch::Batch;
use crate::record::output::Output;
use crate::vm::Vm;

use super::log::{Commits, InputLog, OutputBatch};
use super::options::ShardOptions;

/// The clock, the topics and the commits, as a transform sees them.
pub(super) struct Context<'a> {
    /// Time since the shard was made.
    pub now: Duration,
    /// The time of day in milliseconds, for the timestamps of batches.
    pub now_ms: i64,
    /// Time at which a commit that is marked now is kept.
    pub flush_at: Duration,
    pub options: &'a ShardOptions,
    pub inputs: &'a [InputLog],
    pub outputs: &'a mut Vec<Vec<Vec<OutputBatch>>>,
    pub commits: &'a mut Commits,
}

impl Context<'_> {
    pub(super) fn write_latency(&self) -> Duration {
        Duration::from_millis(self.options.write_latency_ms)
    }
}

/// The VM that a transform's processors share: the first starts it, the last stops it, and a batch
/// waits for the batches before it, of whatever partition.
#[derive(Debug)]
pub(super) struct SharedVm {
    pub vm: Vm,
    pub limits: Arc<Limits>,
    users: usize,
    /// Set when a broker would still wait in the start section.
    hangs: bool,
    /// Batches by partition, in the order in which they came.
    waiting: VecDeque<(usize, Arc<Batch>)>,
    job: Option<Job>,
}

/// A batch in the VM. It is done already, but for the time that it takes.
#[derive(Debug)]
struct Job {
    /// The partition that waits for it; `None` if it has left.
    partition: Option<usize>,
    done_at: Duration,
    output: Output,
}

impl SharedVm {
    pub(super) fn new(module: &Module, deployment: &Deployment) -> Self {
        Self {
            vm: Vm::new(module, deployment),
            limits: module.limits.clone(),
            users: 0,
            hangs: false,
            waiting: VecDeque::new(),
            job: None,
        }
    }

    /// Counts one more user; the first starts the VM.
    pub(super) fn acquire(&mut self) -> Result<(), Fault> {
        self.users += 1;
        if self.users == 1 {
            let started = self.vm.start();
            self.hangs = started == Err(Fault::BatchInStartSection);
            started
        } else if self.hangs {
            Err(Fault::BatchInStartSection)
        } else {
            Ok(())
        }
    }

    /// Counts one user less; the last stops the VM. Returns the answer for a batch that waits.
    pub(super) fn release(&mut self, partition: usize) -> Option<Event> {
        self.users -= 1;
        if self.users == 0 {
            self.vm.stop();
        }
        let index = self.waiting.iter().position(|(waits, _)| *waits == partition)?;
        self.waiting.remove(index);
        Some(Event::Failed { output: Output::default(), why: "stopped".into(), record: None })
    }

    /// Drops what is done for a partition.
    pub(super) fn forget(&mut self, partition: usize) {
        if let Some(job) = self.job.as_mut().filter(|job| job.partition == Some(partition)) {
            job.partition = None;
        }
    }

    /// Stops the VM under all of its users.
    pub(super) fn crash(&mut self) {
        self.users = 0;
        self.waiting.clear();
        self.vm.stop();
    }

    /// Lets a batch wait for its turn.
    pub(super) fn queue(&mut self, partition: usize, batch: Arc<Batch>) {
        self.waiting.push_back((partition, batch));
    }

    /// Ends the batch in the VM, or shows it the next unless the write buffer is full (`blocked`).
    /// Returns what happened, and to which partition.
    pub(super) fn step(
        &mut self,
        blocked: bool,
        context: &Context<'_>,
    ) -> Option<(Option<usize>, Event)> {
        if let Some(job) = self.job.take_if(|job| job.done_at <= context.now) {
            return Some((job.partition, Event::Transformed(job.output)));
        }
        if self.job.is_some() || blocked {
            return None;
        }
        let (partition, batch) = self.waiting.pop_front()?;
        let mut output = Output::default();
        let Err(fault) = self.vm.process(&batch, &mut output) else {
            let time = Duration::from_micros(batch.len() as u64 * context.options.record_micros);
            let done_at = context.now + time;
            self.job = Some(Job { partition: Some(partition), done_at, output });
            return self.step(blocked, context);
        };
        let record = self.vm.failed_record();
        // All partitions get a new memory, but only this one replays.
        let why = match self.vm.start() {
            Ok(()) => fault.to_string(),
            Err(again) => format!("{fault}; the restart failed: {again}"),
        };
        Some((Some(partition), Event::Failed { output, why, record }))
    }

    /// Returns when the batch in the VM is done. One that waits for room in the write buffer waits for
    /// the end of a write.
    pub(super) fn due(&self) -> Option<Duration> {
        self.job.as_ref().map(|job| job.done_at)
    }

    pub(super) fn commit_interval(&self) -> Duration {
        Duration::from_millis(self.limits.commit_interval_ms)
    }
}
