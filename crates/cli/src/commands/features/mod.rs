//! `fraud features`: the detector's own feature vectors, for the trainer.
//!
//! - [`vector_file`]: the file that the trainer reads; [`wipes`]: restarts in between

mod vector_file;
mod wipes;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fraud_detector::{Detector, Observed, Settings};
use fraud_plan::{Decision, Plan, Program};
use serde::Serialize;

use super::flags::LabelledFlags;
use super::unreadable;
use crate::data::envelope::Envelopes;
use crate::data::input::Records;
use crate::data::labels::{LabelNotes, Labelled, Labels};
use crate::data::notes::Notes;
use crate::data::spec;
use crate::data::stream::{Event, Stream, Transaction};
use crate::show::report::Report;
use crate::show::units::{self, count};
pub use vector_file::VectorFile;
pub use wipes::Wipes;

const AFTER_HELP: &str = "\
Example:
  fraud features --input day30.jsonl.zst --frauds day30.frauds.csv --output day30.arrow
  python -c \"import pyarrow.feather as f; print(f.read_table('day30.arrow').to_pandas())\"

The same code as in the broker computes the vectors, one transaction after the other as if they all
came to one instance. One row for each transaction that can be scored, in the order of the input:
transaction_id (empty if it has none), timestamp (milliseconds since 1970), label (1 = fraud),
scenario (0 = none),
then the spec's features in its order, 32-bit floats, NaN where missing. The file is Arrow IPC
(Feather 2), uncompressed.";

/// Compute the feature vectors that a model is trained on.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The feature spec
    #[arg(long, value_name = "FILE.toml", default_value = spec::DEFAULT)]
    spec: PathBuf,
    #[command(flatten)]
    labelled: LabelledFlags,
    /// Forget all history this often, as a broker that restarts does
    #[arg(long, value_name = "TIME", value_parser = units::parse_interval)]
    restart_every: Option<Duration>,
    /// Forget customers, reports or both, at random intervals of about this length
    #[arg(long, value_name = "TIME", value_parser = units::parse_interval,
        conflicts_with = "restart_every")]
    wipe_every: Option<Duration>,
    /// Any number; each gives other times to --wipe-every
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the vectors go
    #[arg(long, value_name = "FILE.arrow")]
    output: PathBuf,
    /// Memory for history; the default is enough to forget hardly anything
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = units::parse_size)]
    history: u64,
}

/// The answer: the vectors that were written.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    extracted: Extracted,
    #[serde(flatten)]
    labels: LabelNotes,
    #[serde(flatten)]
    notes: Notes,
    seconds: f64,
    output: PathBuf,
}

/// The vectors of a file's transactions, counted.
#[derive(Default, Serialize)]
pub struct Extracted {
    pub rows: u64,
    /// Features of a vector.
    features: usize,
    frauds: u64,
    reports: u64,
    /// Time of the first row, milliseconds since 1970.
    pub first_time: Option<i64>,
    /// Transactions without an id, which nobody can label.
    without_id: u64,
    /// Second deliveries of a transaction, which have no vector.
    duplicates: u64,
    /// Records that are no transactions that are scored.
    no_transactions: u64,
    /// Records without a vector, by reason code.
    unscorable: BTreeMap<&'static str, u64>,
    pub evictions: u64,
    wipes: u64,
}

/// Bytes of history that forget hardly anything.
pub const HISTORY: u64 = 256 << 20;

/// A function that takes a transaction and its vector.
pub type Each<'e> = &'e mut dyn FnMut(&Transaction, &[f32]) -> Result<()>;

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let began = Instant::now();
    let wipes = args.wipes();
    let Args { spec, labelled, output, history, .. } = args;
    let (program, labelled) = (spec::read(&spec)?, Labelled::try_from(labelled)?);
    let labels = Labels::read(&labelled.labels, &program)?;
    let mut file = VectorFile::create(&output, &program)?;
    let mut each = |transaction: &Transaction, vector: &[f32]| file.push(transaction, vector);
    let (extracted, notes) = extract(program, &labelled, &labels, wipes, history, &mut each)?;
    file.finish()?;
    if let Some(answer) = unreadable::answer(&notes)? {
        return Ok(answer);
    }
    let seconds = began.elapsed().as_secs_f64();
    Report::of(&Answer { extracted, labels: labels.notes(), notes, seconds, output })
}

/// Computes the vectors of a program's features, in the order of the file.
pub fn extract(
    program: Program,
    labelled: &Labelled,
    labels: &Labels,
    wipes: Wipes,
    history: u64,
    each: Each,
) -> Result<(Extracted, Notes)> {
    let records = Records::open(&labelled.input, "features")?;
    let envelopes = Envelopes::new(program.clone());
    let stream = Stream::new(records, envelopes, Some(labelled.labels.reporting(labels)));
    let mut extraction = Extraction::new(program, history, wipes)?;
    let notes = extraction.run(stream, each)?;
    if extraction.found.rows > 0 {
        labels.check_belong_to(&labelled.input, notes.transactions)?;
    }
    Ok((extraction.finish(), notes))
}

impl Args {
    fn wipes(&self) -> Wipes {
        match (self.restart_every, self.wipe_every) {
            (Some(every), _) => Wipes::restarts(every),
            (None, Some(every)) => Wipes::scattered(every, self.seed),
            (None, None) => Wipes::default(),
        }
    }
}

/// The detector on its way through the transactions, and what has been counted so far.
struct Extraction {
    detector: Detector<'static>,
    wipes: Wipes,
    found: Extracted,
}

impl Extraction {
    fn new(program: Program, history: u64, wipes: Wipes) -> Result<Self> {
        let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
        let history =
            usize::try_from(history).context("--history is more than can be addressed")?;
        let detector = Detector::new(plan, &Settings::default()).with_history(history);
        Ok(Self { detector, wipes, found: Extracted::default() })
    }

    /// Hands every transaction that has a vector to `each`.
    fn run(&mut self, mut stream: Stream, each: Each) -> Result<Notes> {
        let Self { detector, wipes, found } = self;
        while let Some(event) = stream.next()? {
            let (observed, transaction) = match event {
                Event::Reports { arrival, value, count, .. } => {
                    found.reports += count;
                    (detector.observe(Some(value), arrival), None)
                }
                Event::Transaction(transaction) => {
                    let arrival = transaction.arrival;
                    wipes.wipe_if_due(arrival, detector);
                    (detector.observe(transaction.value, arrival), Some(transaction))
                }
            };
            match (observed, transaction) {
                (Err(refusal), _) => {
                    *found.unscorable.entry(refusal.reason.code()).or_default() += 1;
                }
                (Ok(_), None) => {}
                (Ok(Observed::Transaction { duplicate: true, .. }), _) => found.duplicates += 1,
                (Ok(Observed::Transaction { .. }), Some(transaction)) => {
                    found.without_id += u64::from(transaction.id.is_none());
                    found.first_time.get_or_insert(transaction.arrival);
                    found.rows += 1;
                    found.frauds += u64::from(transaction.scenario > 0);
                    each(&transaction, detector.vector())?;
                }
                (Ok(Observed::Reports | Observed::Unscored(_)), _) => found.no_transactions += 1,
            }
        }
        Ok(stream.finish())
    }

    fn finish(mut self) -> Extracted {
        self.found.features = self.detector.vector().len();
        let tables = self.detector.history().tables().iter();
        self.found.evictions = tables.map(|table| table.evictions()).sum();
        self.found.wipes = self.wipes.count;
        self.found
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Extracted { rows, features, frauds, evictions, wipes, .. } = &self.extracted;
        writeln!(
            f,
            "{} vectors of {features} features in {}",
            count(*rows),
            self.output.display()
        )?;
        writeln!(f, "{} are frauds, {}", count(*frauds), units::share(*frauds, *rows))?;
        for (number, what) in [
            (self.extracted.duplicates, "came a second time"),
            (self.extracted.no_transactions, "are no transactions to be scored"),
        ] {
            if number > 0 {
                writeln!(f, "{} left out: {what}", count(number))?;
            }
        }
        write!(f, "{}", self.notes)?;
        if self.extracted.without_id > 0 {
            writeln!(f, "{} have no id", count(self.extracted.without_id))?;
        }
        write!(f, "{}", self.labels)?;
        if *evictions > 0 {
            let evicted = count(*evictions);
            writeln!(f, "{evicted} histories were given up for want of memory; see --history")?;
        }
        if *wipes > 0 {
            writeln!(f, "history was wiped {} times", count(*wipes))?;
        }
        writeln!(f, "took {}", units::seconds(self.seconds))
    }
}
