//! The topic of history, as the module writes it, and its way back to the input.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use fraud_detector::Settings;
use fraud_detector::history::changelog::Topic;
use fraud_detector::settings::{Role, Roles};
use fraud_detector::shell::HISTORY_HEADER;
use fraud_plan::Program;
use serde::Serialize;
use transform_host::{BatchBuilder, Output};

use super::partitions::PartitionBatch;

/// Returns the place of the topic of history among so many output topics.
pub fn place(settings: &Settings, topics: usize) -> Option<usize> {
    settings.topics.or(Roles::of(topics))?.place(Role::History)
}

/// The topic of history, partition by partition.
pub struct Changelog {
    program: Program,
    key: Option<[u64; 2]>,
    /// Its place among the output topics.
    place: usize,
    partitions: Vec<Topic>,
    pub written: Written,
}

/// The figures of the topic.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Written {
    /// Records that were written to it.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Bytes of keys and values of all that was written to other topics.
    pub bytes_of_others: u64,
    /// Records that were published on the input to restore it.
    pub restored: u64,
}

impl Changelog {
    /// Makes an empty topic.
    pub fn new(program: &Program, settings: &Settings, place: usize) -> Self {
        Self {
            program: program.clone(),
            key: settings.history_key,
            place,
            partitions: Vec::new(),
            written: Written::default(),
        }
    }

    /// Adds what a batch of a partition has written to the topic.
    pub fn add(&mut self, partition: u32, output: &Output) -> Result<()> {
        for record in output.iter() {
            let (key, value) =
                (record.key().unwrap_or_default(), record.value().unwrap_or_default());
            let bytes = (key.len() + value.len()) as u64;
            if record.topic != self.place {
                self.written.bytes_of_others += bytes;
                continue;
            }
            self.written.records += 1;
            self.written.bytes += bytes;
            while self.partitions.len() <= partition as usize {
                self.partitions.push(Topic::new(&self.program, self.key));
            }
            let added = self.partitions[partition as usize].add(key, value);
            added.map_err(|why| {
                anyhow!("a record of history that this command cannot read: {}", why.code())
            })?;
        }
        Ok(())
    }

    /// Returns the batches that restore a partition, as published at `millis`.
    pub fn restore(&mut self, partition: u32, millis: i64, batch: usize) -> Vec<PartitionBatch> {
        let Some(topic) = self.partitions.get_mut(partition as usize) else { return Vec::new() };
        let mark = [(HISTORY_HEADER.as_bytes(), None)];
        let (mut batches, mut builder) = (Vec::new(), BatchBuilder::new(0));
        let mut finish = |builder: &mut BatchBuilder| {
            let lines = vec![0; builder.len()];
            if !lines.is_empty() {
                let batch = Arc::new(builder.build());
                batches.push(PartitionBatch { partition, batch, lines });
            }
        };
        topic.restore(&mut |key, value| {
            builder.push(millis, Some(key), Some(value), &mark);
            self.written.restored += 1;
            if builder.len() == batch {
                finish(&mut builder);
            }
        });
        finish(&mut builder);
        batches
    }
}
