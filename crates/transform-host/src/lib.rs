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
//! # Layout
//!
//! One VM:
//! - `limits`: what a cluster allows, with the values of a stock one;
//! - `deploy`: a transform's metadata; `deploy::check`: the checks before deployment, over
//!   `deploy::declarations`, the broker's own reading of a module; `deploy::facts`: what a module
//!   says about itself;
//! - `engine`: compiling and linking;
//! - `vm`: starting a module and giving it batches, over `host` (the state behind the imports),
//!   `guest` (the module's memory as the imports see it), `stats` (logs and figures), `memory`
//!   (where its linear memory lies) and `ballast` (with less call stack); `fault`: how that ends;
//! - `abi`: the imports (`transform`, `registry`, `wasi`); `registry`: the schemas themselves;
//! - `record`: `batch` in, `output` out, `payload`: the records in both; `partitioner`: where a
//!   key goes.
//!
//! A broker's shard (one of its cores) around it, on a virtual clock:
//! - `shard`: deploying, time, status; `shard::transform`: its steps; `shard::processor`: the
//!   state of one partition and of its writers; `shard::log`: topics and commits.
//!
//! The first half knows nothing of the second, and nothing but `vm` polls the module.
//!
//! # What this is not
//!
//! It follows the broker's source of December 2024 and was compared with no running broker. What
//! changed since is a [`BrokerVersion`], read in the text of the broker's pull requests 25608
//! (batches) and 30836 (outputs), and in a later copy of its processor; how the broker estimates a
//! record's size is assumed.
//! wasmtime 48 stands in for the broker's 25: fuel and code differ in detail, and a trap's message
//! is the newer one's; of the broker's WebAssembly only `externref` is missing. Not modelled:
//! requests and their JSON, internal and read-only topics beyond three names, replication,
//! transactions and control batches (input is what a read-committed consumer gets), compression,
//! retention, the validity and compatibility of schemas, the per-core pools of memory, jitter, the
//! trace of function names in a fault, and yielding inside a record. Where the broker would be
//! harmed, the host is not: vectors of 2²⁹ entries, whose length overflows its bounds check, are
//! out of bounds here; a batch that writes more than [`Output::MAX_BYTES`] fails; a header count
//! without headers takes no time; a start section that reads a batch fails; partitions that share a
//! VM whose memory could not be had fail, where the broker may leave them waiting.
//!
//! # What only the source says
//!
//! Easily expected otherwise: before 26.1.11, with several output topics, a batch too large for one
//! of them stops that output for good, its lag frozen and its queue growing, while the processor
//! stays `running`; since then the processor fails and replays, as it always has with one output,
//! and the other outputs wait with it. The mebibyte at which 25.1 and later end a batch is their
//! own: a topic whose `max.message.bytes` is lower refuses it. A bad schema-registry marker is
//! found before a missing ABI marker, and a topic that does not exist has a text of its own. A
//! start section that reads a batch waits for ever, `inactive`; pausing, redeploying and deleting
//! wait for it in turn, and so does every later change to the transforms of that core. A VM's
//! memory is one heap of the whole limit, taken from Seastar's at the start: `memory.grow` copies
//! nothing, and as Seastar asks the kernel for huge pages, so does the host.

mod abi;
mod deploy;
mod engine;
mod fault;
mod limits;
mod record;
mod registry;
mod shard;
mod vm;

pub use deploy::check::{Refusal, check_deployment, check_deployment_to};
pub use deploy::facts::{Export, Facts, Import, NotAModule, Provided};
pub use deploy::{Cluster, Deployment, FromOffset};
pub use engine::{Engine, Module};
pub use fault::{EngineError, Fault, LoadError, TrapKind};
pub use limits::Limits;
pub use record::batch::{Batch, BatchBuilder, BatchHeader, InputRecord};
pub use record::output::{Output, Written};
pub use record::partitioner::partition_of_key;
pub use record::payload::Payload;
pub use registry::{Schema, SchemaReference, SchemaRegistry, SchemaType, SubjectSchema};
pub use shard::log::OutputBatch;
pub use shard::processor::State;
pub use shard::{BrokerVersion, PartitionStatus, Shard, ShardOptions};
pub use vm::Vm;
pub use vm::stats::{Level, LogLine, Stats};

/// A VM may be moved to another thread, an engine and a module be shared by many.
const _: () = {
    const fn moves<T: Send>() {}
    const fn is_shared<T: Send + Sync>() {}
    moves::<Vm>();
    moves::<Shard>();
    is_shared::<Engine>();
    is_shared::<Module>();
};
