//! Transactions and fraud reports through the module, as a broker would run them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use fraud_detector::Settings;
use fraud_plan::Program;
use transform_host::Output;

use super::instances::{Failure, Instances, Logs, Usage};
use super::partitions::Partitions;
use super::target::Target;
use crate::data::envelope::Envelopes;
use crate::data::frauds::{Frauds, Reporting};
use crate::data::input::Lines;
use crate::data::stream::{Event, Stream};
use crate::show::units::{self, rfc3339};

/// What is replayed, and on what kind of instances.
#[derive(clap::Args)]
pub struct Options {
    /// Transactions, one JSON object a line, plain or zstd
    #[arg(long, value_name = "FILE.jsonl[.zst]")]
    pub input: PathBuf,
    /// The compiled transform
    #[arg(long, value_name = "FILE.wasm", default_value = "./fraud-detector.wasm")]
    pub module: PathBuf,
    /// The feature spec; it says where a record's key and time are
    #[arg(long, value_name = "FILE.toml", default_value = "model/fraud.toml")]
    pub spec: PathBuf,
    /// Partitions of the input topic
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub partitions: u32,
    /// Cores that run the transform; partition p is on instance p mod this
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub instances: u32,
    /// Records in a batch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,
    #[command(flatten)]
    pub target: Target,
}

/// Transactions of which the frauds are known.
#[derive(clap::Args)]
pub struct Labelled {
    /// Transactions in the order they happened, one JSON object a line, plain or zstd
    #[arg(long, value_name = "FILE.jsonl[.zst]")]
    pub input: PathBuf,
    /// The frauds among them: a CSV with transaction_id and perhaps scenario and reported_at
    #[arg(long, value_name = "FILE.csv")]
    pub frauds: PathBuf,
    /// How long after its transaction a fraud is reported, where the list does not say
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = units::parse_duration)]
    report_delay: Duration,
}

impl Labelled {
    /// The frauds that have been read, and when they are reported.
    pub fn reporting<'f>(&self, frauds: &'f Frauds) -> Reporting<'f> {
        Reporting { frauds, delay: self.report_delay }
    }
}

/// What came of a replay.
pub struct Replayed {
    /// Transactions.
    pub records: u64,
    /// Distinct reports.
    pub reports: u64,
    /// Records with reports, as delivered: once to each partition.
    pub report_records: u64,
    /// Reports that were published again after the wipe.
    pub republished: u64,
    /// Transactions that the deployment's settings keep from being written.
    pub silenced: u64,
    pub failure: Option<Failure>,
    pub usage: Usage,
    pub logs: Logs,
}

impl Replayed {
    /// Transactions that should have been written and were not.
    pub fn lost(&self, written: u64) -> i64 {
        (self.records - self.silenced) as i64 - written as i64
    }
}

/// A restart of all instances, with empty memories.
#[derive(Clone, Copy)]
pub struct Wipe {
    /// Right before the first transaction from then on, milliseconds since 1970.
    pub at: i64,
    /// Reports made from then on are published again.
    pub republish_from: i64,
}

/// Opened files and a loaded module, ready to run.
pub struct Replay<'f> {
    stream: Stream<'f>,
    partitions: Partitions,
    instances: Instances,
    settings: Settings,
}

impl<'f> Replay<'f> {
    /// Opens everything; `program` describes the records, and progress is shown as `what`.
    pub fn open(
        options: &Options,
        program: &Program,
        what: &'static str,
        reporting: Option<Reporting<'f>>,
    ) -> Result<Self> {
        let envelopes = Envelopes::new(program.clone());
        let module = options.target.compile(&options.module)?;
        let lines = Lines::open(&options.input, what)?;
        // What is wrong with them the module itself says when it starts.
        let settings = Settings::from_variables(options.target.variables.iter().cloned());
        Ok(Self {
            stream: Stream::new(lines, envelopes, reporting)?,
            partitions: Partitions::new(options.partitions, options.batch as usize),
            instances: Instances::new(&module, &options.target.deployment(), options.instances),
            settings: settings.unwrap_or_default(),
        })
    }

    /// Runs it to the end, or until a batch fails for good. `out` gets what each batch has written.
    pub fn run(
        mut self,
        wipe: Option<Wipe>,
        out: &mut dyn FnMut(&Output) -> Result<()>,
    ) -> Result<Replayed> {
        let mut counts = Counts::default();
        let failure = match self.play(wipe, &mut counts, out) {
            Ok(()) => None,
            Err(error) => Some(error.downcast::<Failure>()?),
        };
        self.stream.done();
        let usage = self.instances.usage();
        let Counts { records, reports, report_records, republished, silenced } = counts;
        Ok(Replayed {
            records,
            reports: reports - republished,
            report_records,
            republished,
            silenced,
            failure,
            usage,
            logs: self.instances.logs,
        })
    }

    fn play(
        &mut self,
        mut wipe: Option<Wipe>,
        counts: &mut Counts,
        out: &mut dyn FnMut(&Output) -> Result<()>,
    ) -> Result<()> {
        let Self { stream, partitions, instances, settings } = self;
        instances.start()?;
        if let Some(wipe) = wipe {
            stream.keep_reports(wipe.republish_from);
        }
        while let Some(millis) = stream.next_millis()? {
            if wipe.is_some_and(|wipe| millis >= wipe.at) {
                wipe = None;
                partitions.rest().try_for_each(|lot| instances.process(&lot, out))?;
                instances.wipe()?;
                counts.republished = stream.republish();
            }
            let Some(event) = stream.next()? else { break };
            match event {
                Event::Transaction { line, key, millis, value } => {
                    counts.records += 1;
                    counts.silenced += u64::from(settings.silences(millis));
                    if let Some(lot) = partitions.push(line, key, millis, value) {
                        instances.process(&lot, out)?;
                    }
                }
                Event::Reports { line, millis, value, count } => {
                    // First what came before, on every partition: a report must not be known
                    // earlier on one than on another.
                    partitions.rest().try_for_each(|lot| instances.process(&lot, out))?;
                    for lot in partitions.broadcast(line, millis, value) {
                        counts.report_records += 1;
                        instances.report(&lot, out)?;
                    }
                    counts.reports += count;
                }
            }
        }
        if let Some(wipe) = wipe {
            bail!("there is nothing to wipe: no transaction is of {} or later", rfc3339(wipe.at));
        }
        partitions.rest().try_for_each(|lot| instances.process(&lot, out))
    }
}

#[derive(Default)]
struct Counts {
    records: u64,
    reports: u64,
    report_records: u64,
    republished: u64,
    silenced: u64,
}

/// What is said if not as many records came out as went in.
pub fn unbalanced(lost: i64) -> String {
    match lost {
        0 => String::new(),
        1.. => format!("\n{lost} records came in and did not go out\n"),
        _ => format!(
            "\n{} more records came out than transactions went in; does the module know fraud \
             reports?\n",
            -lost
        ),
    }
}
