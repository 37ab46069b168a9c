//! `fraud tune`: from the model's output to decisions, on labelled transactions.
//!
//! - [`examples`]: the transactions as the detector sees them
//! - [`calibration`]: outputs to probabilities; [`threshold`]: the score from which on it is fraud
//! - [`decided`]: the answer, and the file that the module is built from

mod calibration;
mod decided;
mod examples;
mod threshold;

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fraud_detector::verdict::{Judge, Warmth};
use fraud_plan::compile::CompiledModel;
use fraud_plan::{Calibration, Decision};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::features::HISTORY;
use super::flags::LabelledFlags;
use super::unreadable;
use crate::data::input::{STANDARD_INPUT, file_name};
use crate::data::labels::{LabelNotes, Labelled, Labels};
use crate::data::notes::Notes;
use crate::data::spec;
use crate::show::report::Report;
use crate::show::units::{self, count, share};
use decided::Alternative;
pub use decided::Decided;
use examples::{Example, Examples};
pub use threshold::{Choice, Goal};
use threshold::{Cuts, Scored};

const AFTER_HELP: &str = "\
Examples:
  fraud tune --input day120.jsonl.zst --frauds day120.frauds.csv
  fraud tune --input day120.jsonl.zst --frauds day120.frauds.csv --alerts-per-day 50
  fraud tune --input day120.jsonl.zst --frauds day120.frauds.csv --review-cost 4.50

The same code as in the broker scores the transactions, and is told of each fraud when its report has
come. The outputs are calibrated, so that of transactions with a score of 0.3 three in ten are
frauds; then the threshold is chosen: by default the one that balances false alarms and missed frauds,
with the highest F1 = 2 · frauds found ÷ (alerts + frauds). Its expected figures are measured on the
same transactions: take transactions that the model was not trained on.
`fraud backtest` measures the threshold on others.

The module is built with the file that this command writes: build it again afterwards.";

/// Minimum number of frauds that a decision needs.
const MIN_FRAUDS: u64 = 10;
/// Numbers of alerts a day whose thresholds are shown beside the chosen one.
const ALTERNATIVES: [u32; 4] = [20, 50, 100, 200];

/// Decide what is fraud: calibrate the model's output and choose the threshold.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The feature spec
    #[arg(long, value_name = "FILE.toml", default_value = spec::DEFAULT)]
    spec: PathBuf,
    /// The model
    #[arg(long, value_name = "FILE.onnx", default_value = "model/fraud.onnx")]
    model: PathBuf,
    #[command(flatten)]
    labelled: LabelledFlags,
    /// Warm-up: this time at the start only fills history
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = units::parse_duration)]
    skip: Duration,
    #[command(flatten)]
    goal: GoalFlags,
    /// The way from outputs to probabilities
    #[arg(long, value_enum, default_value_t = CalibrationKind::Isotonic)]
    calibration: CalibrationKind,
    /// Where the decision goes
    #[arg(long, value_name = "FILE.toml", default_value = "model/decision.toml")]
    output: PathBuf,
}

/// The form of a calibration.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum CalibrationKind {
    /// the likeliest increasing curve, in straight lines between at most 16 knots
    Isotonic,
    /// the likeliest logistic curve over the outputs' log-odds: two numbers
    Platt,
}

/// The goal; at most one may be given. Without one, precision and recall are balanced.
#[derive(clap::Args)]
#[group(multiple = false)]
pub struct GoalFlags {
    /// The lowest threshold with no more alerts a day than this on average [default: the highest F1]
    #[arg(long, value_name = "N", value_parser = above_zero)]
    alerts_per_day: Option<f64>,
    /// The lowest threshold at which this share of alerts are frauds, for instance 0.9
    #[arg(long, value_name = "SHARE", value_parser = a_share)]
    min_precision: Option<f64>,
    /// The least total cost: this for each alert, its amount for each missed fraud
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    review_cost: Option<f64>,
}

impl GoalFlags {
    /// Returns the goal that was asked for.
    pub fn goal(&self) -> Goal {
        let precision = self.min_precision.map(Goal::Precision);
        let goal = precision.or(self.review_cost.map(Goal::Cost));
        goal.or(self.alerts_per_day.map(Goal::Alerts)).unwrap_or(Goal::Balance)
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

/// The answer: the decision, and the transactions that it is made on.
#[derive(Serialize)]
pub struct Answer {
    #[serde(flatten)]
    pub decided: Decided,
    transactions: u64,
    frauds: u64,
    /// Days with a transaction.
    days: usize,
    from: String,
    to: String,
    skipped: u64,
    unscorable: u64,
    #[serde(flatten)]
    notes: Notes,
    #[serde(flatten)]
    labels: LabelNotes,
    seconds: f64,
    output: PathBuf,
}

/// The model and the transactions of a decision, and its goal.
pub struct Options {
    pub spec: PathBuf,
    pub model: PathBuf,
    pub labelled: Labelled,
    /// This time at the start only fills history.
    pub skip: Duration,
    /// Bytes of history.
    pub history: u64,
    pub goal: Goal,
    pub calibration: CalibrationKind,
    /// The file that the decision goes to.
    pub output: PathBuf,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let Args { spec, model, labelled, skip, goal, calibration, output } = args;
    let (labelled, goal) = (labelled.try_into()?, goal.goal());
    let history = HISTORY;
    match tune(Options { spec, model, labelled, skip, history, goal, calibration, output })? {
        Ok(answer) => Report::of(&answer),
        Err(unreadable) => Ok(unreadable),
    }
}

/// Decides, and writes the decision. If no record can be scored, the answer says so.
pub fn tune(options: Options) -> Result<Result<Answer, Report>> {
    let began = Instant::now();
    let output = &options.output;
    ensure!(
        options.labelled.input != Path::new(STANDARD_INPUT),
        "tune reads its --input twice, the second time for the hash in {}; give a file",
        output.display()
    );
    let model = CompiledModel::read(&options.spec, &options.model)?;
    let Labelled { input, labels: source } = &options.labelled;
    let labels = Labels::read(source, &model.program)?;
    let mut examples =
        Examples::read(&model, input, source.reporting(&labels), options.skip, options.history)?;
    if let Some(answer) = unreadable::answer(&examples.notes)? {
        return Ok(Err(answer));
    }
    let (from, to) = check_suffices(&options.labelled, &examples, &labels)?;
    let decided = decide(&options, &model, &mut examples, &format!("{from} to {to}"))?;
    std::fs::write(output, decided.toml())
        .with_context(|| format!("cannot write {}", output.display()))?;
    Ok(Ok(Answer {
        decided,
        transactions: examples.all.len() as u64,
        frauds: examples.frauds(),
        days: examples.days.len(),
        from,
        to,
        skipped: examples.skipped,
        unscorable: examples.unscorable,
        notes: examples.notes,
        labels: labels.notes(),
        seconds: began.elapsed().as_secs_f64(),
        output: output.clone(),
    }))
}

/// Fails if there is too little to decide on; returns the first and the last date.
fn check_suffices(
    labelled: &Labelled,
    examples: &Examples,
    labels: &Labels,
) -> Result<(String, String)> {
    let (input, more) = (labelled.input.display(), "give a shorter --skip or a longer --input");
    let (Some(&first), Some(&last)) = (examples.days.first(), examples.days.last()) else {
        bail!(
            "{input}: no transaction is left to decide on; {} are the warm-up, {} cannot be scored; \
             {more}",
            count(examples.skipped),
            count(examples.unscorable),
        );
    };
    labels.check_belong_to(&labelled.input, examples.notes.transactions)?;
    let (found, all) = (examples.frauds(), examples.all.len() as u64);
    ensure!(
        found >= MIN_FRAUDS && found < all,
        "{input}: {found} of {} transactions after the warm-up are frauds by {}; it takes \
         at least {MIN_FRAUDS}, and some transactions that are no frauds; {more}",
        count(all),
        labelled.labels,
    );
    Ok((units::date(first), units::date(last)))
}

fn decide(
    options: &Options,
    model: &CompiledModel,
    examples: &mut Examples,
    when: &str,
) -> Result<Decided> {
    let Labelled { input, labels } = &options.labelled;
    let calibration = calibrate(options, examples)?;
    let decision = Decision { calibration: calibration.clone(), ..Decision::default() };
    let judge = Judge::new(&model.plan(decision), 0.5);
    let score = |example: &Example| Scored {
        score: judge.judge(example.sum, Warmth::Warm).score,
        fraud: example.is_fraud,
        amount: example.amount,
    };
    let scored: Vec<_> = examples.all.iter().map(score).collect();
    let bins = calibration::bins(&scored);
    let days = examples.days.len();
    let cuts = Cuts::new(scored, days);
    let goal = options.goal.to_string();
    let files: Vec<&Path> = [input.as_path()].into_iter().chain(labels.list()).collect();
    let names = model.program.features.iter().map(|feature| feature.name.clone());
    let expected = cuts.choose(options.goal).with_context(|| input.display().to_string())?;
    let alternative = |at_most: u32| {
        let expected = cuts.choose(Goal::Alerts(at_most.into())).ok();
        Alternative { at_most, expected }
    };
    Ok(Decided {
        threshold: expected.threshold,
        basis: format!("{goal} on {}, {days} days, {when}", file_name(input)),
        goal,
        data: format!("sha256:{}", hash(&files)?),
        expected,
        calibration,
        baselines: names.zip(examples.baselines()).collect(),
        alternatives: ALTERNATIVES.map(alternative).into(),
        bins,
    })
}

/// Fits the calibration. Platt's is fitted in any case: a slope above 0 tells that there is
/// something to calibrate.
fn calibrate(options: &Options, examples: &Examples) -> Result<Calibration> {
    let outputs = examples.all.iter().map(|example| (example.raw, example.is_fraud));
    let platt = calibration::platt(outputs.clone());
    let (slope, offset) = platt.with_context(|| options.model.display().to_string())?;
    Ok(match options.calibration {
        CalibrationKind::Platt => Calibration::Platt { slope: slope.into(), offset: offset.into() },
        CalibrationKind::Isotonic => {
            Calibration::Isotonic { knots: calibration::isotonic(outputs) }
        }
    })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { decided, transactions, frauds, days, from, to, output, .. } = self;
        writeln!(
            f,
            "{} transactions on {days} days, {from} to {to}, {} of them frauds ({})",
            count(*transactions),
            count(*frauds),
            share(*frauds, *transactions),
        )?;
        let (skipped, unscorable) = (count(self.skipped), count(self.unscorable));
        writeln!(f, "{skipped} before them were the warm-up, {unscorable} could not be scored")?;
        writeln!(f, "{}{}", self.notes, self.labels)?;
        let seconds = units::seconds(self.seconds);
        writeln!(f, "{decided}\n{} written in {seconds}", output.display())
    }
}

/// Returns the SHA-256 of files, one after the other, in hex.
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
