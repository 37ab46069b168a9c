//! Where a lane begins: the first offset of a partition that nobody has committed, and how far back a
//! new instance reads for its memory.

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeSet;
use transform_host::FromOffset;

use crate::client::ANSWER;
use crate::options::WarmUp;
use crate::reader::{Bounds, Reader};

/// Returns for each of the partitions the offset to begin at, and whether that is committed.
///
/// A transform that has committed nothing begins where `from` says, by default at the end. A partition
/// that was added later begins at its first record, because none of its records was seen.
pub(crate) fn starts<C: ConsumerContext>(
    member: &BaseConsumer<C>,
    topic: &str,
    partitions: &[i32],
    count: i32,
    from: FromOffset,
) -> anyhow::Result<Vec<(i32, i64, bool)>> {
    let mut all = TopicPartitionList::new();
    all.add_partition_range(topic, 0, count - 1);
    for &partition in partitions {
        if partition >= count {
            all.add_partition(topic, partition);
        }
    }
    let committed = member.committed_offsets(all, ANSWER * 3)?;
    let offset_of = |partition| match committed.find_partition(topic, partition)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    let is_new = (0..count).all(|partition| offset_of(partition).is_none());
    partitions
        .iter()
        .map(|&partition| {
            Ok(match offset_of(partition) {
                Some(offset) => (partition, offset, true),
                None => {
                    let (low, high) = member.fetch_watermarks(topic, partition, ANSWER)?;
                    let first = match from {
                        _ if !is_new => low,
                        FromOffset::Start(n) => low.saturating_add(n),
                        FromOffset::End(n) => high.saturating_sub(n),
                        FromOffset::Timestamp(ms) => {
                            at_time(member, topic, partition, ms)?.unwrap_or(high)
                        }
                        _ => high,
                    };
                    (partition, first.clamp(low, high), false)
                }
            })
        })
        .collect()
}

fn at_time<C: ConsumerContext>(
    member: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    ms: i64,
) -> anyhow::Result<Option<i64>> {
    let mut times = TopicPartitionList::new();
    times.add_partition_offset(topic, partition, Offset::Offset(ms))?;
    let answer = member.offsets_for_times(times, ANSWER)?;
    Ok(answer.elements().first().and_then(|e| match e.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }))
}

/// Returns the offset from which a new instance reads, at most `done`, the first that it shall write for.
pub(crate) fn warm_up_from(reader: &mut Reader, warm_up: WarmUp, done: i64) -> Result<i64, String> {
    let (low, _) = reader.watermarks()?;
    let from = match warm_up {
        WarmUp::All => low,
        WarmUp::Last(length) if length.is_zero() => done,
        WarmUp::Last(length) => match last_time(reader, low, done)? {
            Some(time) => reader.offset_at(time - length.as_millis() as i64)?.unwrap_or(done),
            None => done,
        },
    };
    Ok(from.clamp(low.min(done), done))
}

/// Returns the time of a record just before `done`, if there is one. The record before may be missing,
/// where a transaction ended.
fn last_time(reader: &mut Reader, low: i64, done: i64) -> Result<Option<i64>, String> {
    let skip = BTreeSet::new();
    for back in [1, 16, 1024] {
        let offset = (done - back).max(low);
        if offset >= done {
            return Ok(None);
        }
        let bounds = Bounds { border: None, skip: &skip, single_upto: -1 };
        // The first read of a consumer connects.
        for _ in 0..40 {
            let read = reader.read(offset, &bounds)?;
            let record = read.batches.first().and_then(|batch| batch.get(0));
            match record {
                Some(record) if record.offset < done => return Ok(Some(record.timestamp)),
                Some(_) => break,
                None if read.at_end => break,
                None => {}
            }
        }
    }
    Ok(None)
}
