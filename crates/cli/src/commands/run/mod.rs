//! `fraud run`: a file of transactions through the module, as a broker would run it.
//!
//! - [`files`]: the output; [`caught`]: how well it caught the known frauds
//! - [`answer`]: what came of it all

mod answer;
mod caught;
mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use super::flags::{LabelFlags, ReplayFlags};
use crate::data::envelope::Envelopes;
use crate::data::labels::{LabelSource, Labels};
use crate::module::replay::{Replay, ReplayOptions};
use crate::show::report::Report;
use answer::Answer;
use caught::CatchCounter;
use files::Files;

const AFTER_HELP: &str = "\
Examples:
  fraud run --input day30.jsonl.zst --output scored
  fraud run --input day30.jsonl.zst --output scored --partitions 12 --instances 3 --json
  fraud run --input day30.jsonl.zst --output scored --var FRAUD_THRESHOLD=0.9
  fraud run --input day30.jsonl.zst --output scored --output-topic fraud --output-topic valid \
    --output-topic unscorable --output-topic history
  fraud run --input day30.jsonl.zst --output scored --frauds day30.frauds.csv --report-delay 7d

Every line becomes a record: its key is the first entity of the spec, its partition the one that
Kafka's default partitioner chooses, its timestamp its own event time. An instance is one core of a
broker; all of its partitions share one memory, and so one history. After a trap the instance starts
afresh and gets the same batch again, and the output of the failed attempt is dropped; the third
failure of one batch ends the run with exit status 1.

With --frauds or --label, each known fraud is reported to the module when its time has come, as a chargeback
would be: at the list's reported_at (RFC 3339), else --report-delay after its transaction. A record
of reports goes to every partition, without a key, before the first transaction of the same time or
later. Reports yield no output and do not count as `records`. The answer then also says how many of the
frauds went to the first output topic, and how many other transactions did.

DIR gets one TOPIC.jsonl for each output topic (values byte for byte, one a line; a line cannot hold
a line feed, so none is ever split) and summary.json, which is what --json prints. A topic of history, such
as a fourth --output-topic, is written as rpk topic consume prints it: fraud restore reads it.";

/// Run transactions through the compiled module, as a broker would.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    replay: ReplayFlags,
    #[command(flatten)]
    labels: LabelFlags,
    /// Where the output goes; made if absent, its files are overwritten
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

/// Name of the file in the output directory that holds the answer.
const SUMMARY: &str = "summary.json";

/// The replay, the known frauds, and the directory of the output.
struct Options {
    replay: ReplayOptions,
    labels: Option<LabelSource>,
    output: PathBuf,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let Args { replay, labels, output } = args;
    let options = Options { replay: replay.into(), labels: labels.source()?, output };
    let summary = options.output.join(SUMMARY);
    let (answer, aside) = measure(options)?;
    let report = Report::of(&answer)?.aside(aside).ok(answer.ok());
    fs::write(&summary, format!("{:#}\n", report.json))
        .with_context(|| format!("cannot write {}", summary.display()))?;
    Ok(report)
}

/// Runs the transactions and writes the output; returns the answer, and what to show of the log.
fn measure(options: Options) -> Result<(Answer, String)> {
    let began = Instant::now();
    let source = options.labels.as_ref();
    let (module, program) = options.replay.module()?;
    let labels = source.map(|source| Labels::read(source, &program)).transpose()?;
    let reporting = source.zip(labels.as_ref()).map(|(source, labels)| source.reporting(labels));
    let replay = Replay::open(&options.replay, &module, &program, "run", reporting)?;
    let mut caught = labels.as_ref().map(|labels| {
        CatchCounter::new(labels, Envelopes::new(program), options.replay.target.history())
    });
    let input: &Path = &options.replay.input;
    let inputs: Vec<&Path> =
        [input].into_iter().chain(source.and_then(LabelSource::list)).collect();
    let mut files = Files::create(&options.output, &options.replay.target, &inputs)?;
    let replayed = replay.run(None, &mut |partition, output| {
        if let Some(caught) = &mut caught {
            caught.count(output)?;
        }
        files.write(partition, output)
    })?;
    let written = files.finish()?;
    if let (Some(labels), None) = (&labels, &replayed.failure) {
        labels.check_belong_to(input, replayed.notes.transactions)?;
    }
    let aside = replayed.logs.aside();
    let caught = caught.map(CatchCounter::finish);
    let labels = labels.map(|labels| labels.notes());
    Ok((Answer::new(options, replayed, written, caught.zip(labels), began.elapsed()), aside))
}
