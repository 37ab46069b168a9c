//! The arguments that several commands share, and the plain options that they become.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::data::labels::{LabelPath, LabelPlace, LabelSource, Labelled};
use crate::module::replay::ReplayOptions;
use crate::module::target::Target;
use crate::show::units;

/// The files and the broker of a replay.
#[derive(clap::Args)]
pub struct ReplayFlags {
    /// Transactions: JSON lines, CSV with a header, Parquet, or a dump by rpk topic consume or kcat -J; plain, gzip or zstd; - is standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    #[command(flatten)]
    module: ModuleFlags,
    #[command(flatten)]
    topic: TopicFlags,
    /// Cores that run the transform; partition p is on instance p mod this number
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    instances: u32,
    #[command(flatten)]
    target: TargetFlags,
}

/// The module, which holds its feature spec too.
#[derive(clap::Args)]
pub struct ModuleFlags {
    /// The compiled transform; it says itself where a record's key, id and time are
    #[arg(long, value_name = "FILE.wasm", default_value = "./fraud-detector.wasm")]
    pub module: PathBuf,
}

/// The input topic's partitions and batches.
#[derive(clap::Args)]
pub struct TopicFlags {
    /// Partitions of the input topic
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub partitions: u32,
    /// Records in a batch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,
}

/// A transform's deployment; the defaults are those of `transform.yaml` and of a stock broker.
#[derive(clap::Args)]
pub struct TargetFlags {
    /// An environment variable of the transform; may be given repeatedly
    #[arg(long = "var", value_name = "K=V", value_parser = parse_variable)]
    variables: Vec<(String, String)>,
    /// data_transforms_per_function_memory_limit of the cluster
    #[arg(long, value_name = "SIZE", default_value = "2MiB", value_parser = units::parse_size)]
    memory_limit: u64,
    /// The transform's name
    #[arg(long, default_value = "fraud-detector")]
    name: String,
    /// The topic it reads
    #[arg(long, value_name = "TOPIC", default_value = "transactions", value_parser = parse_topic)]
    input_topic: String,
    /// A topic it writes; repeat it in the transform's order
    #[arg(
        long = "output-topic",
        value_name = "TOPIC",
        default_values = ["fraud", "valid", "unscorable"],
        value_parser = parse_topic
    )]
    output_topics: Vec<String>,
}

/// Where it says which transactions were frauds.
#[derive(clap::Args)]
pub struct LabelFlags {
    /// Known frauds: a CSV of transactions' ids, with a column of 1 and 0 if others are listed too,
    /// and perhaps scenario and reported_at
    #[arg(long, value_name = "FILE.csv", conflicts_with = "label")]
    frauds: Option<PathBuf>,
    /// The path of the records' own label: 1 or 0, true or false, yes or no
    #[arg(long, value_name = "PATH")]
    label: Option<LabelPath>,
    /// Time from a transaction to the report that it is a fraud, where the list does not say
    /// [default: 7d; with reports told by their type, when the file's own reports say]
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    report_delay: Option<Duration>,
}

impl LabelFlags {
    /// Returns where labels are, if a flag says so.
    pub fn source(self) -> Result<Option<LabelSource>> {
        let place = match (self.frauds, self.label) {
            (Some(list), _) => LabelPlace::List(list),
            (None, Some(path)) => LabelPlace::Column(path),
            (None, None) => {
                ensure!(
                    self.report_delay.is_none(),
                    "--report-delay is of known frauds: give their list with --frauds, or the path of \
                     the records' own label with --label"
                );
                return Ok(None);
            }
        };
        Ok(Some(LabelSource { place, report_delay: self.report_delay }))
    }

    /// Returns where labels are; fails if no flag says so.
    pub fn required(self) -> Result<LabelSource> {
        self.source()?.context(
            "which transactions were frauds? Give the list of their ids with --frauds FILE.csv, or the \
             path of the records' own label with --label PATH",
        )
    }
}

/// Transactions whose frauds are known.
#[derive(clap::Args)]
pub struct LabelledFlags {
    /// Transactions in the order they happened: JSON lines, CSV with a header, Parquet, or a dump by rpk topic consume or kcat -J; plain, gzip or zstd; - is standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    #[command(flatten)]
    labels: LabelFlags,
}

impl From<ReplayFlags> for ReplayOptions {
    fn from(flags: ReplayFlags) -> Self {
        let ReplayFlags { input, module, topic, instances, target } = flags;
        Self {
            input,
            module: module.module,
            partitions: topic.partitions,
            instances,
            batch: topic.batch,
            target: target.into(),
        }
    }
}

impl From<TargetFlags> for Target {
    fn from(flags: TargetFlags) -> Self {
        let TargetFlags { variables, memory_limit, name, input_topic, output_topics } = flags;
        Self { variables, memory_limit, name, input_topic, output_topics }
    }
}

impl TryFrom<LabelledFlags> for Labelled {
    type Error = anyhow::Error;

    fn try_from(flags: LabelledFlags) -> Result<Self> {
        Ok(Self { input: flags.input, labels: flags.labels.required()? })
    }
}

fn parse_variable(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("a variable is written KEY=VALUE, for instance FRAUD_THRESHOLD=0.5".into()),
    }
}

/// Reads a topic's name. It becomes the name of a file, and Kafka's own rule for topics leaves no
/// room for a path.
fn parse_topic(text: &str) -> std::result::Result<String, String> {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if (1..=249).contains(&text.len()) && text.chars().all(legal) && ![".", ".."].contains(&text) {
        Ok(text.into())
    } else {
        Err("a topic's name is 1 to 249 letters, digits, dots, underscores and hyphens".into())
    }
}
