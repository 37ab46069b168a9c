//! Instances side by side, one a thread: how many records they get through together.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use transform_host::Batch;

use super::Args;
use super::modules::{Instance, Kind, Loaded};
use super::ratios::{self, Aim, Ratio};
use super::records::Records;
use super::rounds::quantile;
use crate::show::{markdown, progress, units};

const KINDS: [Kind; 3] = [Kind::Identity, Kind::Floor, Kind::Pipeline];
/// How often every module is measured.
const ROUNDS: usize = 60;
/// How long a measurement takes, whatever the module: when the machine takes a core away for a
/// moment, all of them lose the same share.
const WINDOW: Duration = Duration::from_millis(20);

/// One instance on its way through the batches.
struct Lane<'r> {
    instance: Instance,
    batches: &'r [Arc<Batch>],
    next: usize,
    /// Records a second of each round, alone and beside the others.
    rates: [Vec<f64>; 2],
}

impl Lane<'_> {
    /// Records a second in a window. After the last batch comes the first, and before it a start,
    /// which does not count.
    fn rate(&mut self) -> Result<f64> {
        let (mut records, mut ns) = (0, 0.0);
        while ns < WINDOW.as_nanos() as f64 {
            if self.next == self.batches.len() {
                self.instance.start()?;
                self.next = 0;
            }
            let took = self.instance.feed(&self.batches[self.next..][..1])?;
            self.next += 1;
            records += took.records;
            ns += took.ns;
        }
        Ok(records as f64 / ns * 1e9)
    }
}

/// Measures the lanes of one thread, while the other threads do the same: every module alone on
/// each thread in turn, then on all of them at once.
fn measure(
    lanes: &mut [Lane],
    turn: usize,
    turns: &Barrier,
    cores: usize,
    bar: &ProgressBar,
) -> Result<()> {
    pin(turn);
    // With an error it still waits for its turns, or the others would wait for it.
    let mut result = Ok(());
    for _ in 0..ROUNDS {
        for lane in &mut *lanes {
            for now in 0..=cores {
                turns.wait();
                let together = now == cores;
                if result.is_ok() && (together || now == turn) {
                    result = lane.rate().map(|rate| lane.rates[usize::from(together)].push(rate));
                }
            }
        }
        if turn == 0 {
            bar.inc(1);
        }
    }
    result
}

/// Keeps this thread on a core of its own, as a broker's are. Left to the kernel, two threads now and
/// then spend a whole run on the same one.
fn pin(turn: usize) {
    #[cfg(target_os = "linux")]
    if let Ok(allowed) = rustix::thread::sched_getaffinity(None)
        && let Some(core) =
            (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).nth(turn)
    {
        let mut own = rustix::thread::CpuSet::new();
        own.set(core);
        // Where it is not allowed, the figures are those of the kernel's choice.
        let _ = rustix::thread::sched_setaffinity(None, &own);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = turn;
}

/// What came of one module.
struct Scaling {
    kind: Kind,
    /// Records a second of each round: of one instance alone, the mean of all; of all together.
    rates: [Vec<f64>; 2],
}

impl Scaling {
    fn of(kind: Kind, threads: &[Vec<Lane>]) -> Self {
        let lanes: Vec<_> =
            threads.iter().flatten().filter(|lane| lane.instance.kind == kind).collect();
        let sum =
            |which: usize, round| lanes.iter().map(|lane| lane.rates[which][round]).sum::<f64>();
        let alone = (0..ROUNDS).map(|round| sum(0, round) / lanes.len() as f64);
        let together = (0..ROUNDS).map(|round| sum(1, round));
        Self { kind, rates: [alone.collect(), together.collect()] }
    }

    /// Records a second of the round in the middle, alone and together.
    fn medians(&self) -> [f64; 2] {
        self.rates.each_ref().map(|rates| quantile(rates, 0.5))
    }

    /// Together ÷ alone, of the same round.
    fn scaling(&self) -> f64 {
        let [alone, together] = &self.rates;
        let each = alone.iter().zip(together).map(|(alone, together)| together / alone);
        quantile(&each.collect::<Vec<_>>(), 0.5)
    }
}

/// Every module alone and side by side, in turn. For machines and for people.
pub fn run(args: &Args, cores: u32, records: &Records) -> Result<(Value, String)> {
    let batches = records.slices(args.partitions, args.batch).concat();
    let load = |kind| Loaded::new(args, kind, &args.target.limits());
    let modules = KINDS.into_iter().map(load).collect::<Result<Vec<_>>>()?;
    let lane = |module: &Loaded| -> Result<Lane> {
        let mut instance = module.instance(args);
        instance.start()?;
        Ok(Lane { instance, batches: &batches, next: 0, rates: Default::default() })
    };
    let lanes = || modules.iter().map(lane).collect();
    let mut threads = (0..cores).map(|_| lanes()).collect::<Result<Vec<Vec<Lane>>>>()?;
    let count = cores as usize;
    let (turns, bar) = (&Barrier::new(count), &progress::count("rounds", ROUNDS as u64));
    std::thread::scope(|scope| {
        let running: Vec<_> = (threads.iter_mut().enumerate())
            .map(|(turn, lanes)| scope.spawn(move || measure(lanes, turn, turns, count, bar)))
            .collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().ok().context("a thread has panicked")?)
    })?;
    bar.finish_and_clear();
    let scalings = KINDS.map(|kind| Scaling::of(kind, &threads));

    let scaling =
        |kind| scalings.iter().find(|one| one.kind == kind).map_or(f64::NAN, Scaling::scaling);
    let ratio = Ratio {
        key: "scaling_to_identity",
        what: "scaling, pipeline ÷ identity",
        value: scaling(Kind::Pipeline) / scaling(Kind::Identity),
        digits: 2,
        unit: "",
        aim: Some(Aim::AtLeast(0.9)),
    };
    let row = |module: &Scaling| {
        let [alone, together] = module.medians().map(|rate| units::count(rate as u64));
        vec![module.kind.name().to_owned(), alone, together, format!("{:.2}", module.scaling())]
    };
    let head = ["module", "records/s, one instance", &format!("{cores} side by side"), "scaling"];
    let table = markdown::table(&head, &scalings.iter().map(row).collect::<Vec<_>>());
    let json = |module: &Scaling| {
        let [alone, together] = module.medians();
        json!({
            "name": module.kind.name(),
            "records_per_second": alone,
            "records_per_second_together": together,
            "scaling": module.scaling(),
        })
    };
    let json = json!({
        "count": cores,
        "modules": scalings.iter().map(json).collect::<Vec<_>>(),
        "ratios": [ratio.json()],
    });
    Ok((json, [table, ratios::text(&[ratio])].join("\n")))
}
