//! Flags and environment variables, and the transform.yaml that they name.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use serde::Deserialize;
use transform_host::{Deployment, FromOffset, Limits};
use transform_runner::options::parse_duration;
use transform_runner::{Guarantee, Job, OnPoison, Options, WarmUp};

/// Runs a Redpanda data transform beside a cluster that has none: Redpanda Serverless, Apache Kafka.
///
/// Start as many as you like with the same name: the partitions of the input topic are shared among
/// them, each with an instance of the module of its own. Outputs and offsets are committed in one
/// transaction, so a read_committed consumer of the outputs sees each result exactly once, whatever is
/// killed or restarted. All topics must exist.
///
/// Example: transform-runner --file fraud-detector.wasm --config transform.yaml --brokers localhost:9092
///
/// With --admin it runs what `rpk transform deploy -X admin.hosts=ADDR` brings, instead of a file.
#[derive(Parser)]
#[command(version, args_override_self = true)]
pub struct Args {
    /// The module, as for a broker
    #[arg(long, env = "RUNNER_FILE", value_name = "M.wasm", required_unless_present = "admin")]
    pub file: Option<PathBuf>,
    /// Answer `rpk transform` at this address, such as 127.0.0.1:9644. Whoever may ask runs code on the
    /// cluster's records, so it takes a credential
    #[arg(long, env = "RUNNER_ADMIN", value_name = "ADDR", conflicts_with_all = ["file", "config", "name", "input_topic", "output_topic", "var"])]
    pub admin: Option<SocketAddr>,
    /// File with the admin API's credential, user:password; or the credential itself in the variable
    /// RUNNER_ADMIN_CREDENTIAL
    #[arg(long, env = "RUNNER_ADMIN_CREDENTIAL_FILE", value_name = "FILE", requires = "admin")]
    pub admin_credential_file: Option<PathBuf>,
    /// Let anybody on this machine deploy; for a loopback address
    #[arg(long, env = "RUNNER_ADMIN_ANONYMOUS", requires = "admin")]
    pub admin_anonymous: bool,
    /// Directory that keeps what is deployed over a restart, of this runner alone
    #[arg(long, env = "RUNNER_STATE_DIR", value_name = "DIR", requires = "admin")]
    pub state_dir: Option<PathBuf>,
    /// A transform.yaml: name, input-topic, output-topics, env, compression. Flags win
    #[arg(long, env = "RUNNER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Name of the transform; its group is transform-NAME
    #[arg(long, env = "RUNNER_NAME")]
    pub name: Option<String>,
    /// Topic to read
    #[arg(short, long, env = "RUNNER_INPUT_TOPIC", value_name = "TOPIC")]
    pub input_topic: Option<String>,
    /// Topic to write; repeat it for several
    #[arg(short, long, env = "RUNNER_OUTPUT_TOPICS", value_name = "TOPIC", value_delimiter = ',')]
    pub output_topic: Vec<String>,
    /// Environment variable of the module; repeat it for several
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub var: Vec<(String, String)>,
    /// First record if the group has committed nothing: now, +N from the start, -N from the end, @MS
    #[arg(long, env = "RUNNER_FROM_OFFSET", default_value = "now", allow_hyphen_values = true, value_parser = from_offset)]
    pub from_offset: FromOffset,
    /// Brokers to begin with, comma-separated
    #[arg(long, env = "RUNNER_BROKERS", default_value = "localhost:9092")]
    pub brokers: String,
    /// A setting of librdkafka, such as security.protocol=SASL_SSL; repeat it for several
    #[arg(long, env = "RUNNER_KAFKA", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = key_value)]
    pub kafka: Vec<(String, String)>,
    /// A name that this runner keeps over restarts and shares with no other: a restart within the
    /// session's 10 s then moves no partition, and an unfinished transaction ends at once
    #[arg(long, env = "RUNNER_INSTANCE")]
    pub instance: Option<String>,
    /// Do without transactions: after a crash, some results are written twice
    #[arg(long, env = "RUNNER_AT_LEAST_ONCE")]
    pub at_least_once: bool,
    /// Time from commit to commit; read_committed consumers wait as long
    #[arg(long, env = "RUNNER_COMMIT_INTERVAL", default_value = "100ms", value_parser = parse_duration)]
    pub commit_interval: Duration,
    /// Earlier records that a new instance sees, for its memory: a time such as 35d, all, or none. By
    /// default what the module says in a custom section `warm-up`, else none
    #[arg(long, env = "RUNNER_WARM_UP")]
    pub warm_up: Option<WarmUp>,
    /// Answer /metrics, /healthz and /readyz at this address, such as 0.0.0.0:9645, without a credential
    #[arg(long, env = "RUNNER_METRICS", value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// Write log lines as JSON objects
    #[arg(long, env = "RUNNER_LOG_JSON")]
    pub log_json: bool,
    /// A record in which the module ends three times: stop, or skip-to:TOPIC
    #[arg(long, env = "RUNNER_ON_POISON", default_value = "stop")]
    pub on_poison: OnPoison,
    /// Memory of one instance, in bytes
    #[arg(long, env = "RUNNER_MEMORY_LIMIT", default_value_t = 2 << 20)]
    pub memory_limit: u64,
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

impl Args {
    /// Returns the options that are of no transform in particular.
    pub fn options(&self) -> Options {
        let mut options = Options::new(&self.brokers);
        options.kafka = self.kafka.clone();
        options.instance = self.instance.clone();
        options.commit_interval = self.commit_interval;
        options.limits = Limits::stock().with(|limits| limits.memory_bytes = self.memory_limit);
        if self.at_least_once {
            options.guarantee = Guarantee::AtLeastOnce;
        }
        options
    }

    /// Puts flags and configuration together.
    pub fn job(self) -> anyhow::Result<(Job, Options)> {
        let config: Config = match &self.config {
            None => Config::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("reading {}", path.display()))?;
                serde_saphyr::from_str(&text)
                    .with_context(|| format!("reading {}", path.display()))?
            }
        };
        let mut options = self.options();
        options.compression = config.compression.unwrap_or(options.compression);
        let file = self.file.context("there is no module: give --file")?;
        let wasm = std::fs::read(&file)
            .with_context(|| format!("reading {}: ./scripts/build makes it", file.display()))?;
        let name =
            self.name.or(config.name).context("there is no name: give --name or --config")?;
        let input = self
            .input_topic
            .or(config.input_topic)
            .context("there is no input topic: give --input-topic or --config")?;
        let mut outputs = self.output_topic;
        if outputs.is_empty() {
            outputs = config.output_topic.into_iter().chain(config.output_topics).collect();
        }
        if outputs.is_empty() {
            bail!("there is no output topic: give --output-topic or --config");
        }
        let mut env = config.env;
        env.extend(self.var);
        let deployment = Deployment::new(name, input, outputs).with(|deployment| {
            deployment.environment = env.into_iter().collect();
            deployment.from_offset = self.from_offset;
        });
        let warm_up = self.warm_up.unwrap_or_else(|| WarmUp::of_module(&wasm));
        let job = Job { deployment, wasm: wasm.into(), warm_up, on_poison: self.on_poison };
        Ok((job, options))
    }
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
