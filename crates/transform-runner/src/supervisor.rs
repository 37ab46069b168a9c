//! Keeps what runs in step with what is deployed: starts and stops runners, and tells of them.
//!
//! A changed transform is stopped, which commits what it has done, and started again with what is new.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::admin::Partition;
use crate::deployments::{Deployed, Set};
use crate::logs::LogSink;
use crate::metrics::Metrics;
use crate::options::{Job, OnPoison, Options, WarmUp};
use crate::runner::Runner;
use crate::status::Status;
use crate::topics;

/// The runners of the deployed transforms.
pub struct Supervisor {
    options: Options,
    warm_up: Option<WarmUp>,
    on_poison: OnPoison,
    log: LogSink,
    metrics: Arc<Metrics>,
    running: Mutex<BTreeMap<String, Running>>,
}

struct Running {
    deployed: Arc<Deployed>,
    /// `None` while it is paused, or if it cannot be started.
    runner: Option<Runner>,
}

impl Supervisor {
    /// Makes a supervisor that runs nothing yet. The policies are for every transform; without a warm-up,
    /// each module's own counts.
    pub fn new(
        options: Options,
        warm_up: Option<WarmUp>,
        on_poison: OnPoison,
        log: LogSink,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { options, warm_up, on_poison, log, metrics, running: Mutex::default() }
    }

    /// Starts and stops runners until they match the set. A transform that is deployed no more loses
    /// its offsets, so that its name starts afresh.
    pub fn follow(&self, set: &Set) {
        let is_old =
            |name: &String, running: &mut Running| set.get(name) != Some(&running.deployed);
        let old: Vec<_> = self.lock().extract_if(.., is_old).collect();
        let mut deleted = Vec::new();
        for (name, Running { deployed, runner }) in old {
            drop(runner);
            // What was deleted and deployed again meanwhile is another transform.
            if set.get(&name).is_none_or(|new| new.since_ms != deployed.since_ms) {
                deleted.push(self.job(&deployed).group());
            }
        }
        if let Err(error) = topics::forget(&self.options, &deleted) {
            tracing::warn!("the offsets of {deleted:?} are still there: {error:#}");
        }
        for (name, deployed) in set.iter() {
            if !self.lock().contains_key(name) {
                let runner = if deployed.paused { None } else { self.start(deployed) };
                let running = Running { deployed: deployed.clone(), runner };
                self.lock().insert(name.clone(), running);
            }
        }
    }

    /// Ends all runners, which commits what they have done.
    pub fn stop(&self) {
        let running = std::mem::take(&mut *self.lock());
        running.values().flat_map(|running| &running.runner).for_each(Runner::ask_to_stop);
    }

    /// Returns the partitions of a transform that are here.
    pub fn partitions(&self, transform: &str) -> Vec<Partition> {
        let running = self.lock();
        let runner = running.get(transform).and_then(|running| running.runner.as_ref());
        let lanes = runner.map(|runner| runner.status().lanes).unwrap_or_default();
        lanes
            .into_iter()
            .map(|lane| Partition { number: lane.partition, state: lane.state, lag: lane.lag })
            .collect()
    }

    /// Returns what is known of each transform that runs.
    pub fn statuses(&self) -> Vec<Status> {
        self.lock().values().flat_map(|running| &running.runner).map(Runner::status).collect()
    }

    fn start(&self, deployed: &Deployed) -> Option<Runner> {
        let compression = deployed.metadata.compression.to_string();
        let options = Options { compression, ..self.options.clone() };
        let name = &deployed.metadata.name;
        Runner::start(self.job(deployed), options, self.log.clone(), &self.metrics)
            .inspect_err(|error| tracing::error!(transform = name, "does not run: {error:#}"))
            .ok()
    }

    fn job(&self, deployed: &Deployed) -> Job {
        Job {
            deployment: deployed.metadata.deployment(),
            warm_up: self.warm_up.unwrap_or_else(|| WarmUp::of_module(&deployed.wasm)),
            wasm: deployed.wasm.clone(),
            on_poison: self.on_poison.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
