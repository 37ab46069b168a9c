//! One running module: started, shown batches, stopped.
//!
//! A module runs until it asks for a batch, so its whole life is one future (`run`) that is pending
//! only there; `interrupt` looks after it in between. [`Vm`] polls it; the batch and the output pass through [`Shared`].

mod ballast;
pub(crate) mod guest;
pub(crate) mod host;
pub(crate) mod interrupt;
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
use interrupt::{Interrupter, YIELD_FUEL};
use stats::{LogLine, Stats};

/// The life of a VM, pending while the module waits for a batch.
type Run = Pin<Box<dyn Future<Output = Result<(), Stage>> + Send>>;

/// The stage at which a VM ended with an error.
enum Stage {
    Instantiate(Error),
    Run(Error),
}

/// One instance of a module. It keeps its memory from batch to batch, as on the broker, where all
/// partitions of a core share it.
///
/// After a [`Fault`] it is not running; [`Vm::start`] gives it a new memory. Logs, figures, the
/// schema registry and the monotonic clock outlive a restart. A VM is [`Send`]: it may be started
/// on one thread and given batches on another.
pub struct Vm {
    module: Module,
    identity: Arc<Identity>,
    shared: Arc<Mutex<Shared>>,
    interrupter: Interrupter,
    run: Option<Run>,
    started: bool,
    stack_bytes: usize,
}

impl Vm {
    /// Makes a VM, which [`Vm::start`] starts.
    pub fn new(module: &Module, deployment: &Deployment) -> Self {
        Self {
            module: module.clone(),
            identity: Arc::new(Identity::of(deployment)),
            shared: Arc::default(),
            interrupter: Interrupter::default(),
            run: None,
            started: false,
            stack_bytes: module.limits.wasm_stack_bytes,
        }
    }

    /// Limits the module's call stack to about `bytes`, below that of its engine, from the next start
    /// on. The start then takes some more fuel and time.
    pub fn set_stack_limit(&mut self, bytes: usize) {
        self.stack_bytes = bytes.min(self.module.limits.wasm_stack_bytes);
    }

    /// Runs `_start` in a fresh memory until the module waits for its first batch.
    ///
    /// # Errors
    /// If the module ends before that, or cannot be instantiated within the limits.
    pub fn start(&mut self) -> Result<(), Fault> {
        self.end();
        if std::mem::replace(&mut self.started, true) {
            lock(&self.shared).stats.restarts += 1;
        }
        let (minimum, maximum) = self.module.memory_pages;
        let reserved = self.module.limits.reserved_memory();
        let maximum = maximum.unwrap_or(u64::MAX).min(reserved);
        // The broker compares bytes with pages: whatever maximum is declared, it is too small.
        if reserved < minimum || reserved > maximum {
            return Err(Fault::Instantiate(format!(
                "unable to allocate memory within requested bounds: [{minimum}, {maximum}]"
            )));
        }
        let host = Host::new(
            self.module.limits.clone(),
            self.identity.clone(),
            self.shared.clone(),
            self.interrupter.clone(),
        );
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
    /// `output` is cleared and takes the records that the module writes, before a fault too. A batch
    /// without records is not shown.
    ///
    /// # Errors
    /// If the module ends before it asks for the next batch; it is not running then.
    pub fn process(&mut self, batch: &Arc<Batch>, output: &mut Output) -> Result<(), Fault> {
        output.clear();
        if self.run.is_none() {
            return Err(Fault::NotRunning);
        }
        if batch.is_empty() {
            return Ok(());
        }
        let mut shared = lock(&self.shared);
        shared.input = Some((batch.clone(), std::mem::take(output)));
        shared.failed_record = None;
        drop(shared);
        let began = Instant::now();
        let result = self.poll();
        let elapsed = began.elapsed();
        let mut shared = lock(&self.shared);
        shared.stats.engine_time += elapsed;
        *output = std::mem::take(&mut shared.output);
        result
    }

    /// Returns the offset of the record in which the last batch ended with a fault; `None` if it did
    /// not, or ended before its first record. A record in which every try ends stalls its partition.
    pub fn failed_record(&self) -> Option<i64> {
        lock(&self.shared).failed_record
    }

    /// Returns a handle with which another thread ends a call that is under way.
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Returns whether the module waits for a batch.
    pub fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// Ends the module and drops its memory. An interrupt that has ended no call yet is forgotten.
    pub fn stop(&mut self) {
        self.interrupter.take();
        self.end();
    }

    fn end(&mut self) {
        self.run = None;
        lock(&self.shared).input = None;
    }

    /// Returns the VM's figures so far.
    pub fn stats(&self) -> Stats {
        lock(&self.shared).stats.clone()
    }

    /// Returns the log events since the last call. As on the broker their buffer is bounded, and
    /// what does not fit is dropped.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        let mut shared = lock(&self.shared);
        shared.log_bytes = 0;
        std::mem::take(&mut shared.logs)
    }

    /// Gives the module a schema registry. Without this call the registry is disabled.
    pub fn set_registry(&mut self, registry: SchemaRegistry) {
        lock(&self.shared).registry = Some(registry);
    }

    /// Returns the schema registry as the module left it; `None` if it is disabled.
    pub fn registry(&self) -> Option<SchemaRegistry> {
        lock(&self.shared).registry.clone()
    }

    /// Runs the module until it waits for a batch, or ends.
    fn poll(&mut self) -> Result<(), Fault> {
        if self.interrupter.take() {
            self.end();
            return Err(Fault::Interrupted);
        }
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

    /// Translates the engine's error; one that is neither a trap nor a host function's becomes
    /// `otherwise`.
    fn fault(&self, why: &Error, otherwise: fn(String) -> Fault) -> Fault {
        let limits = &self.module.limits;
        if let Some(host) = why.downcast_ref::<HostError>() {
            return match host {
                HostError::Exit(code) => Fault::Exit(*code),
                HostError::Interrupted => {
                    self.interrupter.take();
                    Fault::Interrupted
                }
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

/// Runs a VM from instantiation to its end. `Vm::stop` drops it while the module waits.
async fn run(module: Module, host: Host, stack_bytes: usize) -> Result<(), Stage> {
    let fuel = host.fuel;
    let ballast = module.limits.wasm_stack_bytes - stack_bytes;
    let (shared, interrupter) = (host.shared.clone(), host.interrupter.clone());
    let mut store = Store::new(module.instance.module().engine(), host);
    store.limiter(|host| &mut host.limiter);
    let result = async {
        store.set_fuel(fuel).map_err(Stage::Instantiate)?;
        store.fuel_async_yield_interval(Some(YIELD_FUEL)).map_err(Stage::Instantiate)?;
        let instance = interrupter
            .watch(&shared, module.instance.instantiate_async(&mut store))
            .await
            .map_err(Stage::Instantiate)?;
        store.data_mut().memory = instance.get_memory(&mut store, "memory");
        let start =
            instance.get_typed_func::<(), ()>(&mut store, "_start").map_err(Stage::Instantiate)?;
        store.set_fuel(fuel).map_err(Stage::Run)?;
        let call = async {
            match ballast {
                0 => start.call_async(&mut store, ()).await,
                bytes => ballast::call(&mut store, *start.func(), bytes).await,
            }
        };
        interrupter.watch(&shared, call).await.map_err(Stage::Run)
    }
    .await;
    let left = store.get_fuel().unwrap_or(0);
    let memory_bytes = store.data().memory.map_or(0, |memory| memory.data_size(&store));
    let host = store.data_mut();
    // A batch that was not completed is charged, but not counted.
    let record = host.batch.take().map(|batch| {
        host.meter.charge(left);
        batch.get(host.next.checked_sub(1)?).map(|record| record.offset)
    });
    host.end_batch(memory_bytes);
    host.shared().failed_record = record.flatten();
    result
}

impl std::fmt::Debug for Vm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vm").field("running", &self.is_running()).finish_non_exhaustive()
    }
}
