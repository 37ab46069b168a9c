//! Runs a module on stock limits, shows what it writes for some values, and what that costs.
//!
//! `cargo run --target host-tuple --example run_a_module -- my-transform.wasm '{"amount":1}' '{"amount":2}'`
//!
//! Without arguments it runs a transform that writes what it reads.

mod support;

use std::error::Error;
use std::sync::Arc;

use transform_host::{BatchBuilder, Deployment, Engine, Limits, Output, Vm, check_deployment};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let wasm = match arguments.next() {
        Some(path) => std::fs::read(path)?,
        None => support::transform("(drop (call $write (i32.const 1024) (local.get $len)))"),
    };
    let mut values: Vec<String> = arguments.collect();
    if values.is_empty() {
        values = vec!["hello".into(), "world".into()];
    }

    let limits = Limits::stock();
    let deployment = Deployment::new("my-transform", "in", ["out"]);
    check_deployment(&wasm, &deployment, &limits)?;

    let mut vm = Vm::new(&Engine::new(&limits)?.compile(&wasm)?, &deployment);
    let mut output = Output::default();
    let mut batch = BatchBuilder::new(0);
    for value in &values {
        batch.push(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
    }
    let result = vm.start().and_then(|()| vm.process(&Arc::new(batch.build()), &mut output));

    // The log comes first, because it tells why a module failed.
    for line in vm.take_logs() {
        println!("{:?}: {}", line.level, line.message.trim_end());
    }
    result?;
    for record in output.iter() {
        let value = String::from_utf8_lossy(record.value().unwrap_or_default());
        println!("{}: {value}", deployment.output_topics[record.topic]);
    }
    let stats = vm.stats();
    println!("start: {} fuel of {}", stats.start_fuel, limits.fuel());
    println!("dearest record: {} fuel of {}", stats.record_fuel_max, limits.fuel());
    println!("memory: {} bytes of {}", stats.peak_memory_bytes, limits.memory_bytes);
    Ok(())
}
