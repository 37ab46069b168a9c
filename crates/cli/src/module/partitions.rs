//! Records into partitions, partitions into batches.

use std::sync::Arc;

use crate::data::input::dump::Delivery;
use transform_host::{Batch, BatchBuilder, partition_of_key};

/// The input topic's partitions, each with the batch that it is filling.
pub struct Partitions {
    partitions: Vec<Partition>,
    /// Records in a batch.
    batch: usize,
}

/// The batch that a partition is filling.
struct Partition {
    builder: BatchBuilder,
    lines: Vec<u64>,
}

/// A batch of one partition.
pub struct PartitionBatch {
    pub partition: u32,
    pub batch: Arc<Batch>,
    /// The line number of each record.
    pub lines: Vec<u64>,
}

impl Partitions {
    /// Makes empty partitions; a batch is full with `batch` records.
    pub fn new(count: u32, batch: usize) -> Self {
        Self { partitions: (0..count).map(|_| Partition::new()).collect(), batch }
    }

    /// Adds a record to the partition of its key, or without a key to one chosen by its line; gives
    /// the batch if it is full with this record.
    pub fn push(
        &mut self,
        line: u64,
        key: Option<&[u8]>,
        millis: i64,
        value: &[u8],
    ) -> Option<PartitionBatch> {
        let count = self.partitions.len() as u32;
        let at = match key {
            Some(key) => partition_of_key(key, count),
            None => (line % u64::from(count)) as u32,
        };
        self.push_to(at, |partition| partition.add(line, key, millis, value))
    }

    /// Adds a record to its partition, as it was delivered; gives the batch if it is full with this
    /// record. A partition that there is not yet is made.
    pub fn push_delivered(
        &mut self,
        line: u64,
        value: Option<&[u8]>,
        delivery: &Delivery,
    ) -> Option<PartitionBatch> {
        let Delivery { key, headers, partition, millis } = delivery;
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
        while self.partitions.len() <= *partition as usize {
            self.partitions.push(Partition::new());
        }
        self.push_to(*partition, |partition| {
            partition.builder.push(*millis, key.as_deref(), value, &headers);
            partition.lines.push(line);
        })
    }

    fn push_to(&mut self, at: u32, add: impl FnOnce(&mut Partition)) -> Option<PartitionBatch> {
        let partition = &mut self.partitions[at as usize];
        add(partition);
        (partition.lines.len() == self.batch).then(|| partition.take(at))
    }

    /// Gives the batch of one partition, if it is not empty.
    pub fn rest_of(&mut self, partition: u32) -> Option<PartitionBatch> {
        let found = self.partitions.get_mut(partition as usize);
        found.filter(|found| !found.lines.is_empty()).map(|found| found.take(partition))
    }

    /// Returns the number of partitions.
    pub fn count(&self) -> u32 {
        self.partitions.len() as u32
    }

    /// Gives the batches that are not full, in order of partition.
    pub fn rest(&mut self) -> impl Iterator<Item = PartitionBatch> {
        let filled = self.partitions.iter_mut().zip(0..);
        filled.filter(|(partition, _)| !partition.lines.is_empty()).map(|(p, at)| p.take(at))
    }

    /// Makes a batch for every partition, of one record without a key. No batch may be half full:
    /// call [`Partitions::rest`] before.
    pub fn broadcast(
        &mut self,
        line: u64,
        millis: i64,
        value: &[u8],
    ) -> impl Iterator<Item = PartitionBatch> {
        self.partitions.iter_mut().zip(0..).map(move |(partition, at)| {
            debug_assert!(partition.lines.is_empty());
            partition.add(line, None, millis, value);
            partition.take(at)
        })
    }
}

impl Partition {
    fn new() -> Self {
        Self { builder: BatchBuilder::new(0), lines: Vec::new() }
    }

    fn add(&mut self, line: u64, key: Option<&[u8]>, millis: i64, value: &[u8]) {
        self.builder.push(millis, key, Some(value), &[]);
        self.lines.push(line);
    }

    fn take(&mut self, at: u32) -> PartitionBatch {
        PartitionBatch {
            partition: at,
            batch: Arc::new(self.builder.build()),
            lines: std::mem::take(&mut self.lines),
        }
    }
}
