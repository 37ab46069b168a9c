//! A transform's metadata, and the cluster that it is deployed to.

pub(crate) mod check;
mod declarations;
pub(crate) mod facts;

/// Where a transform starts reading when it is deployed for the first time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromOffset {
    /// With the records produced from now on.
    #[default]
    Now,
    /// `@ms`: the first record that is not older.
    Timestamp(i64),
    /// `+N`: N records after the first that the partition still has.
    Start(i64),
    /// `-N`: N records before the end.
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
    /// Unique in the cluster.
    pub name: String,
    /// The topic it reads.
    pub input_topic: String,
    /// One to eight topics it writes; the first is the default.
    pub output_topics: Vec<String>,
    /// The user's variables.
    pub environment: Vec<(String, String)>,
    /// Where it starts.
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
    /// `data_transforms_enabled`; off on a stock cluster, on here.
    pub enabled: bool,
    /// The topics it has; `None` is "whatever is asked for".
    pub topics: Option<Vec<String>>,
    /// The transforms it has.
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
