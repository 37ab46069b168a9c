//! A transform's metadata, and the cluster that it is deployed to.

pub(crate) mod check;
mod declarations;
pub(crate) mod facts;

/// Where a transform starts reading when it is deployed for the first time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

/// What `transform.yaml` and the flags of `rpk transform deploy` say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

/// The cluster that a transform is deployed to.
#[derive(Debug, Clone, PartialEq, Eq)]
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
