//! The least that a scoring transform does the usual way: the record parsed by serde_json into
//! borrowed fields, a constant score, and the verdict spliced in. No history and no model.
//!
//! The pipeline is compared with this, now and later: it stays as it is, whatever could be made
//! faster here.

use std::borrow::Cow;
use std::hint::black_box;

use anyhow::{Context, Result};
use redpanda_transform_sdk::{
    BorrowedRecord, RecordWriter, WriteEvent, WriteOptions, on_record_written,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Transaction<'r> {
    #[serde(borrow)]
    transaction_id: Cow<'r, str>,
    #[serde(borrow)]
    timestamp: Cow<'r, str>,
    #[serde(borrow)]
    customer_id: Cow<'r, str>,
    #[serde(borrow)]
    terminal_id: Cow<'r, str>,
    amount: f64,
}

fn main() {
    on_record_written(transform);
}

fn transform(event: WriteEvent, writer: &mut RecordWriter) -> Result<()> {
    let value = event.record.value().context("a value")?;
    let transaction: Transaction = serde_json::from_str(std::str::from_utf8(value)?)?;
    let Transaction { transaction_id, timestamp, customer_id, terminal_id, amount } = &transaction;
    black_box((transaction_id, timestamp, customer_id, terminal_id, amount));
    let score = black_box(0.0123_f32);
    let end = value.iter().rposition(|&byte| byte == b'}').context("an object")?;
    let mut scored = Vec::with_capacity(value.len() + 128);
    scored.extend_from_slice(&value[..end]);
    scored.extend_from_slice(br#","fraud":{"decision":"valid","score":"#);
    serde_json::to_writer(&mut scored, &score)?;
    scored.extend_from_slice(br#","threshold":0.5,"model":"00000000","history":"warm"}"#);
    scored.extend_from_slice(&value[end..]);
    let record = BorrowedRecord::new(event.record.key(), Some(&scored));
    writer.write_with_options(record, WriteOptions::to_topic("valid"))?;
    Ok(())
}
