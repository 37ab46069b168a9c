//! Options of the simulated cluster around a shard.

use crate::processor::options::BrokerVersion;

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
