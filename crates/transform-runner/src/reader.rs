//! The records of one partition, from any offset, as batches of the broker's read size.
//!
//! A reader is a consumer of its own that is assigned the partition and joins no group: so each lane
//! reads, waits and seeks without the others, and a lane that does not read fills its own queue only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use transform_host::{Batch, BatchBuilder};

use crate::client::ANSWER;
use crate::headers;

/// Payload bytes of one read, as on a broker.
const READ_BYTES: usize = 128 << 10;
/// Time that a read waits for the first record.
const READ_WAIT: Duration = Duration::from_millis(50);

/// Reads one partition.
pub(crate) struct Reader {
    consumer: BaseConsumer<Quiet>,
    topic: String,
    partition: i32,
    /// The offset that the consumer gives next, if it is assigned.
    at: Option<i64>,
}

/// The records that were read: batches, or else a record that is to be skipped.
#[derive(Default)]
pub(crate) struct Read {
    pub batches: Vec<Arc<Batch>>,
    pub next: i64,
    /// A batch of the record that is left out, whose offset is before `next`.
    pub skipped: Option<Batch>,
    /// Set if there is nothing after `next` yet.
    pub at_end: bool,
}

/// Bounds of a read.
pub(crate) struct Bounds<'a> {
    /// A batch ends at this offset.
    pub border: Option<i64>,
    /// Records to leave out.
    pub skip: &'a BTreeSet<i64>,
    /// Up to this offset each record is a batch of its own.
    pub single_upto: i64,
}

struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        // The member, which has the same brokers, tells of them; the end of a partition is no error.
        let code = error.rdkafka_error_code();
        if !code.is_some_and(|code| passes(code) || code == RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!("reader: {error}: {reason}");
        }
    }
}

/// Returns whether librdkafka goes on by itself after this error.
pub(crate) fn passes(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
    )
}

impl ConsumerContext for Quiet {}

impl Reader {
    pub(crate) fn new(config: &ClientConfig, topic: &str, partition: i32) -> anyhow::Result<Self> {
        let consumer = config.create_with_context(Quiet)?;
        Ok(Self { consumer, topic: topic.into(), partition, at: None })
    }

    /// Reads what there is from `offset` on, up to the size of a read; waits a moment for the first.
    pub(crate) fn read(&mut self, offset: i64, bounds: &Bounds<'_>) -> Result<Read, String> {
        self.go_to(offset)?;
        let mut read = Read { next: offset, ..Read::default() };
        let mut builder = BatchBuilder::new(offset);
        let deadline = Instant::now() + READ_WAIT;
        let mut bytes = 0;
        while bytes < READ_BYTES {
            let nothing = builder.is_empty() && read.batches.is_empty();
            let wait = if nothing {
                deadline.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            let message = match self.consumer.poll(wait) {
                Some(Ok(message)) => message,
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    read.at_end = true;
                    if nothing {
                        continue;
                    }
                    break;
                }
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(passes) => continue,
                Some(Err(error)) => {
                    self.at = None;
                    return Err(self.explain(offset, &error));
                }
                None => break,
            };
            read.at_end = false;
            let at = message.offset();
            if at < read.next {
                continue;
            }
            let skip = bounds.skip.contains(&at);
            if skip && !nothing {
                // The record comes again, as the first of the next read.
                self.at = None;
                break;
            }
            let full = builder.len() as i64;
            let crosses =
                bounds.border.is_some_and(|border| read.next <= border + 1 && at > border);
            if full > 0 && (at != read.next || crosses || read.next <= bounds.single_upto + 1) {
                read.batches.push(Arc::new(builder.build()));
            }
            if builder.is_empty() {
                builder = BatchBuilder::new(at);
            }
            bytes += push(&mut builder, &message);
            read.next = at + 1;
            if skip {
                read.skipped = Some(builder.build());
                break;
            }
        }
        if !builder.is_empty() {
            read.batches.push(Arc::new(builder.build()));
        }
        if self.at.is_some() {
            self.at = Some(read.next);
        }
        Ok(read)
    }

    /// Returns the first offset that the partition still has, and the one after its last.
    pub(crate) fn watermarks(&self) -> Result<(i64, i64), String> {
        let ask = || self.consumer.fetch_watermarks(&self.topic, self.partition, ANSWER);
        let mut answer = ask();
        // librdkafka now and then keeps a list of partitions without this one, for minutes: it asks anew.
        if let Err(error) = &answer
            && error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownPartition)
        {
            let _ = self.consumer.fetch_metadata(Some(&self.topic), ANSWER);
            answer = ask();
        }
        answer.map_err(|error| format!("asking for the ends of {}: {error}", self.name()))
    }

    /// Returns the offset of the first record that is not older than `timestamp`.
    pub(crate) fn offset_at(&self, timestamp: i64) -> Result<Option<i64>, String> {
        let mut times = TopicPartitionList::new();
        let ask = Offset::Offset(timestamp.max(0));
        times.add_partition_offset(&self.topic, self.partition, ask).map_err(|e| e.to_string())?;
        let answer = self
            .consumer
            .offsets_for_times(times, ANSWER)
            .map_err(|error| format!("asking for times of {}: {error}", self.name()))?;
        Ok(answer.elements().first().and_then(|e| match e.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }))
    }

    fn go_to(&mut self, offset: i64) -> Result<(), String> {
        if self.at == Some(offset) {
            return Ok(());
        }
        let mut place = TopicPartitionList::new();
        place
            .add_partition_offset(&self.topic, self.partition, Offset::Offset(offset))
            .and_then(|()| self.consumer.assign(&place))
            .map_err(|error| format!("reading {}: {error}", self.name()))?;
        self.at = Some(offset);
        Ok(())
    }

    fn explain(&self, offset: i64, error: &KafkaError) -> String {
        let (topic, partition) = (&self.topic, self.partition);
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset) => {
                format!(
                    "{topic}/{partition} has no offset {offset}: its records were deleted, or the topic was \
                 made again. Set the group to where it shall go on, with every runner stopped: \
                 rpk group seek, or kafka-consumer-groups --reset-offsets"
                )
            }
            _ => format!("reading {topic}/{partition} from {offset}: {error}"),
        }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.topic, self.partition)
    }
}

/// Adds a message to a batch; returns its size.
fn push(builder: &mut BatchBuilder, message: &BorrowedMessage<'_>) -> usize {
    let timestamp = message.timestamp().to_millis().unwrap_or(-1);
    let (key, value) = (message.key(), message.payload());
    let headers: Vec<(&[u8], Option<&[u8]>)> =
        message.headers().into_iter().flat_map(headers::iter).collect();
    builder.push(timestamp, key, value, &headers);
    key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + 16
}
