//! `fraud bench`: what the pipeline costs, beside what it could cost.
//!
//! - [`records`]: the records that the modules are given, in slices
//! - [`modules`]: the modules, and one running instance
//! - [`rounds`]: speed and fuel: every module in turn on each slice
//! - [`latency`]: one record alone
//! - [`measured`]: what was measured of one module
//! - [`comparison`]: the answer; [`ratios`]: the figures of it that count
//! - [`cores`]: instances side by side; [`sweep`]: how costs grow

mod comparison;
mod cores;
mod latency;
mod measured;
mod modules;
mod ratios;
mod records;
mod rounds;
mod sweep;

use std::path::PathBuf;

use anyhow::Result;
use fraud_plan::Program;

use super::flags::{ModuleFlags, TargetFlags, TopicFlags};
use crate::module::target::{ModuleFile, Target};
use crate::show::progress;
use crate::show::report::Report;
use comparison::Comparison;
use measured::Measured;
use modules::{Kind, Loaded};
use records::Records;
use rounds::Lane;
use sweep::Sweep;

const AFTER_HELP: &str = "\
Examples:
  fraud bench
  fraud bench --input transactions.jsonl.zst --json
  fraud bench --cores 2
  fraud bench --sweep customers

Four modules get the same records, of all partitions on one instance, in turn on every slice of 10,000,
so that all of them suffer alike from what else the machine does:
  identity  the SDK alone: every record leaves as it came
  floor     the least that a scoring transform does: serde_json into borrowed fields, a constant
            score, the verdict spliced in; no history, no model. It never changes, so that figures
            of different days can be compared by their ratio to it
  pipeline  the real module
  naive     the pipeline with the model's trees walked node by node; it writes the same bytes
The pipeline's shell alone gets these records too, and the pipeline cut off after each stage; a stage's
share is the median difference to the cut before it.

records/s and ns are time in the module and the host functions it calls, on one thread: the median
of all rounds, and the quartiles. Fuel is exact: the mean over all records, equal in every pass.
Latency is the time of a batch of one record, from when the module gets it until it waits for the
next. A start is instantiation and _start, without compiling the module.

With --cores every module is measured in windows of 20 ms: alone on each core in turn, then on all
cores at once.

The sweeps show how a record's cost grows with
  records     its size, up to 64 KiB, by a member that no module looks at
  customers   the customers remembered, 1,000 to 10 million, each number with the memory it takes
  features    the number of features, which are windows over a customer
  kinds       the kind of one feature beside the amount
  partitions  the partitions that share an instance
Tables are Markdown. scripts/fraud builds the modules beside the real one.";

/// Measure the pipeline beside an identity transform, a plain parser and a naive model.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Transactions with the members that `fraud simulate` writes, one JSON object a line, plain or
    /// zstd [default: 30 simulated days]
    #[arg(long, value_name = "FILE.jsonl[.zst]")]
    input: Option<PathBuf>,
    #[command(flatten)]
    module: ModuleFlags,
    /// Directory of the modules that it is compared with
    #[arg(long, value_name = "DIR", default_value = "target/wasm32-wasip1/release")]
    modules: PathBuf,
    #[command(flatten)]
    topic: TopicFlags,
    /// Number of passes over the whole input, each from a start
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    passes: u32,
    /// Also run this many instances side by side, and say how that scales
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000))]
    cores: Option<u32>,
    /// Show how costs grow, instead of the comparison
    #[arg(long, value_name = "WHAT", conflicts_with = "cores")]
    sweep: Option<Sweep>,
    #[command(flatten)]
    target: TargetFlags,
}

/// The modules, the records, and the way they are measured.
pub struct Options {
    /// Transactions; simulated ones if there is none.
    input: Option<PathBuf>,
    pipeline: ModuleFile,
    /// The feature program of the records.
    program: Program,
    /// Directory of the other modules.
    modules: PathBuf,
    partitions: u32,
    batch: u32,
    passes: u32,
    target: Target,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let (sweep, cores) = (args.sweep, args.cores);
    let options = args.options()?;
    if let Some(sweep) = sweep {
        return sweep::run(&options, sweep);
    }
    let records = Records::read(&options)?;
    let mut comparison = compare(&options, &records)?;
    if let Some(cores) = cores {
        comparison.cores = Some(cores::measure(&options, cores, &records)?);
    }
    Report::of(&comparison)
}

impl Args {
    fn options(self) -> Result<Options> {
        let Args { input, module, modules, topic, passes, target, .. } = self;
        let pipeline = ModuleFile::read(&module.module)?;
        Ok(Options {
            input,
            program: pipeline.program()?,
            pipeline,
            modules,
            partitions: topic.partitions,
            batch: topic.batch,
            passes,
            target: target.into(),
        })
    }
}

/// Measures every module on the records.
fn compare(options: &Options, records: &Records) -> Result<Comparison> {
    let slices = records.slices(options.partitions, options.batch);
    let stage = progress::stages();
    stage.set_message("compiling the modules");
    let lane = |kind| -> Result<Lane> {
        let module = Loaded::new(options, kind, &options.target.limits())?;
        Ok(Lane { instance: module.instance(options), slices: &slices })
    };
    let mut lanes = Kind::ALL.into_iter().map(lane).collect::<Result<Vec<_>>>()?;
    let starts = rounds::starts(&mut lanes)?;
    stage.finish_and_clear();

    let costs = rounds::passes(&mut lanes, options.passes)?;
    let latencies = latency::measure(&mut lanes[..Kind::WHOLE], records, options)?;

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
    Ok(Comparison::new(options.pipeline.model(), records, &measured))
}
