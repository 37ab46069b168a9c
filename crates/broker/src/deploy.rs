//! A transform's metadata.

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
