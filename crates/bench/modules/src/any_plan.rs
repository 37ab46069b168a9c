//! The whole detector, whose plan is its first record: so any spec can be measured without a build
//! of its own. Its shell is a plain one, without headers and with one output topic. A record without a
//! key gets one: its feature vector, for a test that compares it with the native one.

use std::cell::RefCell;

use anyhow::{Context, Result, ensure};
use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::Plan;
use redpanda_transform_sdk::{BorrowedRecord, RecordWriter, WriteEvent, on_record_written};

/// Bytes of the stock 2 MiB that history may take.
const HISTORY: usize = 1 << 20;

fn main() {
    let state = RefCell::new(None);
    on_record_written(|event, writer| transform(event, writer, &mut state.borrow_mut()));
}

type State = Option<(Detector<'static>, Vec<u8>)>;

fn transform(event: WriteEvent, writer: &mut RecordWriter, state: &mut State) -> Result<()> {
    let (key, value) = (event.record.key(), event.record.value());
    let Some((detector, scored)) = state else {
        let plan = Plan::read(value.context("a plan")?.to_vec().leak())?;
        *state =
            Some((Detector::new(plan, &Settings::default()).with_history(HISTORY), Vec::new()));
        return Ok(());
    };
    scored.clear();
    // The records have a time of their own.
    let outcome = detector.score(value, -1, scored);
    ensure!(matches!(outcome, Outcome::Scored(_)), "{outcome:?}");
    match key {
        Some(_) => writer.write(BorrowedRecord::new(key, Some(scored)))?,
        None => {
            let vector = detector.vector().iter().flat_map(|value| value.to_le_bytes());
            let vector: Vec<u8> = vector.collect();
            writer.write(BorrowedRecord::new(Some(&vector), Some(scored)))?;
        }
    }
    Ok(())
}
