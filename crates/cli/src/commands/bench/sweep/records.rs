//! With the size of a record.

use anyhow::Result;
use serde_json::json;

use super::{ROUNDS, Row, fuel, ns};
use crate::commands::bench::Args;
use crate::commands::bench::modules::{Kind, Loaded};
use crate::commands::bench::records::{Record, Records, slices};
use crate::commands::bench::rounds::{Cost, Lane, passes};
use crate::show::units;

/// Bytes of key and value; none: as the records are.
const SIZES: [Option<usize>; 6] =
    [None, Some(256), Some(1 << 10), Some(4 << 10), Some(16 << 10), Some(64 << 10)];
/// Bytes of a slice, and of what the broker reads at a time.
const SLICE_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 128 << 10;
pub const HEAD: [&str; 7] = [
    "bytes",
    "identity, ns",
    "floor, ns",
    "pipeline, ns",
    "ns a byte",
    "pipeline, fuel",
    "÷ floor",
];

pub fn rows(args: &Args, records: &Records) -> Result<Vec<Row>> {
    let kinds = [Kind::Identity, Kind::Floor, Kind::Pipeline];
    let mut sets = Vec::new();
    for size in SIZES {
        let bytes = size.unwrap_or(records.mean_bytes() as usize);
        let count = (SLICE_BYTES / bytes).max(1);
        let padded: Vec<Record> = (records.all().iter().cycle().take(ROUNDS * count))
            .map(|record| padded(record, bytes))
            .collect();
        let batch = (READ_BYTES / bytes).clamp(1, args.batch as usize);
        sets.push(slices(&padded, 1, batch as u32, count as u64));
    }
    let load = |kind| Loaded::new(args, kind, &args.target.limits());
    let modules = kinds.into_iter().map(load).collect::<Result<Vec<_>>>()?;
    let lanes = sets.iter().flat_map(|slices| {
        modules.iter().map(move |module| Lane { instance: module.instance(args), slices })
    });
    let mut lanes: Vec<_> = lanes.collect();
    let costs = passes(&mut lanes, 1)?;
    let row = |(size, costs): (Option<usize>, &[Cost])| {
        let [identity, floor, pipeline] = costs else { panic!("as many as kinds") };
        let bytes = size.map_or(records.mean_bytes(), |size| size as f64);
        let per_byte = pipeline.median_ns() / bytes;
        let ratio = floor.paired(pipeline, |floor, pipeline| floor / pipeline);
        Row {
            cells: vec![
                units::size(bytes as u64),
                ns(identity),
                ns(floor),
                ns(pipeline),
                format!("{per_byte:.2}"),
                fuel(pipeline),
                format!("{ratio:.2}"),
            ],
            json: json!({
                "record_bytes": bytes,
                "identity_ns": identity.median_ns(),
                "floor_ns": floor.median_ns(),
                "pipeline_ns": pipeline.median_ns(),
                "pipeline_ns_per_byte": per_byte,
                "pipeline_fuel": pipeline.fuel,
                "floor_fuel": floor.fuel,
                "rate_to_floor": ratio,
            }),
        }
    };
    Ok(SIZES.into_iter().zip(costs.chunks(kinds.len())).map(row).collect())
}

/// With a member that nobody looks at, so that key and value have `bytes`, if they have fewer.
fn padded(record: &Record, bytes: usize) -> Record {
    const MEMBER: &[u8] = br#","padding":"""#;
    let mut record = record.clone();
    let end = record.value.iter().rposition(|&byte| byte == b'}').unwrap_or(0);
    if let Some(missing) = bytes.checked_sub(record.bytes() + MEMBER.len()) {
        let mut member = MEMBER.to_vec();
        member.splice(MEMBER.len() - 1..MEMBER.len() - 1, std::iter::repeat_n(b'x', missing));
        record.value.splice(end..end, member);
    }
    record
}
