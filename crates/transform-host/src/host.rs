//! The state behind the host functions, and what it shares with the [`Vm`](crate::Vm) outside.
//!
//! Everything a record touches is in [`Host`], inside the store. [`Shared`] is locked once per
//! batch, and by the functions that no module calls for every record.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::{Caller, Extern, Memory, StoreLimits, StoreLimitsBuilder};

use crate::abi::registry::SchemaRegistry;
use crate::deploy::Deployment;
use crate::fault::HostError;
use crate::{Batch, Limits, LogLine, Output, Stats};

/// What outlives a VM's memory, and the slot through which batches come and outputs go.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub input: Option<(Arc<Batch>, Output)>,
    pub output: Output,
    pub stats: Stats,
    pub logs: Vec<LogLine>,
    pub log_bytes: usize,
    pub monotonic_ms: u64,
    pub registry: Option<SchemaRegistry>,
}

/// The transform as the module sees it: its name and its environment as C strings.
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
    /// Known once the instance exists; a `start` section runs before.
    pub memory: Option<Memory>,
    pub batch: Option<Arc<Batch>>,
    pub next: usize,
    pub output: Output,
    pub wall_ms: i64,
    pub fuel: u64,
    pub meter: Meter,
    pub limits: Arc<Limits>,
    pub identity: Arc<Identity>,
    pub shared: Arc<Mutex<Shared>>,
}

impl Host {
    pub(crate) fn new(
        limits: Arc<Limits>,
        identity: Arc<Identity>,
        shared: Arc<Mutex<Shared>>,
    ) -> Self {
        let limiter = StoreLimitsBuilder::new()
            .memory_size(usize::try_from(limits.reserved_memory()).unwrap_or(usize::MAX))
            .table_elements(limits.table_elements)
            // The transform, and the ballast that narrows its stack.
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
        }
    }

    pub(crate) fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    /// Ends the batch, if there is one: its output and its figures go outside.
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
        stats.record_fuel_max = stats.record_fuel_max.max(meter.record_fuel_max);
        stats.peak_memory_bytes = stats.peak_memory_bytes.max(memory_bytes as u64);
    }
}

/// A poisoned lock is taken as it is: what it guards is figures and slots, valid at every step.
pub(crate) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fuel accounts of one batch.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub records: u64,
    record_fuel: u64,
    record_fuel_max: u64,
    /// Fuel left when something was last charged.
    mark: u64,
    in_record: bool,
}

impl Meter {
    /// Charges what was used since the last mark to the record being worked on.
    #[inline]
    pub(crate) fn charge(&mut self, left: u64) {
        let spent = self.mark.saturating_sub(left);
        self.mark = left;
        self.record_fuel += spent;
        if self.in_record {
            self.record_fuel_max = self.record_fuel_max.max(spent);
        }
    }

    /// A batch starts with what the last one left.
    pub(crate) fn begin_batch(&mut self, left: u64) {
        *self = Self { mark: left, ..Self::default() };
    }

    #[inline]
    pub(crate) fn begin_record(&mut self, fuel: u64) {
        self.records += 1;
        self.mark = fuel;
        self.in_record = true;
    }
}

/// The guest's memory and the host's state, side by side.
#[inline]
pub(crate) fn split<'a>(
    caller: &'a mut Caller<'_, Host>,
) -> Result<(&'a mut [u8], &'a mut Host), HostError> {
    let memory = match caller.data().memory {
        Some(memory) => memory,
        None => match caller.get_export("memory") {
            Some(Extern::Memory(memory)) => memory,
            _ => return Err(HostError::NoMemory),
        },
    };
    Ok(memory.data_and_store_mut(caller))
}

/// The bounds check that the broker makes for every pointer before a function's body runs.
#[inline]
pub(crate) fn check(memory: &[u8], ptr: u32, len: u64) -> Result<usize, HostError> {
    if u64::from(ptr) + len > memory.len() as u64 {
        return Err(HostError::OutOfBounds { ptr, len, size: memory.len() });
    }
    Ok(ptr as usize)
}

/// A checked (pointer, length) pair.
#[inline]
pub(crate) fn slice(memory: &mut [u8], ptr: u32, len: u32) -> Result<&mut [u8], HostError> {
    let start = check(memory, ptr, u64::from(len))?;
    Ok(&mut memory[start..start + len as usize])
}

/// Stores a little-endian value at a checked position.
#[inline]
pub(crate) fn put<const N: usize>(memory: &mut [u8], at: usize, value: [u8; N]) {
    memory[at..at + N].copy_from_slice(&value);
}
