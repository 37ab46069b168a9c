//! The command: flags and environment variables in, one [`Runner`] until SIGTERM or Ctrl-C.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use serde::Deserialize;
use transform_host::{Deployment, FromOffset, Limits};
use transform_runner::options::parse_duration;
use transform_runner::{Guarantee, Job, OnPoison, Options, Runner, WarmUp, to_stderr};

/// Runs a Redpanda data transform beside a cluster that has none: Redpanda Serverless, Apache Kafka.
///
/// Start as many as you like with the same name: the partitions of the input topic are shared among
/// them, each with an instance of the module of its own. Outputs and offsets are committed in one
/// transaction, so a read_committed consumer of the outputs sees each result exactly once, whatever is
/// killed or restarted. All topics must exist.
///
/// Example: transform-runner --file fraud-detector.wasm --config transform.yaml --brokers localhost:9092
#[derive(Parser)]
#[command(version, args_override_self = true)]
struct Args {
    /// The module, as for a broker
    #[arg(long, env = "RUNNER_FILE", value_name = "M.wasm")]
    file: PathBuf,
    /// A transform.yaml: name, input-topic, output-topics, env, compression. Flags win
    #[arg(long, env = "RUNNER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Name of the transform; its group is transform-NAME
    #[arg(long, env = "RUNNER_NAME")]
    name: Option<String>,
    /// Topic to read
    #[arg(short, long, env = "RUNNER_INPUT_TOPIC", value_name = "TOPIC")]
    input_topic: Option<String>,
    /// Topic to write; repeat it for several
    #[arg(short, long, env = "RUNNER_OUTPUT_TOPICS", value_name = "TOPIC", value_delimiter = ',')]
    output_topic: Vec<String>,
    /// Environment variable of the module; repeat it for several
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    var: Vec<(String, String)>,
    /// First record if the group has committed nothing: now, +N from the start, -N from the end, @MS
    #[arg(long, env = "RUNNER_FROM_OFFSET", default_value = "now", allow_hyphen_values = true, value_parser = from_offset)]
    from_offset: FromOffset,
    /// Brokers to begin with, comma-separated
    #[arg(long, env = "RUNNER_BROKERS", default_value = "localhost:9092")]
    brokers: String,
    /// A setting of librdkafka, such as security.protocol=SASL_SSL; repeat it for several
    #[arg(long, env = "RUNNER_KAFKA", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = key_value)]
    kafka: Vec<(String, String)>,
    /// A name that this runner keeps over restarts and shares with no other: a restart within the
    /// session's 10 s then moves no partition, and an unfinished transaction ends at once
    #[arg(long, env = "RUNNER_INSTANCE")]
    instance: Option<String>,
    /// Do without transactions: after a crash, some results are written twice
    #[arg(long, env = "RUNNER_AT_LEAST_ONCE")]
    at_least_once: bool,
    /// Time from commit to commit; read_committed consumers wait as long
    #[arg(long, env = "RUNNER_COMMIT_INTERVAL", default_value = "100ms", value_parser = parse_duration)]
    commit_interval: Duration,
    /// Earlier records that a new instance sees, for its memory: a time such as 35d, all, or none
    #[arg(long, env = "RUNNER_WARM_UP", default_value = "35d")]
    warm_up: WarmUp,
    /// A record in which the module ends three times: stop, or skip-to:TOPIC
    #[arg(long, env = "RUNNER_ON_POISON", default_value = "stop")]
    on_poison: OnPoison,
    /// Memory of one instance, in bytes
    #[arg(long, env = "RUNNER_MEMORY_LIMIT", default_value_t = 2 << 20)]
    memory_limit: u64,
}

/// The keys of a transform.yaml that matter here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Config {
    name: Option<String>,
    input_topic: Option<String>,
    output_topic: Option<String>,
    output_topics: Vec<String>,
    env: std::collections::BTreeMap<String, String>,
    compression: Option<String>,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("transform-runner: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let (job, options) = choose(args)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let runner = Runner::start(job, options, to_stderr())?;
    while !stop.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
    }
    runner.stop();
    Ok(())
}

/// Puts flags and configuration together.
fn choose(args: Args) -> anyhow::Result<(Job, Options)> {
    let config: Config = match &args.config {
        None => Config::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("reading {}", path.display()))?;
            serde_saphyr::from_str(&text).with_context(|| format!("reading {}", path.display()))?
        }
    };
    let wasm = std::fs::read(&args.file)
        .with_context(|| format!("reading {}: ./scripts/build makes it", args.file.display()))?;
    let name = args.name.or(config.name).context("there is no name: give --name or --config")?;
    let input = args
        .input_topic
        .or(config.input_topic)
        .context("there is no input topic: give --input-topic or --config")?;
    let mut outputs = args.output_topic;
    if outputs.is_empty() {
        outputs = config.output_topic.into_iter().chain(config.output_topics).collect();
    }
    if outputs.is_empty() {
        bail!("there is no output topic: give --output-topic or --config");
    }
    let mut env = config.env;
    env.extend(args.var);
    let deployment = Deployment::new(name, input, outputs).with(|deployment| {
        deployment.environment = env.into_iter().collect();
        deployment.from_offset = args.from_offset;
    });
    let mut options = Options::new(args.brokers);
    options.kafka = args.kafka;
    options.instance = args.instance;
    options.commit_interval = args.commit_interval;
    options.compression = config.compression.unwrap_or(options.compression);
    options.limits = Limits::stock().with(|limits| limits.memory_bytes = args.memory_limit);
    if args.at_least_once {
        options.guarantee = Guarantee::AtLeastOnce;
    }
    let (warm_up, on_poison) = (args.warm_up, args.on_poison);
    Ok((Job { deployment, wasm: wasm.into(), warm_up, on_poison }, options))
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.into(), value.into()))
}

fn from_offset(text: &str) -> Result<FromOffset, String> {
    let number = |digits: &str| {
        digits.parse().map_err(|_| format!("{digits:?} is no number: expected now, +N, -N or @MS"))
    };
    match text.split_at_checked(1) {
        _ if text == "now" => Ok(FromOffset::Now),
        Some(("+", n)) => number(n).map(FromOffset::Start),
        Some(("-", n)) => number(n).map(FromOffset::End),
        Some(("@", ms)) => number(ms).map(FromOffset::Timestamp),
        _ => Err("expected now, +N, -N or @MS".into()),
    }
}
