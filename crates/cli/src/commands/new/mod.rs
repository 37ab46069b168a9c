//! `fraud new`: a feature spec for somebody's records.
//!
//! Data flow one way: a file's records ([`sample`]) → the values at each path ([`columns`]) → which of them is
//! the time, the id, who pays, the amount … ([`roles`], by the names in [`hints`] and by how values are written:
//! [`times`], [`numbers`], [`events`]) → the spec's text ([`propose`], [`names`]) → how much memory it would take
//! ([`demand`]) and gets ([`budget`]) → the proof that it compiles and reads the sample ([`check`]) → the answer.
//!
//! **Invariant**: what is written compiles. Whatever was guessed has a comment in the spec or a line in the
//! answer, with the flag or the key that settles it.

mod answer;
mod budget;
mod check;
mod columns;
mod demand;
mod events;
mod features;
mod hints;
mod names;
mod numbers;
mod propose;
mod roles;
mod sample;
#[cfg(test)]
mod tests;
mod times;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fraud_detector::Detector;
use fraud_plan::compile::parse_path;
use fraud_plan::program::Step;
use serde::Serialize;

use crate::data::input::{STANDARD_INPUT, file_name};
use crate::data::labels::{LabelPlace, LabelSource, Labels};
use crate::module::memory;
use crate::show::report::Report;
use crate::show::units;
use answer::Answer;
use budget::Room;
use demand::Demand;
use propose::Proposal;
use roles::Roles;
use sample::Sample;

/// Transactions that are known come in so many, and are not more than this.
const KNOWN: u64 = 256;
const MOST_KNOWN: u64 = 8192;

const AFTER_HELP: &str = "\
It reads some thousand records and writes DIR/fraud.toml, with a file beside it for each long vocabulary. What
it guessed is said, with the flag or the line of the spec that settles it: look at it before you train.

  fraud new my-model --sample payments.jsonl.zst --label is_fraud
  fraud train my-model --input payments.jsonl.zst --label is_fraud
  ./scripts/build --model my-model

A PATH is written as in the spec: amount, data.object.id, items[0].price.";

/// Propose a feature spec for your own records.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Directory for the spec, which becomes the model's; it is made if need be
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Records: JSON lines, CSV with a header, Parquet, or a dump by rpk topic consume or kcat -J; plain, gzip or zstd; - is standard input
    #[arg(long, value_name = "FILE")]
    sample: PathBuf,
    /// Where a record says whether it was a fraud
    #[arg(long, value_name = "PATH", value_parser = path, conflicts_with = "frauds")]
    label: Option<Steps>,
    /// The list of known frauds
    #[arg(long, value_name = "FILE.csv")]
    frauds: Option<PathBuf>,
    /// Who pays: the partition key
    #[arg(long, value_name = "PATH", value_parser = path)]
    key: Option<Steps>,
    /// The transaction's id
    #[arg(long, value_name = "PATH", value_parser = path)]
    id: Option<Steps>,
    /// The transaction's time
    #[arg(long, value_name = "PATH", value_parser = path)]
    time: Option<Steps>,
    /// Records that are looked at: half of them the first ones, the others spread over the file
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    records: u32,
    /// data_transforms_per_function_memory_limit of the cluster, which the spec's entities share
    #[arg(long, value_name = "SIZE", default_value = memory::STOCK, value_parser = units::parse_size)]
    memory_limit: u64,
    /// Overwrite a spec that is there
    #[arg(long)]
    force: bool,
}

/// The steps of a path; clap would take a `Vec` for an option that may be repeated.
#[derive(Clone)]
struct Steps(Vec<Step>);

fn path(text: &str) -> Result<Steps, String> {
    parse_path(text).map(Steps)
}

/// The user's own words on the records.
#[derive(Default)]
struct Asked {
    label: Option<Vec<Step>>,
    key: Option<Vec<Step>>,
    id: Option<Vec<Step>>,
    time: Option<Vec<Step>>,
    frauds: Option<Labels>,
}

impl Asked {
    /// Returns whether the list of frauds, if there is one, has an id.
    fn lists(&self, id: &str) -> bool {
        let find =
            |labels: &Labels| labels.find(Some(id.as_bytes()), b"").is_ok_and(|of| of.is_some());
        self.frauds.as_ref().is_some_and(find)
    }
}

/// A role that was found.
#[derive(Debug, Serialize)]
pub struct Found {
    pub role: &'static str,
    pub path: String,
    pub sure: Sure,
    pub why: String,
}

/// The certainty of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sure {
    Certain,
    Likely,
    Guess,
}

/// A finding that is not sure, and what settles it.
#[derive(Debug, Serialize)]
pub struct Doubt {
    pub what: String,
    pub settle: String,
}

/// A member that the spec does not read.
#[derive(Debug, Serialize)]
pub struct LeftOut {
    pub path: String,
    pub why: String,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let spec = args.directory.join("fraud.toml");
    let shown = spec.display().to_string();
    ensure!(
        args.force || !spec.exists(),
        "{shown} is there already; name another directory, or say --force"
    );
    let sample = Sample::read(&args.sample, args.records as usize)?;
    let asked = Asked {
        label: args.label.map(|path| path.0),
        key: args.key.map(|path| path.0),
        id: args.id.map(|path| path.0),
        time: args.time.map(|path| path.0),
        frauds: args.frauds.as_deref().map(Labels::listed).transpose()?,
    };
    let history = memory::of_history(args.memory_limit, memory::USUAL_TREES)? as usize;
    let mut roles = Roles::find(&sample, &asked)?;
    let has_labels = asked.frauds.is_some() || roles.label.is_some();
    let mut proposal =
        propose::propose(&mut roles, &file_name(&args.sample), sample.records, has_labels);
    let column = roles.label.and_then(|label| roles.columns[label].to_string().parse().ok());
    let place = match &args.frauds {
        Some(list) => Some(LabelPlace::List(list.clone())),
        None => column.map(LabelPlace::Column),
    };
    let program = check::compile(&proposal)?;
    let labels = place.map(|place| LabelSource { place, report_delay: None });
    let demand = match args.sample == Path::new(STANDARD_INPUT) {
        true => demand::count_sample(&sample, &program),
        // A label that cannot be read in a later record is for training to refuse.
        false => demand::count(&args.sample, &program, labels.as_ref())
            .or_else(|_| demand::count(&args.sample, &program, None))?,
    };
    let (rooms, left_out) = fit(&mut proposal, &demand, history)?;
    let tried = check::check(&proposal, &sample)?;

    let cannot_write = |path: &PathBuf| format!("cannot write {}", path.display());
    fs::create_dir_all(&args.directory).with_context(|| cannot_write(&args.directory))?;
    let mut files = vec![spec.clone()];
    for (name, values) in &proposal.vocabularies {
        let path = args.directory.join(name);
        fs::write(&path, values.join("\n") + "\n").with_context(|| cannot_write(&path))?;
        files.push(path);
    }
    fs::write(&spec, &proposal.text).with_context(|| cannot_write(&spec))?;
    fraud_plan::compile::spec::parse(&proposal.text, &shown)?;

    let labels = match (&args.frauds, roles.label) {
        (Some(list), _) => format!("--frauds {}", list.display()),
        (None, Some(label)) => format!("--label {}", roles.columns[label]),
        (None, None) => "--frauds LIST.csv".into(),
    };
    let next = format!(
        "fraud train {} --input {} {labels}",
        args.directory.display(),
        args.sample.display()
    );
    let answer = Answer::new(&sample, roles, proposal.features, tried, files, next).with_memory(
        args.memory_limit,
        rooms,
        left_out,
    );
    let ok = answer.scored > 0;
    Ok(Report::of(&answer)?.ok(ok))
}

/// Shares the memory of history among a proposal's entities, and writes it into the proposal; leaves out what
/// memory does not suffice for. Returns the rooms, and those that were left out.
fn fit(proposal: &mut Proposal, demand: &Demand, history: usize) -> Result<(Vec<Room>, Vec<Room>)> {
    let mut left_out = Vec::new();
    let mut program = check::compile(proposal)?;
    let known = demand.known.nearly_most().filter(|_| program.known > 0);
    let known = known.map(|known| known.next_multiple_of(KNOWN).min(MOST_KNOWN));
    loop {
        program.known = known.unwrap_or(0) as u32;
        let (_, bytes) = Detector::room(&program, history);
        let rooms = budget::share(&program, demand, bytes);
        let Some(worst) = budget::worst(&rooms) else {
            proposal.make_room(&rooms, known);
            return Ok((rooms, left_out));
        };
        proposal.leave_out(worst);
        left_out.push(worst.clone());
        program = check::compile(proposal)?;
    }
}
