//! `fraud backtest`: what the compiled module would have caught, and what it would have cost.
//!
//! - [`cases`]: the scored transactions, and the truth about them
//! - [`protocol`]: which of them are evaluated; [`metrics`]: how well; [`evaluation`]: all of it
//! - [`text`]: the answer for people; [`html`] and [`chart`]: as a page

mod cases;
mod chart;
mod evaluation;
mod html;
mod metrics;
mod protocol;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fraud_plan::time::millis::DAY;
use serde::Serialize;

use super::flags::{LabelFlags, ReplayFlags};
use super::unreadable;
use crate::data::labels::{LabelNotes, LabelSource, Labels};
use crate::data::notes::Notes;
use crate::module::changelog::Written;
use crate::module::instances::Failure;
use crate::module::replay::{Replay, ReplayOptions, Replayed, Wipe};
use crate::numbers::mean;
use crate::show::report::Report;
use crate::show::units::{self, parse_date, serialize_shortest};
use cases::{Case, Cases};
use evaluation::Evaluation;
use protocol::{BASELINE_WEEK, PUBLISHED, Period, Protocol, Published};

const AFTER_HELP: &str = "\
Examples:
  fraud backtest --input day60.jsonl.zst --frauds day60.frauds.csv --from 2018-05-01 --html report.html
  fraud backtest --input day60.jsonl.zst --frauds day60.frauds.csv --wipe 2018-05-15 --json
  fraud backtest --input day60.jsonl.zst --frauds day60.frauds.csv --wipe 2018-05-15 --republish 35d
  fraud backtest --input day60.jsonl.zst --frauds day60.frauds.csv --restart 2018-05-15 --restore

The compiled module itself scores every transaction of the file, as in `fraud run`, and is told of
each fraud when its report has come (--report-delay 3650d: never). Everything is computed from the
module's output; days are days of event time, in UTC.

AUC ROC and average precision rank all transactions of the period by score. CP@100 is the share of
the 100 cards with the highest scores of a day that have a fraud on that day, as the mean over the
days; a card that has been found is left out on later days. Precision, recall and amounts follow from
the verdicts.

--protocol handbook evaluates as the Fraud Detection Handbook (Le Borgne et al., 2022) does: a week,
by default its baseline week from 2018-08-08, without the customers that are known to be compromised.";

/// Measure what the compiled module would have caught.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    replay: ReplayFlags,
    #[command(flatten)]
    labels: LabelFlags,
    /// First day that is evaluated [default: the first transaction's]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    from: Option<i64>,
    /// Last day that is evaluated [default: the last transaction's]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    to: Option<i64>,
    /// Evaluate as somebody else did, to compare
    #[arg(long)]
    protocol: Option<Protocol>,
    /// Evaluate this many weeks, each 7 days before the last, and their mean
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "to",
        value_parser = clap::value_parser!(u8).range(1..=52)
    )]
    weeks: Option<u8>,
    /// Forget all history right before the first transaction of this day
    #[arg(long, visible_alias = "restart", value_name = "DATE", value_parser = parse_date)]
    wipe: Option<i64>,
    /// Right after the wipe, publish on the input what the topic `history` has, as with `fraud restore`;
    /// unless the transform has such a topic, it is given one
    #[arg(long, requires = "wipe")]
    restore: bool,
    /// Right after the wipe, publish the reports of this much time before it again, as with
    /// `fraud reports`
    #[arg(long, value_name = "TIME", requires = "wipe", value_parser = units::parse_duration)]
    republish: Option<Duration>,
    /// Also evaluate with this many alerts a day
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "20,50,100")]
    alerts: Vec<usize>,
    /// Also write a report to look at: one page that needs nothing beside itself
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
}

/// The replay, and the way it is evaluated.
struct Options {
    replay: ReplayOptions,
    labels: LabelSource,
    asked: Asked,
    wipe: Option<Wipe>,
    /// True if reports are published again after the wipe.
    republishes: bool,
    alerts: Vec<usize>,
    html: Option<PathBuf>,
}

/// The period that is asked for, as far as it is.
struct Asked {
    first: Option<i64>,
    last: Option<i64>,
    protocol: Option<Protocol>,
    /// Number of weeks to evaluate, if weeks are asked for.
    weeks: Option<u8>,
}

impl Args {
    fn options(self) -> Result<Options> {
        let handbook = self.protocol == Some(Protocol::Handbook);
        let first = self.from.or(handbook.then_some(BASELINE_WEEK));
        ensure!(
            self.weeks.is_none() || first.is_some(),
            "--weeks counts back from a week; say with --from when that week begins"
        );
        let week = first.filter(|_| handbook || self.weeks.is_some()).map(|first| first + 6);
        let last = self.to.or(week);
        if let (Some(first), Some(last)) = (first, last) {
            ensure!(first <= last, "--to {} lies before --from", units::date(last));
        }
        let back = self.republish.unwrap_or_default().as_millis().try_into().unwrap_or(i64::MAX);
        let wipe = self.wipe.map(|day| day * DAY);
        let wipe = wipe.map(|at| Wipe {
            at,
            republish_from: at.saturating_sub(back),
            restores: self.restore,
        });
        let mut replay: ReplayOptions = self.replay.into();
        if self.restore && replay.target.history().is_none() {
            replay.target.output_topics.push("history".into());
            ensure!(
                replay.target.history().is_some(),
                "--restore takes an output topic of history: give four of them with --output-topic, or \
                 their roles with --var FRAUD_TOPICS"
            );
        }
        Ok(Options {
            replay,
            labels: self.labels.required()?,
            asked: Asked { first, last, protocol: self.protocol, weeks: self.weeks },
            wipe,
            republishes: self.republish.is_some(),
            alerts: self.alerts,
            html: self.html,
        })
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let began = Instant::now();
    let options = args.options()?;
    let Asked { first, last, .. } = options.asked;
    let wanted = options.asked.earliest()..=last.unwrap_or(i64::MAX);
    let (module, program) = options.replay.module()?;
    let labels = Labels::read(&options.labels, &program)?;
    let reporting = options.labels.reporting(&labels);
    let replay = Replay::open(&options.replay, &module, &program, "backtest", Some(reporting))?;
    let history = options.replay.target.history();
    let mut cases = Cases::new(&labels, program, wanted.clone(), history);
    let replayed = replay.run(options.wipe, &mut |_, output| cases.add(output))?;
    let aside = replayed.logs.aside();
    if let Some(failure) = &replayed.failure {
        let given_up = GivenUp { failure, records: replayed.records };
        return Ok(Report::of(&given_up)?.aside(aside).ok(false));
    }
    if let Some(answer) = unreadable::answer(&replayed.notes)? {
        return Ok(answer.aside(aside));
    }
    labels.check_belong_to(&options.replay.input, replayed.notes.transactions)?;
    cases.kept.sort_by_key(|case| case.millis);
    let period = period(&cases, first, last, &wanted, &replayed.notes)?;
    let weeks = evaluate(&options, &cases, period);
    let answer = Answer::new(&options, &cases, &replayed, labels.notes(), &weeks, began.elapsed());
    if let Some(path) = &options.html {
        std::fs::write(path, html::page(&answer))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Report::of(&answer)?.aside(aside).ok(answer.lost == 0))
}

impl Asked {
    /// Returns the number of weeks before the period that are evaluated too.
    fn earlier_weeks(&self) -> i64 {
        i64::from(self.weeks.unwrap_or(1)) - 1
    }

    /// Returns the first day of all that are evaluated.
    fn earliest(&self) -> i64 {
        self.first.map_or(i64::MIN, |first| first - 7 * self.earlier_weeks())
    }
}

/// Returns the period that is evaluated: by default, from the first case to the last.
fn period(
    cases: &Cases,
    first: Option<i64>,
    last: Option<i64>,
    wanted: &RangeInclusive<i64>,
    notes: &Notes,
) -> Result<Period> {
    let (Some(earliest), Some(latest)) = (cases.kept.first(), cases.kept.last()) else {
        let day = |day: i64| match day {
            i64::MIN | i64::MAX => "…".into(),
            _ => units::date(day),
        };
        let (from, to) = (day(*wanted.start()), day(*wanted.end()));
        anyhow::bail!("no transaction could be scored from {from} to {to}");
    };
    // Not before the clock began, nor after it ended: a wrong date makes no period of years.
    let [begin, end] = notes.span.map(|millis| millis.div_euclid(DAY));
    let first = first.unwrap_or(earliest.day().max(begin));
    let last = last.unwrap_or(latest.day().min(end));
    Ok(Period { first, last })
}

/// Evaluates the period, and the weeks before it that are asked for; the latest comes first.
fn evaluate(options: &Options, cases: &Cases, main: Period) -> Vec<Evaluation> {
    let asked = &options.asked;
    let week = |back: i64| {
        let period = Period { first: main.first - 7 * back, last: main.last - 7 * back };
        let of_period = || cases.kept.iter().filter(|case| period.contains(case.day()));
        let is_left_out = |case: &Case| {
            let fraud_days = &cases.fraud_days;
            asked.protocol.is_some()
                && fraud_days.leaves_out(case.customer, case.day(), period.first)
        };
        let tested: Vec<&Case> = of_period().filter(|case| !is_left_out(case)).collect();
        let left_out = of_period().count() - tested.len();
        Evaluation::of(&tested, period, left_out as u64, &options.alerts)
    };
    (0..=asked.earlier_weeks()).map(week).collect()
}

/// The answer: the evaluation, and the counts of the replay.
#[derive(Serialize)]
struct Answer<'a> {
    model: Option<&'a str>,
    #[serde(flatten)]
    main: &'a Evaluation,
    #[serde(serialize_with = "serialize_shortest")]
    threshold: Option<f32>,
    records: u64,
    reports: u64,
    report_records: u64,
    unscorable: u64,
    silenced: u64,
    lost: i64,
    #[serde(flatten)]
    notes: &'a Notes,
    #[serde(flatten)]
    labels: LabelNotes,
    restarts: u64,
    /// Day before whose first transaction all history was wiped.
    wipe: Option<String>,
    republished: Option<u64>,
    /// The figures of the topic of history, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Written>,
    seconds: f64,
    /// The period and the weeks before it, only with --weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    weeks: Option<&'a [Evaluation]>,
    /// Mean over the weeks of each headline figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<BTreeMap<&'static str, Option<f64>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<[Published; 3]>,
    #[serde(skip)]
    shown: Shown<'a>,
}

/// The parts of the answer that only the text and the page show.
struct Shown<'a> {
    input: &'a Path,
    module: &'a Path,
    partitions: u32,
    instances: u32,
    cases: &'a Cases<'a>,
}

impl<'a> Answer<'a> {
    fn new(
        options: &'a Options,
        cases: &'a Cases<'a>,
        replayed: &'a Replayed,
        labels: LabelNotes,
        weeks: &'a [Evaluation],
        elapsed: Duration,
    ) -> Self {
        let ReplayOptions { input, module, instances, .. } = &options.replay;
        let main = &weeks[0];
        let mean_of = |(at, (name, _)): (usize, (&'static str, _))| {
            (name, mean(weeks.iter().map(|week| week.headline()[at].1)))
        };
        let means = || main.headline().into_iter().enumerate().map(mean_of).collect();
        Self {
            model: replayed.model.as_deref(),
            main,
            threshold: cases.threshold,
            records: replayed.records,
            reports: replayed.reports,
            report_records: replayed.report_records,
            unscorable: cases.unscorable,
            silenced: replayed.silenced,
            lost: replayed.lost(cases.written),
            notes: &replayed.notes,
            labels,
            restarts: replayed.usage.restarts,
            wipe: options.wipe.map(|wipe| units::date(wipe.at / DAY)),
            republished: options.republishes.then_some(replayed.republished),
            history: replayed.history,
            seconds: elapsed.as_secs_f64(),
            weeks: options.asked.weeks.map(|_| weeks),
            mean: options.asked.weeks.map(|_| means()),
            protocol: options.asked.protocol.map(|_| "handbook"),
            published: options.asked.protocol.map(|_| PUBLISHED),
            shown: Shown {
                input,
                module,
                partitions: replayed.partitions,
                instances: *instances,
                cases,
            },
        }
    }

    /// Returns the means in the order of [`Evaluation::headline`].
    fn means(&self) -> [Option<f64>; 6] {
        let mean = |name| self.mean.as_ref().and_then(|mean| mean[name]);
        self.main.headline().map(|(name, _)| mean(name))
    }

    /// Returns the figures that the published ones are compared with.
    fn ours(&self) -> [Option<f64>; 3] {
        let main = self.main;
        [main.all.auc_roc, main.all.average_precision, main.card_precision]
    }
}

/// The answer if the module did not get through the file.
#[derive(Serialize)]
struct GivenUp<'a> {
    failure: &'a Failure,
    records: u64,
}

impl fmt::Display for GivenUp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}", self.failure)
    }
}
