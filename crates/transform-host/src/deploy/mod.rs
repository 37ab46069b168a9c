//! A transform's metadata, and the cluster that it is deployed to.

pub(crate) mod check;
mod declarations;
pub(crate) mod facts;

/// The place where a transform starts to read when it is deployed for the first time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromOffset {
    /// The first record that is produced after the deployment.
    #[default]
    Now,
    /// `@ms`: the first record with this timestamp or a later one.
    Timestamp(i64),
    /// `+N`: N records after the partition's first.
    Start(i64),
    /// `-N`: N records before the partition's end.
    End(i64),
}

/// A transform's metadata, as `transform.yaml` and the flags of `rpk transform deploy` give it.
///
/// ```
/// use transform_host::{Deployment, FromOffset};
///
/// let deployment = Deployment::new("score", "payments", ["fraud", "valid"])
///     .with(|d| d.from_offset = FromOffset::Start(0));
/// assert_eq!(deployment.output_topics, ["fraud", "valid"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deployment {
    /// The name, which is unique in the cluster.
    pub name: String,
    /// The topic that it reads.
    pub input_topic: String,
    /// The topics that it writes, one to eight. The first is the default.
    pub output_topics: Vec<String>,
    /// The environment variables, by key and value.
    pub environment: Vec<(String, String)>,
    /// The place where it starts to read.
    pub from_offset: FromOffset,
}

impl Deployment {
    /// Makes the metadata of a transform without variables that starts with new records.
    pub fn new(
        name: impl Into<String>,
        input_topic: impl Into<String>,
        output_topics: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            name: name.into(),
            input_topic: input_topic.into(),
            output_topics: output_topics.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            from_offset: FromOffset::Now,
        }
    }

    /// Changes some of the metadata.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// The cluster that a transform is deployed to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cluster {
    /// `data_transforms_enabled`, which is off on a stock cluster and on by default here.
    pub enabled: bool,
    /// The topics that it has. With `None`, the default, it has every topic.
    pub topics: Option<Vec<String>>,
    /// The transforms that it has.
    pub transforms: Vec<Deployment>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self { enabled: true, topics: None, transforms: Vec::new() }
    }
}

impl Cluster {
    /// Changes a part of the cluster.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
