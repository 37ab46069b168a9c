//! `fraud run`: a file of transactions through the module, as a broker would run it.

mod partitions;
mod summary;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use transform_host::{Batch, LogLine, Output, Vm};

use crate::envelope::{Envelopes, read_spec};
use crate::input::Lines;
use crate::report::Report;
use crate::target::Target;
use partitions::{Lot, Partitions};

const AFTER_HELP: &str = "\
Examples:
  fraud run --input day30.jsonl.zst --output scored
  fraud run --input day30.jsonl.zst --output scored --partitions 12 --instances 3 --json
  fraud run --input day30.jsonl.zst --output scored --var FRAUD_THRESHOLD=0.9

Every line becomes a record: its key is the first entity of the spec, its partition that of Kafka's
default partitioner, its timestamp its own event time. An instance is one core of a broker; all of
its partitions share one memory, and so one history. After a trap the instance starts afresh and
gets the same batch again, without what the failed attempt had written; the third failure of one
batch ends the run with exit status 1.

DIR gets one TOPIC.jsonl for each output topic (values byte for byte, one a line; a line cannot hold
a line feed, so none is ever split) and summary.json, which is what --json prints.";

/// Run transactions through the compiled module, as a broker would.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Transactions, one JSON object a line, plain or zstd
    #[arg(long, value_name = "FILE.jsonl[.zst]")]
    input: PathBuf,
    /// The compiled transform
    #[arg(long, value_name = "FILE.wasm", default_value = "./fraud-detector.wasm")]
    module: PathBuf,
    /// The feature spec; it says where a record's key and time are
    #[arg(long, value_name = "FILE.toml", default_value = "model/fraud.toml")]
    spec: PathBuf,
    /// Partitions of the input topic
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    partitions: u32,
    /// Cores that run the transform; partition p is on instance p mod this
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    instances: u32,
    /// Records in a batch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch: u32,
    #[command(flatten)]
    target: Target,
    /// Where the output goes; made if absent, files in it are overwritten
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Report> {
    let began = Instant::now();
    let mut envelopes = Envelopes::new(read_spec(&args.spec)?);
    let module = args.target.compile(&args.module)?;
    let mut lines = Lines::open(&args.input, "run")?;
    let topics = &args.target.output_topics;
    let mut files = Files::create(&args.output, topics)?;

    let mut partitions = Partitions::new(args.partitions, args.batch as usize);
    let deployment = args.target.deployment();
    let vms = (0..args.instances).map(|_| Vm::new(&module, &deployment));
    let mut broker =
        Broker { vms: vms.collect(), output: Output::default(), logs: Logs::default() };
    let mut failure = broker.start();
    let mut records = 0;
    if failure.is_none() {
        while let Some((number, line)) = lines.next()? {
            records += 1;
            let envelope = envelopes.read(line);
            let full = partitions.push(number, envelope.key.as_deref(), envelope.millis, line);
            if let Some(lot) = full {
                failure = broker.process(&lot, &mut files)?;
                if failure.is_some() {
                    break;
                }
            }
        }
    }
    for lot in partitions.rest() {
        if failure.is_some() {
            break;
        }
        failure = broker.process(&lot, &mut files)?;
    }
    lines.done();
    files.flush()?;
    let summary = summary::Summary {
        args,
        fuel_limit: args.target.limits().fuel(),
        records,
        files: &files,
        broker: &broker,
        failure,
        elapsed: began.elapsed(),
    };
    let report = summary.report();
    let path = args.output.join("summary.json");
    fs::write(&path, format!("{:#}\n", report.json))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(report)
}

/// Why the run ended early.
enum Failure {
    /// An instance did not start.
    Start { instance: usize, fault: String },
    /// A batch failed [`ATTEMPTS`] times.
    Batch { partition: u32, offset: i64, line: u64, fault: String },
}

/// How often one batch may fail.
const ATTEMPTS: u32 = 3;

/// The instances.
struct Broker {
    vms: Vec<Vm>,
    output: Output,
    logs: Logs,
}

impl Broker {
    fn start(&mut self) -> Option<Failure> {
        for (instance, vm) in self.vms.iter_mut().enumerate() {
            let started = vm.start();
            self.logs.take(instance, vm);
            if let Err(fault) = started {
                return Some(Failure::Start { instance, fault: fault.to_string() });
            }
        }
        None
    }

    /// Gives a batch to its instance, again after a fault, and writes down what comes out.
    fn process(&mut self, lot: &Lot, files: &mut Files) -> Result<Option<Failure>> {
        let instance = lot.partition as usize % self.vms.len();
        let vm = &mut self.vms[instance];
        let batch: &Arc<Batch> = &lot.batch;
        for attempt in 1.. {
            let before = vm.stats().records;
            let Err(fault) = vm.process(batch, &mut self.output) else { break };
            // The last record that was read is the one that did not get through.
            let read = vm.stats().records - before;
            let at = (read.max(1) - 1).min(batch.len() as u64 - 1) as usize;
            self.logs.take(instance, vm);
            if attempt == ATTEMPTS {
                return Ok(Some(Failure::Batch {
                    partition: lot.partition,
                    offset: batch.header().base_offset + at as i64,
                    line: lot.lines[at],
                    fault: fault.to_string(),
                }));
            }
            let restarted = vm.start();
            self.logs.take(instance, vm);
            if let Err(fault) = restarted {
                return Ok(Some(Failure::Start { instance, fault: fault.to_string() }));
            }
        }
        self.logs.take(instance, vm);
        files.write(&self.output)?;
        Ok(None)
    }
}

/// The first log lines of all instances, and how many there were.
#[derive(Default)]
struct Logs {
    first: Vec<(usize, LogLine)>,
    total: u64,
}

impl Logs {
    const KEPT: usize = 100;

    fn take(&mut self, instance: usize, vm: &mut Vm) {
        for line in vm.take_logs() {
            self.total += 1;
            if self.first.len() < Self::KEPT {
                self.first.push((instance, line));
            }
        }
    }
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
    fn create(directory: &Path, topics: &[String]) -> Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
        let mut files = Self { topics: Vec::new(), unscorable: BTreeMap::new() };
        for name in topics {
            ensure!(
                files.topics.iter().all(|topic| topic.name != *name),
                "--output-topic {name} is given twice; a transform's output topics differ"
            );
            let path = directory.join(format!("{name}.jsonl"));
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
            for (name, value) in written.headers() {
                if name == b"fraud-error" {
                    let code = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
                    *self.unscorable.entry(code).or_default() += 1;
                }
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
