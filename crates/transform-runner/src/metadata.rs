//! A deployment as JSON: in the requests of rpk, in the answers to it, and on disk.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use transform_host::{Deployment, FromOffset};

/// The metadata with which rpk deploys a transform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The name, which is unique.
    pub name: String,
    /// The topic that it reads.
    pub input_topic: String,
    /// The topics that it writes.
    pub output_topics: Vec<String>,
    /// The environment variables.
    #[serde(default)]
    pub environment: Environment,
    /// The compression of what it writes.
    #[serde(default)]
    pub compression: Compression,
    /// The place where it starts when it is deployed for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
}

/// Environment variables. In JSON they are a list, in which of a repeated key the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Variable>", into = "Vec<Variable>")]
pub struct Environment(pub BTreeMap<String, String>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    key: String,
    value: String,
}

impl From<Vec<Variable>> for Environment {
    fn from(list: Vec<Variable>) -> Self {
        Self(list.into_iter().map(|Variable { key, value }| (key, value)).collect())
    }
}

impl From<Environment> for Vec<Variable> {
    fn from(Environment(variables): Environment) -> Self {
        variables.into_iter().map(|(key, value)| Variable { key, value }).collect()
    }
}

/// The compression of the batches that a transform writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// Gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The place where a transform starts to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// The unit and the origin of the value.
    pub format: OffsetFormat,
    /// Milliseconds, or a number of records.
    pub value: i64,
}

/// The unit of an [`Offset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetFormat {
    /// Milliseconds since 1970: the first record with this timestamp or a later one.
    Timestamp,
    /// Records after the partition's first.
    FromStart,
    /// Records before the partition's end.
    FromEnd,
}

impl Metadata {
    /// Returns what the broker's checks look at.
    pub fn deployment(&self) -> Deployment {
        let outputs = self.output_topics.iter();
        Deployment::new(&self.name, &self.input_topic, outputs).with(|deployment| {
            deployment.environment = self.environment.0.clone().into_iter().collect();
            deployment.from_offset = match self.offset {
                None => FromOffset::Now,
                Some(Offset { format, value }) => match format {
                    OffsetFormat::Timestamp => FromOffset::Timestamp(value),
                    OffsetFormat::FromStart => FromOffset::Start(value),
                    OffsetFormat::FromEnd => FromOffset::End(value),
                },
            };
        })
    }
}

/// A change to a deployed transform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// All its variables from now on.
    pub env: Option<Environment>,
    /// Whether it stands still.
    pub is_paused: Option<bool>,
    /// The compression of what it writes.
    pub compression: Option<Compression>,
}
