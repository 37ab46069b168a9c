//! The cost of algorithms that evaluate a tree ensemble, in a module and natively.
//!
//! # Layout
//!
//! - `ensembles`: the ensembles that are evaluated
//! - `algorithms`: the algorithms; two are the engine's own, the others were slower
//! - `module` (wasm): a transform that evaluates the vectors in a record
//! - `table` (native): builds and runs that module as a broker would, checks that all scores are
//!   the same bits, and prints the table of `docs/performance.md`
//!
//! This is *not* a measure of the whole pipeline; `fraud bench` is.

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
