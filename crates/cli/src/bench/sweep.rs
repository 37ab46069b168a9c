//! How the cost of a record grows with its size, and with what is remembered and computed.

use anyhow::{Context, Result};
use fraud_detector::history::History;
use fraud_plan::{Decision, Plan, compile};
use fraud_simulator::Transaction;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use transform_host::Limits;

use super::modules::{Instance, Kind, Loaded};
use super::records::{Record, Records, slices};
use super::rounds::{Cost, Lane, pass, passes};
use super::{Args, about, markdown};
use crate::report::Report;
use crate::{inspect, progress, units};

/// What grows.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Sweep {
    /// Bytes of a record
    Records,
    /// Customers that are remembered
    Customers,
    /// Features of the spec
    Features,
    /// Partitions on one instance
    Partitions,
}

/// Rounds of those sweeps that make their own records.
const ROUNDS: usize = 31;

/// The measurements of one row.
struct Row {
    cells: Vec<String>,
    json: Value,
}

/// Measures and answers.
pub fn run(args: &Args, sweep: Sweep, records: &Records) -> Result<Report> {
    let (head, rows): (&[&str], _) = match sweep {
        Sweep::Records => (&SIZES_HEAD, sizes(args, records)?),
        Sweep::Customers => (&CUSTOMERS_HEAD, customers(args)?),
        Sweep::Features => (&FEATURES_HEAD, features(args, records)?),
        Sweep::Partitions => (&PARTITIONS_HEAD, partitions(args, records)?),
    };
    let (cells, rows): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.cells, row.json)).unzip();
    let name = format!("{sweep:?}").to_lowercase();
    let about = match sweep {
        Sweep::Customers => String::new(),
        _ => about(records) + "\n",
    };
    Ok(Report {
        json: json!({ "sweep": name, "rows": rows }),
        text: about + &markdown(head, &cells),
        aside: String::new(),
        ok: true,
    })
}

fn ns(cost: &Cost) -> String {
    units::count(cost.median_ns().round() as u64)
}

fn fuel(cost: &Cost) -> String {
    units::count(cost.fuel.round() as u64)
}

/// Bytes of key and value; none: as the records are.
const SIZES: [Option<usize>; 6] =
    [None, Some(256), Some(1 << 10), Some(4 << 10), Some(16 << 10), Some(64 << 10)];
/// Bytes of a slice, and of what the broker reads at a time.
const SLICE_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 128 << 10;
const SIZES_HEAD: [&str; 7] = [
    "bytes",
    "identity, ns",
    "floor, ns",
    "pipeline, ns",
    "ns a byte",
    "pipeline, fuel",
    "÷ floor",
];

fn sizes(args: &Args, records: &Records) -> Result<Vec<Row>> {
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

const CUSTOMERS: [u32; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
const MEMORY: std::ops::RangeInclusive<u32> = 21..=29;
const CUSTOMERS_HEAD: [&str; 6] =
    ["customers", "memory limit", "room for", "ns", "÷ 10,000 customers", "fuel"];
/// Records of a round.
const ROUND: u64 = 10_000;

fn customers(args: &Args) -> Result<Vec<Row>> {
    let (mut instances, mut sets, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let bar = progress::count("filling", CUSTOMERS.iter().map(|&count| u64::from(count)).sum());
    for count in CUSTOMERS {
        let (mut instance, memory, room) = with_room(args, count)?;
        let mut made = Made { number: 0, random: 1 };
        fill(&mut instance, count, &mut made, &bar)?;
        // Any customer, each as likely as the other.
        let any = (0..ROUNDS as u64 * ROUND).map(|_| {
            let customer = made.random(count);
            made.record(customer)
        });
        sets.push(slices(&any.collect::<Result<Vec<_>>>()?, 1, args.batch, ROUND));
        instances.push(instance);
        labels.push((count, memory, room));
    }
    bar.finish_and_clear();
    let lanes = instances.into_iter().zip(&sets);
    let mut lanes: Vec<_> = lanes.map(|(instance, slices)| Lane { instance, slices }).collect();
    let costs = pass(&mut lanes)?;
    let base = CUSTOMERS.iter().position(|&count| count == 10_000).expect("one of them");
    let row = |((count, memory, room), cost): ((u32, u64, u64), &Cost)| {
        let growth = cost.paired(&costs[base], |ns, base| ns / base);
        Row {
            cells: vec![
                units::count(u64::from(count)),
                units::size(memory),
                units::count(room),
                ns(cost),
                format!("{growth:.2}"),
                fuel(cost),
            ],
            json: json!({
                "customers": count,
                "memory_limit": memory,
                "room": room,
                "ns": cost.median_ns(),
                "to_10000_customers": growth,
                "fuel": cost.fuel,
            }),
        }
    };
    Ok(labels.into_iter().zip(&costs).map(row).collect())
}

/// An instance whose history has room for so many customers, with the least memory of a power of
/// two that gives it, up to 512 MiB; its memory limit, and for how many there is room.
fn with_room(args: &Args, customers: u32) -> Result<(Instance, u64, u64)> {
    for bits in MEMORY {
        let memory = 1 << bits;
        let limits = Limits {
            memory_bytes: memory,
            core_memory_bytes: memory.max(20 << 20),
            ..Limits::stock()
        };
        let mut instance = Loaded::new(args, Kind::Pipeline, &limits)?.instance(args);
        let log = instance.start()?;
        let room = inspect::capacity_in(&log).context("the module's log says how many it holds")?;
        if room >= u64::from(customers) || bits == *MEMORY.end() {
            return Ok((instance, memory, room));
        }
    }
    unreachable!("the last has returned")
}

/// One record of every customer.
fn fill(instance: &mut Instance, customers: u32, made: &mut Made, bar: &ProgressBar) -> Result<()> {
    const CHUNK: usize = 50_000;
    for first in (0..customers).step_by(CHUNK) {
        let chunk = first..customers.min(first + CHUNK as u32);
        let count = chunk.len() as u64;
        let records = chunk.map(|customer| made.record(customer)).collect::<Result<Vec<_>>>()?;
        for slice in slices(&records, 1, 100, count) {
            instance.feed(&slice)?;
        }
        bar.inc(count);
    }
    Ok(())
}

/// Records that look like the simulator's, fifty a second.
struct Made {
    number: u64,
    /// SplitMix64's state.
    random: u64,
}

impl Made {
    fn record(&mut self, customer: u32) -> Result<Record> {
        let seconds = 1_522_540_800 + (self.number / 50) as i64;
        let transaction = Transaction {
            id: self.number,
            seconds,
            customer,
            terminal: self.random(10_000),
            // Around what this customer usually spends: reasons for an alarm cost fuel of their own.
            amount_cents: i64::from(1_000 + customer % 4_000 + self.random(500)),
            scenario: 0,
        };
        self.number += 1;
        let mut value = Vec::with_capacity(128);
        fraud_simulator::write_transaction(&transaction, &mut value)?;
        value.pop();
        Ok(Record { millis: seconds * 1000, key: Some(customer.to_string().into_bytes()), value })
    }

    fn random(&mut self, below: u32) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((((z ^ (z >> 31)) >> 32) * u64::from(below)) >> 32) as u32
    }
}

const FEATURES: [usize; 6] = [1, 2, 4, 8, 16, 32];
const HALF_LIVES: [&str; 8] = ["7d", "1d", "30d", "1h", "3d", "14d", "6h", "90d"];
const FEATURES_HEAD: [&str; 5] = ["features", "bytes a customer", "ns", "fuel", "fuel a feature"];

/// Windows over the customer without a model; a detector that computes one feature is the base.
fn features(args: &Args, records: &Records) -> Result<Vec<Row>> {
    let slices = records.slices(args.partitions, args.batch);
    let module = Loaded::new(args, Kind::Given, &args.target.limits())?;
    let (mut lanes, mut bytes) = (Vec::new(), Vec::new());
    for count in FEATURES {
        let program = compile::spec::parse(&spec(count), "the features measured")?;
        bytes.push(History::new(&program, 0).tables()[0].bytes_per_slot());
        let plan = Plan { id: 0, program, decision: Decision::default(), forest: None }.write();
        let mut instance = module.instance(args);
        instance.start()?;
        let first = Record { millis: 0, key: None, value: plan };
        instance.vm.process(&first.alone(), &mut instance.output)?;
        lanes.push(Lane { instance, slices: &slices });
    }
    let costs = pass(&mut lanes)?;
    let row = |((count, bytes), cost): ((usize, usize), &Cost)| {
        let more = (count > 1).then(|| (cost.fuel - costs[0].fuel) / (count - 1) as f64);
        Row {
            cells: vec![
                count.to_string(),
                bytes.to_string(),
                ns(cost),
                fuel(cost),
                more.map_or("–".into(), |more| format!("{more:.0}")),
            ],
            json: json!({
                "features": count,
                "bytes_per_customer": bytes,
                "ns": cost.median_ns(),
                "fuel": cost.fuel,
                "fuel_per_further_feature": more,
            }),
        }
    };
    Ok(FEATURES.into_iter().zip(bytes).zip(&costs).map(row).collect())
}

/// The amount, and windows of every kind over it.
fn spec(features: usize) -> String {
    let mut spec = r#"
        version = 1
        time = { path = "timestamp" }
        entity = [{ name = "customer", path = "customer_id" }]
        number = [{ name = "amount", path = "amount" }]
        [[feature]]
        name = "amount"
        kind = "number"
        of = "amount"
    "#
    .to_owned();
    let windows = HALF_LIVES
        .into_iter()
        .flat_map(|half_life| ["count", "sum", "mean", "max"].map(|stat| (stat, half_life)));
    for (stat, half_life) in windows.take(features - 1) {
        let of = if stat == "count" { "" } else { "of = \"amount\"\n" };
        spec += &format!(
            "[[feature]]\nname = \"{stat}_{half_life}\"\nkind = \"window\"\nentity = \"customer\"\n\
             stat = \"{stat}\"\nhalf_life = \"{half_life}\"\n{of}"
        );
    }
    spec
}

const PARTITIONS: [u32; 6] = [1, 2, 4, 8, 16, 32];
const PARTITIONS_HEAD: [&str; 4] = ["partitions", "ns", "÷ 1 partition", "fuel"];

fn partitions(args: &Args, records: &Records) -> Result<Vec<Row>> {
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
