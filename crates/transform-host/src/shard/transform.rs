//! What a deployed transform does on its core, one small step at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::deploy::Deployment;
use crate::engine::Module;
use crate::fault::LoadError;
use crate::record::output::Output;
use crate::vm::Vm;

use super::ShardOptions;
use super::log::{Commits, InputLog, OutputBatch};
use super::processor::{Busy, Item, Phase, Processor, State, Write};

const POLL_MICROS: u64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Transform {
    pub deployment: Deployment,
    pub module: Result<Module, LoadError>,
    /// One for each partition that is here, unless it is paused or does not load.
    pub processors: Vec<Processor>,
    pub paused: bool,
    pub vm: Option<Vm>,
    pub vm_free_at: u64,
    vm_users: usize,
    deployed_ms: i64,
}

/// The core without its transform.
pub(super) struct Surroundings<'a> {
    pub now: u64,
    pub now_ms: i64,
    pub options: &'a ShardOptions,
    pub inputs: &'a [InputLog],
    pub outputs: &'a mut Vec<Vec<Vec<OutputBatch>>>,
    pub commits: &'a mut Commits,
}

impl Transform {
    pub(super) fn new(
        module: Result<Module, LoadError>,
        deployment: &Deployment,
        deployed_ms: i64,
    ) -> Self {
        Self {
            deployment: deployment.clone(),
            processors: Vec::new(),
            paused: false,
            vm: module.as_ref().ok().map(|module| Vm::new(module, deployment)),
            module,
            vm_free_at: 0,
            vm_users: 0,
            deployed_ms,
        }
    }

    /// Whether so much waits to be written that the VM has to wait too.
    pub(super) fn is_blocked(&self) -> bool {
        let sinks = self.processors.iter().flat_map(|processor| &processor.sinks);
        let queued: usize = sinks.map(|sink| sink.queued_bytes).sum();
        self.module.as_ref().is_ok_and(|module| queued > module.limits.write_buffer_bytes)
    }

    fn commit_micros(&self) -> u64 {
        self.module.as_ref().map_or(0, |module| module.limits.commit_interval_ms * 1000)
    }

    /// Takes a processor away. The broker waits for the writes under way, so they end here.
    pub(super) fn stop(&mut self, index: usize, around: &mut Surroundings<'_>) {
        self.processors[index].stop();
        for topic in 0..self.processors[index].sinks.len() {
            if let Some(write) = self.processors[index].sinks[topic].writing.take() {
                // Its error would end a processor that has ended.
                let _ = self.end_write(index, topic, write, around);
            }
        }
        self.release_vm(index);
        self.processors.remove(index);
    }

    /// One thing that a processor can do now; `false` if there is none.
    pub(super) fn step(&mut self, index: usize, around: &mut Surroundings<'_>) -> bool {
        let outputs = 0..self.processors[index].sinks.len();
        if outputs.into_iter().any(|topic| self.write(index, topic, around)) {
            return true;
        }
        let now = around.now;
        match &self.processors[index].phase {
            Phase::Backoff { until } if *until <= now => self.start(index, now),
            Phase::Starting { ready_at } if *ready_at <= now => self.resume(index, around),
            Phase::Running { busy: Some(busy), .. } if busy.done_at <= now => self.queue(index),
            Phase::Running { busy: None, pending, .. } if !pending.is_empty() => {
                return self.transform(index, around);
            }
            Phase::Running { busy: None, poll_at, .. } if *poll_at <= now => {
                return self.processors[index].poll(around);
            }
            _ => return false,
        }
        true
    }

    /// The writer of one output: ends the write under way, or takes everything that is queued.
    fn write(&mut self, index: usize, topic: usize, around: &mut Surroundings<'_>) -> bool {
        let sink = &mut self.processors[index].sinks[topic];
        if let Some(write) = sink.writing.take_if(|write| write.done_at <= around.now) {
            if let Err(why) = self.end_write(index, topic, write, around) {
                self.write_failed(index, topic, why, around.now);
            }
            return true;
        }
        if sink.writing.is_some() || sink.failed || sink.queue.is_empty() {
            return false;
        }
        let (records, mark) = sink.pop_all(topic);
        if records.is_empty() {
            self.mark(index, topic, mark, around);
            return true;
        }
        sink.writing = Some(Write {
            done_at: around.now + around.options.write_latency_ms * 1000,
            batch: OutputBatch { timestamp: around.now_ms, records },
            mark,
        });
        true
    }

    fn end_write(
        &mut self,
        index: usize,
        topic: usize,
        write: Write,
        around: &mut Surroundings<'_>,
    ) -> Result<(), String> {
        let (size, max) = (write.batch.size_bytes(), around.options.max_message_bytes);
        if size > max {
            return Err(format!(
                "failure to produce transform data: Invalid request \
                 (a batch of {size} bytes, max.message.bytes is {max})"
            ));
        }
        let partitions = &mut around.outputs[topic];
        let partition = self.processors[index].partition % partitions.len();
        partitions[partition].push(write.batch);
        self.mark(index, topic, write.mark, around);
        Ok(())
    }

    /// The processor ends when all of its writers have. A single one is all; among several, the
    /// others keep the processor running, and this output stands still.
    fn write_failed(&mut self, index: usize, topic: usize, why: String, now: u64) {
        let processor = &mut self.processors[index];
        if matches!(processor.phase, Phase::Backoff { .. }) {
            return;
        }
        if processor.sinks.len() == 1 {
            processor.fail(now, why);
            self.release_vm(index);
        } else {
            processor.sinks[topic].failed = true;
            processor.error = Some(why);
        }
    }

    /// Commits an output's progress.
    fn mark(&mut self, index: usize, topic: usize, mark: i64, around: &mut Surroundings<'_>) {
        let flush_at = around.now + self.commit_micros();
        let Processor { partition, sinks, phase, .. } = &mut self.processors[index];
        let sink = &mut sinks[topic];
        if mark > sink.last_committed {
            sink.last_committed = mark;
            around.commits.mark((*partition, topic), mark, flush_at);
            if matches!(phase, Phase::Running { .. }) {
                sink.lag = around.inputs[*partition].latest() - mark;
            }
        }
    }

    /// The first processor starts the VM.
    fn start(&mut self, index: usize, now: u64) {
        let ready_at = now + self.commit_micros();
        let processor = &mut self.processors[index];
        processor.start(now, ready_at);
        processor.holds_vm = true;
        self.vm_users += 1;
        if self.vm_users == 1
            && let Some(Err(fault)) = self.vm.as_mut().map(Vm::start)
        {
            processor.fail(now, fault.to_string());
            self.release_vm(index);
        }
    }

    /// The last one stops it.
    fn release_vm(&mut self, index: usize) {
        if std::mem::take(&mut self.processors[index].holds_vm) {
            self.vm_users -= 1;
            if self.vm_users == 0 {
                self.stop_vm();
            }
        }
    }

    fn stop_vm(&mut self) {
        if let Some(vm) = &mut self.vm {
            vm.stop();
        }
    }

    pub(super) fn crash(&mut self) {
        self.processors.clear();
        self.vm_users = 0;
        self.stop_vm();
    }

    /// Reads on after what the slowest output has committed.
    fn resume(&mut self, index: usize, around: &mut Surroundings<'_>) {
        let flush_at = around.now + self.commit_micros();
        let processor = &mut self.processors[index];
        let input = &around.inputs[processor.partition];
        for (topic, sink) in processor.sinks.iter_mut().enumerate() {
            let key = (processor.partition, topic);
            sink.last_committed = match around.commits.kept(key) {
                Some(kept) => {
                    sink.lag = input.latest() - kept;
                    kept
                }
                None => {
                    let initial = input.initial(self.deployment.from_offset, self.deployed_ms);
                    around.commits.mark(key, initial, flush_at);
                    initial
                }
            };
        }
        let committed = processor.sinks.iter().map(|sink| sink.last_committed).min();
        let next_offset = committed.unwrap_or(-1) + 1;
        for sink in &mut processor.sinks {
            sink.suppress = true;
            sink.queue.push_back(Item::Mark(next_offset - 1));
        }
        processor.state = State::Running;
        processor.phase = Phase::Running {
            next_offset,
            poll_at: around.now,
            pending: VecDeque::new(),
            busy: None,
        };
    }

    /// Shows the VM the next batch, if both are there.
    fn transform(&mut self, index: usize, around: &mut Surroundings<'_>) -> bool {
        if self.is_blocked() || self.vm_free_at > around.now {
            return false;
        }
        let processor = &mut self.processors[index];
        let Phase::Running { pending, busy, .. } = &mut processor.phase else { return false };
        let (Some(vm), Some(batch)) = (&mut self.vm, pending.pop_front()) else { return false };
        let mut output = Output::default();
        let Err(fault) = vm.process(&batch, &mut output) else {
            let done_at = around.now + batch.len() as u64 * around.options.record_micros;
            self.vm_free_at = done_at;
            *busy = Some(Busy { done_at, last_offset: batch.last_offset(), output });
            return true;
        };
        // A new memory for all partitions; only this one replays.
        let why = match vm.start() {
            Ok(()) => fault.to_string(),
            Err(again) => format!("{fault}; the restart failed: {again}"),
        };
        // What was written before the fault is queued, and a writer that is idle takes it.
        let output = Arc::new(output);
        for topic in 0..processor.sinks.len() {
            self.processors[index].sinks[topic].push(topic, &output);
            self.write(index, topic, around);
        }
        self.processors[index].fail(around.now, why);
        self.release_vm(index);
        true
    }

    /// Queues what the VM has written for a batch, and that the batch is done.
    fn queue(&mut self, index: usize) {
        let processor = &mut self.processors[index];
        let Phase::Running { busy, .. } = &mut processor.phase else { return };
        let Some(Busy { last_offset, output, .. }) = busy.take() else { return };
        let output = Arc::new(output);
        for (topic, sink) in processor.sinks.iter_mut().enumerate() {
            sink.push(topic, &output);
            sink.queue.push_back(Item::Mark(last_offset));
        }
    }
}

impl Processor {
    /// Reads whole batches; after a read that finds nothing it sleeps.
    fn poll(&mut self, around: &Surroundings<'_>) -> bool {
        let Phase::Running { next_offset, poll_at, pending, .. } = &mut self.phase else {
            return false;
        };
        pending.extend(around.inputs[self.partition].read(*next_offset));
        match pending.back() {
            Some(last) => *next_offset = last.last_offset() + 1,
            None => *poll_at = around.now + POLL_MICROS,
        }
        !pending.is_empty()
    }
}
