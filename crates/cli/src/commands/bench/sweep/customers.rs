//! Sweep: cost of a record against the number of customers remembered.

use anyhow::{Context, Result};
use fraud_detector::shell::StartLine;
use fraud_plan::time::seconds::DAY;
use fraud_simulator::{SplitMix64, Transaction, days_from_civil};
use indicatif::ProgressBar;
use serde::Serialize;
use transform_host::Limits;

use super::{Point, ROUNDS, rounded};
use crate::commands::bench::Options;
use crate::commands::bench::modules::{Instance, Kind, Loaded};
use crate::commands::bench::records::slices;
use crate::commands::bench::rounds::{Lane, pass};
use crate::module::record::PlainRecord;
use crate::show::{progress, units};

const CUSTOMERS: [u32; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// Index of the number of customers that the others are compared with.
const BASE: usize = 1;
/// Memory limits that are tried, as powers of two: 2 MiB to 512 MiB.
const MEMORY: std::ops::RangeInclusive<u32> = 21..=29;
/// Records of a round.
const ROUND: u64 = 10_000;
/// Time of the first record, seconds since 1970.
const FIRST: i64 = days_from_civil(2018, 4, 1) * DAY as i64;

/// The costs with one number of customers.
#[derive(Default, Serialize)]
pub struct CustomersPoint {
    customers: u32,
    /// Memory limit of the instance, bytes.
    memory_limit: u64,
    /// Number of customers that its history has room for.
    room: u64,
    ns: f64,
    to_10000_customers: f64,
    fuel: f64,
}

impl Point for CustomersPoint {
    const HEAD: &'static [&'static str] =
        &["customers", "memory limit", "room for", "ns", "÷ 10,000 customers", "fuel"];

    fn cells(&self) -> Vec<String> {
        vec![
            units::count(u64::from(self.customers)),
            units::size(self.memory_limit),
            units::count(self.room),
            rounded(self.ns),
            format!("{:.2}", self.to_10000_customers),
            rounded(self.fuel),
        ]
    }
}

/// Fills an instance for each number of customers, then sends records of any of them.
pub fn measure(options: &Options) -> Result<Vec<CustomersPoint>> {
    let (mut instances, mut sets, mut rooms) = (Vec::new(), Vec::new(), Vec::new());
    let bar = progress::count("filling", CUSTOMERS.iter().map(|&count| u64::from(count)).sum());
    for count in CUSTOMERS {
        let (mut instance, memory, room) = with_room(options, count)?;
        let mut maker = Maker { number: 0, random: SplitMix64::new(1) };
        fill(&mut instance, count, &mut maker, &bar)?;
        // Each customer is as likely as another.
        let any = (0..ROUNDS as u64 * ROUND).map(|_| {
            let customer = maker.random.below(count.into()) as u32;
            maker.make(customer)
        });
        sets.push(slices(&any.collect::<Result<Vec<_>>>()?, 1, options.batch, ROUND));
        instances.push(instance);
        rooms.push((memory, room));
    }
    bar.finish_and_clear();
    let lanes = instances.into_iter().zip(&sets);
    let mut lanes: Vec<_> = lanes.map(|(instance, slices)| Lane { instance, slices }).collect();
    let costs = pass(&mut lanes)?;
    let points = CUSTOMERS.into_iter().zip(rooms).zip(&costs);
    let points = points.map(|((customers, (memory_limit, room)), cost)| CustomersPoint {
        customers,
        memory_limit,
        room,
        ns: cost.median_ns(),
        to_10000_customers: cost.paired(&costs[BASE], |ns, base| ns / base),
        fuel: cost.fuel,
    });
    Ok(points.collect())
}

/// Starts an instance whose history has room for this number of customers, with the least power of
/// two of memory that gives it, up to 512 MiB; returns its memory limit and its room too.
fn with_room(options: &Options, customers: u32) -> Result<(Instance, u64, u64)> {
    for bits in MEMORY {
        let memory = 1 << bits;
        let limits = Limits::stock().with(|l| {
            l.memory_bytes = memory;
            l.core_memory_bytes = memory.max(20 << 20);
        });
        let mut instance = Loaded::new(options, Kind::Pipeline, &limits)?.instance(options);
        let log = instance.start()?;
        let line = log.lines().find_map(StartLine::parse);
        let room = line.and_then(|line| line.capacities.first().copied());
        let room =
            room.context("the module's log does not say how many customers it holds")? as u64;
        if room >= u64::from(customers) || bits == *MEMORY.end() {
            return Ok((instance, memory, room));
        }
    }
    unreachable!("the last memory limit has returned")
}

/// Sends one record of every customer.
fn fill(
    instance: &mut Instance,
    customers: u32,
    maker: &mut Maker,
    bar: &ProgressBar,
) -> Result<()> {
    const CHUNK: usize = 50_000;
    for first in (0..customers).step_by(CHUNK) {
        let chunk = first..customers.min(first + CHUNK as u32);
        let count = chunk.len() as u64;
        let records = chunk.map(|customer| maker.make(customer)).collect::<Result<Vec<_>>>()?;
        for slice in slices(&records, 1, 100, count) {
            instance.feed(&slice)?;
        }
        bar.inc(count);
    }
    Ok(())
}

/// Makes records that look like the simulator's, fifty a second.
struct Maker {
    /// Number of the next record.
    number: u64,
    random: SplitMix64,
}

impl Maker {
    fn make(&mut self, customer: u32) -> Result<PlainRecord> {
        let seconds = FIRST + (self.number / 50) as i64;
        let transaction = Transaction {
            id: self.number,
            seconds,
            customer,
            terminal: self.random.below(10_000) as u32,
            // Near what this customer usually spends, because the reasons of an alarm cost fuel.
            amount_cents: i64::from(1_000 + customer % 4_000) + self.random.below(500) as i64,
            scenario: 0,
        };
        self.number += 1;
        let mut value = Vec::with_capacity(128);
        fraud_simulator::write_transaction(&transaction, &mut value)?;
        value.pop();
        let key = Some(customer.to_string().into_bytes());
        Ok(PlainRecord { millis: seconds * 1000, key, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base() {
        assert_eq!(CUSTOMERS[BASE], 10_000);
    }
}
