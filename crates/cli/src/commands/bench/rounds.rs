//! Speed and fuel: every module in turn on each slice, A B C A B C.

use anyhow::{Result, ensure};

use super::modules::{Instance, Kind, Spent};
use super::records::Slice;
use crate::numbers;
use crate::show::progress;

/// Number of starts of each module.
const STARTS: usize = 21;

/// The cost of one module's records.
#[derive(Clone, Default)]
pub struct Cost {
    /// Nanoseconds a record, in each round.
    pub ns: Vec<f64>,
    /// Fuel a record, the mean over all records.
    pub fuel: f64,
}

impl Cost {
    /// Returns records a second: the lower quartile of the rounds, the median, the upper quartile.
    pub fn rate(&self) -> [f64; 3] {
        [0.75, 0.5, 0.25].map(|share| 1e9 / quantile(&self.ns, share))
    }

    /// Returns the median of nanoseconds a record.
    pub fn median_ns(&self) -> f64 {
        quantile(&self.ns, 0.5)
    }

    /// Returns the median of a function of both costs in the same round.
    pub fn paired(&self, other: &Cost, of: fn(f64, f64) -> f64) -> f64 {
        let both = self.ns.iter().zip(&other.ns);
        quantile(&both.map(|(&ns, &other)| of(ns, other)).collect::<Vec<_>>(), 0.5)
    }
}

/// A running instance, and the slices that it has to work off.
pub struct Lane<'r> {
    pub instance: Instance,
    pub slices: &'r [Slice],
}

/// Sends its slices through every lane in each of the passes, which begin with a start.
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
                "{} took {} fuel a record, and {} when started again; both should be equal",
                lane.instance.kind.name(),
                cost.fuel,
                again.fuel
            );
            cost.ns.extend(again.ns);
        }
    }
    Ok(costs)
}

/// Sends its slices through every lane once, a slice of each lane in turn.
pub fn pass(lanes: &mut [Lane]) -> Result<Vec<Cost>> {
    let rounds = lanes.iter().map(|lane| lane.slices.len()).max().unwrap_or(0);
    let bar = progress::count("rounds", rounds as u64);
    let mut costs = vec![Cost::default(); lanes.len()];
    let mut sums = vec![Spent::default(); lanes.len()];
    for round in 0..rounds {
        for ((lane, cost), sum) in lanes.iter_mut().zip(&mut costs).zip(&mut sums) {
            let Some(slice) = lane.slices.get(round) else { continue };
            let spent = lane.instance.feed(slice)?;
            cost.ns.push(spent.ns / spent.records as f64);
            sum.fuel += spent.fuel;
            sum.records += spent.records;
        }
        check_same_output(lanes)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    for (cost, sum) in costs.iter_mut().zip(sums) {
        cost.fuel = sum.fuel as f64 / sum.records as f64;
    }
    Ok(costs)
}

/// Fails unless the naive module has written what the pipeline has, on their last batch.
fn check_same_output(lanes: &[Lane]) -> Result<()> {
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

/// Returns the median microseconds of a start.
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

/// Returns a quantile of measured values.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    numbers::quantile(&mut values.to_vec(), share, f64::total_cmp).unwrap_or(f64::NAN)
}
