//! `fraud bench`: what the pipeline costs, beside what it could cost.
//!
//! # Layout
//!
//! - [`records`]: what the modules are given, in slices
//! - [`modules`]: the modules, and one running instance
//! - [`rounds`]: speed and fuel: every module in turn on each slice
//! - [`latency`]: one record alone
//! - [`table`]: the answer; [`ratios`]: what counts of it
//! - [`cores`]: instances side by side; [`sweep`]: how costs grow

mod cores;
mod latency;
mod modules;
mod ratios;
mod records;
mod rounds;
mod sweep;
mod table;

use std::path::PathBuf;

use anyhow::Result;

use crate::module::target::Target;
use crate::show::progress;
use crate::show::report::Report;
use modules::{Kind, Loaded};
use records::Records;
use rounds::{Cost, Lane};
use sweep::Sweep;

const AFTER_HELP: &str = "\
Examples:
  fraud bench
  fraud bench --input transactions.jsonl.zst --json
  fraud bench --cores 2
  fraud bench --sweep customers

Four modules get the same records, in turn on every slice of 10,000, so that what else the machine
does falls on all of them alike:
  identity  the SDK alone: every record leaves as it came
  floor     what a scoring transform does at least: serde_json into borrowed fields, a constant
            score, the verdict spliced in; no history, no model. It never changes, so that figures
            of different days can be compared by their ratio to it
  pipeline  the real module
  naive     the same with the model's trees walked node by node; its output is the same bytes
and so do the pipeline's shell alone, and the pipeline cut off after each stage; a stage's share is
the median difference to the cut before it.

records/s and ns are time in the module and the host functions it calls, on one thread: the median
of all rounds, and the quartiles. Fuel is exact, the mean over all records, and the same in every
pass. Latency is that of a batch of one record, from when the module gets it until it waits for the
next. A start is instantiation and _start; compiling the module comes before.

With --cores every module is measured in windows of 20 ms: alone on each core in turn, then on all of
them at once.

The sweeps show how a record's cost grows with
  records     its size, up to 64 KiB, by a member that no module looks at
  customers   the customers remembered, 1,000 to 10 million, each with as much memory as they take
  features    the number of features, windows over a customer
  partitions  the partitions that share an instance
Tables are Markdown. The modules beside the real one are made by scripts/fraud.";

/// Measure the pipeline beside an identity transform, a plain parser and a naive model.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Transactions with the members that `fraud simulate` writes, one JSON object a line, plain or
    /// zstd [default: 30 simulated days]
    #[arg(long, value_name = "FILE.jsonl[.zst]")]
    input: Option<PathBuf>,
    /// The compiled transform
    #[arg(long, value_name = "FILE.wasm", default_value = "./fraud-detector.wasm")]
    module: PathBuf,
    /// Where the modules are that it is compared with
    #[arg(long, value_name = "DIR", default_value = "target/wasm32-wasip1/release")]
    modules: PathBuf,
    /// The feature spec; it says where a record's key and time are
    #[arg(long, value_name = "FILE.toml", default_value = "model/fraud.toml")]
    spec: PathBuf,
    /// Partitions of the input topic, all on one instance
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    partitions: u32,
    /// Records in a batch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch: u32,
    /// How often the whole input is gone through, each time from a start
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    passes: u32,
    /// Also run so many instances side by side, and say how that scales
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000))]
    cores: Option<u32>,
    /// Show instead how costs grow
    #[arg(long, value_name = "WHAT", conflicts_with = "cores")]
    sweep: Option<Sweep>,
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Report> {
    if let Some(sweep) = args.sweep {
        return sweep::run(args, sweep);
    }
    let records = Records::read(args)?;
    let mut report = compare(args, &records)?;
    if let Some(cores) = args.cores {
        let (json, text) = cores::run(args, cores, &records)?;
        report.json["cores"] = json;
        report.text += &format!("\n{text}");
    }
    Ok(report)
}

/// One module's figures.
struct Measured {
    kind: Kind,
    cost: Cost,
    latency: Option<latency::Percentiles>,
    peak_memory: u64,
    module_bytes: u64,
    start_us: f64,
    start_fuel: u64,
}

fn compare(args: &Args, records: &Records) -> Result<Report> {
    let slices = records.slices(args.partitions, args.batch);
    let stage = progress::stages();
    stage.set_message("compiling the modules");
    let lane = |kind| -> Result<Lane> {
        let instance = Loaded::new(args, kind, &args.target.limits())?.instance(args);
        Ok(Lane { instance, slices: &slices })
    };
    let mut lanes = Kind::ALL.into_iter().map(lane).collect::<Result<Vec<_>>>()?;
    let starts = rounds::starts(&mut lanes)?;
    stage.finish_and_clear();

    let costs = rounds::passes(&mut lanes, args.passes)?;
    let latencies = latency::measure(&mut lanes[..Kind::WHOLE], records, args)?;

    let mut latencies = latencies.into_iter();
    let measured = lanes.iter().zip(costs).zip(starts);
    let measured: Vec<Measured> = measured
        .map(|((Lane { instance, .. }, cost), start_us)| Measured {
            kind: instance.kind,
            cost,
            latency: latencies.next(),
            peak_memory: instance.vm.stats().peak_memory_bytes,
            module_bytes: instance.module_bytes,
            start_us,
            start_fuel: instance.vm.stats().start_fuel,
        })
        .collect();
    Ok(table::report(records, &measured))
}
