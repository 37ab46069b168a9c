//! One running module.

mod ballast;
pub(crate) mod guest;
pub(crate) mod host;
pub(crate) mod memory;
pub(crate) mod stats;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use wasmtime::{Error, Store, Trap};

use crate::deploy::Deployment;
use crate::engine::Module;
use crate::fault::{Fault, HostError};
use crate::record::batch::Batch;
use crate::record::output::Output;
use crate::registry::SchemaRegistry;

use host::{Host, Identity, Shared, lock};
use stats::{LogLine, Stats};

type Run = Pin<Box<dyn Future<Output = Result<(), Stage>> + Send>>;

/// Where it went wrong.
enum Stage {
    Instantiate(Error),
    Run(Error),
}

/// A transform's VM: memory, and so history, common to everything it is given.
///
/// After a [`Fault`] it is not running; [`Vm::start`] gives it a new memory. Logs, figures, the
/// schema registry and the monotonic clock outlive that.
pub struct Vm {
    module: Module,
    identity: Arc<Identity>,
    shared: Arc<Mutex<Shared>>,
    run: Option<Run>,
    started: bool,
    stack_bytes: usize,
}

impl Vm {
    /// A VM that is not running yet.
    pub fn new(module: &Module, deployment: &Deployment) -> Self {
        Self {
            module: module.clone(),
            identity: Arc::new(Identity::of(deployment)),
            shared: Arc::default(),
            run: None,
            started: false,
            stack_bytes: module.limits.wasm_stack_bytes,
        }
    }

    /// From the next start on, leaves the module less call stack than its engine does. To the
    /// nearest few bytes; the start then takes some fuel and time of its own.
    pub fn set_stack_limit(&mut self, bytes: usize) {
        self.stack_bytes = bytes.min(self.module.limits.wasm_stack_bytes);
    }

    /// Runs `_start` in a fresh memory until the module waits for its first batch.
    pub fn start(&mut self) -> Result<(), Fault> {
        self.stop();
        if std::mem::replace(&mut self.started, true) {
            lock(&self.shared).stats.restarts += 1;
        }
        let (minimum, maximum) = self.module.memory_pages;
        let reserved = self.module.limits.reserved_memory();
        let maximum = maximum.unwrap_or(u64::MAX).min(reserved);
        // The broker compares bytes with pages, so any declared maximum is too small.
        if reserved < minimum || reserved > maximum {
            return Err(Fault::Instantiate(format!(
                "unable to allocate memory within requested bounds: [{minimum}, {maximum}]"
            )));
        }
        let host =
            Host::new(self.module.limits.clone(), self.identity.clone(), self.shared.clone());
        self.run = Some(Box::pin(run(self.module.clone(), host, self.stack_bytes)));
        let began = Instant::now();
        let result = self.poll();
        let mut shared = lock(&self.shared);
        shared.stats.start_time += began.elapsed();
        shared.output.clear();
        result
    }

    /// Shows the module one batch and runs it until it asks for the next.
    ///
    /// `output` is cleared, and holds what was written; after a fault, what was written before.
    pub fn process(&mut self, batch: &Arc<Batch>, output: &mut Output) -> Result<(), Fault> {
        output.clear();
        if self.run.is_none() {
            return Err(Fault::NotRunning);
        }
        if batch.is_empty() {
            return Ok(());
        }
        lock(&self.shared).input = Some((batch.clone(), std::mem::take(output)));
        let began = Instant::now();
        let result = self.poll();
        let elapsed = began.elapsed();
        let mut shared = lock(&self.shared);
        shared.stats.engine_time += elapsed;
        *output = std::mem::take(&mut shared.output);
        result
    }

    /// Whether the module waits for a batch.
    pub fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// Ends the VM; its memory is gone.
    pub fn stop(&mut self) {
        self.run = None;
        lock(&self.shared).input = None;
    }

    /// What it has used so far.
    pub fn stats(&self) -> Stats {
        lock(&self.shared).stats.clone()
    }

    /// The log events since the last call. The buffer is bounded, as the broker's is.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        let mut shared = lock(&self.shared);
        shared.log_bytes = 0;
        std::mem::take(&mut shared.logs)
    }

    /// Enables the schema registry; without this call it is disabled.
    pub fn set_registry(&mut self, registry: SchemaRegistry) {
        lock(&self.shared).registry = Some(registry);
    }

    /// The schema registry as the module left it.
    pub fn registry(&self) -> Option<SchemaRegistry> {
        lock(&self.shared).registry.clone()
    }

    /// Runs the module until it waits for a batch, the only thing it ever waits for.
    fn poll(&mut self) -> Result<(), Fault> {
        let Some(run) = &mut self.run else { return Err(Fault::NotRunning) };
        match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ok(()),
            Poll::Ready(end) => {
                self.run = None;
                Err(match end {
                    Ok(()) => Fault::Returned,
                    Err(Stage::Instantiate(why)) => self.fault(&why, Fault::Instantiate),
                    Err(Stage::Run(why)) => self.fault(&why, Fault::Host),
                })
            }
        }
    }

    fn fault(&self, why: &Error, otherwise: fn(String) -> Fault) -> Fault {
        let limits = &self.module.limits;
        if let Some(host) = why.downcast_ref::<HostError>() {
            return match host {
                HostError::Exit(code) => Fault::Exit(*code),
                HostError::BatchInStartSection => Fault::BatchInStartSection,
                other => Fault::Host(other.to_string()),
            };
        }
        match why.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Fault::OutOfFuel { fuel: limits.fuel() },
            Some(Trap::StackOverflow) => Fault::StackOverflow { bytes: self.stack_bytes },
            Some(&trap) => Fault::Trap(trap.into()),
            None => otherwise(format!("{why:#}")),
        }
    }
}

/// The whole life of a VM. It is dropped while the module waits, or it ends with a fault.
async fn run(module: Module, host: Host, stack_bytes: usize) -> Result<(), Stage> {
    let fuel = host.fuel;
    let ballast = module.limits.wasm_stack_bytes - stack_bytes;
    let mut store = Store::new(module.instance.module().engine(), host);
    store.limiter(|host| &mut host.limiter);
    let result = async {
        store.set_fuel(fuel).map_err(Stage::Instantiate)?;
        let instance =
            module.instance.instantiate_async(&mut store).await.map_err(Stage::Instantiate)?;
        store.data_mut().memory = instance.get_memory(&mut store, "memory");
        let start =
            instance.get_typed_func::<(), ()>(&mut store, "_start").map_err(Stage::Instantiate)?;
        store.set_fuel(fuel).map_err(Stage::Run)?;
        match ballast {
            0 => start.call_async(&mut store, ()).await,
            bytes => ballast::call(&mut store, *start.func(), bytes).await,
        }
        .map_err(Stage::Run)
    }
    .await;
    let left = store.get_fuel().unwrap_or(0);
    let memory_bytes = store.data().memory.map_or(0, |memory| memory.data_size(&store));
    let host = store.data_mut();
    // Charged, but not completed.
    if host.batch.take().is_some() {
        host.meter.charge(left);
    }
    host.end_batch(memory_bytes);
    result
}

impl std::fmt::Debug for Vm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vm").field("running", &self.is_running()).finish_non_exhaustive()
    }
}
