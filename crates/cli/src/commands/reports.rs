//! `fraud reports`: known frauds as records of reports, to be published again.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::flags::LabelledFlags;
use super::unreadable;
use crate::data::envelope::Envelopes;
use crate::data::input::Records;
use crate::data::labels::{LabelNotes, Labelled, Labels};
use crate::data::notes::Notes;
use crate::data::spec;
use crate::data::stream::Stream;
use crate::show::report::Report;
use crate::show::units::{self, count, rfc3339};

const AFTER_HELP: &str = "\
After a restart an instance remembers no reports. Publish the last weeks' reports again to restore
them: a report fades from reported_at on, not from when the record arrives, and a report that an
instance still knows does not count twice.

  fraud reports --input july.jsonl.zst --frauds july.frauds.csv --since 2018-07-01 --output reports.jsonl
  for partition in 0 1 2 3; do
    rpk topic produce transactions --partition $partition < reports.jsonl
  done

Every partition gets all reports, without a key: a terminal's transactions are on every partition.
Each line is a record, {\"fraud_reports\":[…]}, of at most 100 reports and 32 KiB.";

/// Write reports of known frauds, to be published again after a restart.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    labelled: LabelledFlags,
    /// Only reports made from then on: a date, or a time like 2018-07-01T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = units::parse_instant)]
    since: i64,
    /// Only reports made before then [default: up to the last transaction]
    #[arg(long, value_name = "TIME", value_parser = units::parse_instant)]
    until: Option<i64>,
    /// The feature spec; it says where a record's time is
    #[arg(long, value_name = "FILE.toml", default_value = spec::DEFAULT)]
    spec: PathBuf,
    /// Where the records go, one a line
    #[arg(long, value_name = "FILE.jsonl")]
    output: PathBuf,
}

/// The answer: the reports that were written.
#[derive(Serialize)]
struct Answer {
    reports: u64,
    records: u64,
    later: u64,
    #[serde(flatten)]
    labels: LabelNotes,
    #[serde(flatten)]
    notes: Notes,
    output: PathBuf,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let Args { labelled, since, until, spec, output } = args;
    if let Some(until) = until {
        ensure!(since < until, "--until {} is not after --since", rfc3339(until));
    }
    let labelled = Labelled::try_from(labelled)?;
    let program = spec::read(&spec)?;
    let labels = Labels::read(&labelled.labels, &program)?;
    let envelopes = Envelopes::new(program);
    let input = Records::open(&labelled.input, "reports")?;
    let stream = Stream::new(input, envelopes, Some(labelled.labels.reporting(&labels)));

    let cannot_write = || format!("cannot write {}", output.display());
    let mut file = BufWriter::new(File::create(&output).with_context(cannot_write)?);
    let (mut records, mut reports) = (0, 0);
    let (later, notes) = stream.write_reports(since, until, &mut |record, count| {
        records += 1;
        reports += count;
        file.write_all(&[record, b"\n"].concat()).with_context(cannot_write)
    })?;
    file.flush().with_context(cannot_write)?;
    if let Some(answer) = unreadable::answer(&notes)? {
        return Ok(answer);
    }
    labels.check_belong_to(&labelled.input, notes.transactions)?;
    Report::of(&Answer { reports, records, later, labels: labels.notes(), notes, output })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [reports, records, later] = [self.reports, self.records, self.later].map(count);
        writeln!(f, "{reports} reports in {records} records in {}", self.output.display())?;
        if self.later > 0 {
            writeln!(f, "{later} were reported later and are left out")?;
        }
        write!(f, "{}{}", self.labels, self.notes)
    }
}
