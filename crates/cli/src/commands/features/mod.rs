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
use fraud_detector::{Detector, Observed, Reason, Settings};
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
use vector_file::VectorFile;
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
    rows: u64,
    /// Features of a vector.
    features: usize,
    frauds: u64,
    reports: u64,
    /// Time of the first row, milliseconds since 1970.
    first_time: Option<i64>,
    #[serde(flatten)]
    labels: LabelNotes,
    /// Transactions without an id, which nobody can label.
    without_id: u64,
    /// Second deliveries of a transaction, which have no vector.
    duplicates: u64,
    /// Records that are no transactions that are scored.
    no_transactions: u64,
    /// Records without a vector, by reason code.
    unscorable: BTreeMap<&'static str, u64>,
    #[serde(flatten)]
    notes: Notes,
    evictions: u64,
    wipes: u64,
    seconds: f64,
    output: PathBuf,
}

/// Bytes of history that forget hardly anything.
pub const HISTORY: u64 = 256 << 20;

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let wipes = args.wipes();
    let Args { spec, labelled, output, history, .. } = args;
    export(spec::read(&spec)?, &labelled.try_into()?, wipes, history, output)
}

/// Writes the vectors of a program's features to the file `output`.
pub fn export(
    program: Program,
    labelled: &Labelled,
    wipes: Wipes,
    history: u64,
    output: PathBuf,
) -> Result<Report> {
    let began = Instant::now();
    let labels = Labels::read(&labelled.labels, &program)?;
    let records = Records::open(&labelled.input, "features")?;
    let names = program.features.iter().map(|feature| feature.name.clone());
    let mut file = VectorFile::create(&output, names.collect())?;
    let envelopes = Envelopes::new(program.clone());
    let stream = Stream::new(records, envelopes, Some(labelled.labels.reporting(&labels)));

    let mut extraction = Extraction::new(program, history, wipes)?;
    let notes = extraction.run(stream, &mut file)?;
    file.finish()?;
    if let Some(answer) = unreadable::answer(&notes)? {
        return Ok(answer);
    }
    if extraction.rows > 0 {
        labels.check_belong_to(&labelled.input, notes.transactions)?;
    }
    Report::of(&extraction.answer(&labels, notes, began.elapsed(), output))
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
    rows: u64,
    frauds: u64,
    reports: u64,
    nameless: u64,
    first_time: Option<i64>,
    duplicates: u64,
    others: u64,
    unscorable: BTreeMap<&'static str, u64>,
}

impl Extraction {
    fn new(program: Program, history: u64, wipes: Wipes) -> Result<Self> {
        let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
        let history =
            usize::try_from(history).context("--history is more than can be addressed")?;
        Ok(Self {
            detector: Detector::new(plan, &Settings::default()).with_history(history),
            wipes,
            rows: 0,
            frauds: 0,
            reports: 0,
            nameless: 0,
            first_time: None,
            duplicates: 0,
            others: 0,
            unscorable: BTreeMap::new(),
        })
    }

    /// Writes the vector of every transaction that has one.
    fn run(&mut self, mut stream: Stream, file: &mut VectorFile) -> Result<Notes> {
        while let Some(event) = stream.next()? {
            match event {
                Event::Reports { arrival, value, count, .. } => {
                    self.reports += count;
                    if let Err(refusal) = self.detector.observe(Some(value), arrival) {
                        self.leave_out(refusal.reason);
                    }
                }
                Event::Transaction(Transaction {
                    id, scenario, millis, arrival, value, ..
                }) => {
                    self.wipes.wipe_if_due(arrival, &mut self.detector);
                    match self.detector.observe(value, arrival) {
                        Ok(Observed::Transaction { duplicate: false, .. }) => {}
                        Ok(Observed::Transaction { .. }) => {
                            self.duplicates += 1;
                            continue;
                        }
                        Ok(Observed::Reports | Observed::Unscored(_)) => {
                            self.others += 1;
                            continue;
                        }
                        Err(refusal) => {
                            self.leave_out(refusal.reason);
                            continue;
                        }
                    }
                    self.nameless += u64::from(id.is_none());
                    self.first_time.get_or_insert(arrival);
                    self.rows += 1;
                    self.frauds += u64::from(scenario > 0);
                    file.push(id.unwrap_or_default(), millis, scenario, self.detector.vector())?;
                }
            }
        }
        Ok(stream.finish())
    }

    fn leave_out(&mut self, reason: Reason) {
        *self.unscorable.entry(reason.code()).or_default() += 1;
    }

    fn answer(self, labels: &Labels, notes: Notes, elapsed: Duration, output: PathBuf) -> Answer {
        let tables = self.detector.history().tables().iter();
        Answer {
            rows: self.rows,
            features: self.detector.vector().len(),
            frauds: self.frauds,
            reports: self.reports,
            first_time: self.first_time,
            labels: labels.notes(),
            without_id: self.nameless,
            duplicates: self.duplicates,
            no_transactions: self.others,
            unscorable: self.unscorable,
            notes,
            evictions: tables.map(|table| table.evictions()).sum(),
            wipes: self.wipes.count,
            seconds: elapsed.as_secs_f64(),
            output,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { rows, features, frauds, evictions, wipes, .. } = self;
        writeln!(
            f,
            "{} vectors of {features} features in {}",
            count(*rows),
            self.output.display()
        )?;
        writeln!(f, "{} are frauds, {}", count(*frauds), units::share(*frauds, *rows))?;
        for (number, what) in [
            (self.duplicates, "came a second time"),
            (self.no_transactions, "are no transactions to be scored"),
        ] {
            if number > 0 {
                writeln!(f, "{} left out: {what}", count(number))?;
            }
        }
        write!(f, "{}", self.notes)?;
        if self.without_id > 0 {
            writeln!(f, "{} have no id", count(self.without_id))?;
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
