//! A deployed transform on its shard: one VM, and a processor for each partition that is here.

use crate::deploy::Deployment;
use crate::engine::Module;
use crate::fault::LoadError;

use super::processor::Processor;
use super::shared::{Context, SharedVm};

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

    /// Returns whether the write buffer is full, so that the VM has to wait.
    fn is_blocked(&self) -> bool {
        let sinks = self.processors.iter().flat_map(|processor| &processor.sinks);
        let queued: usize = sinks.map(|sink| sink.queued_bytes).sum();
        self.vm.as_ref().is_ok_and(|vm| queued > vm.limits.write_buffer_bytes)
    }

    /// Lets the processors do everything that is due now.
    pub(super) fn run(&mut self, context: &mut Context<'_>) {
        let mut active = true;
        while std::mem::take(&mut active) {
            // Each processor has its turn, so that none keeps the VM from the others.
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
            vm.crash();
        }
    }
}
