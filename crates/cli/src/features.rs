//! `fraud features`: the detector's own feature vectors, for the trainer.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray, UInt8Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};
use fraud_detector::{Detector, Settings};
use fraud_plan::program::Events;
use fraud_plan::{Decision, Plan};
use serde_json::json;

use crate::envelope::{Envelopes, read_spec};
use crate::frauds::Frauds;
use crate::input::Lines;
use crate::replay::Labelled;
use crate::replay::stream::{Event, Stream};
use crate::report::Report;
use crate::units;

const AFTER_HELP: &str = "\
Example:
  fraud features --input day30.jsonl.zst --frauds day30.frauds.csv --output day30.arrow
  python -c \"import pyarrow.feather as f; print(f.read_table('day30.arrow').to_pandas())\"

The very code that runs in the broker computes the vectors, one transaction after the other as if
they all came to one instance. One row for each transaction that can be scored, in the order of the
input: transaction_id, timestamp (milliseconds since 1970), label (1 = fraud), scenario (0 = none),
then the spec's features in its order, 32-bit floats, NaN where missing. The file is Arrow IPC
(Feather 2), uncompressed.";

/// Compute the feature vectors that a model is trained on.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The feature spec
    #[arg(long, value_name = "FILE.toml", default_value = "model/fraud.toml")]
    spec: PathBuf,
    #[command(flatten)]
    labelled: Labelled,
    /// Forget all history this often, as a broker that restarts does
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    restart_every: Option<Duration>,
    /// Forget customers, reports or both, at random about this often
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration,
        conflicts_with = "restart_every")]
    wipe_every: Option<Duration>,
    /// For the times of --wipe-every
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the vectors go
    #[arg(long, value_name = "FILE.arrow")]
    output: PathBuf,
    /// Memory for history; by default so much that hardly anything is forgotten
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = units::parse_size)]
    history: u64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Report> {
    let began = Instant::now();
    let program = read_spec(&args.spec)?;
    let listed = Frauds::read(&args.labelled.frauds)?;
    let names = program.features.iter().map(|feature| feature.name.clone());
    let mut table = Table::create(&args.output, names.collect())?;
    let lines = Lines::open(&args.labelled.input, "features")?;
    let reporting = args.labelled.reporting(&listed);
    let mut stream = Stream::new(lines, Envelopes::new(program.clone()), Some(reporting));
    let mut envelopes = Envelopes::new(program.clone());
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let history =
        usize::try_from(args.history).context("--history is more than can be addressed")?;
    let mut detector = Detector::new(plan, &Settings::default(), history);
    let mut wipes = Wipes {
        every: args.restart_every.or(args.wipe_every),
        random: args.wipe_every.map(|_| Random::new(args.seed)),
        next: None,
    };

    let (mut rows, mut frauds, mut reports) = (0_u64, 0_u64, 0_u64);
    let mut unscorable = BTreeMap::<&str, u64>::new();
    while let Some(event) = stream.next()? {
        let (number, line) = match event {
            Event::Transaction { line, value, .. } => (line, value),
            Event::Reports { millis, value, count, .. } => {
                reports += count;
                if let Err(reason) = detector.observe(Some(value), millis) {
                    *unscorable.entry(reason.code()).or_default() += 1;
                }
                continue;
            }
        };
        let envelope = envelopes.read(line);
        wipes.due(envelope.millis, &mut detector);
        if let Err(reason) = detector.observe(Some(line), envelope.millis) {
            *unscorable.entry(reason.code()).or_default() += 1;
            continue;
        }
        let id = envelope.transaction_id.unwrap_or_else(|| number.to_string().into_bytes().into());
        let scenario = listed.get(&id).map_or(0, |fraud| {
            fraud.found.set(true);
            fraud.scenario
        });
        rows += 1;
        frauds += u64::from(scenario > 0);
        table.push(&id, envelope.millis, scenario, detector.vector())?;
    }
    stream.done();
    table.finish()?;
    if rows > 0 {
        listed.belong_to(&args.labelled.input)?;
    }
    let missing = listed.missing();
    let evictions: u64 = detector.history().tables().iter().map(|table| table.evictions()).sum();
    let elapsed = began.elapsed();
    let mut text = format!(
        "{} vectors of {} features in {}\n{} are frauds, {}\n",
        units::count(rows),
        detector.vector().len(),
        args.output.display(),
        units::count(frauds),
        units::share(frauds, rows),
    );
    for (reason, count) in &unscorable {
        text += &format!("{} left out: {reason}\n", units::count(*count));
    }
    if missing > 0 {
        let missing = units::count(missing);
        text += &format!("{missing} of the listed frauds are not among these transactions\n");
    }
    if evictions > 0 {
        let evicted = units::count(evictions);
        text += &format!("{evicted} histories were given up for want of memory; see --history\n");
    }
    text += &format!("took {}\n", units::seconds(elapsed));
    Ok(Report {
        json: json!({
            "rows": rows,
            "features": detector.vector().len(),
            "frauds": frauds,
            "reports": reports,
            "frauds_not_found": missing,
            "unscorable": unscorable,
            "evictions": evictions,
            "seconds": elapsed.as_secs_f64(),
            "output": args.output,
        }),
        text,
        aside: String::new(),
        ok: true,
    })
}

/// Restarts of the broker, as far as history sees them.
struct Wipes {
    every: Option<Duration>,
    /// For what is forgotten, and when; without it, everything and on time.
    random: Option<Random>,
    next: Option<i64>,
}

impl Wipes {
    /// Has the detector forget if it is time to.
    fn due(&mut self, now: i64, detector: &mut Detector) {
        let Some(every) = self.every else { return };
        if let Some(next) = self.next
            && now < next
        {
            return;
        }
        // Not at the very first transaction: there is nothing to forget.
        if self.next.is_some() {
            let which = self.random.as_mut().map_or(0, |random| random.below(3));
            for (events, spared) in [(Events::Transactions, 1), (Events::Reports, 2)] {
                if which != spared {
                    detector.forget(events);
                }
            }
        }
        let pause = every.as_millis() as i64;
        let scattered = |random: &mut Random| pause / 2 + random.below(pause.max(1) as u64) as i64;
        self.next = Some(now + self.random.as_mut().map_or(pause, scattered));
    }
}

/// SplitMix64: enough to scatter a few wipes.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ bits >> 31) % limit
    }
}

/// Rows in a record batch.
const BATCH: usize = 65_536;

/// An Arrow file that grows by rows.
struct Table {
    path: PathBuf,
    writer: FileWriter<BufWriter<File>>,
    schema: Arc<Schema>,
    ids: Vec<String>,
    times: Vec<i64>,
    scenarios: Vec<u8>,
    features: Vec<Vec<f32>>,
}

impl Table {
    fn create(path: &Path, names: Vec<String>) -> Result<Self> {
        let column = |name: &str, kind| Field::new(name, kind, false);
        let mut fields = vec![
            column("transaction_id", DataType::Utf8),
            column("timestamp", DataType::Int64),
            column("label", DataType::UInt8),
            column("scenario", DataType::UInt8),
        ];
        for name in &names {
            if fields[..4].iter().any(|field| field.name() == name) {
                bail!(
                    "a feature is called {name}, as is a column of its own; rename it in the spec"
                );
            }
            fields.push(column(name, DataType::Float32));
        }
        let schema = Arc::new(Schema::new(fields));
        let context = || format!("cannot write {}", path.display());
        let file = BufWriter::new(File::create(path).with_context(context)?);
        Ok(Self {
            path: path.into(),
            writer: FileWriter::try_new(file, &schema).with_context(context)?,
            schema,
            ids: Vec::new(),
            times: Vec::new(),
            scenarios: Vec::new(),
            features: vec![Vec::new(); names.len()],
        })
    }

    fn push(&mut self, id: &[u8], millis: i64, scenario: u8, vector: &[f32]) -> Result<()> {
        self.ids.push(String::from_utf8_lossy(id).into_owned());
        self.times.push(millis);
        self.scenarios.push(scenario);
        for (column, &value) in self.features.iter_mut().zip(vector) {
            column.push(value);
        }
        if self.ids.len() == BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let scenarios = std::mem::take(&mut self.scenarios);
        let labels: Vec<u8> = scenarios.iter().map(|&scenario| u8::from(scenario > 0)).collect();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(std::mem::take(&mut self.ids))),
            Arc::new(Int64Array::from(std::mem::take(&mut self.times))),
            Arc::new(UInt8Array::from(labels)),
            Arc::new(UInt8Array::from(scenarios)),
        ];
        for column in &mut self.features {
            columns.push(Arc::new(Float32Array::from(std::mem::take(column))));
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        self.writer.write(&batch).with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn finish(mut self) -> Result<()> {
        if !self.ids.is_empty() {
            self.flush()?;
        }
        let flushed = self.writer.finish().map_err(anyhow::Error::from).and_then(|()| {
            let file = self.writer.get_mut();
            Ok(std::io::Write::flush(file)?)
        });
        flushed.with_context(|| format!("cannot write {}", self.path.display()))
    }
}
