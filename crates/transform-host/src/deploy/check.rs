//! The checks that a deployment has to pass.

use std::fmt;

use crate::abi;
use crate::limits::Limits;

use super::declarations::{self, Item};
use super::{Cluster, Deployment, FromOffset};

/// The broker's answer to a deployment that it does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub http: u16,
    /// The message in the answer's body.
    pub text: String,
}

impl Refusal {
    fn bad_request(text: impl Into<String>) -> Self {
        Self { http: 400, text: text.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

/// Checks a deployment as the broker does, on a cluster with transforms enabled and the topics
/// in place.
pub fn check_deployment(
    wasm: &[u8],
    deployment: &Deployment,
    limits: &Limits,
) -> Result<(), Refusal> {
    check_deployment_to(&Cluster::default(), wasm, deployment, limits)
}

/// Checks a deployment in the broker's order, so that the first refusal is the broker's.
pub fn check_deployment_to(
    cluster: &Cluster,
    wasm: &[u8],
    deployment: &Deployment,
    limits: &Limits,
) -> Result<(), Refusal> {
    if !cluster.enabled {
        return Err(Refusal::bad_request(
            "data transforms disabled - use `rpk cluster config set data_transforms_enabled true` \
             to enable",
        ));
    }
    check_offset(deployment.from_offset)?;
    check_module(wasm)?;
    // The module is stored as a record of an internal topic, whose batch has to fit as well.
    if wasm.len() as u64 + STORED_OVERHEAD > limits.binary_max_bytes {
        return Err(Refusal {
            http: 500,
            text: "Unexpected cluster error: Invalid request".into(),
        });
    }
    check_environment(&deployment.environment)?;
    match cluster.transforms.iter().find(|existing| existing.name == deployment.name) {
        Some(existing) => check_update(existing, deployment),
        None => check_create(cluster, deployment, limits),
    }
}

/// Bytes of the batch and the record around a stored module.
const STORED_OVERHEAD: u64 = 101;

fn check_offset(offset: FromOffset) -> Result<(), Refusal> {
    let (FromOffset::Timestamp(value) | FromOffset::Start(value) | FromOffset::End(value)) = offset
    else {
        return Ok(());
    };
    if value < 0 {
        return Err(Refusal::bad_request(format!("Bad offset: expected value >= 0, got {value}")));
    }
    // The broker's clock counts nanoseconds in 64 bits.
    if matches!(offset, FromOffset::Timestamp(ms) if ms >= i64::MAX / 1_000_000) {
        return Err(Refusal::bad_request(format!(
            "Bad offset: Timestamp value out of range ({value})"
        )));
    }
    Ok(())
}

fn check_module(wasm: &[u8]) -> Result<(), Refusal> {
    let found =
        declarations::read(wasm).map_err(|_| Refusal::bad_request("invalid WebAssembly module"))?;
    let start = ("_start", Item::Function { plain: true });
    if !found.exports.contains(&start) || !found.exports.contains(&("memory", Item::Memory)) {
        return Err(Refusal::bad_request("invalid WebAssembly - missing required WASI functions"));
    }
    let marker = Item::Function { plain: true };
    let stray = found.imports.iter().any(|&(module, name, item)| {
        module == abi::REGISTRY
            && name.starts_with("check_abi_version_")
            && (name, item) != ("check_abi_version_0", marker)
    });
    if stray {
        return Err(Refusal::bad_request(
            "Invalid WebAssembly - the binary is using an unsupported Schema Registry client. \
             Does the broker support this version of the Data Transforms Schema Registry SDK?",
        ));
    }
    let versions = ["check_abi_version_1", "check_abi_version_2"];
    let known =
        versions.iter().any(|version| found.imports.contains(&(abi::TRANSFORM, version, marker)));
    if !known {
        return Err(Refusal::bad_request(
            "Invalid WebAssembly - the binary is missing required transform functions. Check the \
             broker support for the version of the Data Transforms SDK being used.",
        ));
    }
    Ok(())
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < 0x20 || byte == 0x7f)
}

fn check_environment(environment: &[(String, String)]) -> Result<(), Refusal> {
    let valid = environment.len() <= 128
        && environment.iter().all(|(key, value)| {
            (1..=128).contains(&key.len())
                && (1..=2048).contains(&value.len())
                && !has_control(key)
                && !has_control(value)
                && !key.contains('=')
                && !key.starts_with("REDPANDA_")
        });
    if valid { Ok(()) } else { Err(Refusal::bad_request("Invalid transform environment")) }
}

fn check_update(existing: &Deployment, deployment: &Deployment) -> Result<(), Refusal> {
    if existing.input_topic == deployment.input_topic
        && existing.output_topics == deployment.output_topics
    {
        return Ok(());
    }
    Err(Refusal::bad_request("Invalid update to transform, topic configuration cannot change"))
}

/// Topics that no transform may write (the stock `kafka_noproduce_topics` is empty).
const NO_SINK: [&str; 3] = ["_redpanda.audit_log", "__consumer_offsets", "_schemas"];

fn check_create(
    cluster: &Cluster,
    deployment: &Deployment,
    limits: &Limits,
) -> Result<(), Refusal> {
    let max = limits.max_transforms();
    if cluster.transforms.len() as u64 >= max {
        return Err(Refusal::bad_request(format!(
            "The limit of transforms has been reached ({max}), more memory must be configured \
             via data_transforms_per_core_memory_reservation"
        )));
    }
    let invalid = || Refusal::bad_request("Invalid create transform configuration");
    let exists = |topic: &String| match &cluster.topics {
        Some(topics) if !topics.contains(topic) => {
            Err(Refusal::bad_request("Topic does not exists"))
        }
        _ => Ok(()),
    };
    let Deployment { name, input_topic, output_topics, .. } = deployment;
    if !(1..=128).contains(&name.len()) || has_control(name) {
        return Err(invalid());
    }
    exists(input_topic)?;
    if !(1..=8).contains(&output_topics.len()) {
        return Err(invalid());
    }
    let repeated = |(i, topic): (usize, &String)| output_topics[..i].contains(topic);
    if output_topics.iter().enumerate().any(repeated) {
        return Err(invalid());
    }
    for topic in output_topics {
        if NO_SINK.contains(&topic.as_str()) {
            return Err(invalid());
        }
        exists(topic)?;
        if leads_to(cluster, topic, input_topic) {
            return Err(invalid());
        }
    }
    Ok(())
}

/// Whether what is written to `from` comes, over other transforms, to `to`.
fn leads_to(cluster: &Cluster, from: &str, to: &str) -> bool {
    let mut reached = vec![from];
    let mut next = 0;
    while let Some(&topic) = reached.get(next) {
        if topic == to {
            return true;
        }
        next += 1;
        for transform in cluster.transforms.iter().filter(|t| t.input_topic == topic) {
            for output in &transform.output_topics {
                if !reached.contains(&output.as_str()) {
                    reached.push(output);
                }
            }
        }
    }
    false
}
