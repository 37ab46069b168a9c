//! The checks of a deployment, in the broker's order and with its texts.

use std::fmt;

use crate::abi;
use crate::limits::Limits;

use super::declarations::{self, Item};
use super::{Cluster, Deployment, FromOffset};

/// The reason why the broker refuses a deployment. It has the HTTP status of the broker's answer and
/// displays as the message in the answer's body, which several reasons share.
///
/// ```
/// use transform_host::{Deployment, Limits, Refusal, check_deployment};
///
/// let deployment = Deployment::new("score", "payments", ["fraud"]);
/// let refusal = check_deployment(b"not a module", &deployment, &Limits::stock()).unwrap_err();
/// assert_eq!(refusal, Refusal::InvalidModule);
/// assert_eq!(refusal.http(), 400);
/// assert_eq!(refusal.to_string(), "invalid WebAssembly module");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The cluster has `data_transforms_enabled` off.
    Disabled,
    /// The offset to start from is negative.
    NegativeOffset(i64),
    /// The time to start from is beyond the broker's clock, which counts nanoseconds in 64 bits.
    TimeOutOfRange(i64),
    /// The broker's reader of modules does not take the bytes.
    InvalidModule,
    /// The module lacks the function `_start` of type () → (), or a memory called `memory`.
    MissingExports,
    /// The module has a schema-registry marker other than `check_abi_version_0`.
    UnknownRegistryAbi,
    /// The module imports neither marker of the transform ABI; the SDK does.
    MissingAbi,
    /// The module is too large to be stored.
    TooLarge {
        /// Its size with [`Limits::STORED_OVERHEAD`].
        bytes: u64,
        /// The limit, [`Limits::binary_max_bytes`].
        max: u64,
    },
    /// There are more variables than [`Limits::MAX_VARIABLES`].
    TooManyVariables(usize),
    /// The variable of this key is not valid. A key has 1 to [`Limits::MAX_KEY_BYTES`] bytes and no
    /// `=`, and does not begin with `REDPANDA_`; a value has 1 to [`Limits::MAX_VALUE_BYTES`] bytes;
    /// neither has control characters.
    InvalidVariable(String),
    /// A transform of that name exists, with other topics.
    TopicsChanged,
    /// The cluster has no memory for one more transform.
    TooManyTransforms {
        /// The limit, [`Limits::max_transforms`].
        max: u64,
    },
    /// The name is empty, longer than [`Limits::MAX_NAME_BYTES`], or has control characters.
    InvalidName,
    /// There is no topic of that name.
    NoSuchTopic(String),
    /// The number of output topics is not between 1 and [`Limits::MAX_OUTPUTS`].
    OutputCount(usize),
    /// An output topic is named twice.
    RepeatedOutput(String),
    /// An output topic is one that no transform may write.
    ProtectedOutput(String),
    /// Records written to this output topic come back to the input topic, over other transforms.
    Cycle(String),
}

impl Refusal {
    /// Returns the HTTP status of the broker's answer.
    pub fn http(&self) -> u16 {
        match self {
            Self::TooLarge { .. } => 500,
            _ => 400,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => {
                "data transforms disabled - use `rpk cluster config set data_transforms_enabled \
                 true` to enable"
            }
            Self::NegativeOffset(value) => {
                return write!(f, "Bad offset: expected value >= 0, got {value}");
            }
            Self::TimeOutOfRange(value) => {
                return write!(f, "Bad offset: Timestamp value out of range ({value})");
            }
            Self::InvalidModule => "invalid WebAssembly module",
            Self::MissingExports => "invalid WebAssembly - missing required WASI functions",
            Self::UnknownRegistryAbi => {
                "Invalid WebAssembly - the binary is using an unsupported Schema Registry client. \
                 Does the broker support this version of the Data Transforms Schema Registry SDK?"
            }
            Self::MissingAbi => {
                "Invalid WebAssembly - the binary is missing required transform functions. Check \
                 the broker support for the version of the Data Transforms SDK being used."
            }
            Self::TooLarge { .. } => "Unexpected cluster error: Invalid request",
            Self::TooManyVariables(_) | Self::InvalidVariable(_) => "Invalid transform environment",
            Self::TopicsChanged => "Invalid update to transform, topic configuration cannot change",
            Self::TooManyTransforms { max } => {
                return write!(
                    f,
                    "The limit of transforms has been reached ({max}), more memory must be \
                     configured via data_transforms_per_core_memory_reservation"
                );
            }
            Self::NoSuchTopic(_) => "Topic does not exists",
            Self::InvalidName
            | Self::OutputCount(_)
            | Self::RepeatedOutput(_)
            | Self::ProtectedOutput(_)
            | Self::Cycle(_) => "Invalid create transform configuration",
        })
    }
}

impl std::error::Error for Refusal {}

/// Checks a deployment as the broker does, on a cluster with transforms enabled and the topics
/// in place.
///
/// # Errors
/// If the broker would refuse it.
pub fn check_deployment(
    wasm: &[u8],
    deployment: &Deployment,
    limits: &Limits,
) -> Result<(), Refusal> {
    check_deployment_to(&Cluster::default(), wasm, deployment, limits)
}

/// Checks a deployment in the broker's order, so that the first refusal is the broker's.
///
/// # Errors
/// If the broker of this cluster would refuse it.
pub fn check_deployment_to(
    cluster: &Cluster,
    wasm: &[u8],
    deployment: &Deployment,
    limits: &Limits,
) -> Result<(), Refusal> {
    if !cluster.enabled {
        return Err(Refusal::Disabled);
    }
    check_offset(deployment.from_offset)?;
    check_module(wasm)?;
    // The module is stored as a record of an internal topic, whose batch has to fit as well.
    let (bytes, max) = (wasm.len() as u64 + Limits::STORED_OVERHEAD, limits.binary_max_bytes);
    if bytes > max {
        return Err(Refusal::TooLarge { bytes, max });
    }
    check_environment(&deployment.environment)?;
    match cluster.transforms.iter().find(|existing| existing.name == deployment.name) {
        Some(existing) => check_update(existing, deployment),
        None => check_create(cluster, deployment, limits),
    }
}

fn check_offset(offset: FromOffset) -> Result<(), Refusal> {
    match offset {
        FromOffset::Timestamp(value) | FromOffset::Start(value) | FromOffset::End(value)
            if value < 0 =>
        {
            Err(Refusal::NegativeOffset(value))
        }
        FromOffset::Timestamp(ms) if ms >= i64::MAX / 1_000_000 => Err(Refusal::TimeOutOfRange(ms)),
        _ => Ok(()),
    }
}

fn check_module(wasm: &[u8]) -> Result<(), Refusal> {
    let found = declarations::read(wasm).map_err(|_| Refusal::InvalidModule)?;
    let plain = Item::Function { plain: true };
    if !found.exports.contains(&("_start", plain))
        || !found.exports.contains(&("memory", Item::Memory))
    {
        return Err(Refusal::MissingExports);
    }
    let stray = found.imports.iter().any(|&(module, name, item)| {
        module == abi::REGISTRY
            && name.starts_with("check_abi_version_")
            && (name, item) != ("check_abi_version_0", plain)
    });
    if stray {
        return Err(Refusal::UnknownRegistryAbi);
    }
    let marked = ["check_abi_version_1", "check_abi_version_2"]
        .iter()
        .any(|marker| found.imports.contains(&(abi::TRANSFORM, marker, plain)));
    if marked { Ok(()) } else { Err(Refusal::MissingAbi) }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < 0x20 || byte == 0x7f)
}

fn check_environment(environment: &[(String, String)]) -> Result<(), Refusal> {
    if environment.len() > Limits::MAX_VARIABLES {
        return Err(Refusal::TooManyVariables(environment.len()));
    }
    let is_valid = |(key, value): &(String, String)| {
        (1..=Limits::MAX_KEY_BYTES).contains(&key.len())
            && (1..=Limits::MAX_VALUE_BYTES).contains(&value.len())
            && !has_control(key)
            && !has_control(value)
            && !key.contains('=')
            && !key.starts_with("REDPANDA_")
    };
    match environment.iter().find(|variable| !is_valid(variable)) {
        Some((key, _)) => Err(Refusal::InvalidVariable(key.clone())),
        None => Ok(()),
    }
}

fn check_update(existing: &Deployment, deployment: &Deployment) -> Result<(), Refusal> {
    if existing.input_topic == deployment.input_topic
        && existing.output_topics == deployment.output_topics
    {
        return Ok(());
    }
    Err(Refusal::TopicsChanged)
}

/// Topics that no transform may write (the stock `kafka_noproduce_topics` is empty).
const PROTECTED: [&str; 3] = ["_redpanda.audit_log", "__consumer_offsets", "_schemas"];

fn check_create(
    cluster: &Cluster,
    deployment: &Deployment,
    limits: &Limits,
) -> Result<(), Refusal> {
    let max = limits.max_transforms();
    if cluster.transforms.len() as u64 >= max {
        return Err(Refusal::TooManyTransforms { max });
    }
    let exists = |topic: &String| match &cluster.topics {
        Some(topics) if !topics.contains(topic) => Err(Refusal::NoSuchTopic(topic.clone())),
        _ => Ok(()),
    };
    let Deployment { name, input_topic, output_topics, .. } = deployment;
    if !(1..=Limits::MAX_NAME_BYTES).contains(&name.len()) || has_control(name) {
        return Err(Refusal::InvalidName);
    }
    exists(input_topic)?;
    if !(1..=Limits::MAX_OUTPUTS).contains(&output_topics.len()) {
        return Err(Refusal::OutputCount(output_topics.len()));
    }
    for (index, topic) in output_topics.iter().enumerate() {
        if output_topics[..index].contains(topic) {
            return Err(Refusal::RepeatedOutput(topic.clone()));
        }
    }
    for topic in output_topics {
        if PROTECTED.contains(&topic.as_str()) {
            return Err(Refusal::ProtectedOutput(topic.clone()));
        }
        exists(topic)?;
        if leads_to(cluster, topic, input_topic) {
            return Err(Refusal::Cycle(topic.clone()));
        }
    }
    Ok(())
}

/// Returns whether records written to the topic `from` come to the topic `to` over transforms.
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
