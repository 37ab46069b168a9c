//! Options of the simulated cluster around a shard.

/// A version of the broker with which the writing of transforms changed. A broker behaves as the
/// newest version here that is not newer than itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum BrokerVersion {
    /// 24.3 and before. Everything that queued up during a write becomes one batch, which may
    /// outgrow the topic's `max.message.bytes` and be refused. With several outputs, the one whose
    /// batch was refused then stops until `pause` and `resume`, while its processor is `running`.
    V24_3,
    /// 25.1 to 26.1.10. The queue is written in batches of at most 1 MiB, whatever
    /// `max.message.bytes` is; only a record that is larger makes a larger batch.
    V25_1,
    /// 26.1.11, 26.2.1, a late 25.3, and later versions. A refused batch restarts the processor,
    /// with any number of outputs.
    #[default]
    V26_1_11,
}

/// The simulated cluster around a shard: partitions, limits, and how long things take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardOptions {
    /// The broker's version, by default the newest.
    pub broker: BrokerVersion,
    /// Input partitions; the shard leads all of them until [`Shard::leave`](crate::Shard::leave).
    pub partitions: usize,
    /// Partitions of every output topic.
    pub output_partitions: usize,
    /// `max.message.bytes` of the output topics.
    pub max_message_bytes: usize,
    /// Duration of a write; the records queued meanwhile are written next.
    pub write_latency_ms: u64,
    /// Time that the module takes for a record, in microseconds.
    pub record_micros: u64,
    /// Time at which the clock begins, in milliseconds since 1970.
    pub start_ms: i64,
}

impl Default for ShardOptions {
    fn default() -> Self {
        Self {
            broker: BrokerVersion::default(),
            partitions: 1,
            output_partitions: 1,
            max_message_bytes: 1 << 20,
            write_latency_ms: 0,
            record_micros: 0,
            start_ms: 1_700_000_000_000,
        }
    }
}

impl ShardOptions {
    /// Changes some of the options.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
