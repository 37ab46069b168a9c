//! `fraud inspect`: does a module fit a broker?
//!
//! - [`check`]: one check, and the table of all
//! - [`facts`]: the model in the module, and its spec
//! - [`declared`]: checks on what the module and its deployment say, without running anything
//! - [`measured`]: checks on a running module: start, memory, fuel, call stack
//! - [`largest`]: the largest record that the module survives
//! - [`topics`]: advice for the topics

mod check;
mod declared;
mod facts;
mod largest;
mod measured;
mod topics;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use serde::Serialize;
use transform_host::{Engine, Limits};

use super::flags::TargetFlags;
use crate::module::sample::Sample;
use crate::module::target::{ModuleFile, Target, module_text};
use crate::module::warm::Warmer;
use crate::show::report::Report;
use crate::show::{progress, units};
use check::Check;
use facts::{ModelFacts, Source};
use largest::Largest;
use topics::Advice;

const AFTER_HELP: &str = "\
Examples:
  fraud inspect fraud-detector.wasm
  fraud inspect fraud-detector.wasm --memory-limit 8MiB --var FRAUD_MAX_RECORD=256KiB
  fraud inspect fraud-detector.wasm --print spec
  fraud inspect other.wasm --name other --output-topic out --json

What the broker refuses at deployment is read from the module; the rest is measured, by running it
on this machine in the broker's engine with the broker's limits: memory with a full history, fuel,
call stack, and the largest record that it survives. A record that is larger traps on every attempt
and stalls its partition for ever, so the topics' limits printed at the end matter.

Any data transform can be inspected. The records are made from the feature spec that the module was
built from; another transform gets the records of the shipped model.";

/// Find out whether a module fits a broker, before deploying it.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The compiled transform
    #[arg(value_name = "FILE.wasm")]
    module: PathBuf,
    /// Print a text that the module was built from, and check nothing
    #[arg(long, value_name = "WHICH")]
    print: Option<Source>,
    /// The largest record that must get through
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = units::parse_size)]
    min_record: u64,
    /// Records per second that a core works off when it catches up [default: as measured here]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    catch_up_rate: Option<u64>,
    /// Time that one write to an output topic takes
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = units::parse_duration)]
    write_latency: Duration,
    #[command(flatten)]
    target: TargetFlags,
}

/// The module, the broker, and what must get through.
struct Options {
    module: PathBuf,
    min_record: u64,
    catch_up_rate: Option<u64>,
    write_latency: Duration,
    target: Target,
}

impl From<Args> for Options {
    fn from(args: Args) -> Self {
        let Args { module, min_record, catch_up_rate, write_latency, target, .. } = args;
        let target = target.into();
        Self { module, min_record, catch_up_rate, write_latency, target }
    }
}

/// The answer: the checks, and what follows from them.
#[derive(Serialize)]
struct Answer {
    module: PathBuf,
    model: Option<String>,
    /// `None` if the module holds no model.
    facts: Option<ModelFacts>,
    ok: bool,
    memory_limit: u64,
    checks: Vec<Check>,
    /// `None` if the module does not run.
    largest_record: Option<Largest>,
    /// The lines that the module wrote to its log at start.
    logs: Vec<String>,
    topics: Vec<Advice>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    if let Some(source) = args.print {
        return facts::print(&ModuleFile::read(&args.module)?, source);
    }
    let options = Options::from(args);
    let file = ModuleFile::read(&options.module)?;
    let sample = Sample { program: file.program()? };
    let limits = options.target.limits();
    let stage = progress::stages();
    stage.set_message("reading the module");
    let checks = declared::checks(&file.wasm, &options.target.deployment(), &limits)
        .with_context(|| format!("cannot inspect {}", options.module.display()))?;
    let mut answer = Answer {
        model: file.model(),
        facts: file.plan().map(|plan| ModelFacts::of(&plan)),
        module: options.module.clone(),
        ok: false,
        memory_limit: limits.memory_bytes,
        checks,
        largest_record: None,
        logs: Vec::new(),
        topics: Vec::new(),
    };
    answer.measure(&options, &file.wasm, &limits, &sample, &stage)?;
    answer.ok = answer.checks.iter().all(|check| check.ok);
    stage.finish_and_clear();
    let logs = answer.logs.iter().map(|line| format!("log: {}\n", line.trim_end()));
    Ok(Report::of(&answer)?.aside(logs.collect()).ok(answer.ok))
}

impl Answer {
    /// Adds what shows when the module runs, as far as it does.
    fn measure(
        &mut self,
        options: &Options,
        wasm: &[u8],
        limits: &Limits,
        sample: &Sample,
        stage: &ProgressBar,
    ) -> Result<()> {
        stage.set_message("compiling");
        let deployment = options.target.deployment();
        let module = match Engine::new(limits)?.compile(wasm) {
            Ok(module) => module,
            Err(fault) => {
                self.checks.push(Check::no("loads", fault));
                return Ok(());
            }
        };
        stage.set_message("filling history");
        let (warmer, filling) = Warmer::new(&module, &deployment, sample);
        self.checks.extend(measured::checks(&warmer, &filling, limits));
        if let Ok(filling) = filling {
            stage.set_message("narrowing the call stack");
            self.checks.push(measured::stack(wasm, &deployment, limits, sample));
            stage.set_message("growing records");
            let found = largest::search(&warmer, limits, options.min_record);
            self.checks.extend(found.checks(options.min_record));
            let load = topics::Load {
                records_per_second: options
                    .catch_up_rate
                    .unwrap_or_else(|| measured::rounded_rate(&filling)),
                write_latency: options.write_latency,
                bytes_per_record: filling.bytes_out_per_record,
            };
            self.topics = topics::advice(&deployment, &found, &load);
            self.largest_record = Some(found);
        }
        self.logs = warmer.logs;
        Ok(())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(facts) = &self.facts {
            writeln!(f, "{facts}")?;
        }
        f.write_str(&check::table(&self.checks))?;
        let module = module_text(&self.module, self.model.as_deref());
        match self.checks.iter().filter(|check| !check.ok).count() {
            0 => writeln!(f, "\n{module} fits.")?,
            1 => writeln!(f, "\n{module} does not fit: one check says no.")?,
            n => writeln!(f, "\n{module} does not fit: {n} checks say no.")?,
        }
        f.write_str(&topics::text(&self.topics))
    }
}
