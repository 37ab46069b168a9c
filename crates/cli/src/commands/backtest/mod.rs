//! `fraud backtest`: what the compiled module would have caught, and what it would have cost.
//!
//! - [`row`]: what the module says of each transaction
//! - [`protocol`]: which of them are evaluated; [`metrics`]: how well; [`evaluation`]: all of it
//! - [`text`]: the answer for people; [`html`] and [`chart`]: as a page

mod chart;
mod evaluation;
mod html;
mod metrics;
mod protocol;
mod row;
mod text;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::data::envelope::read_spec;
use crate::data::frauds::{Frauds, Reporting};
use crate::module::instances::Failure;
use crate::module::replay::{Options, Replay, Replayed, Wipe};
use crate::show::report::Report;
use crate::show::units::{self, DAY, parse_date, shortest};
use evaluation::Evaluation;
use metrics::mean;
use protocol::{BASELINE_WEEK, PUBLISHED, Period, Protocol};
use row::{Row, Rows};

const AFTER_HELP: &str = "\
Examples:
  fraud backtest --input day60.jsonl.zst --frauds day60.frauds.csv --from 2018-05-01 --html report.html
  fraud backtest --input day60.jsonl.zst --frauds day60.frauds.csv --wipe 2018-05-15 --json
  fraud backtest --input day60.jsonl.zst --frauds day60.frauds.csv --wipe 2018-05-15 --republish 35d

The compiled module itself scores every transaction of the file, as in `fraud run`, and is told of
each fraud when its report has come (--report-delay 3650d: never). Everything is computed from its
output; days are those of event time, in UTC.

AUC ROC and average precision rank all transactions of the period by score. CP@100: of the 100 cards
with the highest score of a day, the share with a fraud on that day; a card that is found is left
out on later days; the mean over the days. Precision, recall and amounts are those of the verdicts.

--protocol handbook evaluates as the Fraud Detection Handbook (Le Borgne et al., 2022) does: a week,
by default its baseline week from 2018-08-08, without the customers that are known to be compromised.";

/// Measure what the compiled module would have caught.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    replay: Options,
    /// Known frauds: a CSV with transaction_id and perhaps scenario and reported_at
    #[arg(long, value_name = "FILE.csv")]
    frauds: PathBuf,
    /// How long after its transaction a fraud is reported, where the list does not say
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = units::parse_duration)]
    report_delay: Duration,
    /// First day that is evaluated; by default that of the first transaction
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    from: Option<i64>,
    /// Last day that is evaluated; by default that of the last transaction
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    to: Option<i64>,
    /// Evaluate as somebody else does, to compare
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
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    wipe: Option<i64>,
    /// Publish the reports made in so much time before the wipe again right after it, as with
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

impl Args {
    /// The period that is asked for, as far as it is.
    fn asked(&self) -> Result<(Option<i64>, Option<i64>)> {
        let handbook = self.protocol == Some(Protocol::Handbook);
        let first = self.from.or(handbook.then_some(BASELINE_WEEK));
        ensure!(
            self.weeks.is_none() || first.is_some(),
            "--weeks counts back from a week; say with --from when that begins"
        );
        let week = first.filter(|_| handbook || self.weeks.is_some()).map(|first| first + 6);
        let last = self.to.or(week);
        if let (Some(first), Some(last)) = (first, last) {
            ensure!(first <= last, "--to {} lies before --from", units::date(last));
        }
        Ok((first, last))
    }

    fn wiped(&self) -> Option<Wipe> {
        let at = self.wipe? * DAY;
        let back = self.republish.unwrap_or_default().as_millis();
        Some(Wipe { at, republish_from: at.saturating_sub(back.try_into().unwrap_or(i64::MAX)) })
    }

    /// Weeks before the period that are evaluated too.
    fn earlier_weeks(&self) -> i64 {
        i64::from(self.weeks.unwrap_or(1)) - 1
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Report> {
    let began = Instant::now();
    let (first, last) = args.asked()?;
    let wanted =
        first.map_or(i64::MIN, |first| first - 7 * args.earlier_weeks())..=last.unwrap_or(i64::MAX);
    let frauds = Frauds::read(&args.frauds)?;
    let reporting = Reporting { frauds: &frauds, delay: args.report_delay };
    let program = read_spec(&args.replay.spec)?;
    let replay = Replay::open(&args.replay, &program, "backtest", Some(reporting))?;
    let mut rows = Rows::new(&frauds, program, wanted.clone());
    let replayed = replay.run(args.wiped(), &mut |output| rows.take(output))?;
    if let Some(failure) = &replayed.failure {
        return Ok(given_up(failure, &replayed));
    }
    frauds.belong_to(&args.replay.input)?;
    rows.kept.sort_by_key(|row| row.millis);
    let weeks = evaluate(args, &rows, first, last, &wanted)?;
    let answer = Answer { args, rows: &rows, replayed: &replayed, weeks, elapsed: began.elapsed() };
    if let Some(path) = &args.html {
        std::fs::write(path, html::page(&answer))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Report {
        json: answer.json(),
        text: text::of(&answer),
        aside: replayed.logs.aside(),
        ok: answer.lost() == 0,
    })
}

/// The asked for period and the weeks before it, the latest first.
fn evaluate(
    args: &Args,
    rows: &Rows,
    first: Option<i64>,
    last: Option<i64>,
    wanted: &RangeInclusive<i64>,
) -> Result<Vec<Evaluation>> {
    let (Some(earliest), Some(latest)) = (rows.kept.first(), rows.kept.last()) else {
        let day = |day: i64| match day {
            i64::MIN | i64::MAX => "…".into(),
            _ => units::date(day),
        };
        let (from, to) = (day(*wanted.start()), day(*wanted.end()));
        anyhow::bail!("no transaction could be scored from {from} to {to}");
    };
    let (first, last) = (first.unwrap_or(earliest.day()), last.unwrap_or(latest.day()));
    let week = |back: i64| {
        let period = Period { first: first - 7 * back, last: last - 7 * back };
        let of_period = || rows.kept.iter().filter(|row| period.contains(row.day()));
        let left_out = |row: &Row| {
            args.protocol.is_some() && rows.known.leaves_out(row.customer, row.day(), period.first)
        };
        let tested: Vec<&Row> = of_period().filter(|row| !left_out(row)).collect();
        let removed = of_period().count() - tested.len();
        Evaluation::of(&tested, period, removed as u64, &args.alerts)
    };
    Ok((0..=args.earlier_weeks()).map(week).collect())
}

/// What is answered.
struct Answer<'a> {
    args: &'a Args,
    rows: &'a Rows<'a>,
    replayed: &'a Replayed,
    weeks: Vec<Evaluation>,
    elapsed: Duration,
}

impl Answer<'_> {
    /// The period that was asked for.
    fn main(&self) -> &Evaluation {
        &self.weeks[0]
    }

    fn lost(&self) -> i64 {
        self.replayed.lost(self.rows.written)
    }

    /// The mean over the weeks of each headline figure.
    fn means(&self) -> impl Iterator<Item = (&'static str, Option<f64>)> {
        let names = self.main().headline().into_iter().enumerate();
        names.map(|(at, (name, _))| (name, mean(self.weeks.iter().map(|e| e.headline()[at].1))))
    }

    fn json(&self) -> Value {
        let mut json = self.main().json();
        let mut add = |name: &str, value: Value| json.insert(name.into(), value);
        add("threshold", json!(self.rows.threshold.map(shortest)));
        add("records", json!(self.replayed.records));
        add("reports", json!(self.replayed.reports));
        add("report_records", json!(self.replayed.report_records));
        add("unscorable", json!(self.rows.unscorable));
        add("silenced", json!(self.replayed.silenced));
        add("lost", json!(self.lost()));
        add("restarts", json!(self.replayed.usage.restarts));
        add("wipe", json!(self.args.wipe.map(units::date)));
        add("republished", json!(self.args.republish.map(|_| self.replayed.republished)));
        add("seconds", json!(self.elapsed.as_secs_f64()));
        if self.args.weeks.is_some() {
            let weeks: Vec<_> = self.weeks.iter().map(|week| Value::Object(week.json())).collect();
            add("weeks", Value::Array(weeks));
            let means = self.means().map(|(name, value)| (name.to_owned(), json!(value)));
            add("mean", Value::Object(means.collect::<Map<_, _>>()));
        }
        if self.args.protocol.is_some() {
            let published = PUBLISHED.map(|(model, auc, average, card)| {
                json!({
                    "model": model,
                    "trained_on": "one week of this data",
                    "auc_roc": auc,
                    "average_precision": average,
                    "card_precision_100": card,
                })
            });
            add("protocol", json!("handbook"));
            add("published", json!(published));
        }
        Value::Object(json)
    }
}

fn given_up(failure: &Failure, replayed: &Replayed) -> Report {
    Report {
        json: json!({ "failure": failure.json(), "records": replayed.records }),
        text: format!("{failure}\n"),
        aside: replayed.logs.aside(),
        ok: false,
    }
}
