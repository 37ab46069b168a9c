//! The module, and the broker it is meant for.

use std::path::Path;

use anyhow::{Context, Result};
use transform_host::{Deployment, Engine, Limits, Module};

use crate::show::units;

/// How a transform is deployed; the defaults are those of `transform.yaml` and of a stock broker.
#[derive(clap::Args)]
pub struct Target {
    /// An environment variable of the transform; may be given repeatedly
    #[arg(long = "var", value_name = "K=V", value_parser = parse_variable)]
    pub variables: Vec<(String, String)>,
    /// data_transforms_per_function_memory_limit of the cluster
    #[arg(long, value_name = "SIZE", default_value = "2MiB", value_parser = units::parse_size)]
    memory_limit: u64,
    /// The transform's name
    #[arg(long, default_value = "fraud-detector")]
    name: String,
    /// The topic it reads
    #[arg(long, value_name = "TOPIC", default_value = "transactions", value_parser = parse_topic)]
    pub input_topic: String,
    /// A topic it writes; repeat it in the transform's order
    #[arg(
        long = "output-topic",
        value_name = "TOPIC",
        default_values = ["fraud", "valid", "unscorable"],
        value_parser = parse_topic
    )]
    pub output_topics: Vec<String>,
}

impl Target {
    /// What the broker is told.
    pub fn deployment(&self) -> Deployment {
        Deployment::new(&self.name, &self.input_topic, &self.output_topics)
            .with(|d| d.environment = self.variables.clone())
    }

    /// A stock broker's limits but for the memory.
    pub fn limits(&self) -> Limits {
        Limits::stock().with(|l| {
            l.memory_bytes = self.memory_limit;
            l.core_memory_bytes = l.core_memory_bytes.max(self.memory_limit);
        })
    }

    /// Compiles a module for that broker.
    pub fn compile(&self, path: &Path) -> Result<Module> {
        let wasm = read_module(path)?;
        let module = Engine::new(&self.limits())?.compile(&wasm);
        module.with_context(|| format!("a broker cannot load {}", path.display()))
    }
}

/// Reads a module's bytes.
pub fn read_module(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| {
        format!("cannot read the module {}; ./scripts/build makes one", path.display())
    })
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("a variable is written KEY=VALUE, for instance FRAUD_THRESHOLD=0.5".into()),
    }
}

/// Topics become names of files; Kafka's own rule for them leaves no room for a path.
fn parse_topic(text: &str) -> Result<String, String> {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if (1..=249).contains(&text.len()) && text.chars().all(legal) && ![".", ".."].contains(&text) {
        Ok(text.into())
    } else {
        Err("a topic's name is 1 to 249 letters, digits, dots, underscores and hyphens".into())
    }
}
