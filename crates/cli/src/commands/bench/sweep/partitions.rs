//! With the partitions that share an instance.

use anyhow::Result;
use serde_json::json;

use super::{Row, fuel, ns};
use crate::commands::bench::Args;
use crate::commands::bench::modules::{Kind, Loaded};
use crate::commands::bench::records::Records;
use crate::commands::bench::rounds::{Cost, Lane, passes};

const PARTITIONS: [u32; 6] = [1, 2, 4, 8, 16, 32];
pub const HEAD: [&str; 4] = ["partitions", "ns", "÷ 1 partition", "fuel"];

pub fn rows(args: &Args, records: &Records) -> Result<Vec<Row>> {
    let sets = PARTITIONS.map(|count| records.slices(count, args.batch));
    let module = Loaded::new(args, Kind::Pipeline, &args.target.limits())?;
    let lanes = sets.iter().map(|slices| Lane { instance: module.instance(args), slices });
    let mut lanes: Vec<_> = lanes.collect();
    let costs = passes(&mut lanes, args.passes)?;
    let row = |(count, cost): (u32, &Cost)| {
        let growth = cost.paired(&costs[0], |ns, base| ns / base);
        Row {
            cells: vec![count.to_string(), ns(cost), format!("{growth:.2}"), fuel(cost)],
            json: json!({
                "partitions": count,
                "ns": cost.median_ns(),
                "to_1_partition": growth,
                "fuel": cost.fuel,
            }),
        }
    };
    Ok(PARTITIONS.into_iter().zip(&costs).map(row).collect())
}
