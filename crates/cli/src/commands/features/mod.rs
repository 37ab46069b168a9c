//! `fraud features`: the detector's own feature vectors, for the trainer.

mod table;
mod wipes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fraud_detector::{Detector, Settings};
use fraud_plan::{Decision, Plan};
use serde_json::json;

use crate::data::envelope::{Envelopes, read_spec};
use crate::data::frauds::Frauds;
use crate::data::input::Lines;
use crate::data::stream::{Event, Stream};
use crate::module::replay::Labelled;
use crate::show::report::Report;
use crate::show::units;
use table::Table;
use wipes::Wipes;

const AFTER_HELP: &str = "\
Example:
  fraud features --input day30.jsonl.zst --frauds day30.frauds.csv --output day30.arrow
  python -c \"import pyarrow.feather as f; print(f.read_table('day30.arrow').to_pandas())\"

The very code that runs in the broker computes the vectors, one transaction after the other as if
they all came to one instance. One row for each transaction that can be scored, in the order of the
input: transaction_id (empty if it has none), timestamp (milliseconds since 1970), label (1 = fraud),
scenario (0 = none),
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
    #[arg(long, value_name = "TIME", value_parser = units::parse_interval)]
    restart_every: Option<Duration>,
    /// Forget customers, reports or both, at random about this often
    #[arg(long, value_name = "TIME", value_parser = units::parse_interval,
        conflicts_with = "restart_every")]
    wipe_every: Option<Duration>,
    /// Any number; each gives other times to --wipe-every
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
    let lines = Lines::open(&args.labelled.input, "features")?;
    let names = program.features.iter().map(|feature| feature.name.clone());
    let mut table = Table::create(&args.output, names.collect())?;
    let reporting = args.labelled.reporting(&listed);
    let mut stream = Stream::new(lines, Envelopes::new(program.clone()), Some(reporting))?;
    let mut envelopes = Envelopes::new(program.clone());
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let history =
        usize::try_from(args.history).context("--history is more than can be addressed")?;
    let mut detector = Detector::new(plan, &Settings::default()).with_history(history);
    let mut wipes = match (args.restart_every, args.wipe_every) {
        (Some(every), _) => Wipes::restarts(every),
        (None, Some(every)) => Wipes::scattered(every, args.seed),
        (None, None) => Wipes::default(),
    };

    let (mut rows, mut frauds, mut nameless, mut reports) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut unscorable = BTreeMap::<&str, u64>::new();
    while let Some(event) = stream.next()? {
        let line = match event {
            Event::Transaction { value, .. } => value,
            Event::Reports { millis, value, count, .. } => {
                reports += count;
                if let Err(refusal) = detector.observe(Some(value), millis) {
                    *unscorable.entry(refusal.reason.code()).or_default() += 1;
                }
                continue;
            }
        };
        let envelope = envelopes.read(line);
        wipes.due(envelope.millis, &mut detector);
        if let Err(refusal) = detector.observe(Some(line), envelope.millis) {
            *unscorable.entry(refusal.reason.code()).or_default() += 1;
            continue;
        }
        let id = envelope.transaction_id;
        nameless += u64::from(id.is_none());
        let scenario = id.as_ref().and_then(|id| listed.get(id)).map_or(0, |fraud| {
            fraud.found.set(true);
            fraud.scenario
        });
        rows += 1;
        frauds += u64::from(scenario > 0);
        table.push(
            id.as_deref().unwrap_or_default(),
            envelope.millis,
            scenario,
            detector.vector(),
        )?;
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
    if nameless > 0 {
        text += &format!("{} have no id: label 0\n", units::count(nameless));
    }
    if missing > 0 {
        let missing = units::count(missing);
        text += &format!("{missing} of the listed frauds are not among these transactions\n");
    }
    if evictions > 0 {
        let evicted = units::count(evictions);
        text += &format!("{evicted} histories were given up for want of memory; see --history\n");
    }
    if wipes.count > 0 {
        text += &format!("history was wiped {} times\n", units::count(wipes.count));
    }
    text += &format!("took {}\n", units::seconds(elapsed));
    Ok(Report {
        json: json!({
            "rows": rows,
            "features": detector.vector().len(),
            "frauds": frauds,
            "reports": reports,
            "frauds_not_found": missing,
            "without_id": nameless,
            "unscorable": unscorable,
            "evictions": evictions,
            "wipes": wipes.count,
            "seconds": elapsed.as_secs_f64(),
            "output": args.output,
        }),
        text,
        aside: String::new(),
        ok: true,
    })
}
