//! The module's instances, what becomes of a batch in them, and what they use.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use transform_host::{Deployment, Module, Output, Stats, Vm};

use super::log::Logs;
use super::partitions::PartitionBatch;

/// Maximum number of times that one batch may fail.
const MAX_ATTEMPTS: u32 = 3;

/// Why a replay ended early.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Failure {
    /// An instance did not start.
    Start { instance: usize, fault: String },
    /// A batch failed [`MAX_ATTEMPTS`] times.
    Batch {
        partition: u32,
        /// Offset of the record that failed, or of the batch's first if no record was read.
        offset: i64,
        /// The record's line in the input.
        line: u64,
        /// Records of the batch that were read, the one that failed included.
        #[serde(rename = "records_read")]
        read: u64,
        fault: String,
    },
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
                 the input) failed {MAX_ATTEMPTS} times before its first record was read: {fault}"
            ),
            Failure::Batch { partition, offset, line, read: _, fault } => write!(
                f,
                "given up: partition {partition}, offset {offset} (line {line} of the input) failed \
                 {MAX_ATTEMPTS} times: {fault}"
            ),
        }
    }
}

impl std::error::Error for Failure {}

/// The module's instances. Partition p is on instance p mod their number.
pub struct Instances {
    vms: Vec<Vm>,
    output: Output,
    reports: ReportCost,
    wipes: u64,
    pub logs: Logs,
}

/// The part of the instances' figures that is due to records of reports.
#[derive(Default)]
struct ReportCost {
    records: u64,
    fuel: u64,
}

/// The instances' figures together.
pub struct Usage {
    /// Time in the module and the host functions that it calls.
    pub engine: Duration,
    /// Mean over transactions, each with its share of its batch's fuel.
    pub fuel_per_record: f64,
    /// Mean over records of reports, as above.
    pub fuel_per_report_record: f64,
    /// Maximum of a single record of either kind, with the mean share of a batch.
    pub max_fuel: u64,
    pub startup_fuel: u64,
    pub peak_memory: u64,
    /// Starts after a fault; a wipe is none.
    pub restarts: u64,
}

impl Instances {
    /// Makes `count` instances that are not running yet.
    pub fn new(module: &Module, deployment: &Deployment, count: u32) -> Self {
        Self {
            vms: (0..count).map(|_| Vm::new(module, deployment)).collect(),
            output: Output::default(),
            reports: ReportCost::default(),
            wipes: 0,
            logs: Logs::default(),
        }
    }

    /// Starts all instances, each with an empty memory.
    pub fn start(&mut self) -> Result<()> {
        (0..self.vms.len()).try_for_each(|instance| self.start_one(instance))
    }

    /// Starts all running instances afresh.
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

    fn of_partition(&self, partition: u32) -> usize {
        partition as usize % self.vms.len()
    }

    /// Gives a batch to its instance, again after a fault, and hands the output to `out`. The error
    /// is a [`Failure`], or `out`'s own.
    pub fn process(
        &mut self,
        batch: &PartitionBatch,
        out: &mut dyn FnMut(&Output) -> Result<()>,
    ) -> Result<()> {
        let instance = self.of_partition(batch.partition);
        for attempt in 1.. {
            let vm = &mut self.vms[instance];
            let before = vm.stats().records;
            let Err(fault) = vm.process(&batch.batch, &mut self.output) else { break };
            // The last record that was read is the one that did not get through.
            let read = vm.stats().records - before;
            let at = (read.max(1) - 1).min(batch.batch.len() as u64 - 1) as usize;
            self.logs.take(instance, vm);
            if attempt == MAX_ATTEMPTS {
                Err(Failure::Batch {
                    partition: batch.partition,
                    offset: batch.batch.header().base_offset + at as i64,
                    line: batch.lines[at],
                    read,
                    fault: fault.to_string(),
                })?;
            }
            self.start_one(instance)?;
        }
        self.logs.take(instance, &mut self.vms[instance]);
        out(&self.output)
    }

    /// Processes a batch of reports, whose figures are kept apart.
    pub fn process_reports(
        &mut self,
        batch: &PartitionBatch,
        out: &mut dyn FnMut(&Output) -> Result<()>,
    ) -> Result<()> {
        let instance = self.of_partition(batch.partition);
        let before = self.vms[instance].stats();
        self.process(batch, out)?;
        let after = self.vms[instance].stats();
        self.reports.records += after.records - before.records;
        self.reports.fuel += after.record_fuel - before.record_fuel;
        Ok(())
    }

    /// Returns what the instances have used so far.
    pub fn usage(&self) -> Usage {
        let stats: Vec<Stats> = self.vms.iter().map(Vm::stats).collect();
        let sum = |figure: fn(&Stats) -> u64| stats.iter().map(figure).sum::<u64>();
        let max = |figure: fn(&Stats) -> u64| stats.iter().map(figure).max().unwrap_or(0);
        let mean = |sum: u64, count: u64| sum as f64 / count.max(1) as f64;
        let reports = &self.reports;
        Usage {
            engine: stats.iter().map(|stats| stats.engine_time).sum(),
            fuel_per_record: mean(
                sum(|s| s.record_fuel) - reports.fuel,
                sum(|s| s.records) - reports.records,
            ),
            fuel_per_report_record: mean(reports.fuel, reports.records),
            max_fuel: max(Stats::record_fuel_most),
            startup_fuel: max(|s| s.start_fuel),
            peak_memory: max(|s| s.peak_memory_bytes),
            restarts: sum(|s| s.restarts) - self.wipes,
        }
    }
}
