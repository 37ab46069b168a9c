//! Records into partitions, partitions into batches.

use std::sync::Arc;

use transform_host::{Batch, BatchBuilder};

use crate::partition;

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
            Some(key) => partition::of_key(key, count),
            None => (line % u64::from(count)) as u32,
        };
        let partition = &mut self.partitions[at as usize];
        partition.builder.push(millis, key, Some(value), &[]);
        partition.lines.push(line);
        (partition.lines.len() == self.batch).then(|| self.take(at))
    }

    /// The batches that are not full, in order of partition.
    pub fn rest(mut self) -> impl Iterator<Item = Lot> {
        (0..self.partitions.len() as u32)
            .map(move |at| self.take(at))
            .filter(|lot| !lot.lines.is_empty())
    }

    fn take(&mut self, at: u32) -> Lot {
        let partition = &mut self.partitions[at as usize];
        Lot {
            partition: at,
            batch: Arc::new(partition.builder.build()),
            lines: std::mem::take(&mut partition.lines),
        }
    }
}
