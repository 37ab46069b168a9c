//! An instance with a full history.
//!
//! The module's start line says how many entities its history holds. Twice as many are fed, because
//! an entity's place depends on its id: some sets of the table fill later than others.

use std::sync::Arc;
use std::time::Duration;

use fraud_detector::shell::StartLine;
use fraud_plan::program::Events;
use transform_host::{BatchBuilder, Deployment, Fault, Level, Module, Output, Vm};

use super::record::PlainRecord;
use super::sample::Sample;
use super::verdict::Verdicts;

/// Records in a batch.
const BATCH: usize = 100;
/// Capacity that is assumed of a module that does not say how much it holds.
const UNKNOWN_CAPACITY: u64 = 50_000;
/// Bounds of the number of records that fill history.
const MIN_RECORDS: u64 = 20_000;
const MAX_RECORDS: u64 = 4_000_000;
/// Records that make a long history.
const LONG: u64 = 50_000;
/// Bytes that a batch adds to a record: lengths, and differences of offset and time.
const FRAMING: u64 = 8;

/// Makes warm instances of a module, and holds what its first start showed.
pub struct Warmer<'m> {
    module: &'m Module,
    deployment: &'m Deployment,
    sample: &'m Sample,
    /// Number of entities that each table of history holds, as the start line says; empty if the
    /// module writes none.
    pub capacities: Vec<u64>,
    pub memory_at_start: u64,
    /// 0 if the module did not start.
    pub start_fuel: u64,
    pub logs_dropped: u64,
    /// The lines that the module wrote to its log at start.
    pub logs: Vec<String>,
}

/// An instance with a history.
pub struct Warm<'m> {
    pub vm: Vm,
    sample: &'m Sample,
    records: u64,
}

impl Warm<'_> {
    /// Makes a transaction of a customer that the instance has not seen.
    pub fn stranger(&self) -> PlainRecord {
        self.sample.transaction(self.records + 1)
    }
}

/// The figures of filling history.
pub struct Filling {
    /// Records with a report each.
    pub reports: u64,
    /// Transactions, each of another customer.
    pub transactions: u64,
    /// Time in the module for the transactions.
    pub engine_time: Duration,
    /// Fuel for the transactions.
    pub fuel: u64,
    /// Maximum of a single record of either kind, with the mean share of a batch.
    pub max_fuel: u64,
    pub peak_memory: u64,
    /// Bytes of an output record, on average, with what a batch adds to it.
    pub bytes_out_per_record: u64,
    /// Alerts among the transactions.
    pub alerts: u64,
    /// The reason for which a record could not be scored, if there was one.
    pub refused: Option<String>,
}

impl<'m> Warmer<'m> {
    /// Starts the module and fills its history. The figures are an error if it did not start or did
    /// not survive.
    pub fn new(
        module: &'m Module,
        deployment: &'m Deployment,
        sample: &'m Sample,
    ) -> (Self, Result<Filling, Fault>) {
        let mut vm = Vm::new(module, deployment);
        let started = vm.start();
        let logs = vm.take_logs();
        let stats = vm.stats();
        let said = logs.iter().filter(|line| line.level == Level::Info);
        let start_line = said.filter_map(|line| StartLine::parse(&line.message)).next();
        let capacities = start_line.map_or_else(Vec::new, |line| line.capacities);
        let warmer = Self {
            module,
            deployment,
            sample,
            capacities: capacities.into_iter().map(|capacity| capacity as u64).collect(),
            memory_at_start: stats.peak_memory_bytes,
            start_fuel: stats.start_fuel,
            logs_dropped: stats.logs_dropped,
            logs: logs.into_iter().map(|line| line.message).collect(),
        };
        let filling = started.and_then(|()| warmer.fill(&mut vm, warmer.transactions()));
        (warmer, filling)
    }

    /// Makes an instance with a full history.
    pub fn full(&self) -> Result<Warm<'m>, Fault> {
        self.warm(self.transactions())
    }

    /// Makes an instance with a full history, or at least a long one.
    pub fn long(&self) -> Result<Warm<'m>, Fault> {
        self.warm(self.transactions().min(LONG))
    }

    fn warm(&self, records: u64) -> Result<Warm<'m>, Fault> {
        let mut vm = Vm::new(self.module, self.deployment);
        vm.start()?;
        self.fill(&mut vm, records)?;
        Ok(Warm { vm, sample: self.sample, records })
    }

    /// Returns the number of transactions that fill history.
    fn transactions(&self) -> u64 {
        let capacity = self.capacities.iter().max();
        (2 * capacity.unwrap_or(&UNKNOWN_CAPACITY)).clamp(MIN_RECORDS, MAX_RECORDS)
    }

    /// Returns the number of reports that fill the tables of reports.
    fn reports(&self) -> u64 {
        let tables = self.sample.program.tables.iter().zip(&self.capacities);
        let reports = tables.filter(|(table, _)| table.events == Events::Reports);
        reports.map(|(_, capacity)| 2 * capacity).max().unwrap_or(0).min(MAX_RECORDS)
    }

    /// Feeds reports, at most as many as transactions, and then the transactions.
    fn fill(&self, vm: &mut Vm, transactions: u64) -> Result<Filling, Fault> {
        let reports = self.reports().min(transactions);
        let verdicts = Verdicts::new(&self.sample.program.verdict);
        let mut feed = Feed { vm, output: Output::default(), verdicts, alerts: 0, refused: None };
        feed.send(reports, |number| self.sample.report(number))?;
        let before = feed.vm.stats();
        let (written, bytes) =
            feed.send(transactions, |number| Some(self.sample.transaction(number)))?;
        let stats = feed.vm.stats();
        Ok(Filling {
            reports,
            transactions,
            engine_time: stats.engine_time - before.engine_time,
            fuel: stats.record_fuel - before.record_fuel,
            max_fuel: stats.record_fuel_most(),
            peak_memory: stats.peak_memory_bytes,
            bytes_out_per_record: bytes.div_ceil(written.max(1)) + FRAMING,
            alerts: feed.alerts,
            refused: feed.refused,
        })
    }
}

/// Feeds an instance with made records, and looks at what it makes of them.
struct Feed<'v> {
    vm: &'v mut Vm,
    output: Output,
    verdicts: Verdicts,
    alerts: u64,
    /// The first reason for which a record could not be scored.
    refused: Option<String>,
}

impl Feed<'_> {
    /// Sends records 0..count in batches; returns the number of records written, and their bytes.
    fn send(
        &mut self,
        count: u64,
        make: impl Fn(u64) -> Option<PlainRecord>,
    ) -> Result<(u64, u64), Fault> {
        let (mut written, mut bytes) = (0, 0);
        for first in (0..count).step_by(BATCH) {
            let mut batch = BatchBuilder::new(0);
            let numbers = first..count.min(first + BATCH as u64);
            numbers.filter_map(&make).for_each(|record| record.push(0, &mut batch));
            self.vm.process(&Arc::new(batch.build()), &mut self.output)?;
            self.refused = self.refused.take().or_else(|| refusal(&self.output));
            let is_alert = |value: &[u8]| {
                self.verdicts.find(value).is_some_and(|verdict| verdict.decision == "fraud")
            };
            let values = self.output.iter().filter_map(|written| written.value());
            self.alerts += values.filter(|value| is_alert(value)).count() as u64;
            written += self.output.len() as u64;
            bytes += self.output.bytes() as u64;
        }
        Ok((written, bytes))
    }
}

/// Returns the reason for which one of these records could not be scored.
fn refusal(output: &Output) -> Option<String> {
    let code = output.iter().find_map(|written| super::verdict::error(&written));
    code.map(|code| String::from_utf8_lossy(code).into_owned())
}
