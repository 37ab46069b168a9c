//! A transform that evaluates the vectors in a record.
//!
//! A record's value is words of 32 bits: `[0, algorithm, shape, plan …]` prepares and writes
//! nothing; `[1, rounds, vectors, values …]` evaluates the vectors `rounds` times and writes their
//! scores.

use std::cell::RefCell;

use anyhow::{Context, Result};
use redpanda_transform_sdk::{BorrowedRecord, RecordWriter, on_record_written};

use crate::algorithms::{Algorithm, Evaluate, read, values};

/// Serves records, and never returns.
pub fn run() {
    let prepared = RefCell::new(None);
    on_record_written(|event, writer| {
        let value = event.record.value().unwrap_or_default();
        handle(value, &mut prepared.borrow_mut(), writer)
    })
}

fn handle(
    value: &[u8],
    prepared: &mut Option<Box<dyn Evaluate>>,
    writer: &mut RecordWriter,
) -> Result<()> {
    let (header, rest) = value.split_at_checked(12).context("a header")?;
    let word = |at: usize| u32::from_le_bytes(header[4 * at..4 * at + 4].try_into().expect("four"));
    if word(0) == 0 {
        *prepared = None;
        let algorithm = Algorithm::ALL[word(1) as usize];
        *prepared = algorithm.prepare(&read(rest)?, word(2) as usize);
        return Ok(());
    }
    let evaluate = prepared.as_mut().context("prepared before")?;
    let vectors = values(rest);
    let mut scores = vec![0.0; word(2) as usize];
    for _ in 0..word(1) {
        evaluate.evaluate(std::hint::black_box(&vectors), &mut scores);
    }
    writer.write(BorrowedRecord::new(None, Some(bytemuck::cast_slice(&scores))))?;
    Ok(())
}
