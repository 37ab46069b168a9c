//! The latency of one record: the time of a batch of one, from when the module gets it until it waits
//! for the next.

use std::time::Instant;

use anyhow::{Context, Result};

use serde::Serialize;

use super::Options;
use super::records::{Records, slices};
use super::rounds::{Lane, quantile};
use crate::show::progress;

/// Maximum number of records that are timed.
const MAX_TIMED: usize = 100_000;
/// Maximum number of records that make history before.
const MAX_BEFORE: usize = 200_000;
/// Records that a module takes before it is the next one's turn.
const TURN: usize = 1_000;

/// Percentiles of latency, microseconds.
#[derive(Clone, Copy, Serialize)]
pub struct Percentiles {
    #[serde(rename = "p50_us")]
    pub p50: f64,
    #[serde(rename = "p99_us")]
    pub p99: f64,
    #[serde(rename = "p999_us")]
    pub p999: f64,
}

/// Times the last records of the input, each module in turn.
pub fn measure(
    lanes: &mut [Lane],
    records: &Records,
    options: &Options,
) -> Result<Vec<Percentiles>> {
    let all = &records.all;
    let timed = MAX_TIMED.min(all.len().div_ceil(2));
    let (before, timed) = all.split_at(all.len() - timed);
    let before = slices(
        &before[before.len().saturating_sub(MAX_BEFORE)..],
        options.partitions,
        options.batch,
        u64::MAX,
    );
    for Lane { instance, .. } in &mut *lanes {
        instance.start()?;
        before.iter().try_for_each(|slice| instance.feed(slice).map(|_| ()))?;
    }
    let bar = progress::count("latency", timed.len() as u64);
    let mut times = vec![Vec::with_capacity(timed.len()); lanes.len()];
    for turn in timed.chunks(TURN) {
        let batches: Vec<_> = turn.iter().map(|record| record.alone()).collect();
        for (Lane { instance, .. }, times) in lanes.iter_mut().zip(&mut times) {
            for batch in &batches {
                let began = Instant::now();
                let fed = instance.vm.process(batch, &mut instance.output);
                times.push(began.elapsed().as_nanos() as f64 / 1e3);
                fed.with_context(|| format!("{} failed on a record", instance.kind.name()))?;
            }
        }
        bar.inc(turn.len() as u64);
    }
    bar.finish_and_clear();
    let percentiles = |times: &Vec<f64>| {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| quantile(times, share));
        Percentiles { p50, p99, p999 }
    };
    Ok(times.iter().map(percentiles).collect())
}
