//! Events that happen to a processor, and actions that it asks its driver for.

use std::sync::Arc;

use crate::fault::Fault;
use crate::record::batch::Batch;
use crate::record::output::Output;

/// Something that happened to a [`Processor`](crate::Processor), most often the answer to an
/// [`Action`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Nothing but time: [`Processor::due`](crate::Processor::due) has come.
    Time,
    /// Answers [`Action::StartVm`].
    VmStarted(Result<(), Fault>),
    /// Answers [`Action::Locate`].
    Located {
        /// For each output the last input offset that is committed, −1 before the first.
        committed: Vec<i64>,
        /// The offset to read from: one after the lowest of `committed`, or one before, so that the
        /// module sees earlier records again. An output gets nothing that it has committed.
        from: i64,
    },
    /// Answers [`Action::Read`], at once or as soon as there is something.
    Read {
        /// Batches in the order of their offsets, none if there is nothing to read.
        batches: Vec<Arc<Batch>>,
        /// The offset to read from next. It may lie beyond the last batch: what is left out between,
        /// such as a transaction's markers or a record to be skipped, counts as done.
        next: i64,
    },
    /// Answers [`Action::Transform`]: the module has seen the batch.
    Transformed(Output),
    /// Answers [`Action::Transform`]: the module has ended in the batch.
    Failed {
        /// Records written before, and still to be written: all of them for a broker, none for a
        /// driver whose batches are written wholly or not at all.
        output: Output,
        /// The cause, which [`Processor::error`](crate::Processor::error) shows.
        why: String,
        /// Offset of the record at fault, if it is one; see [`Vm::failed_record`](crate::Vm::failed_record).
        record: Option<i64>,
    },
    /// Answers [`Action::Write`].
    Written {
        /// The output.
        topic: usize,
        /// The cause if it is not written.
        result: Result<(), String>,
    },
    /// Everything since the last commit is void, for instance because a transaction was aborted. Writes
    /// under way are answered with an error.
    Abort(String),
    /// The partition goes elsewhere, in peace: what is in the VM or queued is written before.
    Drain,
    /// The partition goes elsewhere now. What is queued is dropped; writes under way end.
    Stop,
}

/// Something that a [`Processor`](crate::Processor) asks its driver to do. A driver knows all of them,
/// so one more would be a breaking change.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start a VM, or share one that runs; answer [`Event::VmStarted`].
    StartVm,
    /// Find what is committed; answer [`Event::Located`].
    Locate,
    /// Read batches; answer [`Event::Read`].
    Read {
        /// Offset of the first record to read. Records before it, in the same batch, do no harm but
        /// are seen and written again.
        offset: i64,
        /// The next offset up to which an output has everything. A batch that lies on both sides of it
        /// is written whole, so a driver that makes its own batches ends the last of them here.
        border: Option<i64>,
    },
    /// Show the VM a batch, as soon as it is free; answer [`Event::Transformed`] or [`Event::Failed`].
    Transform(Arc<Batch>),
    /// Write these records, all of one output, as one batch; answer [`Event::Written`].
    Write {
        /// The output.
        topic: usize,
        /// The records. Their partition is the input's modulo the topic's number of partitions.
        records: Output,
    },
    /// Commit the progress of an output. It has no answer.
    Commit {
        /// The output.
        topic: usize,
        /// Input offset up to which everything is written.
        offset: i64,
    },
    /// The VM is not needed any more: interrupt it or leave it to others, and answer what is not
    /// answered yet. It has no answer of its own.
    StopVm,
    /// All is answered: the processor can be dropped.
    Stopped,
}
