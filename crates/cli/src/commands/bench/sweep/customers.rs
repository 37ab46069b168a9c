//! With the customers remembered.

use anyhow::{Context, Result};
use fraud_simulator::Transaction;
use indicatif::ProgressBar;
use serde_json::json;
use transform_host::Limits;

use super::{ROUNDS, Row, fuel, ns};
use crate::commands::bench::Args;
use crate::commands::bench::modules::{Instance, Kind, Loaded};
use crate::commands::bench::records::{Record, slices};
use crate::commands::bench::rounds::{Cost, Lane, pass};
use crate::data::random::Random;
use crate::module::log::capacities_in;
use crate::show::{progress, units};

const CUSTOMERS: [u32; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
const MEMORY: std::ops::RangeInclusive<u32> = 21..=29;
pub const HEAD: [&str; 6] =
    ["customers", "memory limit", "room for", "ns", "÷ 10,000 customers", "fuel"];
/// Records of a round.
const ROUND: u64 = 10_000;

pub fn rows(args: &Args) -> Result<Vec<Row>> {
    let (mut instances, mut sets, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let bar = progress::count("filling", CUSTOMERS.iter().map(|&count| u64::from(count)).sum());
    for count in CUSTOMERS {
        let (mut instance, memory, room) = with_room(args, count)?;
        let mut made = Made { number: 0, random: Random::new(1) };
        fill(&mut instance, count, &mut made, &bar)?;
        // Any customer, each as likely as the other.
        let any = (0..ROUNDS as u64 * ROUND).map(|_| {
            let customer = made.random.below(count.into()) as u32;
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
        let limits = Limits::stock().with(|l| {
            l.memory_bytes = memory;
            l.core_memory_bytes = memory.max(20 << 20);
        });
        let mut instance = Loaded::new(args, Kind::Pipeline, &limits)?.instance(args);
        let log = instance.start()?;
        let room = capacities_in(&log);
        let &room = room.first().context("the module's log does not say how many it holds")?;
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
    random: Random,
}

impl Made {
    fn record(&mut self, customer: u32) -> Result<Record> {
        let seconds = 1_522_540_800 + (self.number / 50) as i64;
        let transaction = Transaction {
            id: self.number,
            seconds,
            customer,
            terminal: self.random.below(10_000) as u32,
            // Around what this customer usually spends: reasons for an alarm cost fuel of their own.
            amount_cents: i64::from(1_000 + customer % 4_000) + self.random.below(500) as i64,
            scenario: 0,
        };
        self.number += 1;
        let mut value = Vec::with_capacity(128);
        fraud_simulator::write_transaction(&transaction, &mut value)?;
        value.pop();
        Ok(Record { millis: seconds * 1000, key: Some(customer.to_string().into_bytes()), value })
    }
}
