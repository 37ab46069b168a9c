//! `fraud tune`: from the model's output to decisions, on labelled transactions.
//!
//! - [`sample`]: what the detector makes of them
//! - [`calibration`]: outputs to probabilities; [`threshold`]: from which one on it is fraud
//! - [`decided`]: the answer, and the file that the module is built from

mod calibration;
mod decided;
mod sample;
mod threshold;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fraud_detector::verdict::{Judge, Warmth};
use fraud_plan::compile::CompiledModel;
use fraud_plan::{Calibration, Decision};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::data::frauds::Frauds;
use crate::module::replay::Labelled;
use crate::show::report::Report;
use crate::show::units::{self, count, share, shortest};
use decided::Decided;
use sample::{Row, Sample};
use threshold::{Cuts, Goal, Scored};

const AFTER_HELP: &str = "\
Examples:
  fraud tune --input day120.jsonl.zst --frauds day120.frauds.csv --alerts-per-day 50
  fraud tune --input day120.jsonl.zst --frauds day120.frauds.csv --review-cost 4.50

The very code that runs in the broker scores the transactions, and is told of each fraud when its
report has come. Its outputs are calibrated, so that of transactions with a score of 0.3 three in
ten are frauds; then the threshold is chosen: by default for 50 alerts a day. What it is expected to
do is measured on the same transactions: take ones that the model was not trained on.
`fraud backtest` measures it on others.

The module is built with the file that this writes: build it again afterwards.";

/// Frauds that a decision needs.
const FEWEST_FRAUDS: u64 = 10;
/// Numbers of alerts a day that are shown beside what was asked for.
const ALTERNATIVES: [u32; 4] = [20, 50, 100, 200];

/// Decide what is fraud: calibrate the model's output and choose the threshold.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The feature spec
    #[arg(long, value_name = "FILE.toml", default_value = "model/fraud.toml")]
    spec: PathBuf,
    /// The model
    #[arg(long, value_name = "FILE.onnx", default_value = "model/fraud.onnx")]
    model: PathBuf,
    #[command(flatten)]
    labelled: Labelled,
    /// Warm-up: so much at the start fills history and is not used otherwise
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = units::parse_duration)]
    skip: Duration,
    #[command(flatten)]
    goal: GoalArgs,
    /// How outputs become probabilities
    #[arg(long, value_enum, default_value_t = Kind::Isotonic)]
    calibration: Kind,
    /// Where the decision goes
    #[arg(long, value_name = "FILE.toml", default_value = "model/decision.toml")]
    output: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// the likeliest increasing curve, in straight lines between at most 16 knots
    Isotonic,
    /// the likeliest logistic curve over the outputs' log-odds: two numbers
    Platt,
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct GoalArgs {
    /// The lowest threshold with no more alerts a day than this on average; by default 50
    #[arg(long, value_name = "N", value_parser = above_zero)]
    alerts_per_day: Option<f64>,
    /// The lowest threshold at which this share of alerts are frauds, for instance 0.9
    #[arg(long, value_name = "SHARE", value_parser = a_share)]
    min_precision: Option<f64>,
    /// The least total cost: this for each alert, its amount for each missed fraud
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    review_cost: Option<f64>,
}

impl GoalArgs {
    fn goal(&self) -> Goal {
        let precision = self.min_precision.map(Goal::Precision);
        let goal = precision.or(self.review_cost.map(Goal::Cost));
        goal.unwrap_or(Goal::Alerts(self.alerts_per_day.unwrap_or(50.0)))
    }
}

fn above_zero(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&number: &f64| number > 0.0 && number.is_finite());
    number.ok_or_else(|| "not a number above 0".into())
}

fn a_share(text: &str) -> Result<f64, String> {
    above_zero(text)
        .ok()
        .filter(|&share| share <= 1.0)
        .ok_or_else(|| "not a share above 0 and up to 1, for instance 0.9".into())
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Report> {
    let began = Instant::now();
    let model = CompiledModel::read(&args.spec, &args.model)?;
    let frauds = Frauds::read(&args.labelled.frauds)?;
    let reporting = args.labelled.reporting(&frauds);
    let mut sample = Sample::read(&model, &args.labelled.input, reporting, args.skip)?;
    let (from, to) = suffices(args, &sample, &frauds)?;
    let decided = decide(args, &model, &mut sample, format!("{from} to {to}"))?;
    std::fs::write(&args.output, decided.toml())
        .with_context(|| format!("cannot write {}", args.output.display()))?;

    let alternatives = decided
        .alternatives
        .iter()
        .map(|(a_day, choice)| json!({ "at_most": a_day, "expected": choice }));
    let baselines = decided.baselines.iter().map(|(name, value)| (name, shortest(*value)));
    let (used, of_them, days) = (sample.rows.len() as u64, sample.frauds(), sample.days.len());
    Ok(Report {
        json: json!({
            "threshold": decided.choice.threshold,
            "basis": decided.basis(),
            "data": decided.data,
            "expected": decided.choice,
            "calibration": decided.calibration_json(),
            // JSON has no NaN: such a one is null.
            "baselines": baselines.collect::<BTreeMap<_, _>>(),
            "alternatives": alternatives.collect::<Vec<_>>(),
            "reliability": decided.bins,
            "transactions": used,
            "frauds": of_them,
            "days": days,
            "from": from,
            "to": to,
            "skipped": sample.skipped,
            "unscorable": sample.unscorable,
            "seconds": began.elapsed().as_secs_f64(),
            "output": args.output,
        }),
        text: format!(
            "{} transactions on {days} days, {from} to {to}, {} of them frauds ({})\n\
             {} before them were the warm-up, {} could not be scored\n{}\n{} written in {}\n",
            count(used),
            count(of_them),
            share(of_them, used),
            count(sample.skipped),
            count(sample.unscorable),
            decided.text(),
            args.output.display(),
            units::seconds(began.elapsed()),
        ),
        aside: String::new(),
        ok: true,
    })
}

/// An error if there is too little to decide on; else the first and the last date.
fn suffices(args: &Args, sample: &Sample, frauds: &Frauds) -> Result<(String, String)> {
    let (input, more) =
        (args.labelled.input.display(), "give a shorter --skip or a longer --input");
    let (Some(&first), Some(&last)) = (sample.days.first(), sample.days.last()) else {
        bail!(
            "{input}: no transaction is left to decide on; {} are the warm-up, {} cannot be scored; \
             {more}",
            count(sample.skipped),
            count(sample.unscorable),
        );
    };
    frauds.belong_to(&args.labelled.input)?;
    let (found, rows) = (sample.frauds(), sample.rows.len() as u64);
    ensure!(
        found >= FEWEST_FRAUDS && found < rows,
        "{input}: {found} of {} transactions after the warm-up are listed as frauds in {}; it takes \
         at least {FEWEST_FRAUDS}, and some that are none; {more}",
        count(rows),
        args.labelled.frauds.display(),
    );
    Ok((units::date(first), units::date(last)))
}

fn decide(
    args: &Args,
    model: &CompiledModel,
    sample: &mut Sample,
    when: String,
) -> Result<Decided> {
    let outputs = sample.rows.iter().map(|row| (row.raw, row.fraud));
    // Either kind: a slope above 0 says that there is something to calibrate.
    let (slope, offset) =
        calibration::platt(outputs.clone()).with_context(|| args.model.display().to_string())?;
    let calibration = match args.calibration {
        Kind::Platt => Calibration::Platt { slope: slope.into(), offset: offset.into() },
        Kind::Isotonic => Calibration::Isotonic { knots: calibration::isotonic(outputs) },
    };
    let decision = Decision { calibration: calibration.clone(), ..Decision::default() };
    let judge = Judge::new(&model.plan(decision), 0.5);
    let scored = sample.rows.iter().map(|&Row { sum, fraud, amount, .. }| Scored {
        score: judge.judge(sum, Warmth::Warm).score,
        fraud,
        amount,
    });
    let scored: Vec<_> = scored.collect();
    let bins = calibration::bins(&scored);
    let days = sample.days.len();
    let cuts = Cuts::new(scored, days);
    let goal = args.goal.goal();
    let names = model.program.features.iter().map(|feature| feature.name.clone());
    let input = args.labelled.input.file_name().unwrap_or_default().to_string_lossy();
    Ok(Decided {
        goal: goal.to_string(),
        on: format!("{input}, {days} days, {when}"),
        data: format!("sha256:{}", hash(&[&args.labelled.input, &args.labelled.frauds])?),
        choice: cuts.choose(goal).with_context(|| args.labelled.input.display().to_string())?,
        calibration,
        baselines: names.zip(sample.baselines()).collect(),
        alternatives: ALTERNATIVES
            .map(|a_day| (a_day, cuts.choose(Goal::Alerts(a_day.into())).ok()))
            .into(),
        bins,
    })
}

/// The SHA-256 of files, one after the other, in hex.
fn hash(paths: &[&Path]) -> Result<String> {
    let mut hash = Sha256::new();
    for path in paths {
        let context = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(context)?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        while let bytes = file.fill_buf().with_context(context)?
            && !bytes.is_empty()
        {
            hash.update(bytes);
            let read = bytes.len();
            file.consume(read);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
