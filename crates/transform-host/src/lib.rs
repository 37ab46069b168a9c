//! The Wasm engine of a Redpanda broker as a library: runs any data transform as a broker would,
//! without a broker.
//!
//! ```no_run
//! use std::sync::Arc;
//! use transform_host::{BatchBuilder, Deployment, Engine, Limits, Output, Vm, check_deployment};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (wasm, limits) = (std::fs::read("my-transform.wasm")?, Limits::stock());
//! let deployment = Deployment {
//!     name: "my-transform".into(),
//!     input_topic: "in".into(),
//!     output_topics: vec!["out".into()],
//!     ..Deployment::default()
//! };
//! check_deployment(&wasm, &deployment, &limits)?;
//! let mut vm = Vm::new(&Engine::new(&limits).compile(&wasm)?, &deployment);
//! vm.start()?;
//! let batch = BatchBuilder::new(0).push(1_700_000_000_000, None, Some(b"hello"), &[]).build();
//! let mut output = Output::default();
//! vm.process(&Arc::new(batch), &mut output)?;
//! for record in output.iter() {
//!     println!("{} {:?}", deployment.output_topics[record.topic], record.value());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! One VM:
//! - `limits`: what a cluster allows, with the values of a stock one;
//! - `deploy`: metadata and the checks before deployment, over `declarations`, the broker's own
//!   reading of a module;
//! - `engine`: compiling and linking;
//! - `vm`: starting a module and giving it batches; `fault`: how that ends; `ballast`: with less
//!   call stack; `memory`: where its linear memory lies;
//! - `abi`: the imports (`transform`, `registry`, `wasi`), over `host`, their state;
//! - `batch` in, `output` out, `payload`: the records in both;
//! - `facts`: what a module says about itself.
//!
//! A broker's core around it, on a virtual clock:
//! - `core`: deploying, time, status; `core::transform`: its steps; `core::processor`: the state
//!   of one partition and of its writers; `core::log`: topics and commits.
//!
//! The first half knows nothing of the second, and nothing but `vm` polls the module.
//!
//! # What this is not
//!
//! It follows the broker's source of December 2024 and was compared with no running broker.
//! wasmtime 48 stands in for the broker's 25: fuel and code differ in detail, and a trap's message
//! is the newer one's. Not modelled: requests and their JSON, internal and read-only topics beyond
//! three names, replication, transactions and control batches (input is what a read-committed
//! consumer gets), compression, retention, the validity of schemas, the per-core pools of memory,
//! jitter, the trace of function names in a fault, and yielding inside a record. Where the broker
//! would be harmed, the host is not: vectors of 2²⁹ entries, whose length overflows its bounds
//! check, are out of bounds here; a batch that writes more than [`Output::MAX_BYTES`] fails; a
//! header count without headers takes no time; partitions that share a VM whose memory could not
//! be had fail, where the broker may leave them waiting.
//!
//! # What only the source says
//!
//! Easily expected otherwise: with several output topics, a batch too large for one of them stops
//! that output for good, its lag frozen and its queue growing, while the processor stays `running`;
//! only with a single output does the processor fail and replay. A bad schema-registry marker is
//! found before a missing ABI marker, and a topic that does not exist has a text of its own. A VM's
//! memory is one heap of the whole limit, taken from Seastar's at the start: `memory.grow` copies
//! nothing, and as Seastar asks the kernel for huge pages, so does the host.

mod abi;
mod ballast;
mod batch;
mod core;
mod declarations;
mod deploy;
mod engine;
mod facts;
mod fault;
mod host;
mod limits;
mod memory;
mod output;
mod payload;
mod vm;

pub use abi::registry::{Schema, SchemaReference, SchemaRegistry, SchemaType, SubjectSchema};
pub use batch::{Batch, BatchBuilder, BatchHeader, InputRecord};
pub use core::{Core, CoreOptions, OutputBatch, PartitionStatus, State};
pub use deploy::{Cluster, Deployment, FromOffset, Refusal, check_deployment, check_deployment_to};
pub use engine::{Engine, Module};
pub use facts::{Export, Facts, Import, NotAModule, Provided};
pub use fault::{Fault, LoadError};
pub use limits::Limits;
pub use output::{Output, Written};
pub use payload::Payload;
pub use vm::{Level, LogLine, Stats, Vm};
pub use wasmtime::Trap;
