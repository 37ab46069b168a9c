//! Records into partitions, partitions into batches.

use std::sync::Arc;

use transform_host::{Batch, BatchBuilder, partition_of_key};

/// The input topic's partitions, each with the batch it is filling.
pub struct Partitions {
    partitions: Vec<Partition>,
    batch: usize,
}

struct Partition {
    builder: BatchBuilder,
    lines: Vec<u64>,
}

/// A batch of one partition.
pub struct Lot {
    pub partition: u32,
    pub batch: Arc<Batch>,
    /// For each record the number of its line.
    pub lines: Vec<u64>,
}

impl Partitions {
    /// `batch` records make a batch.
    pub fn new(count: u32, batch: usize) -> Self {
        let partition = || Partition { builder: BatchBuilder::new(0), lines: Vec::new() };
        Self { partitions: (0..count).map(|_| partition()).collect(), batch }
    }

    /// Adds a record to the partition of its key, without one to that of its line; gives the batch
    /// that is thereby full.
    pub fn push(
        &mut self,
        line: u64,
        key: Option<&[u8]>,
        millis: i64,
        value: &[u8],
    ) -> Option<Lot> {
        let count = self.partitions.len() as u32;
        let at = match key {
            Some(key) => partition_of_key(key, count),
            None => (line % u64::from(count)) as u32,
        };
        let partition = &mut self.partitions[at as usize];
        partition.add(line, key, millis, value);
        (partition.lines.len() == self.batch).then(|| partition.take(at))
    }

    /// The batches that are not full, in order of partition.
    pub fn rest(&mut self) -> impl Iterator<Item = Lot> {
        let filled = self.partitions.iter_mut().zip(0..);
        filled.filter(|(partition, _)| !partition.lines.is_empty()).map(|(p, at)| p.take(at))
    }

    /// One record without a key, as a batch of its own, for every partition. Nothing may be waiting.
    pub fn broadcast(&mut self, line: u64, millis: i64, value: &[u8]) -> impl Iterator<Item = Lot> {
        self.partitions.iter_mut().zip(0..).map(move |(partition, at)| {
            debug_assert!(partition.lines.is_empty());
            partition.add(line, None, millis, value);
            partition.take(at)
        })
    }
}

impl Partition {
    fn add(&mut self, line: u64, key: Option<&[u8]>, millis: i64, value: &[u8]) {
        self.builder.push(millis, key, Some(value), &[]);
        self.lines.push(line);
    }

    fn take(&mut self, at: u32) -> Lot {
        Lot {
            partition: at,
            batch: Arc::new(self.builder.build()),
            lines: std::mem::take(&mut self.lines),
        }
    }
}
