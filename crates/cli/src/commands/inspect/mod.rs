//! `fraud inspect`: does a module fit a broker?
//!
//! # Layout
//!
//! - [`check`]: one row of the answer, and the table
//! - [`declared`]: what the module and its deployment say, without running anything
//! - [`sample`]: records to run it on
//! - [`mod@bench`]: a warm instance, and what it costs: memory, fuel, stack
//! - [`largest`]: the largest record that it survives
//! - [`topics`]: what follows for the topics

mod bench;
mod check;
mod declared;
mod largest;
mod sample;
mod topics;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use transform_host::Engine;

use crate::module::target::{Target, read_module};
use crate::show::report::Report;
use crate::show::{progress, units};
use bench::Bench;
use check::Check;
use sample::Sample;

const AFTER_HELP: &str = "\
Examples:
  fraud inspect fraud-detector.wasm
  fraud inspect fraud-detector.wasm --memory-limit 8MiB --var FRAUD_MAX_RECORD=256KiB
  fraud inspect other.wasm --name other --output-topic out --json

What the broker refuses at deployment is read from the module; the rest is measured, by running it
on this machine in the broker's engine with the broker's limits: memory with a full history, fuel,
call stack, and the largest record that it survives. A record that is larger traps on every attempt
and stalls its partition for ever, so the topics' limits printed at the end matter.

Any data transform can be inspected; the records are made from the feature spec (that of the shipped
model if there is none).";

/// Find out whether a module fits a broker, before deploying it.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The compiled transform
    #[arg(value_name = "FILE.wasm")]
    module: PathBuf,
    /// The feature spec that the sample records follow [default: model/fraud.toml if there is one]
    #[arg(long, value_name = "FILE.toml")]
    spec: Option<PathBuf>,
    /// The largest record that must get through
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = units::parse_size)]
    min_record: u64,
    /// Records per second that a core works off when it catches up [default: as measured here]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    catch_up_rate: Option<u64>,
    /// How long one write to an output topic takes
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = units::parse_duration)]
    write_latency: Duration,
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Report> {
    let wasm = read_module(&args.module)?;
    let sample = Sample::new(args.spec.as_deref())?;
    let (limits, deployment) = (args.target.limits(), args.target.deployment());
    let stage = progress::stages();
    stage.set_message("reading the module");
    let mut checks = declared::checks(&wasm, &deployment, &limits)
        .with_context(|| format!("cannot inspect {}", args.module.display()))?;

    stage.set_message("compiling");
    let mut logs = Vec::new();
    let mut largest = None;
    let mut advice = Vec::new();
    match Engine::new(&limits)?.compile(&wasm) {
        Err(fault) => checks.push(Check::no("loads", fault)),
        Ok(module) => {
            stage.set_message("filling history");
            let (bench, run) = Bench::new(&module, &deployment, &sample);
            checks.extend(bench.checks(&limits, &run));
            if let Ok(run) = run {
                stage.set_message("narrowing the call stack");
                checks.push(bench::stack(&wasm, &deployment, &limits, &sample));
                stage.set_message("growing records");
                let found = largest::search(&bench, &limits, args.min_record);
                checks.extend(found.checks(args.min_record));
                let load = topics::Load {
                    records_per_second: args.catch_up_rate.unwrap_or(run.rounded_rate()),
                    write_latency: args.write_latency,
                    bytes_per_record: run.bytes_out_per_record,
                };
                advice = topics::advice(&deployment, &found, &load);
                largest = Some(found);
            }
            logs = bench.logs;
        }
    }
    stage.finish_and_clear();

    let ok = checks.iter().all(|check| check.ok);
    let mut text = check::table(&checks);
    text += &match (ok, checks.iter().filter(|check| !check.ok).count()) {
        (true, _) => format!("\n{} fits.\n", args.module.display()),
        (false, 1) => format!("\n{} does not fit: one check says no.\n", args.module.display()),
        (false, n) => format!("\n{} does not fit: {n} checks say no.\n", args.module.display()),
    };
    text += &topics::text(&advice);
    Ok(Report {
        json: json!({
            "module": args.module,
            "ok": ok,
            "memory_limit": limits.memory_bytes,
            "checks": checks.iter().map(Check::json).collect::<Vec<_>>(),
            "largest_record": largest.map(|found| found.json()),
            "logs": logs,
            "topics": advice.iter().map(topics::Advice::json).collect::<Vec<_>>(),
        }),
        text,
        aside: logs.iter().map(|line| format!("log: {}\n", line.trim_end())).collect(),
        ok,
    })
}
