//! The instances of the module, what becomes of a batch in them, and what they use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use transform_host::{Batch, Deployment, Level, LogLine, Module, Output, Stats, Vm};

use super::partitions::Lot;
use crate::show::units;

/// How often one batch may fail.
const ATTEMPTS: u32 = 3;

/// Why a replay ended early.
#[derive(Debug)]
pub enum Failure {
    /// An instance did not start.
    Start { instance: usize, fault: String },
    /// A batch failed [`ATTEMPTS`] times: at this record, or, if none was read, before its first.
    Batch { partition: u32, offset: i64, line: u64, read: u64, fault: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Start { instance, fault } => {
                write!(f, "instance {instance} does not start: {fault}")
            }
            Failure::Batch { partition, offset, line, read: 0, fault } => write!(
                f,
                "given up: partition {partition}, the batch from offset {offset} (line {line} of \
                 the input) failed {ATTEMPTS} times before its first record was read: {fault}"
            ),
            Failure::Batch { partition, offset, line, read: _, fault } => write!(
                f,
                "given up: partition {partition}, offset {offset} (line {line} of the input) failed \
                 {ATTEMPTS} times: {fault}"
            ),
        }
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// For machines.
    pub fn json(&self) -> Value {
        match self {
            Failure::Start { instance, fault } => json!({ "instance": instance, "fault": fault }),
            Failure::Batch { partition, offset, line, read, fault } => json!({
                "partition": partition,
                "offset": offset,
                "line": line,
                "records_read": read,
                "fault": fault,
            }),
        }
    }
}

/// The instances.
pub struct Instances {
    vms: Vec<Vm>,
    output: Output,
    reports: Reports,
    wipes: u64,
    pub logs: Logs,
}

/// What the records with reports took of the instances' figures.
#[derive(Default)]
struct Reports {
    records: u64,
    fuel: u64,
}

/// The instances' figures together.
pub struct Usage {
    pub engine: Duration,
    /// Mean over transactions.
    pub fuel_per_record: f64,
    /// Mean over records with reports.
    pub fuel_per_report_record: f64,
    /// The most that a record took, of either kind.
    pub most_fuel: u64,
    pub startup_fuel: u64,
    pub peak_memory: u64,
    /// After a fault; a wipe is none.
    pub restarts: u64,
}

impl Instances {
    /// `instances` instances that are not running yet.
    pub fn new(module: &Module, deployment: &Deployment, instances: u32) -> Self {
        Self {
            vms: (0..instances).map(|_| Vm::new(module, deployment)).collect(),
            output: Output::default(),
            reports: Reports::default(),
            wipes: 0,
            logs: Logs::default(),
        }
    }

    /// Starts all instances, each with an empty memory.
    pub fn start(&mut self) -> Result<()> {
        (0..self.vms.len()).try_for_each(|instance| self.start_one(instance))
    }

    /// Starts running instances afresh.
    pub fn wipe(&mut self) -> Result<()> {
        self.wipes += self.vms.len() as u64;
        self.start()
    }

    fn start_one(&mut self, instance: usize) -> Result<()> {
        let vm = &mut self.vms[instance];
        let started = vm.start();
        self.logs.take(instance, vm);
        Ok(started.map_err(|fault| Failure::Start { instance, fault: fault.to_string() })?)
    }

    /// Gives a batch to its instance, again after a fault, and passes on what comes out. The error
    /// is a [`Failure`], or `out`'s own.
    pub fn process(&mut self, lot: &Lot, out: &mut dyn FnMut(&Output) -> Result<()>) -> Result<()> {
        let instance = lot.partition as usize % self.vms.len();
        let batch: &Arc<Batch> = &lot.batch;
        for attempt in 1.. {
            let vm = &mut self.vms[instance];
            let before = vm.stats().records;
            let Err(fault) = vm.process(batch, &mut self.output) else { break };
            // The last record that was read is the one that did not get through.
            let read = vm.stats().records - before;
            let at = (read.max(1) - 1).min(batch.len() as u64 - 1) as usize;
            self.logs.take(instance, vm);
            if attempt == ATTEMPTS {
                Err(Failure::Batch {
                    partition: lot.partition,
                    offset: batch.header().base_offset + at as i64,
                    line: lot.lines[at],
                    read,
                    fault: fault.to_string(),
                })?;
            }
            self.start_one(instance)?;
        }
        self.logs.take(instance, &mut self.vms[instance]);
        out(&self.output)
    }

    /// The same for a batch of reports, whose figures are kept apart.
    pub fn report(&mut self, lot: &Lot, out: &mut dyn FnMut(&Output) -> Result<()>) -> Result<()> {
        let instance = lot.partition as usize % self.vms.len();
        let before = self.vms[instance].stats();
        self.process(lot, out)?;
        let after = self.vms[instance].stats();
        self.reports.records += after.records - before.records;
        self.reports.fuel += after.record_fuel - before.record_fuel;
        Ok(())
    }

    /// What they have used so far.
    pub fn usage(&self) -> Usage {
        let stats: Vec<Stats> = self.vms.iter().map(Vm::stats).collect();
        let sum = |figure: fn(&Stats) -> u64| stats.iter().map(figure).sum::<u64>();
        let most = |figure: fn(&Stats) -> u64| stats.iter().map(figure).max().unwrap_or(0);
        let mean = |sum: u64, count: u64| sum as f64 / count.max(1) as f64;
        let reports = &self.reports;
        Usage {
            engine: stats.iter().map(|stats| stats.engine_time).sum(),
            fuel_per_record: mean(
                sum(|s| s.record_fuel) - reports.fuel,
                sum(|s| s.records) - reports.records,
            ),
            fuel_per_report_record: mean(reports.fuel, reports.records),
            most_fuel: most(|s| s.record_fuel_max),
            startup_fuel: most(|s| s.start_fuel),
            peak_memory: most(|s| s.peak_memory_bytes),
            restarts: sum(|s| s.restarts) - self.wipes,
        }
    }
}

/// The first log lines of all instances, and how many there were.
#[derive(Default)]
pub struct Logs {
    first: Vec<(usize, LogLine)>,
    pub total: u64,
}

impl Logs {
    const KEPT: usize = 100;

    fn take(&mut self, instance: usize, vm: &mut Vm) {
        for line in vm.take_logs() {
            self.total += 1;
            if self.first.len() < Self::KEPT {
                self.first.push((instance, line));
            }
        }
    }

    /// For people who want to know more.
    pub fn aside(&self) -> String {
        const SHOWN: usize = 5;
        let first = self.first.iter().take(SHOWN);
        let mut text: String = first
            .map(|(instance, line)| format!("instance {instance}: {}\n", line.message.trim_end()))
            .collect();
        if self.total > SHOWN as u64 {
            text += &format!("… and {} more log lines\n", units::count(self.total - SHOWN as u64));
        }
        text
    }

    /// For machines.
    pub fn json(&self) -> Vec<Value> {
        let line = |(instance, line): &(usize, LogLine)| {
            let level = if line.level == Level::Info { "info" } else { "warn" };
            json!({ "instance": instance, "level": level, "message": line.message })
        };
        self.first.iter().map(line).collect()
    }
}
