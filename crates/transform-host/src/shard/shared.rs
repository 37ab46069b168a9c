//! Things that a transform's processors share: the VM, the clock, the topics and the commits.

use std::sync::Arc;

use crate::deploy::{Deployment, FromOffset};
use crate::engine::Module;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::vm::Vm;

use super::log::{Commits, InputLog, OutputBatch};
use super::options::ShardOptions;

/// The clock, the topics and the commits, as a step of a processor sees them.
pub(super) struct Context<'a> {
    /// Microseconds since the shard was made.
    pub now: u64,
    /// The time of day in milliseconds, for the timestamps of batches.
    pub now_ms: i64,
    /// Time at which a commit that is marked now is kept.
    pub flush_at: u64,
    pub from_offset: FromOffset,
    pub deployed_ms: i64,
    pub options: &'a ShardOptions,
    pub inputs: &'a [InputLog],
    pub outputs: &'a mut Vec<Vec<Vec<OutputBatch>>>,
    pub commits: &'a mut Commits,
}

/// The VM that a transform's processors share: the first starts it, the last stops it.
#[derive(Debug)]
pub(super) struct SharedVm {
    pub vm: Vm,
    /// Time at which the VM is done with its batch.
    pub free_at: u64,
    pub limits: Arc<Limits>,
    users: usize,
    /// Set when a broker would still wait in the start section.
    hangs: bool,
}

impl SharedVm {
    pub(super) fn new(module: &Module, deployment: &Deployment) -> Self {
        let vm = Vm::new(module, deployment);
        Self { vm, free_at: 0, users: 0, hangs: false, limits: module.limits.clone() }
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

    /// Counts one user less; the last stops the VM.
    pub(super) fn release(&mut self) {
        self.users -= 1;
        if self.users == 0 {
            self.vm.stop();
        }
    }

    /// Stops the VM under all of its users.
    pub(super) fn crash(&mut self) {
        self.users = 0;
        self.vm.stop();
    }

    pub(super) fn commit_micros(&self) -> u64 {
        self.limits.commit_interval_ms * 1000
    }
}
