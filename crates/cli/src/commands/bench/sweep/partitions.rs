//! Sweep: cost of a record against the number of partitions that share an instance.

use anyhow::Result;
use serde::Serialize;

use super::{Point, rounded};
use crate::commands::bench::Options;
use crate::commands::bench::modules::{Kind, Loaded};
use crate::commands::bench::records::Records;
use crate::commands::bench::rounds::{Lane, passes};

const PARTITIONS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// The costs with one number of partitions.
#[derive(Serialize)]
pub struct PartitionsPoint {
    partitions: u32,
    ns: f64,
    to_1_partition: f64,
    fuel: f64,
}

impl Point for PartitionsPoint {
    const HEAD: &'static [&'static str] = &["partitions", "ns", "÷ 1 partition", "fuel"];

    fn cells(&self) -> Vec<String> {
        let growth = format!("{:.2}", self.to_1_partition);
        vec![self.partitions.to_string(), rounded(self.ns), growth, rounded(self.fuel)]
    }
}

/// Measures the pipeline with each number of partitions.
pub fn measure(options: &Options, records: &Records) -> Result<Vec<PartitionsPoint>> {
    let sets = PARTITIONS.map(|count| records.slices(count, options.batch));
    let module = Loaded::new(options, Kind::Pipeline, &options.target.limits())?;
    let lanes = sets.iter().map(|slices| Lane { instance: module.instance(options), slices });
    let mut lanes: Vec<_> = lanes.collect();
    let costs = passes(&mut lanes, options.passes)?;
    let points = PARTITIONS.into_iter().zip(&costs).map(|(partitions, cost)| PartitionsPoint {
        partitions,
        ns: cost.median_ns(),
        to_1_partition: cost.paired(&costs[0], |ns, base| ns / base),
        fuel: cost.fuel,
    });
    Ok(points.collect())
}
