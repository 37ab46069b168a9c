//! The checks on a running module: start, memory, fuel and call stack.

use std::sync::Arc;

use transform_host::{BatchBuilder, Deployment, Engine, Fault, Limits, Output, Vm};

use super::check::Check;
use crate::module::sample::{DEPTHS, Sample};
use crate::module::warm::{Filling, Warmer};
use crate::show::units;

/// Returns the checks on what filling history has shown.
pub fn checks(warmer: &Warmer, filling: &Result<Filling, Fault>, limits: &Limits) -> Vec<Check> {
    if let (Err(fault), 0) = (filling, warmer.start_fuel) {
        return vec![Check::no("starts", fault)];
    }
    let mut checks = vec![
        Check::text("starts", "yes", true),
        Check::count("log lines dropped", warmer.logs_dropped, 0),
        Check::count("fuel to start", warmer.start_fuel, limits.fuel()),
        Check::bytes("memory at start", warmer.memory_at_start, limits.memory_bytes),
    ];
    match filling {
        Ok(filling) => checks.extend(of_filling(filling, &warmer.capacities, limits)),
        Err(fault) => checks.push(Check::no("runs", fault)),
    }
    checks
}

fn of_filling(filling: &Filling, capacities: &[u64], limits: &Limits) -> [Check; 5] {
    let capacities: Vec<_> = capacities.iter().map(|&capacity| units::count(capacity)).collect();
    let held = match &capacities[..] {
        [] => "its log does not say how many it holds".into(),
        capacities => format!("its log says it holds {}", capacities.join(" + ")),
    };
    let [customers, reports] = [filling.transactions, filling.reports].map(units::count);
    let fed = match filling.reports {
        0 => format!("after {customers} customers; {held}"),
        _ => format!("after {customers} customers and {reports} reports; {held}"),
    };
    let alerts = match filling.alerts {
        0 => String::new(),
        alerts => format!(
            "; {} of them are alerts, and the reasons of one take a run of the model for each feature",
            units::count(alerts)
        ),
    };
    let mean = filling.fuel / filling.transactions.max(1);
    [
        Check::bytes("memory, history full", filling.peak_memory, limits.memory_bytes).note(fed),
        match &filling.refused {
            None => Check::text("sample records", "processed", true),
            Some(code) => Check::text("sample records", code, false)
                .note("it cannot score records made from its own feature spec"),
        },
        Check::count("fuel a record, mean", mean, limits.fuel())
            .note(format!("of the transactions, batches included{alerts}")),
        Check::count("fuel a record, most", filling.max_fuel, limits.fuel())
            .note("in one record, of reports or a transaction"),
        Check::figure("records/s", rate(filling) as u64)
            .note("in the module, on one thread of this machine"),
    ]
}

fn rate(filling: &Filling) -> f64 {
    filling.transactions as f64 / filling.engine_time.as_secs_f64().max(1e-9)
}

/// Returns records a second, rounded up to two digits.
pub fn rounded_rate(filling: &Filling) -> u64 {
    let rate = (rate(filling) as u64).max(1);
    let unit = 10_u64.pow(rate.ilog10().saturating_sub(1));
    rate.div_ceil(unit) * unit
}

/// Ordinary records that the call stack is measured with.
const RECORDS: u64 = 100;
/// Step of the search for the smallest call stack, bytes.
const STEP: usize = 512;

/// Finds the smallest call stack on which the module starts and takes ordinary, deep and broken
/// records. Half of the broker's must do, so that another compiler version or machine does not
/// matter.
pub fn stack(wasm: &[u8], deployment: &Deployment, limits: &Limits, sample: &Sample) -> Check {
    let mut batch = BatchBuilder::new(0);
    (0..RECORDS).for_each(|number| sample.transaction(number).push(0, &mut batch));
    for depth in DEPTHS {
        sample.transaction(RECORDS).nested(depth).push(1, &mut batch);
    }
    sample.transaction(RECORDS).broken().push(1, &mut batch);
    let batch = Arc::new(batch.build());
    let is_enough = |bytes: usize| {
        let limits = limits.clone().with(|l| l.wasm_stack_bytes = bytes);
        let engine = Engine::new(&limits).expect("a smaller stack fits where a larger one did");
        let module = engine.compile(wasm).expect("the module has been compiled before");
        let mut vm = Vm::new(&module, deployment);
        let started = vm.start();
        started.and_then(|()| vm.process(&batch, &mut Output::default())).is_ok()
    };
    let (mut too_small, mut enough) = (0, limits.wasm_stack_bytes / STEP);
    while enough - too_small > 1 {
        let middle = (too_small + enough) / 2;
        if is_enough(middle * STEP) { enough = middle } else { too_small = middle }
    }
    let half = limits.wasm_stack_bytes as u64 / 2;
    Check::bytes("call stack", (enough * STEP) as u64, half).note(format!(
        "half of the broker's {}; with records nested {} deep",
        units::size(limits.wasm_stack_bytes as u64),
        DEPTHS[0],
    ))
}
