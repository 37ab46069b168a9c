//! An input batch: its header and the encoded payloads of its records, in one piece of memory.

use super::payload::{self, Payload, varint_len};

/// The fields of a batch's header that the ABI shows to the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Term of the leader that wrote the batch.
    pub partition_leader_epoch: i32,
    /// Kafka's attribute bits; see [`BatchHeader::LOG_APPEND_TIME`].
    pub attributes: i16,
    /// Offset of the last record, counted from `base_offset`.
    pub last_offset_delta: i32,
    /// The first record's timestamp, in milliseconds.
    pub base_timestamp: i64,
    /// The newest record's timestamp, or with log append time the broker's, in milliseconds.
    pub max_timestamp: i64,
    /// −1 without an idempotent producer.
    pub producer_id: i64,
    /// −1 without an idempotent producer.
    pub producer_epoch: i16,
    /// −1 without an idempotent producer.
    pub base_sequence: i32,
}

impl BatchHeader {
    /// The attribute bit of log append time: all records carry the time at which the broker took
    /// the batch.
    pub const LOG_APPEND_TIME: i16 = 8;

    /// Returns whether every record's timestamp is `max_timestamp`.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & Self::LOG_APPEND_TIME != 0
    }
}

/// The place of a record, whose payload begins where the one before ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    end: usize,
    timestamp: i64,
    attributes: u8,
}

/// A batch as the module sees it: decompressed, and immutable once built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    header: BatchHeader,
    arena: Vec<u8>,
    records: Vec<Record>,
    max_payload: usize,
}

/// One record of a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputRecord<'a> {
    /// Absolute offset.
    pub offset: i64,
    /// Absolute timestamp in milliseconds.
    pub timestamp: i64,
    /// Kafka's attributes of a record, of which none is in use: zero.
    pub attributes: u8,
    /// Key, value and headers.
    pub payload: Payload<'a>,
}

impl Batch {
    /// Returns the header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether there is no record. Such a batch is never shown to a module.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.header.base_offset.wrapping_add(i64::from(self.header.last_offset_delta))
    }

    /// Returns the size of the largest payload, as `read_batch_header` does.
    pub fn max_payload(&self) -> usize {
        self.max_payload
    }

    /// Returns the record at `index`, if there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<InputRecord<'_>> {
        let record = self.records.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.records[before].end);
        Some(InputRecord {
            offset: self.header.base_offset.wrapping_add(index as i64),
            timestamp: if self.header.is_log_append_time() {
                self.header.max_timestamp
            } else {
                record.timestamp
            },
            attributes: record.attributes,
            payload: Payload::trusted(&self.arena[start..record.end]),
        })
    }

    /// Returns all records, in order.
    pub fn iter(&self) -> impl Iterator<Item = InputRecord<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Returns the size in the log: header and records with their framing.
    pub fn size_bytes(&self) -> usize {
        self.iter()
            .enumerate()
            .map(|(index, record)| {
                framed_len(
                    record.payload.bytes().len(),
                    record.timestamp.wrapping_sub(self.header.base_timestamp),
                    index as i64,
                )
            })
            .sum::<usize>()
            + HEADER_BYTES
    }

    /// Moves the batch to the offset that a log gives it.
    pub(crate) fn moved_to(mut self, offset: i64) -> Self {
        self.header.base_offset = offset;
        self
    }
}

/// Bytes of a Kafka batch header.
pub(crate) const HEADER_BYTES: usize = 61;

/// Returns the bytes of a record in a batch.
pub(crate) fn framed_len(payload: usize, timestamp_delta: i64, offset_delta: i64) -> usize {
    let body = 1 + varint_len(timestamp_delta) + varint_len(offset_delta) + payload;
    varint_len(body as i64) + body
}

/// Builds a [`Batch`] record by record.
///
/// The timestamps and the last offset delta of the header follow the records, unless
/// [`BatchBuilder::header`] sets them.
#[derive(Debug, Clone)]
pub struct BatchBuilder(Batch);

impl BatchBuilder {
    /// Begins a batch whose first record has this offset.
    pub fn new(base_offset: i64) -> Self {
        Self(Batch {
            header: BatchHeader {
                base_offset,
                partition_leader_epoch: 0,
                attributes: 0,
                last_offset_delta: -1,
                base_timestamp: 0,
                max_timestamp: 0,
                producer_id: -1,
                producer_epoch: -1,
                base_sequence: -1,
            },
            arena: Vec::new(),
            records: Vec::new(),
            max_payload: 0,
        })
    }

    /// Adds a record with a key, a value and headers. The timestamp is in milliseconds since 1970;
    /// that of a record created without one is −1.
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) -> &mut Self {
        payload::encode(&mut self.0.arena, key, value, headers);
        self.finish_record(timestamp)
    }

    /// Adds a record whose payload is encoded already, for instance one a module has written.
    pub fn push_payload(&mut self, timestamp: i64, payload: Payload<'_>) -> &mut Self {
        self.0.arena.extend_from_slice(payload.bytes());
        self.finish_record(timestamp)
    }

    fn finish_record(&mut self, timestamp: i64) -> &mut Self {
        let batch = &mut self.0;
        let start = batch.records.last().map_or(0, |last| last.end);
        let end = batch.arena.len();
        batch.max_payload = batch.max_payload.max(end - start);
        if batch.records.is_empty() {
            batch.header.base_timestamp = timestamp;
            batch.header.max_timestamp = timestamp;
        }
        batch.header.max_timestamp = batch.header.max_timestamp.max(timestamp);
        batch.header.last_offset_delta += 1;
        batch.records.push(Record { end, timestamp, attributes: 0 });
        self
    }

    /// Returns the number of records so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether no record was added yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Changes fields of the header. Call it last, because every record sets some of them.
    pub fn header(&mut self, change: impl FnOnce(&mut BatchHeader)) -> &mut Self {
        change(&mut self.0.header);
        self
    }

    /// Returns the batch, and begins another after its last offset.
    pub fn build(&mut self) -> Batch {
        let next = Self::new(self.0.last_offset().wrapping_add(1));
        std::mem::replace(self, next).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_times_and_the_largest_payload() {
        let mut builder = BatchBuilder::new(7);
        builder.push(20, None, Some(b"a"), &[]).push(10, Some(b"k"), Some(b"bcd"), &[]);
        let batch = builder.build();
        let header = batch.header();
        assert_eq!((header.base_timestamp, header.max_timestamp), (20, 20));
        assert_eq!((batch.len(), batch.last_offset(), batch.max_payload()), (2, 8, 7));
        let last = batch.get(1).expect("two records");
        assert_eq!((last.offset, last.timestamp, last.payload.key()), (8, 10, Some(&b"k"[..])));
        assert_eq!(batch.get(2), None);
        assert_eq!(builder.build().header().base_offset, 9);
    }

    #[test]
    fn log_append_time_is_the_batch_maximum() {
        let mut builder = BatchBuilder::new(0);
        builder.push(1, None, None, &[]).header(|h| {
            h.attributes = BatchHeader::LOG_APPEND_TIME;
            h.max_timestamp = 99;
        });
        assert_eq!(builder.build().get(0).expect("a record").timestamp, 99);
    }
}
