//! Sweep: cost of a record against its size.

use anyhow::Result;
use serde::Serialize;

use super::{Point, ROUNDS, rounded};
use crate::commands::bench::Options;
use crate::commands::bench::modules::{Kind, Loaded};
use crate::commands::bench::records::{Records, slices};
use crate::commands::bench::rounds::{Cost, Lane, passes};
use crate::module::record::PlainRecord;
use crate::show::units;

/// Bytes of key and value; `None` leaves the records as they are.
const SIZES: [Option<usize>; 6] =
    [None, Some(256), Some(1 << 10), Some(4 << 10), Some(16 << 10), Some(64 << 10)];
const KINDS: [Kind; 3] = [Kind::Identity, Kind::Floor, Kind::Pipeline];
/// Bytes of a slice.
const SLICE_BYTES: usize = 1 << 20;
/// Bytes that the broker reads at a time.
const READ_BYTES: usize = 128 << 10;

/// The costs with one size.
#[derive(Default, Serialize)]
pub struct SizePoint {
    record_bytes: f64,
    identity_ns: f64,
    floor_ns: f64,
    pipeline_ns: f64,
    pipeline_ns_per_byte: f64,
    pipeline_fuel: f64,
    floor_fuel: f64,
    /// The pipeline's rate ÷ the floor's.
    rate_to_floor: f64,
}

impl Point for SizePoint {
    const HEAD: &'static [&'static str] = &[
        "bytes",
        "identity, ns",
        "floor, ns",
        "pipeline, ns",
        "ns a byte",
        "pipeline, fuel",
        "÷ floor",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            units::size(self.record_bytes as u64),
            rounded(self.identity_ns),
            rounded(self.floor_ns),
            rounded(self.pipeline_ns),
            format!("{:.2}", self.pipeline_ns_per_byte),
            rounded(self.pipeline_fuel),
            format!("{:.2}", self.rate_to_floor),
        ]
    }
}

impl SizePoint {
    fn new(record_bytes: f64, costs: &[Cost]) -> Self {
        let [identity, floor, pipeline] = costs else { panic!("one cost for each of KINDS") };
        Self {
            record_bytes,
            identity_ns: identity.median_ns(),
            floor_ns: floor.median_ns(),
            pipeline_ns: pipeline.median_ns(),
            pipeline_ns_per_byte: pipeline.median_ns() / record_bytes,
            pipeline_fuel: pipeline.fuel,
            floor_fuel: floor.fuel,
            rate_to_floor: floor.paired(pipeline, |floor, pipeline| floor / pipeline),
        }
    }
}

/// Measures three modules on records that are padded to each size.
pub fn measure(options: &Options, records: &Records) -> Result<Vec<SizePoint>> {
    let mean = records.about().record_bytes;
    let mut sets = Vec::new();
    for size in SIZES {
        let bytes = size.unwrap_or(mean as usize);
        let count = (SLICE_BYTES / bytes).max(1);
        let padded: Vec<PlainRecord> = (records.all.iter().cycle().take(ROUNDS * count))
            .map(|record| record.clone().padded(bytes))
            .collect();
        let batch = (READ_BYTES / bytes).clamp(1, options.batch as usize);
        sets.push(slices(&padded, 1, batch as u32, count as u64));
    }
    let load = |kind| Loaded::new(options, kind, &options.target.limits());
    let modules = KINDS.into_iter().map(load).collect::<Result<Vec<_>>>()?;
    let lanes = sets.iter().flat_map(|slices| {
        modules.iter().map(move |module| Lane { instance: module.instance(options), slices })
    });
    let mut lanes: Vec<_> = lanes.collect();
    let costs = passes(&mut lanes, 1)?;
    let points = SIZES.into_iter().zip(costs.chunks(KINDS.len()));
    let points =
        points.map(|(size, costs)| SizePoint::new(size.map_or(mean, |size| size as f64), costs));
    Ok(points.collect())
}
