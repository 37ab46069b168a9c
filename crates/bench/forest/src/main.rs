//! What ways of evaluating a tree ensemble cost, in the module and natively.
//!
//! # Layout
//!
//! - `ensembles`: what is evaluated
//! - `algorithms`: the ways to do it; two are the engine's own, the others lost
//! - `module` (wasm): a transform that evaluates the vectors in a record
//! - `table` (native): builds and runs that module as a broker would, checks that all scores are
//!   the same bits, and prints the table of `docs/performance.md`
//!
//! What this is *not*: a measure of the whole pipeline; `fraud run` is.

mod algorithms;
#[cfg(not(target_os = "wasi"))]
mod ensembles;
#[cfg(target_os = "wasi")]
mod module;
#[cfg(not(target_os = "wasi"))]
mod table;

#[cfg(target_os = "wasi")]
fn main() {
    module::run();
}

#[cfg(not(target_os = "wasi"))]
fn main() -> anyhow::Result<()> {
    table::print()
}
