//! `fraud reports`: known frauds as records of reports, to be published again.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::data::envelope::{Envelopes, read_spec};
use crate::data::frauds::Frauds;
use crate::data::input::Lines;
use crate::data::stream::Stream;
use crate::module::replay::Labelled;
use crate::show::report::Report;
use crate::show::units::{self, count, rfc3339};

const AFTER_HELP: &str = "\
After a restart an instance remembers no reports. Publishing the last weeks' again restores them:
what is remembered fades from reported_at on, not from when the record arrives, and a report that an
instance still knows does not count twice.

  fraud reports --input july.jsonl.zst --frauds july.frauds.csv --since 2018-07-01 --output reports.jsonl
  for partition in 0 1 2 3; do
    rpk topic produce transactions --partition $partition < reports.jsonl
  done

Every partition gets all of them, without a key: a terminal's transactions are on every partition.
Each line is a record, {\"fraud_reports\":[…]}, of at most 100 reports and 32 KiB.";

/// Write reports of known frauds, to be published again after a restart.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    labelled: Labelled,
    /// Only what was reported from then on: a date, or a time like 2018-07-01T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = units::parse_instant)]
    since: i64,
    /// Only what was reported before; by default, up to the last transaction
    #[arg(long, value_name = "TIME", value_parser = units::parse_instant)]
    until: Option<i64>,
    /// The feature spec; it says where a record's time is
    #[arg(long, value_name = "FILE.toml", default_value = "model/fraud.toml")]
    spec: PathBuf,
    /// Where the records go, one a line
    #[arg(long, value_name = "FILE.jsonl")]
    output: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Report> {
    if let Some(until) = args.until {
        let until_text = rfc3339(until);
        ensure!(args.since < until, "--until {until_text} is not after --since");
    }
    let frauds = Frauds::read(&args.labelled.frauds)?;
    let reporting = args.labelled.reporting(&frauds);
    let envelopes = Envelopes::new(read_spec(&args.spec)?);
    let lines = Lines::open(&args.labelled.input, "reports")?;
    let cannot_write = || format!("cannot write {}", args.output.display());
    let mut file = BufWriter::new(File::create(&args.output).with_context(cannot_write)?);
    let (mut records, mut reports) = (0, 0);
    let stream = Stream::new(lines, envelopes, Some(reporting))?;
    let later = stream.reports(args.since, args.until, &mut |record, count| {
        records += 1;
        reports += count;
        file.write_all(&[record, b"\n"].concat()).with_context(cannot_write)
    })?;
    file.flush().with_context(cannot_write)?;
    frauds.belong_to(&args.labelled.input)?;
    let mut text = format!(
        "{} reports in {} records in {}\n",
        count(reports),
        count(records),
        args.output.display()
    );
    if later > 0 {
        text += &format!("{} were reported later and are left out\n", count(later));
    }
    if frauds.missing() > 0 {
        let missing = count(frauds.missing());
        text += &format!("{missing} of the listed frauds are not among these transactions\n");
    }
    Ok(Report {
        json: json!({
            "reports": reports,
            "records": records,
            "later": later,
            "frauds_not_found": frauds.missing(),
            "output": args.output,
        }),
        text,
        aside: String::new(),
        ok: true,
    })
}
