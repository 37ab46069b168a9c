//! Speed and fuel: every module in turn on each slice, A B C A B C.

use anyhow::{Result, ensure};

use super::modules::{Instance, Kind, Took};
use super::records::Slice;
use crate::show::progress;

/// Starts of each module.
const STARTS: usize = 21;

/// What one module's records cost.
#[derive(Clone, Default)]
pub struct Cost {
    /// Nanoseconds a record, of each round.
    pub ns: Vec<f64>,
    /// Mean over all records.
    pub fuel: f64,
}

impl Cost {
    /// Records a second: the lower quartile of the rounds, the median, the upper quartile.
    pub fn rate(&self) -> [f64; 3] {
        [0.75, 0.5, 0.25].map(|share| 1e9 / quantile(&self.ns, share))
    }

    /// Median nanoseconds a record.
    pub fn median_ns(&self) -> f64 {
        quantile(&self.ns, 0.5)
    }

    /// The median of something of both in the same round.
    pub fn paired(&self, other: &Cost, of: fn(f64, f64) -> f64) -> f64 {
        let both = self.ns.iter().zip(&other.ns);
        quantile(&both.map(|(&ns, &other)| of(ns, other)).collect::<Vec<_>>(), 0.5)
    }
}

/// A running instance, and what it has to work off.
pub struct Lane<'r> {
    pub instance: Instance,
    pub slices: &'r [Slice],
}

/// Sends its slices through every lane so many times, each time from a start.
pub fn passes(lanes: &mut [Lane], passes: u32) -> Result<Vec<Cost>> {
    let mut costs: Vec<Cost> = Vec::new();
    for _ in 0..passes {
        for lane in &mut *lanes {
            lane.instance.start()?;
        }
        let again = pass(lanes)?;
        if costs.is_empty() {
            costs = again;
            continue;
        }
        for ((cost, again), lane) in costs.iter_mut().zip(again).zip(&*lanes) {
            ensure!(
                cost.fuel == again.fuel,
                "{} took {} fuel a record, and {} when started again; it should be the same",
                lane.instance.kind.name(),
                cost.fuel,
                again.fuel
            );
            cost.ns.extend(again.ns);
        }
    }
    Ok(costs)
}

/// Sends its slices through every lane once.
pub fn pass(lanes: &mut [Lane]) -> Result<Vec<Cost>> {
    let rounds = lanes.iter().map(|lane| lane.slices.len()).max().unwrap_or(0);
    let bar = progress::count("rounds", rounds as u64);
    let mut costs = vec![Cost::default(); lanes.len()];
    let mut sums = vec![Took::default(); lanes.len()];
    for round in 0..rounds {
        for ((lane, cost), sum) in lanes.iter_mut().zip(&mut costs).zip(&mut sums) {
            let Some(slice) = lane.slices.get(round) else { continue };
            let took = lane.instance.feed(slice)?;
            cost.ns.push(took.ns / took.records as f64);
            sum.fuel += took.fuel;
            sum.records += took.records;
        }
        same_output(lanes)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    for (cost, sum) in costs.iter_mut().zip(sums) {
        cost.fuel = sum.fuel as f64 / sum.records as f64;
    }
    Ok(costs)
}

/// The naive module has written what the pipeline has, on their last batch.
fn same_output(lanes: &[Lane]) -> Result<()> {
    let of = |kind| lanes.iter().map(|lane| &lane.instance).find(|one| one.kind == kind);
    if let (Some(naive), Some(pipeline)) = (of(Kind::Naive), of(Kind::Pipeline)) {
        ensure!(
            naive.output == pipeline.output,
            "the naive module has written something else than the pipeline; were they built from \
             the same model?"
        );
    }
    Ok(())
}

/// Median microseconds of a start.
pub fn starts(lanes: &mut [Lane]) -> Result<Vec<f64>> {
    let mut times = vec![Vec::new(); lanes.len()];
    for _ in 0..STARTS {
        for (Lane { instance, .. }, times) in lanes.iter_mut().zip(&mut times) {
            let before = instance.vm.stats().start_time;
            instance.start()?;
            times.push((instance.vm.stats().start_time - before).as_nanos() as f64 / 1e3);
        }
    }
    Ok(times.iter().map(|times| quantile(times, 0.5)).collect())
}

/// The value that a share of the others is not above.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (share * sorted.len() as f64) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
