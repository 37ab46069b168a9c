//! `fraud train`: from a spec and labelled transactions to a model that can be built.
//!
//! In this order: which transactions are learned from ([`split`]); the tables that the spec wants made of them
//! ([`tables`]); the features of the file, three times, with different restarts; the project's own trainer on them
//! ([`trainer`]); the compiled engine held to the trainer's golden vectors ([`golden`]); the decision; the card.

mod golden;
mod split;
mod tables;
mod trainer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fraud_plan::Program;
use serde::Serialize;

use super::features::{self, Extracted, VectorFile, Wipes};
use super::flags::LabelledFlags;
use super::tune::{self, CalibrationKind, Choice, GoalFlags};
use super::unreadable;
use crate::data::input::{STANDARD_INPUT, file_name};
use crate::data::labels::{Labelled, Labels};
use crate::data::spec;
use crate::data::stream::Transaction;
use crate::module::memory;
use crate::show::report::Report;
use crate::show::units::{self, count, percent};
use split::{Row, Split};
use tables::Making;
use trainer::{Metrics, Trainer};

const AFTER_HELP: &str = "\
Example:
  fraud new my-model --sample payments.jsonl.zst --label is_fraud
  fraud train my-model --input payments.jsonl.zst --label is_fraud
  ./scripts/build --model my-model
  fraud backtest --input later.jsonl.zst --label is_fraud

The features are the detector's own, computed in the order of time; each fraud is reported to it when
its report has come, as in a broker. Of the file's time the first tenth only fills history, the last
quarter validates, and what is between is learned from: as it is, and again with histories lost at
random, as brokers lose them. What was not yet known to be fraud or not when validation begins is not
learned: of the days before, as many as --report-delay says are left out. Tables with `made` in the spec
are made of the same transactions. LightGBM learns; the threshold is chosen on the last quarter: by default
the one that balances false alarms and missed frauds, with the highest F1.

DIR has fraud.toml, and gets fraud.onnx, decision.toml, golden/ and README.md, the model's card. The
features stay in DIR/.train, to look at and to train otherwise. The Python that it takes is installed by
./scripts/python; ./scripts/fraud does that by itself.";

/// Time between a broker's restarts, in validation; and in training, roughly.
const RESTARTS: [Duration; 2] = [days(7), days(5)];

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

/// Train a model for a feature spec, and decide what is fraud.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The directory with fraud.toml, which gets the model
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    labelled: LabelledFlags,
    #[command(flatten)]
    goal: GoalFlags,
    /// Number of trees
    #[arg(long, default_value_t = memory::USUAL_TREES[0], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    trees: u32,
    /// Leaves of a tree, at most
    #[arg(long, default_value_t = memory::USUAL_TREES[1], value_parser = clap::value_parser!(u32).range(2..=10_000))]
    leaves: u32,
    /// data_transforms_per_function_memory_limit of the cluster: history in training is what the module
    /// will have with it
    #[arg(long, value_name = "SIZE", default_value = memory::STOCK, value_parser = units::parse_size)]
    memory_limit: u64,
    /// Python with the packages of model/train/requirements.txt
    /// [default: FRAUD_PYTHON, else model/train/.venv/bin/python]
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
}

/// The answer: the model that was made.
#[derive(Serialize)]
struct Answer {
    directory: PathBuf,
    #[serde(flatten)]
    metrics: Metrics,
    /// Largest difference between the compiled engine and onnxruntime on the golden vectors.
    golden_difference: f32,
    golden_vectors: usize,
    /// Histories that were given up for want of memory.
    evictions: u64,
    /// Files of the tables that were made.
    tables: Vec<PathBuf>,
    threshold: f64,
    basis: String,
    /// The threshold's figures on the validated transactions.
    expected: Choice,
    seconds: f64,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let began = Instant::now();
    let Args { directory, labelled, goal, trees, leaves, memory_limit, python } = args;
    let labelled = Labelled::try_from(labelled)?;
    ensure!(
        labelled.input != Path::new(STANDARD_INPUT),
        "train reads its --input several times; give a file"
    );
    let history = memory::of_history(memory_limit, [trees, leaves])?;
    let trainer = Trainer::new(python, directory.join(".train"))?;
    let spec = directory.join("fraud.toml");

    let lesson = match Lesson::prepare(&spec, &labelled)? {
        Ok(lesson) => lesson,
        Err(unreadable) => return Ok(unreadable),
    };
    let program = spec::read(&spec)?;
    let vectors = |name: &str, wipes| {
        lesson.write(program.clone(), &labelled, wipes, history, &trainer.directory.join(name))
    };
    let [restarts, wipes] = RESTARTS;
    let plain = vectors(trainer::PLAIN, Wipes::default())?;
    vectors(trainer::RESTARTED, Wipes::restarts(restarts))?;
    vectors(trainer::WIPED, Wipes::scattered(wipes, 1))?;
    let metrics = trainer.fit(&directory, lesson.split, [trees, leaves])?;
    let (golden_vectors, golden_difference) = golden::check(&directory)?;

    let first = plain.first_time.context("the vectors have a first time")?;
    let skip = u64::try_from(metrics.validate_from - first).unwrap_or(0);
    let decision = match tune::tune(tune::Options {
        spec,
        model: directory.join("fraud.onnx"),
        skip: Duration::from_millis(skip),
        history,
        goal: goal.goal(),
        calibration: CalibrationKind::Isotonic,
        output: directory.join("decision.toml"),
        labelled: Labelled { input: labelled.input.clone(), labels: labelled.labels },
    })? {
        Ok(answer) => answer.decided,
        Err(unreadable) => return Ok(unreadable),
    };
    trainer.card(&directory, &file_name(&labelled.input))?;
    Report::of(&Answer {
        metrics,
        golden_difference,
        golden_vectors,
        evictions: plain.evictions,
        tables: lesson.tables.iter().map(|table| table.file().to_owned()).collect(),
        threshold: decision.threshold,
        basis: decision.basis,
        expected: decision.expected,
        seconds: began.elapsed().as_secs_f64(),
        directory,
    })
}

/// A file's transactions as training takes them.
struct Lesson {
    rows: Vec<Row>,
    split: Split,
    tables: Vec<Making>,
}

impl Lesson {
    /// Reads the file once, and makes the tables that the spec wants made. If no record can be scored, the
    /// answer says so.
    fn prepare(spec: &Path, labelled: &Labelled) -> Result<Result<Self, Report>> {
        let (program, made) = spec::read_untrained(spec)?;
        let labels = Labels::read(&labelled.labels, &program)?;
        let mut rows = Vec::new();
        let mut tables: Vec<Making> =
            made.into_iter().map(|table| Making::new(table, &program)).collect();
        let mut each = |transaction: &Transaction, _: &[f32]| {
            rows.push(Row::of(transaction));
            tables.iter_mut().for_each(|table| table.add(transaction));
            Ok(())
        };
        let (_, notes) =
            features::extract(program, labelled, &labels, Wipes::default(), 0, &mut each)?;
        if let Some(answer) = unreadable::answer(&notes)? {
            return Ok(Err(answer));
        }
        let split = Split::of(&rows)?;
        tables.iter_mut().try_for_each(|table| table.make(&rows, &split))?;
        Ok(Ok(Self { rows, split, tables }))
    }

    /// Writes the vectors of those transactions that are learned from or validate, with these wipes.
    fn write(
        &self,
        program: Program,
        labelled: &Labelled,
        wipes: Wipes,
        history: u64,
        output: &Path,
    ) -> Result<Extracted> {
        let labels = Labels::read(&labelled.labels, &program)?;
        let mut file = VectorFile::create(output, &program)?;
        let mut corrected = Vec::new();
        let mut each = |transaction: &Transaction, vector: &[f32]| {
            // Lost histories make a second delivery look like a first one: it is not in the rows.
            let Ok(at) = self.rows.binary_search_by_key(&transaction.line, |row| row.line) else {
                return Ok(());
            };
            let row = &self.rows[at];
            if !self.split.takes(row) {
                return Ok(());
            }
            corrected.clear();
            corrected.extend_from_slice(vector);
            if !self.split.validates(row) {
                self.tables.iter().for_each(|table| table.correct(at, &mut corrected));
            }
            file.push(transaction, &corrected)
        };
        let (extracted, _) =
            features::extract(program, labelled, &labels, wipes, history, &mut each)?;
        file.finish()?;
        Ok(extracted)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Metrics { trees, leaves, features, transactions, frauds, .. } = self.metrics;
        let directory = self.directory.display();
        writeln!(
            f,
            "{trees} trees of at most {leaves} leaves over {features} features, in {directory}"
        )?;
        for table in &self.tables {
            writeln!(f, "made {} of what was known when validation begins", table.display())?;
        }
        if self.evictions > 0 {
            writeln!(
                f,
                "{} histories were given up for want of memory; `expected` of the entities shares it out, \
                 and a larger limit of the cluster gives more: --memory-limit",
                count(self.evictions)
            )?;
        }
        let day = |millis: i64| units::date(millis.div_euclid(24 * 60 * 60 * 1000));
        writeln!(
            f,
            "learned from {} vectors with {} frauds, from {} on",
            count(transactions),
            count(frauds),
            day(self.metrics.learn_from),
        )?;
        writeln!(
            f,
            "validated on {} transactions with {} frauds, from {} on:",
            count(self.metrics.validation_transactions),
            count(self.metrics.validation_frauds),
            day(self.metrics.validate_from),
        )?;
        writeln!(f, "  average precision  {:.3}", self.metrics.average_precision)?;
        writeln!(
            f,
            "  after restarts     {:.3}  (all history lost every 7 days)",
            self.metrics.average_precision_restarted
        )?;
        writeln!(f, "  AUC ROC            {:.3}", self.metrics.auc_roc)?;
        let Choice { alerts_per_day, precision, recall, .. } = self.expected;
        writeln!(
            f,
            "  threshold          {}: {alerts_per_day:.1} alerts a day, {} of them frauds, {} of the frauds found",
            self.threshold,
            percent(Some(precision)),
            percent(Some(recall)),
        )?;
        writeln!(
            f,
            "the compiled engine gives onnxruntime's outputs on {} vectors, to {:.1e}",
            count(self.golden_vectors as u64),
            self.golden_difference,
        )?;
        writeln!(f, "took {:.1} s", self.seconds)?;
        writeln!(f, "next: ./scripts/build --model {directory}")
    }
}
