//! Instances side by side, one a thread, and how many records they get through together.

use std::fmt;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use serde::Serialize;
use transform_host::Batch;

use super::Options;
use super::modules::{Instance, Kind, Loaded};
use super::ratios::{self, Aim, Ratio};
use super::records::Records;
use super::rounds::quantile;
use crate::show::{markdown, progress, units};

const KINDS: [Kind; 3] = [Kind::Identity, Kind::Floor, Kind::Pipeline];
/// Number of times that every module is measured.
const ROUNDS: usize = 60;
/// Length of a measurement, whatever the module: when the machine takes a core away for a moment, all
/// modules lose the same share.
const WINDOW: Duration = Duration::from_millis(20);

/// One instance that goes round and round through the batches.
struct Loop<'r> {
    instance: Instance,
    batches: &'r [Arc<Batch>],
    /// Index of the next batch.
    next: usize,
    /// Records a second in each round: alone, and beside the others.
    rates: [Vec<f64>; 2],
}

impl Loop<'_> {
    /// Measures records a second in a window. After the last batch comes a start, which does not
    /// count, and then the first batch.
    fn rate(&mut self) -> Result<f64> {
        let (mut records, mut ns) = (0, 0.0);
        while ns < WINDOW.as_nanos() as f64 {
            if self.next == self.batches.len() {
                self.instance.start()?;
                self.next = 0;
            }
            let spent = self.instance.feed(&self.batches[self.next..][..1])?;
            self.next += 1;
            records += spent.records;
            ns += spent.ns;
        }
        Ok(records as f64 / ns * 1e9)
    }
}

/// Measures the modules of one thread, while the other threads do the same: every module alone on
/// each thread in turn, then on all of them at once.
fn measure_thread(
    loops: &mut [Loop],
    turn: usize,
    turns: &Barrier,
    cores: usize,
    bar: &ProgressBar,
) -> Result<()> {
    pin(turn);
    // After an error this thread still waits for its turns, or the others would wait for ever.
    let mut result = Ok(());
    for _ in 0..ROUNDS {
        for one in &mut *loops {
            for now in 0..=cores {
                turns.wait();
                let together = now == cores;
                if result.is_ok() && (together || now == turn) {
                    result = one.rate().map(|rate| one.rates[usize::from(together)].push(rate));
                }
            }
        }
        if turn == 0 {
            bar.inc(1);
        }
    }
    result
}

/// Keeps this thread on a core of its own, as a broker does. Left to the kernel, two threads now and
/// then spend a whole run on the same core.
fn pin(turn: usize) {
    #[cfg(target_os = "linux")]
    if let Ok(allowed) = rustix::thread::sched_getaffinity(None)
        && let Some(core) =
            (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).nth(turn)
    {
        let mut own = rustix::thread::CpuSet::new();
        own.set(core);
        // Where this is not allowed, the kernel chooses the core.
        let _ = rustix::thread::sched_setaffinity(None, &own);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = turn;
}

/// Every module alone and side by side.
#[derive(Serialize)]
pub struct Cores {
    /// Instances side by side.
    count: u32,
    modules: Vec<Scaling>,
    ratios: [Ratio; 1],
}

/// One module alone and side by side: the medians of all rounds.
#[derive(Serialize)]
struct Scaling {
    name: &'static str,
    /// The rate of one instance alone.
    records_per_second: f64,
    /// The rate of all instances together.
    records_per_second_together: f64,
    /// Together ÷ alone, of the same round.
    scaling: f64,
}

impl Scaling {
    fn of(kind: Kind, threads: &[Vec<Loop>]) -> Self {
        let loops = threads.iter().flatten().filter(|one| one.instance.kind == kind);
        let loops: Vec<_> = loops.collect();
        let sum =
            |which: usize, round| loops.iter().map(|one| one.rates[which][round]).sum::<f64>();
        let alone: Vec<_> = (0..ROUNDS).map(|round| sum(0, round) / loops.len() as f64).collect();
        let together: Vec<_> = (0..ROUNDS).map(|round| sum(1, round)).collect();
        let scaling = alone.iter().zip(&together).map(|(alone, together)| together / alone);
        Self {
            name: kind.name(),
            records_per_second: quantile(&alone, 0.5),
            records_per_second_together: quantile(&together, 0.5),
            scaling: quantile(&scaling.collect::<Vec<_>>(), 0.5),
        }
    }
}

/// Measures every module alone and side by side, in turn.
pub fn measure(options: &Options, cores: u32, records: &Records) -> Result<Cores> {
    let batches = records.slices(options.partitions, options.batch).concat();
    let load = |kind| Loaded::new(options, kind, &options.target.limits());
    let modules = KINDS.into_iter().map(load).collect::<Result<Vec<_>>>()?;
    let start = |module: &Loaded| -> Result<Loop> {
        let mut instance = module.instance(options);
        instance.start()?;
        Ok(Loop { instance, batches: &batches, next: 0, rates: Default::default() })
    };
    let start_all = || modules.iter().map(start).collect();
    let mut threads = (0..cores).map(|_| start_all()).collect::<Result<Vec<Vec<Loop>>>>()?;
    let count = cores as usize;
    let (turns, bar) = (&Barrier::new(count), &progress::count("rounds", ROUNDS as u64));
    std::thread::scope(|scope| {
        let running: Vec<_> = (threads.iter_mut().enumerate())
            .map(|(turn, loops)| {
                scope.spawn(move || measure_thread(loops, turn, turns, count, bar))
            })
            .collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().ok().context("a thread has panicked")?)
    })?;
    bar.finish_and_clear();
    let [identity, floor, pipeline] = KINDS.map(|kind| Scaling::of(kind, &threads));
    let ratio = scaling_to_identity(pipeline.scaling / identity.scaling);
    Ok(Cores { count: cores, modules: vec![identity, floor, pipeline], ratios: [ratio] })
}

#[cfg(test)]
impl Cores {
    /// Made-up figures for the snapshot of the answer.
    pub fn example() -> Self {
        let module = |kind: Kind| Scaling {
            name: kind.name(),
            records_per_second: 1e6,
            records_per_second_together: 1.9e6,
            scaling: 1.9,
        };
        Self { count: 2, modules: KINDS.map(module).into(), ratios: [scaling_to_identity(1.0)] }
    }
}

/// Makes the ratio of the scalings of pipeline and identity.
fn scaling_to_identity(value: f64) -> Ratio {
    Ratio {
        key: "scaling_to_identity",
        what: "scaling, pipeline ÷ identity",
        value,
        digits: 2,
        unit: "",
        aim: Some(Aim::AtLeast(0.9)),
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let row = |module: &Scaling| {
            let Scaling { records_per_second, records_per_second_together, .. } = module;
            let [alone, together] =
                [records_per_second, records_per_second_together].map(|&rate| units::rounded(rate));
            vec![module.name.to_owned(), alone, together, format!("{:.2}", module.scaling)]
        };
        let together = format!("{} side by side", self.count);
        let head = ["module", "records/s, one instance", &together, "scaling"];
        let rows: Vec<_> = self.modules.iter().map(row).collect();
        write!(f, "{}\n{}", markdown::table(&head, &rows), ratios::text(&self.ratios))
    }
}
