//! The Wasm engine of a Redpanda broker as a library: runs any data transform as a broker would,
//! without a broker.
//!
//! ```
//! use std::sync::Arc;
//! use transform_host::{BatchBuilder, Deployment, Engine, Limits, Output, Vm, check_deployment};
//!
//! // A transform that writes what it reads; yours is `std::fs::read("my-transform.wasm")?`.
//! let wasm = wat::parse_str(
//!     r#"(module
//!       (import "redpanda_transform" "check_abi_version_2" (func))
//!       (import "redpanda_transform" "read_batch_header"
//!         (func $batch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
//!       (import "redpanda_transform" "read_next_record"
//!         (func $record (param i32 i32 i32 i32 i32) (result i32)))
//!       (import "redpanda_transform" "write_record" (func $write (param i32 i32) (result i32)))
//!       (memory (export "memory") 2)
//!       (func (export "_start") (local $len i32)
//!         (loop $batches
//!           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
//!           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
//!           (drop (call $batch))
//!           (loop $records
//!             (local.set $len (call $record
//!               (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 65536)))
//!             (if (i32.ge_s (local.get $len) (i32.const 0)) (then
//!               (drop (call $write (i32.const 8) (local.get $len)))
//!               (br $records))))
//!           (br $batches))))"#,
//! )?;
//!
//! // Would the broker take it?
//! let limits = Limits::stock();
//! let deployment = Deployment::new("identity", "in", ["out"]);
//! check_deployment(&wasm, &deployment, &limits)?;
//!
//! // Does it start, and what does it make of a record?
//! let mut vm = Vm::new(&Engine::new(&limits)?.compile(&wasm)?, &deployment);
//! vm.start()?;
//! let batch = BatchBuilder::new(0).push(1_700_000_000_000, None, Some(b"hello"), &[]).build();
//! let mut output = Output::default();
//! vm.process(&Arc::new(batch), &mut output)?;
//! let written: Vec<_> = output.iter().map(|record| record.value()).collect();
//! assert_eq!(written, [Some(&b"hello"[..])]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Three parts
//!
//! - [`Vm`] is one instance of a module: batches in, records out. It answers whether a *module* is
//!   right; [`guide::module`] says how.
//! - [`Shard`] is one of a broker's cores around it: partitions, offsets, commits, restarts, on a
//!   clock of its own. It answers whether a *deployment* is right; [`guide::deployment`] says how.
//! - [`Processor`] is what a broker knows of one partition's life, without I/O and without a clock. A
//!   shard drives it in simulated time, and a program of yours can run a transform *elsewhere* with
//!   it; [`guide::processor`] says how.
//!
//! An [`Engine`] compiles, [`check_deployment`] gives the broker's answer to a deployment, [`Facts`]
//! tells what a module declares, and [`Limits`] are the cluster's settings. Engines and modules can be
//! shared among threads, VMs and shards can be sent to another, and an [`Interrupter`] ends a VM's
//! call from there.
//!
//! # What this is not
//!
//! It follows the broker's source of December 2024 and was compared with no running broker. Changes
//! since then are [`BrokerVersion`]s, known from the text of the broker's pull requests 25608
//! (batches) and 30836 (outputs) and from a later copy of its processor; how the broker estimates a
//! record's size is assumed. wasmtime 48 stands in for the broker's 25: machine code differs, a
//! trap's message is that of 48, and of the WebAssembly that 25 takes, `externref` is missing.
//!
//! Not modelled:
//! - requests and their JSON; internal and read-only topics beyond three names;
//! - replication, transactions and control batches (input is what a read-committed consumer gets);
//! - compression and retention; the validity and compatibility of schemas;
//! - the memory pools of a core; jitter; the function names in a fault; yielding inside a record.
//!
//! A module that could harm the broker cannot harm the host:
//! - vectors of 2²⁹ entries, whose length overflows the broker's bounds check, are out of bounds;
//! - a batch that writes more than [`Output::MAX_BYTES`] fails;
//! - a header count without headers takes no time;
//! - a start section that reads a batch fails;
//! - partitions that share a VM whose memory could not be had fail; the broker may leave them waiting.
//!
//! # Surprises
//!
//! Behaviour of the broker that only its source tells:
//! - Before 26.1.11, with several output topics, a batch that is too large for one of them stops that
//!   output for good: its lag is frozen, its queue grows, and the processor stays `running`. Since
//!   then the processor fails and replays, as it always has with one output, and the other outputs
//!   wait with it.
//! - Since 25.1 a batch ends at one mebibyte, whatever the topic allows: a topic with a lower
//!   `max.message.bytes` refuses it.
//! - A bad schema-registry marker is found before a missing ABI marker.
//! - A start section that reads a batch waits for ever, `inactive`. Pausing, redeploying and deleting
//!   wait for it in turn, and so does every later change to the transforms of that core.
//! - A VM's memory is one heap of the whole limit, taken at the start, so `memory.grow` copies
//!   nothing. The broker's allocator asks the kernel for huge pages, and so does the host.
//!
//! # Layout
//!
//! For readers of the source. One VM:
//! - `limits`: what a cluster allows;
//! - `deploy`: a transform's metadata; `deploy::check`: the checks before deployment, over
//!   `deploy::declarations`, the broker's own reading of a module; `deploy::facts`: what a module
//!   declares;
//! - `engine`: compiling and linking;
//! - `vm`: starting a module and giving it batches, over `host` (the state behind the imports),
//!   `guest` (the module's memory as the imports see it), `stats` (logs and figures), `memory`
//!   (where linear memory lies), `interrupt` (an end from outside) and `ballast` (less call stack);
//!   `fault`: how a VM ends;
//! - `abi`: the imports (`transform`, `registry`, `wasi`); `registry`: the schemas themselves;
//! - `record`: `batch` in, `output` out, `payload`: the records in both; `partitioner`: where a key
//!   goes.
//!
//! One partition's life, without I/O:
//! - `processor`: events and the time in, actions out (`event`); `processor::sink`: the queue of one
//!   output; `processor::options`: the broker's versions.
//!
//! A shard, which drives processors in simulated time:
//! - `shard`: deploying, time, status; `shard::transform`: the driver; `shard::shared`: the VM that the
//!   partitions share; `shard::log`: topics and commits; `shard::options`: the cluster's pace.
//!
//! **Invariants**: a part knows nothing of those after it, and `processor` nothing of `vm`; nothing
//! but `vm` polls the module; a file imports from the file that defines a thing, never from this one.

mod abi;
mod deploy;
mod engine;
mod fault;
mod limits;
mod processor;
mod record;
mod registry;
mod shard;
mod vm;

pub use deploy::check::{Refusal, check_deployment, check_deployment_to};
pub use deploy::facts::{Export, Facts, Import, NotAModule, Provided, custom_section};
pub use deploy::{Cluster, Deployment, FromOffset};
pub use engine::{Engine, Module};
pub use fault::{EngineError, Fault, LoadError, TrapKind};
pub use limits::Limits;
pub use processor::event::{Action, Event};
pub use processor::options::{BrokerVersion, ProcessorOptions};
pub use processor::{Poison, Processor, State};
pub use record::batch::{Batch, BatchBuilder, BatchHeader, InputRecord};
pub use record::output::{Output, Written};
pub use record::partitioner::partition_of_key;
pub use record::payload::Payload;
pub use registry::{Schema, SchemaReference, SchemaRegistry, SchemaType, SubjectSchema};
pub use shard::log::OutputBatch;
pub use shard::options::ShardOptions;
pub use shard::{PartitionStatus, Shard};
pub use vm::Vm;
pub use vm::interrupt::Interrupter;
pub use vm::stats::{Level, LogLine, Stats};

/// Three short guides, one for each part of this crate.
pub mod guide {
    #[doc = include_str!("../docs/deployment.md")]
    pub mod deployment {}
    #[doc = include_str!("../docs/module.md")]
    pub mod module {}
    #[doc = include_str!("../docs/processor.md")]
    pub mod processor {}
}

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The promise of the crate's documentation that VMs can be sent and modules shared.
const _: () = {
    const fn moves<T: Send>() {}
    const fn is_shared<T: Send + Sync>() {}
    moves::<Vm>();
    moves::<Shard>();
    is_shared::<Engine>();
    is_shared::<Module>();
    is_shared::<Interrupter>();
};
