//! A deployed transform on its shard: one VM, and a processor for each partition that is here.

use std::sync::Arc;

use crate::deploy::{Deployment, FromOffset};
use crate::engine::Module;
use crate::fault::{Fault, LoadError};
use crate::limits::Limits;
use crate::vm::Vm;

use super::ShardOptions;
use super::log::{Commits, InputLog, OutputBatch};
use super::processor::Processor;

/// A transform from its deployment to its removal.
#[derive(Debug)]
pub(super) struct Transform {
    pub deployment: Deployment,
    pub deployed_ms: i64,
    pub paused: bool,
    pub vm: Result<SharedVm, LoadError>,
    /// One for each partition that is here, unless the transform is paused or does not load.
    pub processors: Vec<Processor>,
}

/// The clock, the topics and the commits, as a processor sees them.
pub(super) struct Context<'a> {
    pub now: u64,
    pub now_ms: i64,
    /// When a commit that is marked now is kept.
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
    pub free_at: u64,
    users: usize,
    /// The broker would still wait in the start section.
    hangs: bool,
    limits: Arc<Limits>,
}

impl SharedVm {
    fn new(module: &Module, deployment: &Deployment) -> Self {
        let vm = Vm::new(module, deployment);
        Self { vm, free_at: 0, users: 0, hangs: false, limits: module.limits.clone() }
    }

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

    pub(super) fn release(&mut self) {
        self.users -= 1;
        if self.users == 0 {
            self.vm.stop();
        }
    }

    pub(super) fn commit_micros(&self) -> u64 {
        self.limits.commit_interval_ms * 1000
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
            processors: Vec::new(),
        }
    }

    /// Whether so much waits to be written that the VM has to wait too.
    fn is_blocked(&self) -> bool {
        let sinks = self.processors.iter().flat_map(|processor| &processor.sinks);
        let queued: usize = sinks.map(|sink| sink.queued_bytes).sum();
        self.vm.as_ref().is_ok_and(|vm| queued > vm.limits.write_buffer_bytes)
    }

    /// Does everything that is due now.
    pub(super) fn run(&mut self, context: &mut Context<'_>) {
        let mut active = true;
        while std::mem::take(&mut active) {
            // Every processor has its turn, so that none starves the others of the VM.
            for index in 0..self.processors.len() {
                let blocked = self.is_blocked();
                let Ok(vm) = &mut self.vm else { return };
                active |= self.processors[index].step(vm, blocked, context);
            }
        }
    }

    /// Returns when a processor has something to do next.
    pub(super) fn due(&self) -> Option<u64> {
        let vm_free_at = self.vm.as_ref().ok().filter(|_| !self.is_blocked()).map(|vm| vm.free_at);
        self.processors.iter().filter_map(|processor| processor.due(vm_free_at)).min()
    }

    /// Takes the processor of a partition away, if it is here.
    pub(super) fn leave(&mut self, partition: usize, context: &mut Context<'_>) {
        let Some(index) = self.processors.iter().position(|p| p.partition == partition) else {
            return;
        };
        let mut processor = self.processors.remove(index);
        if let Ok(vm) = &mut self.vm {
            processor.stop(vm, context);
        }
    }

    /// Drops the processors and the VM's memory as they are.
    pub(super) fn crash(&mut self) {
        self.processors.clear();
        if let Ok(vm) = &mut self.vm {
            vm.users = 0;
            vm.vm.stop();
        }
    }
}
