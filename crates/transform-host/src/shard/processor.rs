//! The way of one input partition through the VM to its outputs.
//!
//! A processor does one small thing a step: it starts, reads, shows the VM a batch, queues what was
//! written, or begins or ends a write. So reading, transforming and writing overlap as on the
//! broker, without threads. `Transform::run` calls `step` until nothing is due.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::fault::Fault;
use crate::record::batch::Batch;
use crate::record::output::Output;

use super::log::OutputBatch;
use super::options::BrokerVersion;
use super::shared::{Context, SharedVm};
use super::sink::{Item, Sink, Write};

/// The state that `rpk transform list` shows for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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

/// The phase of a processor's life, with what it waits for.
#[derive(Debug)]
pub(super) enum Phase {
    /// Waits one commit interval, so that earlier commits are kept before `resume` reads them.
    Starting { ready_at: u64 },
    /// Reads again once the last read is processed, or a second after a read that found nothing.
    Running { next_offset: i64, poll_at: u64, pending: VecDeque<Arc<Batch>>, busy: Option<Busy> },
    /// Waits to be started again after an error.
    Backoff { until: u64 },
    /// Waits for a VM that never starts.
    Hanging,
}

/// A batch in the VM.
#[derive(Debug)]
pub(super) struct Busy {
    done_at: u64,
    last_offset: i64,
    output: Output,
}

/// The broker's processor of one input partition.
#[derive(Debug)]
pub(super) struct Processor {
    pub partition: usize,
    pub phase: Phase,
    pub state: State,
    pub sinks: Vec<Sink>,
    pub error: Option<String>,
    /// Set while it counts among the VM's users.
    holds_vm: bool,
    /// The last pause after an error.
    backoff_s: u64,
    started_at: u64,
}

/// Pause after a read that found nothing.
const POLL_MICROS: u64 = 1_000_000;
/// Longest pause after an error.
const MAX_BACKOFF_S: u64 = 30;
/// A processor that ran longer than this begins again with the shortest pause.
const GOOD_MICROS: u64 = 10_000_000;

impl Processor {
    /// Makes a processor that starts at its next step.
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

    /// Does one thing that is due now; returns `false` if nothing is. With `blocked` the write buffer
    /// is full, and the VM has to wait.
    pub(super) fn step(
        &mut self,
        vm: &mut SharedVm,
        blocked: bool,
        context: &mut Context<'_>,
    ) -> bool {
        if (0..self.sinks.len()).any(|topic| self.write(topic, vm, context)) {
            return true;
        }
        let now = context.now;
        match &self.phase {
            Phase::Backoff { until } if *until <= now => self.start(vm, now),
            Phase::Starting { ready_at } if *ready_at <= now => self.resume(context),
            Phase::Running { busy: Some(busy), .. } if busy.done_at <= now => self.queue(),
            Phase::Running { busy: None, pending, .. } if !pending.is_empty() => {
                return !blocked && self.transform(vm, context);
            }
            Phase::Running { busy: None, poll_at, .. } if *poll_at <= now => {
                return self.poll(context);
            }
            _ => return false,
        }
        true
    }

    /// Ends the processor. The broker waits for writes under way, so they end here too.
    pub(super) fn stop(&mut self, vm: &mut SharedVm, context: &mut Context<'_>) {
        self.sinks.iter_mut().for_each(Sink::stop);
        for topic in 0..self.sinks.len() {
            while let Some(write) = self.sinks[topic].writing.take() {
                // An error would end the processor, which ends anyway.
                let _ = self.end_write(topic, write, context);
            }
        }
        self.release(vm);
    }

    /// Takes the VM, and starts it if no other processor has.
    fn start(&mut self, vm: &mut SharedVm, now: u64) {
        self.started_at = now;
        self.state = State::Inactive;
        self.phase = Phase::Starting { ready_at: now + vm.commit_micros() };
        self.holds_vm = true;
        match vm.acquire() {
            Ok(()) => {}
            Err(fault @ Fault::BatchInStartSection) => {
                self.phase = Phase::Hanging;
                self.error = Some(fault.to_string());
            }
            Err(fault) => self.fail(vm, now, fault.to_string()),
        }
    }

    fn release(&mut self, vm: &mut SharedVm) {
        if std::mem::take(&mut self.holds_vm) {
            vm.release();
        }
    }

    /// Records the error and starts again later: 1, 2, 4, 8, 16, then 30 seconds after the writes
    /// under way are done.
    fn fail(&mut self, vm: &mut SharedVm, now: u64, why: String) {
        if now > self.started_at + GOOD_MICROS {
            self.backoff_s = 0;
        }
        self.backoff_s = (self.backoff_s * 2).clamp(1, MAX_BACKOFF_S);
        self.state = State::Errored;
        self.error = Some(why);
        self.sinks.iter_mut().for_each(Sink::stop);
        let writes = self.sinks.iter().filter_map(|sink| sink.writing.as_ref());
        let stopped = writes.map(|write| write.ends_at).max().unwrap_or(now).max(now);
        self.phase = Phase::Backoff { until: stopped + self.backoff_s * 1_000_000 };
        self.release(vm);
    }

    /// Reads on after the offset that the slowest output has committed. Outputs that are ahead
    /// suppress records until they reach their own offset.
    fn resume(&mut self, context: &mut Context<'_>) {
        let input = &context.inputs[self.partition];
        for (topic, sink) in self.sinks.iter_mut().enumerate() {
            let key = (self.partition, topic);
            sink.last_committed = match context.commits.kept(key) {
                Some(kept) => {
                    sink.lag = input.latest() - kept;
                    kept
                }
                None => {
                    let initial = input.initial(context.from_offset, context.deployed_ms);
                    context.commits.mark(key, initial, context.flush_at);
                    initial
                }
            };
        }
        let committed = self.sinks.iter().map(|sink| sink.last_committed).min();
        let next_offset = committed.unwrap_or(-1) + 1;
        for sink in &mut self.sinks {
            sink.suppress = true;
            sink.queue.push_back(Item::Mark(next_offset - 1));
        }
        self.state = State::Running;
        self.phase = Phase::Running {
            next_offset,
            poll_at: context.now,
            pending: VecDeque::new(),
            busy: None,
        };
    }

    /// Reads whole batches, or sleeps if there is none.
    fn poll(&mut self, context: &Context<'_>) -> bool {
        let Phase::Running { next_offset, poll_at, pending, .. } = &mut self.phase else {
            return false;
        };
        pending.extend(context.inputs[self.partition].read(*next_offset));
        match pending.back() {
            Some(last) => *next_offset = last.last_offset() + 1,
            None => *poll_at = context.now + POLL_MICROS,
        }
        !pending.is_empty()
    }

    /// Shows the VM the next batch, if the VM is free.
    fn transform(&mut self, shared: &mut SharedVm, context: &mut Context<'_>) -> bool {
        if shared.free_at > context.now {
            return false;
        }
        let Phase::Running { pending, busy, .. } = &mut self.phase else { return false };
        let Some(batch) = pending.pop_front() else { return false };
        let mut output = Output::default();
        let Err(fault) = shared.vm.process(&batch, &mut output) else {
            let done_at = context.now + batch.len() as u64 * context.options.record_micros;
            shared.free_at = done_at;
            *busy = Some(Busy { done_at, last_offset: batch.last_offset(), output });
            return true;
        };
        // All partitions get a new memory, but only this one replays.
        let why = match shared.vm.start() {
            Ok(()) => fault.to_string(),
            Err(again) => format!("{fault}; the restart failed: {again}"),
        };
        // Records written before the fault are queued, and an idle writer takes them.
        let output = Arc::new(output);
        for topic in 0..self.sinks.len() {
            self.sinks[topic].push(topic, &output);
            self.write(topic, shared, context);
        }
        self.fail(shared, context.now, why);
        true
    }

    /// Queues the records that the VM has written for a batch, and the mark that it is done.
    fn queue(&mut self) {
        let Phase::Running { busy, .. } = &mut self.phase else { return };
        let Some(Busy { last_offset, output, .. }) = busy.take() else { return };
        let output = Arc::new(output);
        for (topic, sink) in self.sinks.iter_mut().enumerate() {
            sink.push(topic, &output);
            sink.queue.push_back(Item::Mark(last_offset));
        }
    }

    /// Runs the writer of one output: ends the write of a batch, or takes everything queued.
    fn write(&mut self, topic: usize, vm: &mut SharedVm, context: &mut Context<'_>) -> bool {
        let sink = &mut self.sinks[topic];
        if let Some(write) = sink.writing.take_if(|write| write.done_at <= context.now) {
            if let Err(why) = self.end_write(topic, write, context) {
                self.write_failed(topic, vm, why, context);
            }
            return true;
        }
        if sink.writing.is_some() || sink.failed || sink.queue.is_empty() {
            return false;
        }
        let (mut batches, mark) = sink.pop_all(topic, context.options.broker);
        let Some(records) = batches.pop_front() else {
            self.mark(topic, mark, context);
            return true;
        };
        let latency = context.options.write_latency_ms * 1000;
        sink.writing = Some(Write {
            done_at: context.now + latency,
            batch: OutputBatch { timestamp: context.now_ms, records },
            ends_at: context.now + latency * (1 + batches.len() as u64),
            rest: batches,
            mark,
        });
        true
    }

    /// Ends the write of a batch and begins the next, or commits the last.
    fn end_write(
        &mut self,
        topic: usize,
        mut write: Write,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        let (size, max) = (write.batch.size_bytes(), context.options.max_message_bytes);
        if size > max {
            return Err(format!(
                "failure to produce transform data: Invalid request \
                 (a batch of {size} bytes, max.message.bytes is {max})"
            ));
        }
        let partitions = &mut context.outputs[topic];
        let partition = self.partition % partitions.len();
        partitions[partition].push(write.batch);
        match write.rest.pop_front() {
            None => self.mark(topic, write.mark, context),
            Some(records) => {
                write.batch = OutputBatch { timestamp: context.now_ms, records };
                write.done_at = context.now + context.options.write_latency_ms * 1000;
                self.sinks[topic].writing = Some(write);
            }
        }
        Ok(())
    }

    /// Fails the processor after a write that failed. Before 26.1.11 a processor failed only once all
    /// of its writers had: with several, the others kept it running while this output stopped for
    /// good.
    fn write_failed(
        &mut self,
        topic: usize,
        vm: &mut SharedVm,
        why: String,
        context: &Context<'_>,
    ) {
        if matches!(self.phase, Phase::Backoff { .. }) {
            return;
        }
        if self.sinks.len() == 1 || context.options.broker >= BrokerVersion::V26_1_11 {
            self.fail(vm, context.now, why);
        } else {
            self.sinks[topic].failed = true;
            self.error = Some(why);
        }
    }

    /// Commits the progress of an output.
    fn mark(&mut self, topic: usize, mark: i64, context: &mut Context<'_>) {
        let sink = &mut self.sinks[topic];
        if mark > sink.last_committed {
            sink.last_committed = mark;
            context.commits.mark((self.partition, topic), mark, context.flush_at);
            if matches!(self.phase, Phase::Running { .. }) {
                sink.lag = context.inputs[self.partition].latest() - mark;
            }
        }
    }

    /// Returns when something is due next, if anything is. `vm_free_at` is when the VM can take a
    /// batch; `None` while the write buffer is full.
    pub(super) fn due(&self, vm_free_at: Option<u64>) -> Option<u64> {
        let own = match &self.phase {
            Phase::Starting { ready_at } => Some(*ready_at),
            Phase::Backoff { until } => Some(*until),
            Phase::Hanging => None,
            Phase::Running { busy: Some(busy), .. } => Some(busy.done_at),
            Phase::Running { pending, .. } if !pending.is_empty() => vm_free_at,
            Phase::Running { poll_at, .. } => Some(*poll_at),
        };
        let writes = self.sinks.iter().filter_map(|sink| Some(sink.writing.as_ref()?.done_at));
        own.into_iter().chain(writes).min()
    }

    /// Returns whether everything up to the offset `latest` is read, transformed and written.
    pub(super) fn is_idle(&self, latest: i64) -> bool {
        match &self.phase {
            Phase::Running { next_offset, pending, busy, .. } => {
                pending.is_empty()
                    && busy.is_none()
                    && *next_offset > latest
                    && self.sinks.iter().all(|s| s.queue.is_empty() && s.writing.is_none())
            }
            _ => false,
        }
    }

    /// Returns the number of records that the slowest output has not committed.
    pub(super) fn lag(&self) -> i64 {
        self.sinks.iter().map(|sink| sink.lag).max().unwrap_or(0)
    }
}
