//! The Wasm engine of a Redpanda broker as a library, for testing any data transform.

mod abi;
mod batch;
mod deploy;
mod engine;
mod fault;
mod host;
mod limits;
mod output;
mod payload;
mod vm;

pub use abi::registry::{Schema, SchemaReference, SchemaRegistry, SchemaType, SubjectSchema};
pub use batch::{Batch, BatchBuilder, BatchHeader, InputRecord};
pub use deploy::{Deployment, FromOffset};
pub use engine::{Engine, Module};
pub use fault::{Fault, LoadError};
pub use limits::Limits;
pub use output::{Output, Written};
pub use payload::Payload;
pub use vm::{Level, LogLine, Stats, Vm};
pub use wasmtime::Trap;
