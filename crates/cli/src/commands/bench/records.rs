//! The records that the modules are given.

use std::fmt;
use std::sync::Arc;

use anyhow::{Result, ensure};
use serde::Serialize;
use transform_host::Batch;

use super::Options;
use crate::data::clock;
use crate::data::envelope::Envelopes;
use crate::data::input::{self, file_name};
use crate::data::stream::{Event, Stream, Transaction};
use crate::module::partitions::Partitions;
use crate::module::record::PlainRecord;
use crate::show::units;

/// Days that are simulated without a file.
const DAYS: u32 = 30;
/// Records of a slice, which each module in turn works off.
const SLICE: u64 = 10_000;

/// Batches that are worked off in one go.
pub type Slice = Vec<Arc<Batch>>;

/// The records, in the order of the file.
pub struct Records {
    pub all: Vec<PlainRecord>,
    /// The source of the records, for people.
    pub from: String,
}

/// A description of the records.
#[derive(Serialize)]
pub struct About {
    records: u64,
    /// Mean of key and value.
    pub record_bytes: f64,
    #[serde(skip)]
    from: String,
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { records, record_bytes, from } = self;
        let records = units::count(*records);
        writeln!(f, "{records} records of {record_bytes:.0} bytes on average ({from})")
    }
}

impl Records {
    /// Reads the file, or simulates.
    pub fn read(options: &Options) -> Result<Self> {
        let mut envelopes = Envelopes::new(options.program.clone());
        let mut all = Vec::new();
        let from = match &options.input {
            Some(path) => {
                let records = input::Records::open(path, "reading")?;
                let mut stream = Stream::new(records, envelopes, None);
                while let Some(event) = stream.next()? {
                    let Event::Transaction(Transaction { key, arrival, value, .. }) = event else {
                        continue;
                    };
                    let (key, value) = (key.map(Into::into), value.unwrap_or_default().into());
                    all.push(PlainRecord { millis: arrival, key, value });
                }
                file_name(path)
            }
            None => {
                let config = fraud_simulator::Config { days: DAYS, ..Default::default() };
                let mut line = Vec::new();
                for transaction in fraud_simulator::simulate(&config).transactions {
                    line.clear();
                    fraud_simulator::write_transaction(&transaction, &mut line)?;
                    let value = line.trim_ascii_end();
                    let envelope = envelopes.read(value);
                    let millis = envelope.millis.unwrap_or(clock::without_time(0));
                    let key = envelope.key.map(Into::into);
                    all.push(PlainRecord { millis, key, value: value.into() });
                }
                format!("{DAYS} simulated days")
            }
        };
        ensure!(!all.is_empty(), "there is no record to measure with");
        Ok(Self { all, from })
    }

    /// Describes the records.
    pub fn about(&self) -> About {
        let bytes: usize = self.all.iter().map(PlainRecord::bytes).sum();
        About {
            records: self.all.len() as u64,
            record_bytes: bytes as f64 / self.all.len() as f64,
            from: self.from.clone(),
        }
    }

    /// Divides the records into partitions, and these into slices of batches.
    pub fn slices(&self, partitions: u32, batch: u32) -> Vec<Slice> {
        slices(&self.all, partitions, batch, SLICE)
    }
}

/// Divides records into partitions, these into batches, and these into slices of about `size`
/// records.
pub fn slices(records: &[PlainRecord], partitions: u32, batch: u32, size: u64) -> Vec<Slice> {
    let mut partitions = Partitions::new(partitions, batch as usize);
    let (mut slices, mut slice, mut count) = (Vec::new(), Vec::new(), 0);
    for (record, line) in records.iter().zip(1..) {
        let full = partitions.push(line, record.key.as_deref(), record.millis, &record.value);
        if let Some(full) = full {
            count += full.batch.len() as u64;
            slice.push(full.batch);
        }
        if count >= size {
            slices.push(std::mem::take(&mut slice));
            count = 0;
        }
    }
    // A small rest makes no slice of its own: it would count as much as a whole one.
    slice.extend(partitions.rest().map(|rest| rest.batch));
    match slices.last_mut() {
        Some(last) if count < size / 2 => last.append(&mut slice),
        _ => slices.push(slice),
    }
    slices
}
