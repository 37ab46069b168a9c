//! Instances side by side, one a thread: how many records they get through together.

use std::sync::Barrier;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Args;
use super::modules::{Instance, Kind, Loaded};
use super::ratios::{self, Aim, Ratio};
use super::records::{Records, Slice};
use super::rounds::quantile;
use super::table::markdown;
use crate::{progress, units};

const KINDS: [Kind; 3] = [Kind::Identity, Kind::Floor, Kind::Pipeline];

/// One module, alone and side by side.
struct Lane {
    kind: Kind,
    alone: Vec<Instance>,
    together: Vec<Instance>,
    /// Records a second, of each round.
    rates: [Vec<f64>; 2],
}

impl Lane {
    /// Records a second of the round so far in the middle, alone and together.
    fn medians(&self) -> [f64; 2] {
        self.rates.each_ref().map(|rates| quantile(rates, 0.5))
    }

    /// Together ÷ alone, of the same round.
    fn scaling(&self) -> f64 {
        let [alone, together] = &self.rates;
        let each = alone.iter().zip(together).map(|(alone, together)| together / alone);
        quantile(&each.collect::<Vec<_>>(), 0.5)
    }
}

/// Every instance works off all slices; alone and together in turn. For machines and for people.
pub fn run(args: &Args, cores: u32, records: &Records) -> Result<(Value, String)> {
    let slices = records.slices(args.partitions, args.batch);
    let lane = |kind| -> Result<Lane> {
        let module = Loaded::new(args, kind, &args.target.limits())?;
        let instances = |count| (0..count).map(|_| module.instance(args)).collect();
        Ok(Lane {
            kind,
            alone: instances(1),
            together: instances(cores),
            rates: Default::default(),
        })
    };
    let mut lanes = KINDS.into_iter().map(lane).collect::<Result<Vec<_>>>()?;
    let bar = progress::count("rounds", slices.len() as u64 * u64::from(args.passes));
    for _ in 0..args.passes {
        for lane in &mut lanes {
            let mut instances = lane.alone.iter_mut().chain(&mut lane.together);
            instances.try_for_each(|instance| instance.start().map(|_| ()))?;
        }
        for slice in &slices {
            for lane in &mut lanes {
                lane.rates[0].push(rate(&mut lane.alone, slice)?);
                lane.rates[1].push(rate(&mut lane.together, slice)?);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();

    let scaling =
        |kind| lanes.iter().find(|lane| lane.kind == kind).map_or(f64::NAN, Lane::scaling);
    let ratio = Ratio {
        key: "scaling_to_identity",
        what: "scaling, pipeline ÷ identity",
        value: scaling(Kind::Pipeline) / scaling(Kind::Identity),
        digits: 2,
        unit: "",
        aim: Some(Aim::AtLeast(0.9)),
    };
    let row = |lane: &Lane| {
        let [alone, together] = lane.medians().map(|rate| units::count(rate as u64));
        vec![lane.kind.name().to_owned(), alone, together, format!("{:.2}", lane.scaling())]
    };
    let head = ["module", "records/s, one instance", &format!("{cores} side by side"), "scaling"];
    let table = markdown(&head, &lanes.iter().map(row).collect::<Vec<_>>());
    let json = |lane: &Lane| {
        let [alone, together] = lane.medians();
        json!({
            "name": lane.kind.name(),
            "records_per_second": alone,
            "records_per_second_together": together,
            "scaling": lane.scaling(),
        })
    };
    let json = json!({
        "count": cores,
        "modules": lanes.iter().map(json).collect::<Vec<_>>(),
        "ratios": [ratio.json()],
    });
    Ok((json, [table, ratios::text(&[ratio])].join("\n")))
}

/// Records a second that the instances get through, each on a thread and on the whole slice: until
/// the last of them is done.
fn rate(instances: &mut [Instance], slice: &Slice) -> Result<f64> {
    let start = Barrier::new(instances.len());
    let (mut records, mut slowest) = (0, 0.0_f64);
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = instances
            .iter_mut()
            .map(|instance| {
                scope.spawn(|| {
                    start.wait();
                    let began = Instant::now();
                    instance.feed(slice).map(|took| (took.records, began.elapsed().as_secs_f64()))
                })
            })
            .collect();
        for thread in threads {
            let fed = thread.join().ok().context("a thread has panicked")?;
            let (count, seconds) = fed?;
            records += count;
            slowest = slowest.max(seconds);
        }
        Ok(())
    })?;
    Ok(records as f64 / slowest)
}
