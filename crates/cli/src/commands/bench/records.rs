//! What the modules are given.

use std::sync::Arc;

use anyhow::{Result, ensure};
use transform_host::{Batch, BatchBuilder};

use super::Args;
use crate::data::envelope::{Envelopes, read_spec};
use crate::data::input::Lines;
use crate::module::partitions::Partitions;

/// Days that are simulated without a file.
const DAYS: u32 = 30;
/// Records of a slice, which each module in turn works off.
const SLICE: u64 = 10_000;

/// Batches that are worked off in one go.
pub type Slice = Vec<Arc<Batch>>;

/// Records in the order of the file.
pub struct Records {
    records: Vec<Record>,
    /// Where they are from, for people.
    pub from: String,
}

/// A record without headers.
#[derive(Clone)]
pub struct Record {
    pub millis: i64,
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
}

impl Record {
    /// Bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.len()
    }

    /// As a batch of its own.
    pub fn alone(&self) -> Arc<Batch> {
        Arc::new(self.push(&mut BatchBuilder::new(0)).build())
    }

    fn push<'b>(&self, batch: &'b mut BatchBuilder) -> &'b mut BatchBuilder {
        batch.push(self.millis, self.key.as_deref(), Some(&self.value), &[])
    }
}

impl Records {
    /// Of the file, or simulated.
    pub fn read(args: &Args) -> Result<Self> {
        let mut envelopes = Envelopes::new(read_spec(&args.spec)?);
        let mut records = Vec::new();
        let mut add = |value: &[u8]| {
            let envelope = envelopes.read(value);
            let key = envelope.key.map(|key| key.into_owned());
            records.push(Record { millis: envelope.millis, key, value: value.to_vec() });
        };
        let from = match &args.input {
            Some(path) => {
                let mut lines = Lines::open(path, "reading")?;
                while let Some((_, line)) = lines.next()? {
                    add(line);
                }
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            None => {
                let config = fraud_simulator::Config { days: DAYS, ..Default::default() };
                let mut line = Vec::new();
                for transaction in fraud_simulator::simulate(&config).transactions {
                    line.clear();
                    fraud_simulator::write_transaction(&transaction, &mut line)?;
                    add(line.trim_ascii_end());
                }
                format!("{DAYS} simulated days")
            }
        };
        ensure!(!records.is_empty(), "there is no record to measure with");
        Ok(Self { records, from })
    }

    pub fn count(&self) -> u64 {
        self.records.len() as u64
    }

    /// Mean of key and value.
    pub fn mean_bytes(&self) -> f64 {
        let bytes: usize = self.records.iter().map(Record::bytes).sum();
        bytes as f64 / self.records.len().max(1) as f64
    }

    pub fn all(&self) -> &[Record] {
        &self.records
    }

    /// As a topic of so many partitions holds them, in slices.
    pub fn slices(&self, partitions: u32, batch: u32) -> Vec<Slice> {
        slices(&self.records, partitions, batch, SLICE)
    }
}

/// Records in batches of their partitions, about `size` in a slice.
pub fn slices(records: &[Record], partitions: u32, batch: u32, size: u64) -> Vec<Slice> {
    let mut partitions = Partitions::new(partitions, batch as usize);
    let (mut slices, mut slice, mut count) = (Vec::new(), Vec::new(), 0);
    for (record, line) in records.iter().zip(1..) {
        let full = partitions.push(line, record.key.as_deref(), record.millis, &record.value);
        if let Some(lot) = full {
            count += lot.batch.len() as u64;
            slice.push(lot.batch);
        }
        if count >= size {
            slices.push(std::mem::take(&mut slice));
            count = 0;
        }
    }
    // What is left makes no slice of its own: it would count as much as a whole one.
    slice.extend(partitions.rest().map(|lot| lot.batch));
    match slices.last_mut() {
        Some(last) if count < size / 2 => last.append(&mut slice),
        _ => slices.push(slice),
    }
    slices
}
