//! One core of a broker around a VM: topics, offsets, restarts, and a clock.

pub(crate) mod log;
pub(crate) mod options;
mod shared;
mod transform;

use std::time::Duration;

use crate::deploy::Deployment;
use crate::engine::Module;
use crate::fault::LoadError;
use crate::processor::options::ProcessorOptions;
use crate::processor::{Poison, State};
use crate::record::batch::Batch;
use crate::vm::stats::{LogLine, Stats};

use log::{Commits, InputLog, OutputBatch};
use options::ShardOptions;
use shared::{Context, SharedVm};
use transform::{Lane, Transform};

/// A partition's line of `rpk transform list`, with what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// Input partition.
    pub partition: usize,
    /// The state, by the broker's name.
    pub state: State,
    /// Records that the slowest output has not committed, as last reported.
    pub lag: i64,
    /// Committed offset of each output. A restart resumes after the lowest.
    pub committed: Vec<Option<i64>>,
    /// The last error.
    pub error: Option<String>,
    /// The record in which the module ended last, until it is past it.
    pub poison: Option<Poison>,
}

/// One core of a broker (a shard): a transform's VM, shared by the input partitions that the core
/// leads, on a clock that only [`Shard::advance`] and [`Shard::run_until_idle`] move.
///
/// Reading, transforming, writing and committing overlap as they do on the broker. Time passes
/// where [`ShardOptions`] says so, and where the broker itself waits: a second after a read that
/// found nothing, a commit interval before every start and every commit, and after errors.
#[derive(Debug)]
pub struct Shard {
    options: ShardOptions,
    /// Time since `start_ms`.
    now: Duration,
    inputs: Vec<InputLog>,
    /// By topic, then partition.
    outputs: Vec<Vec<Vec<OutputBatch>>>,
    commits: Commits,
    transform: Option<Transform>,
    logs: Vec<LogLine>,
}

impl Shard {
    /// Makes a shard without a transform.
    pub fn new(options: ShardOptions) -> Self {
        Self {
            now: Duration::ZERO,
            inputs: (0..options.partitions).map(|_| InputLog::default()).collect(),
            outputs: Vec::new(),
            commits: Commits::default(),
            transform: None,
            logs: Vec::new(),
            options,
        }
    }

    /// Deploys a transform, or a new version of the present one: offsets stay, the VM and its memory
    /// go. `module` is what [`Engine::compile`](crate::Engine::compile) returned; a transform whose
    /// module does not load is `unknown` (the broker tries again every 30 seconds).
    pub fn deploy(&mut self, module: Result<Module, LoadError>, deployment: &Deployment) {
        self.stop_all();
        self.outputs.resize_with(deployment.output_topics.len(), || {
            vec![Vec::new(); self.options.output_partitions.max(1)]
        });
        self.transform = Some(Transform::new(module, deployment, self.now_ms()));
        self.start_all();
    }

    /// Removes the transform and its committed offsets. The records it has written stay.
    pub fn delete(&mut self) {
        self.stop_all();
        self.commits = Commits::default();
        self.transform = None;
    }

    /// Stops the processors and the VM, as `rpk transform pause` does.
    pub fn pause(&mut self) {
        self.stop_all();
        if let Some(transform) = &mut self.transform {
            transform.paused = true;
        }
    }

    /// Starts the processors again, as `rpk transform resume` does.
    pub fn resume(&mut self) {
        if let Some(transform) = &mut self.transform {
            transform.paused = false;
        }
        self.start_all();
    }

    /// Gives a partition to another core. The VM stays while another partition uses it.
    pub fn leave(&mut self, partition: usize) {
        if let Some((transform, mut context)) = self.split() {
            transform.leave(partition, &mut context);
        }
    }

    /// Takes a partition (back) from another core.
    pub fn join(&mut self, partition: usize) {
        let Some(transform) = &mut self.transform else { return };
        let Ok(vm) = &transform.vm else { return };
        if partition < self.inputs.len() {
            let outputs = transform.deployment.output_topics.len();
            let options = ProcessorOptions::new(outputs).with(|options| {
                options.broker = self.options.broker;
                options.start_pause = vm.commit_interval();
            });
            transform.join(partition, options, self.now);
            self.settle();
        }
    }

    /// Lets the broker die and come back: the VM, writes under way and the commits of the last
    /// interval are lost.
    pub fn crash(&mut self) {
        self.commits.crash();
        if let Some(transform) = &mut self.transform {
            transform.crash();
        }
        self.start_all();
    }

    /// Appends a batch to an input partition and returns its offset.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn produce(&mut self, partition: usize, batch: Batch) -> i64 {
        self.inputs[partition].append(batch)
    }

    /// Lets this many milliseconds pass.
    pub fn advance(&mut self, ms: u64) {
        let until = self.now.saturating_add(Duration::from_millis(ms));
        self.settle();
        while let Some(at) = self.next_event().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.settle();
        }
        self.now = until;
    }

    /// Lets time pass until every record is transformed, written and committed; returns `false` if
    /// that takes more than `max_ms` milliseconds.
    pub fn run_until_idle(&mut self, max_ms: u64) -> bool {
        let until = self.now.saturating_add(Duration::from_millis(max_ms));
        self.settle();
        while !self.is_idle() {
            match self.next_event() {
                Some(at) if at <= until => self.now = self.now.max(at),
                _ => return false,
            }
            self.settle();
        }
        true
    }

    fn is_idle(&self) -> bool {
        let Some(transform) = &self.transform else { return true };
        let done = |lane: &Lane| {
            let latest = self.inputs[lane.partition].latest();
            let read = lane.processor.next_offset().is_some_and(|next| next > latest);
            read && lane.processor.is_idle()
        };
        self.commits.flush_at.is_none() && transform.lanes.iter().all(done)
    }

    /// Returns the time on the shard's clock, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.options.start_ms + self.now.as_millis() as i64
    }

    /// Returns the batches of an output topic, by partition.
    pub fn output(&self, topic: usize) -> &[Vec<OutputBatch>] {
        self.outputs.get(topic).map_or(&[], |partitions| partitions)
    }

    /// Returns the values in an output topic, partition after partition; null reads as empty.
    pub fn values(&self, topic: usize) -> Vec<Vec<u8>> {
        let batches = self.output(topic).iter().flatten();
        batches
            .flat_map(|batch| batch.records.iter().map(|r| r.value().unwrap_or_default().to_vec()))
            .collect()
    }

    /// Returns the state, lag and commits of every input partition.
    pub fn status(&self) -> Vec<PartitionStatus> {
        let Some(transform) = &self.transform else { return Vec::new() };
        let absent = if transform.paused { State::Inactive } else { State::Unknown };
        let line = |partition| {
            let lane = transform.lane(partition);
            let processor = lane.map(|lane| &lane.processor);
            let outputs = 0..transform.deployment.output_topics.len();
            let load_error = || transform.vm.as_ref().err().map(LoadError::to_string);
            PartitionStatus {
                partition,
                state: processor.map_or(absent, |p| p.state()),
                lag: lane.map_or(0, Lane::lag),
                committed: outputs.map(|output| self.commits.kept((partition, output))).collect(),
                error: processor.map_or_else(load_error, |p| p.error().map(str::to_owned)),
                poison: processor.and_then(|p| p.poison()),
            }
        };
        (0..self.inputs.len()).map(line).collect()
    }

    /// Returns everything the transform has logged so far, over all its restarts.
    pub fn logs(&self) -> &[LogLine] {
        &self.logs
    }

    /// Returns the figures of the present VM.
    pub fn stats(&self) -> Stats {
        let transform = self.transform.as_ref();
        let shared = transform.and_then(|transform| transform.vm.as_ref().ok());
        shared.map(|shared| shared.vm.stats()).unwrap_or_default()
    }

    fn start_all(&mut self) {
        for partition in 0..self.inputs.len() {
            self.join(partition);
        }
    }

    fn stop_all(&mut self) {
        for partition in 0..self.inputs.len() {
            self.leave(partition);
        }
    }

    fn next_event(&self) -> Option<Duration> {
        let transform = self.transform.as_ref()?;
        transform.due().into_iter().chain(self.commits.flush_at).min()
    }

    /// Returns the transform and, apart from it, everything that it works on.
    fn split(&mut self) -> Option<(&mut Transform, Context<'_>)> {
        let now_ms = self.now_ms();
        let transform = self.transform.as_mut()?;
        let interval = transform.vm.as_ref().map_or(Duration::ZERO, SharedVm::commit_interval);
        let context = Context {
            now: self.now,
            now_ms,
            flush_at: self.now + interval,
            options: &self.options,
            inputs: &self.inputs,
            outputs: &mut self.outputs,
            commits: &mut self.commits,
        };
        Some((transform, context))
    }

    /// Does everything that is due at this moment.
    fn settle(&mut self) {
        if self.commits.flush_at.is_some_and(|at| at <= self.now) {
            self.commits.flush();
        }
        let Some((transform, mut context)) = self.split() else { return };
        transform.run(&mut context);
        let logs = transform.vm.as_mut().ok().map(|shared| shared.vm.take_logs());
        self.logs.extend(logs.into_iter().flatten());
    }
}
