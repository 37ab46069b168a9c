//! `fraud run`: a file of transactions through the module, as a broker would run it.

mod caught;
mod summary;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use transform_host::Output;

use crate::data::envelope::{Envelopes, read_spec};
use crate::data::frauds::{Frauds, Reporting};
use crate::module::replay::{Options, Replay};
use crate::module::verdict::error;
use crate::show::report::Report;
use crate::show::units;
use caught::Caught;

const AFTER_HELP: &str = "\
Examples:
  fraud run --input day30.jsonl.zst --output scored
  fraud run --input day30.jsonl.zst --output scored --partitions 12 --instances 3 --json
  fraud run --input day30.jsonl.zst --output scored --var FRAUD_THRESHOLD=0.9
  fraud run --input day30.jsonl.zst --output scored --frauds day30.frauds.csv --report-delay 7d

Every line becomes a record: its key is the first entity of the spec, its partition that of Kafka's
default partitioner, its timestamp its own event time. An instance is one core of a broker; all of
its partitions share one memory, and so one history. After a trap the instance starts afresh and
gets the same batch again, without what the failed attempt had written; the third failure of one
batch ends the run with exit status 1.

With --frauds, each listed fraud is reported to the module when its time has come, as a chargeback
would be: at the list's reported_at (RFC 3339), else --report-delay after its transaction. A record
of reports goes to every partition, without a key, before the first transaction of the same time or
later. Reports yield no output and are no `records`; the answer then also says how many of the
frauds went to the first output topic, and how much else.

DIR gets one TOPIC.jsonl for each output topic (values byte for byte, one a line; a line cannot hold
a line feed, so none is ever split) and summary.json, which is what --json prints.";

/// Run transactions through the compiled module, as a broker would.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    replay: Options,
    /// Known frauds: a CSV with transaction_id and perhaps scenario and reported_at
    #[arg(long, value_name = "FILE.csv")]
    frauds: Option<PathBuf>,
    /// How long after its transaction a fraud is reported, where the list does not say
    #[arg(
        long,
        value_name = "TIME",
        default_value = "7d",
        requires = "frauds",
        value_parser = units::parse_duration
    )]
    report_delay: Duration,
    /// Where the output goes; made if absent, files in it are overwritten
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Report> {
    let began = Instant::now();
    let Options { input, spec, target, .. } = &args.replay;
    let frauds = args.frauds.as_deref().map(Frauds::read).transpose()?;
    let reporting = frauds.as_ref().map(|frauds| Reporting { frauds, delay: args.report_delay });
    let program = read_spec(spec)?;
    let replay = Replay::open(&args.replay, &program, "run", reporting)?;
    let mut caught = frauds.as_ref().map(|frauds| Caught::new(frauds, Envelopes::new(program)));
    let inputs = [Some(input), args.frauds.as_ref()];
    let mut files = Files::create(&args.output, &target.output_topics, inputs)?;
    let replayed = replay.run(None, &mut |output| {
        if let Some(caught) = &mut caught {
            caught.look_at(output);
        }
        files.write(output)
    })?;
    files.flush()?;
    if let Some(frauds) = frauds.as_ref().filter(|_| replayed.failure.is_none()) {
        frauds.belong_to(input)?;
    }
    let summary = summary::Summary {
        args,
        files: &files,
        replayed: &replayed,
        caught: caught.as_ref(),
        elapsed: began.elapsed(),
    };
    let report = summary.report();
    let path = args.output.join("summary.json");
    fs::write(&path, format!("{:#}\n", report.json))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(report)
}

/// One file for each output topic.
struct Files {
    topics: Vec<Topic>,
    /// Records with a header `fraud-error`, by its value.
    unscorable: BTreeMap<String, u64>,
}

struct Topic {
    name: String,
    path: PathBuf,
    file: BufWriter<File>,
    records: u64,
}

impl Files {
    /// Empty files, none of which is one of `inputs`.
    fn create(directory: &Path, topics: &[String], inputs: [Option<&PathBuf>; 2]) -> Result<Self> {
        let inputs: Vec<_> =
            inputs.into_iter().flatten().filter_map(|path| path.canonicalize().ok()).collect();
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
        let mut files = Self { topics: Vec::new(), unscorable: BTreeMap::new() };
        for name in topics {
            ensure!(
                files.topics.iter().all(|topic| topic.name != *name),
                "--output-topic {name} is given twice; a transform's output topics differ"
            );
            let path = directory.join(format!("{name}.jsonl"));
            ensure!(
                !path.canonicalize().is_ok_and(|path| inputs.contains(&path)),
                "{} is read and would be written over; choose another --output",
                path.display()
            );
            let file =
                File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            let file = BufWriter::with_capacity(1 << 18, file);
            files.topics.push(Topic { name: name.clone(), path, file, records: 0 });
        }
        Ok(files)
    }

    fn write(&mut self, output: &Output) -> Result<()> {
        for written in output.iter() {
            let topic = &mut self.topics[written.topic];
            topic.records += 1;
            let value = written.value().unwrap_or_default();
            topic.attempt(|file| {
                file.write_all(value)?;
                file.write_all(b"\n")
            })?;
            if let Some(code) = error(&written) {
                let code = String::from_utf8_lossy(code).into_owned();
                *self.unscorable.entry(code).or_default() += 1;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.topics.iter_mut().try_for_each(|topic| topic.attempt(Write::flush))
    }
}

impl Topic {
    fn attempt(
        &mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<()> {
        write(&mut self.file).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
