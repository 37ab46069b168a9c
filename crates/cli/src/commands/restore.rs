//! `fraud restore`: a dump of the topic of history as records that restore it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use fraud_detector::Settings;
use fraud_detector::history::changelog::Topic;
use serde::Serialize;

use super::flags::ModuleFlags;
use crate::data::input::Records;
use crate::module::target::ModuleFile;
use crate::show::report::Report;
use crate::show::units::count;

const AFTER_HELP: &str = "\
After a restart an instance remembers nothing. Publish what the topic of history has of each partition on the
same partition of the input, and it goes on from there; it may have begun already.

  rpk topic consume history --offset :end > history.jsonl
  fraud restore --input history.jsonl --output restored
  for partition in 0 1 2 3; do
    rpk topic produce transactions --partition $partition --header fraud-history:1 \\
      --format '%k %v\\n' < restored/partition-$partition.txt
  done

Each line of a file is a record: its key, a blank, its value. All of them need the header fraud-history,
whatever its value. Records of tables that the module does not have are counted and left out, so a new model
takes what its spec has in common with the old one. If records are signed, give the key in the variable
FRAUD_HISTORY_KEY, as the transform has it.";

/// Make the records that restore history from a dump of its topic.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// A dump of the topic of history, by rpk topic consume, kcat -J or fraud run; plain, gzip or zstd; - is
    /// standard input
    #[arg(long, value_name = "FILE.jsonl")]
    input: PathBuf,
    #[command(flatten)]
    module: ModuleFlags,
    /// Where the records go, a file for each partition; made if absent, its files are overwritten
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

/// The answer: what was read and what is to be published.
#[derive(Serialize)]
struct Answer {
    /// Records of the dump.
    read: u64,
    /// Records that are left out, by reason.
    left_out: BTreeMap<&'static str, u64>,
    /// Records that are to be published.
    records: u64,
    partitions: Vec<Partition>,
    output: PathBuf,
    seconds: f64,
}

/// A partition's file.
#[derive(Serialize)]
struct Partition {
    partition: u32,
    path: PathBuf,
    records: u64,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let began = Instant::now();
    let Args { input, module, output } = args;
    let program = ModuleFile::read(&module.module)?.program()?;
    let variable = std::env::var("FRAUD_HISTORY_KEY").ok();
    let variables = variable.map(|key| ("FRAUD_HISTORY_KEY".to_owned(), key));
    let key = Settings::from_variables(variables)?.history_key;

    let mut topics: BTreeMap<u32, Topic> = BTreeMap::new();
    let (mut read, mut left_out) = (0, BTreeMap::new());
    let mut records = Records::open(&input, "restore")?;
    while let Some(record) = records.next()? {
        let Some(delivery) = record.delivery else {
            bail!(
                "{} is no dump of a topic, which has keys beside values; write one with \
                 rpk topic consume history --offset :end, with kcat -J or with fraud run",
                input.display()
            );
        };
        read += 1;
        let topic = topics.entry(delivery.partition).or_insert_with(|| Topic::new(&program, key));
        let key = delivery.key.as_deref().unwrap_or_default();
        if let Err(why) = topic.add(key, record.value.unwrap_or_default()) {
            *left_out.entry(why.code()).or_default() += 1;
        }
    }

    fs::create_dir_all(&output)
        .with_context(|| format!("cannot make the directory {}", output.display()))?;
    let mut partitions = Vec::new();
    for (partition, mut topic) in topics {
        let path = output.join(format!("partition-{partition}.txt"));
        let cannot_write = || format!("cannot write {}", path.display());
        let mut file = BufWriter::new(File::create(&path).with_context(cannot_write)?);
        let mut written = Ok(());
        topic.restore(&mut |key, value| {
            if written.is_ok() {
                written = file.write_all(&[key, b" ", value, b"\n"].concat());
            }
        });
        written.and_then(|()| file.flush()).with_context(cannot_write)?;
        partitions.push(Partition { partition, records: topic.len() as u64, path });
    }
    let records: u64 = partitions.iter().map(|partition| partition.records).sum();
    let seconds = began.elapsed().as_secs_f64();
    let answer = Answer { read, left_out, records, partitions, output, seconds };
    Ok(Report::of(&answer)?.ok(records > 0))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [records, read] = [self.records, self.read].map(count);
        writeln!(f, "{records} records of {read} in {}", self.output.display())?;
        for (why, number) in &self.left_out {
            writeln!(f, "{} are left out: {why}", count(*number))?;
        }
        for Partition { partition, path, records } in &self.partitions {
            writeln!(f, "partition {partition}: {} in {}", count(*records), path.display())?;
        }
        Ok(())
    }
}
