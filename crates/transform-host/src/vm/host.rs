//! The state behind the host functions.
//!
//! [`Host`] is inside the store and has everything that a record touches. [`Shared`] is what it has
//! in common with the [`Vm`](crate::Vm) outside; it is locked once a batch, and by host functions
//! that no module calls for every record.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::{Memory, StoreLimits, StoreLimitsBuilder};

use crate::deploy::Deployment;
use crate::limits::Limits;
use crate::record::batch::Batch;
use crate::record::output::Output;
use crate::registry::SchemaRegistry;
use crate::vm::interrupt::Interrupter;
use crate::vm::stats::{LogLine, Meter, Stats};

/// Things that outlive the VM's memory, and the slots through which batches come and outputs go.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The next batch, with an empty output whose memory is used again.
    pub input: Option<(Arc<Batch>, Output)>,
    /// Set while the module waits for a batch, and not set when it is only looked after.
    pub waits: bool,
    /// The records written for the last batch.
    pub output: Output,
    /// Offset of the record in which the last batch ended with a fault.
    pub failed_record: Option<i64>,
    pub stats: Stats,
    pub logs: Vec<LogLine>,
    pub log_bytes: usize,
    /// Time that the monotonic clocks show at the next reading.
    pub monotonic_ms: u64,
    pub registry: Option<SchemaRegistry>,
}

/// The transform as its module sees it: argument and environment as C strings, and output topics.
#[derive(Debug)]
pub(crate) struct Identity {
    pub args: Vec<Vec<u8>>,
    pub environment: Vec<Vec<u8>>,
    pub topics: Vec<String>,
}

impl Identity {
    pub(crate) fn of(deployment: &Deployment) -> Self {
        let outputs = deployment.output_topics.iter().enumerate();
        let pairs = deployment
            .environment
            .iter()
            .map(|(key, value)| format!("{key}={value}\0"))
            .chain([format!("REDPANDA_INPUT_TOPIC={}\0", deployment.input_topic)])
            .chain(outputs.map(|(i, topic)| format!("REDPANDA_OUTPUT_TOPIC_{i}={topic}\0")));
        Self {
            args: vec![format!("{}\0", deployment.name).into_bytes()],
            environment: pairs.map(String::into_bytes).collect(),
            topics: deployment.output_topics.clone(),
        }
    }
}

/// The store's data.
pub(crate) struct Host {
    pub limiter: StoreLimits,
    /// Known once the instance exists; a start section runs before.
    pub memory: Option<Memory>,
    pub batch: Option<Arc<Batch>>,
    /// Index of the record in the batch that is read next.
    pub next: usize,
    pub output: Output,
    /// Time that the wall clock shows: the present record's timestamp.
    pub wall_ms: i64,
    /// Fuel that each record is given.
    pub fuel: u64,
    pub meter: Meter,
    pub limits: Arc<Limits>,
    pub identity: Arc<Identity>,
    pub shared: Arc<Mutex<Shared>>,
    pub interrupter: Interrupter,
}

impl Host {
    pub(crate) fn new(
        limits: Arc<Limits>,
        identity: Arc<Identity>,
        shared: Arc<Mutex<Shared>>,
        interrupter: Interrupter,
    ) -> Self {
        let limiter = StoreLimitsBuilder::new()
            .memory_size(usize::try_from(limits.reserved_memory()).unwrap_or(usize::MAX))
            .table_elements(limits.table_elements)
            // The transform, and the ballast that takes up a part of its stack.
            .instances(2)
            .tables(1)
            .memories(1)
            .build();
        Self {
            limiter,
            memory: None,
            batch: None,
            next: 0,
            output: Output::default(),
            wall_ms: 0,
            fuel: limits.fuel(),
            meter: Meter::default(),
            limits,
            identity,
            shared,
            interrupter,
        }
    }

    pub(crate) fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    /// Ends the batch, if there is one, and hands its output and figures to the outside.
    pub(crate) fn end_batch(&mut self, memory_bytes: usize) {
        let output = std::mem::take(&mut self.output);
        let meter = std::mem::take(&mut self.meter);
        let ended = self.batch.take().is_some();
        let mut shared = lock(&self.shared);
        shared.output = output;
        let stats = &mut shared.stats;
        stats.batches += u64::from(ended);
        stats.records += meter.records;
        stats.record_fuel += meter.record_fuel;
        stats.batch_fuel += meter.batch_fuel;
        stats.record_fuel_max = stats.record_fuel_max.max(meter.record_fuel_max);
        stats.peak_memory_bytes = stats.peak_memory_bytes.max(memory_bytes as u64);
    }
}

/// Locks the shared state. A poisoned lock is taken as it is: figures and slots are valid at every
/// step.
pub(crate) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
