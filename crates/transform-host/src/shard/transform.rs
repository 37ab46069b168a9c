//! A deployed transform on its shard: one VM, and a processor for each partition that is here.
//!
//! It drives the processors: it carries out their actions on topics and commits in memory, and
//! reports back when the simulated time for that has passed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::deploy::Deployment;
use crate::engine::Module;
use crate::fault::LoadError;
use crate::processor::event::{Action, Event};
use crate::processor::options::ProcessorOptions;
use crate::processor::{Processor, State};

use super::log::OutputBatch;
use super::shared::{Context, SharedVm};

/// A transform from its deployment to its removal.
#[derive(Debug)]
pub(super) struct Transform {
    pub deployment: Deployment,
    pub deployed_ms: i64,
    pub paused: bool,
    pub vm: Result<SharedVm, LoadError>,
    /// One for each partition that is here, unless the transform is paused or does not load.
    pub lanes: Vec<Lane>,
}

/// The way of one input partition: its processor, and what the shard knows beside it.
#[derive(Debug)]
pub(super) struct Lane {
    pub partition: usize,
    pub processor: Processor,
    outputs: Vec<Outlet>,
}

/// A lane's output, as the shard knows it.
#[derive(Debug, Default)]
struct Outlet {
    /// A batch on its way to the topic, and the time at which it is there.
    write: Option<(Duration, OutputBatch)>,
    /// Records that were not committed when that was last reported.
    lag: i64,
}

impl Lane {
    /// Returns the number of records that the slowest output has not committed.
    pub(super) fn lag(&self) -> i64 {
        self.outputs.iter().map(|output| output.lag).max().unwrap_or(0)
    }
}

impl Transform {
    pub(super) fn new(
        module: Result<Module, LoadError>,
        deployment: &Deployment,
        deployed_ms: i64,
    ) -> Self {
        Self {
            deployment: deployment.clone(),
            deployed_ms,
            paused: false,
            vm: module.map(|module| SharedVm::new(&module, deployment)),
            lanes: Vec::new(),
        }
    }

    /// Returns the lane of a partition, if it is here.
    pub(super) fn lane(&self, partition: usize) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.partition == partition)
    }

    /// Makes a processor for a partition, unless it has one or there is no VM for it.
    pub(super) fn join(&mut self, partition: usize, options: ProcessorOptions, now: Duration) {
        if self.lane(partition).is_some() || self.paused || self.vm.is_err() {
            return;
        }
        self.lanes.push(Lane {
            partition,
            outputs: (0..options.outputs).map(|_| Outlet::default()).collect(),
            processor: Processor::new(options, now),
        });
    }

    /// Takes the processor of a partition away, if it is here. The broker waits for writes under way,
    /// so they end here too.
    pub(super) fn leave(&mut self, partition: usize, context: &mut Context<'_>) {
        let Some(index) = self.lanes.iter().position(|lane| lane.partition == partition) else {
            return;
        };
        self.tell(index, Event::Stop, context);
        while let Some(topic) = self.lanes[index].outputs.iter().position(|o| o.write.is_some()) {
            self.end_write(index, topic, context);
        }
        self.lanes.remove(index);
        if let Ok(vm) = &mut self.vm {
            vm.forget(partition);
        }
    }

    /// Drops the processors and the VM's memory as they are.
    pub(super) fn crash(&mut self) {
        if let Ok(vm) = &mut self.vm {
            vm.crash();
            self.lanes.drain(..).for_each(|lane| vm.forget(lane.partition));
        }
    }

    /// Does everything that is due now.
    pub(super) fn run(&mut self, context: &mut Context<'_>) {
        while self.step(context) {}
    }

    /// Does one thing that is due now: the ends of writes come first, then pauses, then the VM.
    fn step(&mut self, context: &mut Context<'_>) -> bool {
        let now = context.now;
        for index in 0..self.lanes.len() {
            let lane = &self.lanes[index];
            let ends = |o: &Outlet| o.write.as_ref().is_some_and(|(done_at, _)| *done_at <= now);
            if let Some(topic) = lane.outputs.iter().position(ends) {
                self.end_write(index, topic, context);
                return true;
            }
            if lane.processor.due().is_some_and(|due| due <= now) {
                self.tell(index, Event::Time, context);
                return true;
            }
        }
        let blocked = self.is_blocked();
        let Ok(vm) = &mut self.vm else { return false };
        let Some((partition, event)) = vm.step(blocked, context) else { return false };
        if let Some(index) = self.lanes.iter().position(|lane| Some(lane.partition) == partition) {
            self.tell(index, event, context);
        }
        true
    }

    /// Returns when there is something to do next.
    pub(super) fn due(&self) -> Option<Duration> {
        let writes = self.lanes.iter().flat_map(|lane| &lane.outputs);
        let writes = writes.filter_map(|output| Some(output.write.as_ref()?.0));
        let processors = self.lanes.iter().filter_map(|lane| lane.processor.due());
        let vm = self.vm.as_ref().ok().and_then(SharedVm::due);
        writes.chain(processors).chain(vm).min()
    }

    /// Returns whether the write buffer is full, so that the VM has to wait.
    fn is_blocked(&self) -> bool {
        let queued: usize = self.lanes.iter().map(|lane| lane.processor.queued_bytes()).sum();
        self.vm.as_ref().is_ok_and(|vm| queued > vm.limits.write_buffer_bytes)
    }

    /// Tells a processor what happened, and does what it asks.
    fn tell(&mut self, index: usize, event: Event, context: &mut Context<'_>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let actions: Vec<_> = self.lanes[index].processor.on(event, context.now).collect();
            events
                .extend(actions.into_iter().filter_map(|action| self.act(index, action, context)));
        }
    }

    /// Carries out an action; returns its answer if there is one at once.
    fn act(&mut self, index: usize, action: Action, context: &mut Context<'_>) -> Option<Event> {
        let Self { vm: Ok(vm), lanes, deployed_ms, deployment, .. } = self else { return None };
        let Lane { partition, processor, outputs } = &mut lanes[index];
        let input = &context.inputs[*partition];
        match action {
            Action::StartVm => return Some(Event::VmStarted(vm.acquire())),
            Action::StopVm => {
                outputs.iter_mut().for_each(|output| output.lag = 0);
                return vm.release(*partition);
            }
            Action::Locate => {
                let mut committed = Vec::new();
                for (topic, output) in outputs.iter_mut().enumerate() {
                    let key = (*partition, topic);
                    if let Some(kept) = context.commits.kept(key) {
                        output.lag = input.latest() - kept;
                        committed.push(kept);
                    } else {
                        let initial = input.initial(deployment.from_offset, *deployed_ms);
                        context.commits.mark(key, initial, context.flush_at);
                        committed.push(initial);
                    }
                }
                let from = committed.iter().min().map_or(0, |slowest| slowest + 1);
                return Some(Event::Located { committed, from });
            }
            Action::Read { offset, .. } => {
                let batches: Vec<_> = input.read(offset).collect();
                let next = batches.last().map_or(offset, |batch| batch.last_offset() + 1);
                return Some(Event::Read { batches, next });
            }
            Action::Transform(batch) => vm.queue(*partition, batch),
            Action::Write { topic, records } => {
                let batch = OutputBatch { timestamp: context.now_ms, records };
                outputs[topic].write = Some((context.now + context.write_latency(), batch));
            }
            Action::Commit { topic, offset } => {
                context.commits.mark((*partition, topic), offset, context.flush_at);
                if processor.state() == State::Running {
                    outputs[topic].lag = input.latest() - offset;
                }
            }
            Action::Stopped => {}
        }
        None
    }

    /// Ends the write of a batch.
    fn end_write(&mut self, index: usize, topic: usize, context: &mut Context<'_>) {
        let lane = &mut self.lanes[index];
        let Some((_, batch)) = lane.outputs[topic].write.take() else { return };
        let (size, max) = (batch.size_bytes(), context.options.max_message_bytes);
        let result = if size > max {
            Err(format!(
                "failure to produce transform data: Invalid request \
                 (a batch of {size} bytes, max.message.bytes is {max})"
            ))
        } else {
            let partitions = &mut context.outputs[topic];
            let partition = lane.partition % partitions.len();
            partitions[partition].push(batch);
            Ok(())
        };
        self.tell(index, Event::Written { topic, result }, context);
    }
}
