//! The host against what a broker is known to do, mostly with small modules made for one question.
//!
//! `support` has the helpers; every other file is one subject.

mod abi;
mod deploy;
mod facts;
mod interrupt;
mod processor;
mod proposals;
mod registry;
mod shard;
mod support;
mod vm;
mod wasi;
