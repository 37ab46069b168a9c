//! Runs a crate's unit tests as WebAssembly, on the engine that runs the transform. It is a Cargo
//! runner:
//!
//! ```text
//! cargo build --example unit_tests --target host-tuple
//! CARGO_TARGET_WASM32_WASIP1_RUNNER=…/examples/unit_tests cargo test --lib --target wasm32-wasip1
//! ```
//!
//! Tests have no arguments here, so a filter is not handed on, and the random numbers of the broker
//! are the same in every run.

use std::process::ExitCode;

use transform_host::{Deployment, Engine, Fault, Level, Limits, Vm};

/// What a transform has not, but tests need: memory, call stack, fuel and a long log.
fn limits() -> Limits {
    Limits {
        memory_bytes: 1 << 30,
        runtime_limit_ms: u64::MAX / Limits::FUEL_PER_MS,
        log_line_max_bytes: 1 << 20,
        log_buffer_bytes: 1 << 30,
        wasm_stack_bytes: 1 << 20,
        async_stack_bytes: 2 << 20,
        ..Limits::stock()
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path] = &arguments[..] else {
        eprintln!("usage: unit_tests MODULE; a filter for tests is not handed on");
        return ExitCode::from(2);
    };
    let wasm = match std::fs::read(path) {
        Ok(wasm) => wasm,
        Err(error) => {
            eprintln!("cannot read {path}: {error}");
            return ExitCode::from(2);
        }
    };
    let module = match Engine::new(&limits()).compile(&wasm) {
        Ok(module) => module,
        Err(error) => {
            eprintln!("cannot load {path}: {error}");
            return ExitCode::from(2);
        }
    };
    // A test that fails ends the module: its message must be out by then.
    let environment = vec![("RUST_TEST_NOCAPTURE".into(), "1".into())];
    let mut vm = Vm::new(&module, &Deployment { environment, ..Deployment::default() });
    let end = vm.start();
    for line in vm.take_logs() {
        match line.level {
            Level::Info => print!("{}", line.message),
            _ => eprint!("{}", line.message),
        }
    }
    match end {
        Err(Fault::Returned | Fault::Exit(0)) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{path}: {fault}");
            ExitCode::FAILURE
        }
        Ok(()) => {
            eprintln!("{path} waits for records: it is a transform, and no tests");
            ExitCode::FAILURE
        }
    }
}
