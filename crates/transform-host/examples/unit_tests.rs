//! Runs a crate's unit tests as WebAssembly, on the engine that runs the transform. It is a Cargo
//! runner:
//!
//! ```text
//! cargo build --example unit_tests --target host-tuple
//! CARGO_TARGET_WASM32_WASIP1_RUNNER=…/examples/unit_tests cargo test --lib --target wasm32-wasip1
//! ```
//!
//! Tests have no arguments here, so a filter is not handed on; variables that begin with `RUST_`
//! are. The broker's random numbers are the same in every run.

use std::error::Error;
use std::process::ExitCode;

use transform_host::{Deployment, Engine, Fault, Level, Limits, Vm};

/// Returns limits for tests, which need more than a transform gets: memory, call stack, fuel, a long
/// log.
fn limits() -> Limits {
    let mut limits = Limits::stock();
    limits.memory_bytes = 1 << 30;
    limits.runtime_limit_ms = u64::MAX / Limits::FUEL_PER_MS;
    limits.log_line_max_bytes = 1 << 20;
    limits.log_buffer_bytes = 1 << 30;
    limits.wasm_stack_bytes = 1 << 20;
    limits.async_stack_bytes = 2 << 20;
    limits
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path] = &arguments[..] else {
        return Err("usage: unit_tests MODULE; a filter for tests is not handed on".into());
    };
    let module = Engine::new(&limits())?.compile(&std::fs::read(path)?)?;
    let mut deployment = Deployment::new("unit-tests", "input", ["output"]);
    deployment.environment =
        std::env::vars().filter(|(name, _)| name.starts_with("RUST_")).collect();
    // A test that fails ends the module: its message must be out by then.
    deployment.environment.push(("RUST_TEST_NOCAPTURE".into(), "1".into()));
    let mut vm = Vm::new(&module, &deployment);
    let end = vm.start();
    for line in vm.take_logs() {
        match line.level {
            Level::Info => print!("{}", line.message),
            _ => eprint!("{}", line.message),
        }
    }
    match end {
        Err(Fault::Returned | Fault::Exit(0)) => Ok(ExitCode::SUCCESS),
        Err(fault) => Err(fault.into()),
        Ok(()) => Err(format!("{path} waits for records: it is a transform, not tests").into()),
    }
}
