//! A warm instance, and what it costs.

use std::sync::Arc;
use std::time::Duration;

use fraud_plan::program::Events;
use transform_host::{BatchBuilder, Deployment, Engine, Fault, Level, Limits, Module, Output, Vm};

use super::check::Check;
use super::sample::{DEPTHS, Record, Sample};
use crate::module::log::capacities_in;
use crate::show::units;

/// Records in a batch.
const BATCH: usize = 100;
/// Records that count as filling history when the module does not say how much it holds.
const UNKNOWN_CAPACITY: u64 = 50_000;
const MOST_RECORDS: u64 = 4_000_000;
/// Records that make a long history.
const LONG: u64 = 50_000;

/// A module under test.
pub struct Bench<'m> {
    module: &'m Module,
    deployment: &'m Deployment,
    sample: &'m Sample,
    /// Entities that each table of history holds, as its log says.
    capacities: Vec<u64>,
    memory_at_start: u64,
    start_fuel: u64,
    logs_dropped: u64,
    /// What the module wrote to its log at start.
    pub logs: Vec<String>,
}

/// An instance with a history.
pub struct Warm<'m> {
    pub vm: Vm,
    sample: &'m Sample,
    records: u64,
}

impl Warm<'_> {
    /// A record of a customer that it has not seen.
    pub fn record(&self) -> Record {
        self.sample.record(self.records + 1)
    }
}

/// What filling history took.
pub struct Run {
    /// Records that were fed: with a report each, and of transactions.
    reports: u64,
    records: u64,
    engine_time: Duration,
    fuel: u64,
    most_fuel: u64,
    peak_memory: u64,
    /// Bytes of an output record, on average, with what a batch adds to it.
    pub bytes_out_per_record: u64,
    refused: Option<String>,
}

/// What a batch adds to a record: lengths, and differences of offset and time.
const FRAMING: u64 = 8;

impl<'m> Bench<'m> {
    /// Starts the module and fills its history.
    pub fn new(
        module: &'m Module,
        deployment: &'m Deployment,
        sample: &'m Sample,
    ) -> (Self, Result<Run, Fault>) {
        let mut vm = Vm::new(module, deployment);
        let started = vm.start();
        let logs = vm.take_logs();
        let stats = vm.stats();
        let said = logs.iter().filter(|line| line.level == Level::Info);
        let capacities = said.map(|line| capacities_in(&line.message));
        let bench = Self {
            module,
            deployment,
            sample,
            capacities: capacities.flatten().collect(),
            memory_at_start: stats.peak_memory_bytes,
            start_fuel: stats.start_fuel,
            logs_dropped: stats.logs_dropped,
            logs: logs.into_iter().map(|line| line.message).collect(),
        };
        let run = started.and_then(|()| bench.feed(&mut vm, bench.records()));
        (bench, run)
    }

    /// An instance with a full history.
    pub fn warm(&self) -> Result<Warm<'m>, Fault> {
        self.warmed_by(self.records())
    }

    /// An instance with a full history, or at least a long one.
    pub fn warm_enough(&self) -> Result<Warm<'m>, Fault> {
        self.warmed_by(self.records().min(LONG))
    }

    fn warmed_by(&self, records: u64) -> Result<Warm<'m>, Fault> {
        let mut vm = Vm::new(self.module, self.deployment);
        vm.start()?;
        self.feed(&mut vm, records)?;
        Ok(Warm { vm, sample: self.sample, records })
    }

    /// Twice as many as any table holds, since an entity's place depends on its id.
    fn records(&self) -> u64 {
        let most = self.capacities.iter().max();
        (2 * most.unwrap_or(&UNKNOWN_CAPACITY)).clamp(20_000, MOST_RECORDS)
    }

    /// Twice as many as the tables of reports hold.
    fn reports(&self) -> u64 {
        let tables = self.sample.program.tables.iter().zip(&self.capacities);
        let reports = tables.filter(|(table, _)| table.events == Events::Reports);
        reports.map(|(_, capacity)| 2 * capacity).max().unwrap_or(0).min(MOST_RECORDS)
    }

    fn feed(&self, vm: &mut Vm, records: u64) -> Result<Run, Fault> {
        let mut output = Output::default();
        let (mut written, mut bytes, mut refused) = (0, 0, None);
        let mut send = |vm: &mut Vm, made: &mut dyn Iterator<Item = Record>| {
            let mut batch = BatchBuilder::new(0);
            made.for_each(|record| record.push(0, &mut batch));
            vm.process(&Arc::new(batch.build()), &mut output)?;
            refused = refused.take().or_else(|| refusal(&output));
            Ok((output.len() as u64, output.bytes() as u64))
        };
        let reports = self.reports().min(records);
        for first in (0..reports).step_by(BATCH) {
            let numbers = first..reports.min(first + BATCH as u64);
            send(vm, &mut numbers.filter_map(|number| self.sample.report(number)))?;
        }
        let before = vm.stats();
        for first in (0..records).step_by(BATCH) {
            let numbers = first..records.min(first + BATCH as u64);
            let out = send(vm, &mut numbers.map(|number| self.sample.record(number)))?;
            written += out.0;
            bytes += out.1;
        }
        let stats = vm.stats();
        Ok(Run {
            reports,
            records,
            engine_time: stats.engine_time - before.engine_time,
            fuel: stats.record_fuel - before.record_fuel,
            most_fuel: stats.record_fuel_max,
            peak_memory: stats.peak_memory_bytes,
            bytes_out_per_record: bytes.div_ceil(written.max(1)) + FRAMING,
            refused,
        })
    }

    /// What was measured, against the limits.
    pub fn checks(&self, limits: &Limits, run: &Result<Run, Fault>) -> Vec<Check> {
        if let (Err(fault), 0) = (run, self.start_fuel) {
            return vec![Check::no("starts", fault)];
        }
        let mut checks = vec![
            Check::text("starts", "yes", true),
            Check::count("log lines dropped", self.logs_dropped, 0),
            Check::count("fuel to start", self.start_fuel, limits.fuel()),
            Check::bytes("memory at start", self.memory_at_start, limits.memory_bytes),
        ];
        match run {
            Ok(run) => checks.extend(run.checks(limits, &self.capacities)),
            Err(fault) => checks.push(Check::no("runs", fault)),
        }
        checks
    }
}

impl Run {
    fn checks(&self, limits: &Limits, capacities: &[u64]) -> [Check; 5] {
        let count = |&capacity: &u64| units::count(capacity);
        let held = match capacities.iter().map(count).collect::<Vec<_>>().join(" + ") {
            none if none.is_empty() => "its log does not say how many it holds".into(),
            capacities => format!("its log says it holds {capacities}"),
        };
        let [records, reports] = [self.records, self.reports].map(units::count);
        let fed = match self.reports {
            0 => format!("after {records} customers; {held}"),
            _ => format!("after {records} customers and {reports} reports; {held}"),
        };
        let mean = self.fuel / self.records.max(1);
        [
            Check::bytes("memory, history full", self.peak_memory, limits.memory_bytes).note(fed),
            match &self.refused {
                None => Check::text("sample records", "processed", true),
                Some(code) => Check::text("sample records", code, false)
                    .note("it cannot score them; is --spec the one that it was built with?"),
            },
            Check::count("fuel a record, mean", mean, limits.fuel()),
            Check::count("fuel a record, most", self.most_fuel, limits.fuel()),
            Check::figure("records/s", self.rate() as u64)
                .note("in the module, on one thread of this machine"),
        ]
    }

    fn rate(&self) -> f64 {
        self.records as f64 / self.engine_time.as_secs_f64().max(1e-9)
    }

    /// Records a second, to two digits, upwards.
    pub fn rounded_rate(&self) -> u64 {
        let rate = (self.rate() as u64).max(1);
        let unit = 10_u64.pow(rate.ilog10().saturating_sub(1));
        rate.div_ceil(unit) * unit
    }
}

/// The reason for which one of these records cannot be scored.
fn refusal(output: &Output) -> Option<String> {
    let headers = output.iter().flat_map(|record| record.headers());
    let mut codes = headers.filter_map(|(name, code)| code.filter(|_| name == b"fraud-error"));
    codes.next().map(|code| String::from_utf8_lossy(code).into_owned())
}

/// Step of the search, in bytes.
const STEP: usize = 512;

/// The smallest call stack on which the module starts and takes ordinary, deep and broken records.
/// It must be half of the broker's, so that another compiler version or machine does not matter.
pub fn stack(wasm: &[u8], deployment: &Deployment, limits: &Limits, sample: &Sample) -> Check {
    let is_enough = |bytes: usize| {
        let limits = limits.clone().with(|l| l.wasm_stack_bytes = bytes);
        let module =
            Engine::new(&limits).expect("a smaller stack").compile(wasm).expect("compiled before");
        let mut batch = BatchBuilder::new(0);
        for number in 0..BATCH as u64 {
            sample.record(number).push(0, &mut batch);
        }
        for depth in DEPTHS {
            sample.record(BATCH as u64).nested(depth).push(1, &mut batch);
        }
        sample.record(BATCH as u64).broken().push(1, &mut batch);
        let mut vm = Vm::new(&module, deployment);
        let started = vm.start();
        started.and_then(|()| vm.process(&Arc::new(batch.build()), &mut Output::default())).is_ok()
    };
    let (mut least, mut most) = (0, limits.wasm_stack_bytes / STEP);
    while most - least > 1 {
        let middle = (least + most) / 2;
        if is_enough(middle * STEP) { most = middle } else { least = middle }
    }
    let half = limits.wasm_stack_bytes as u64 / 2;
    Check::bytes("call stack", (most * STEP) as u64, half).note(format!(
        "half of the broker's {}; with records nested {} deep",
        units::size(limits.wasm_stack_bytes as u64),
        DEPTHS[0],
    ))
}
