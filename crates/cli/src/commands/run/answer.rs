//! The answer: what came of the records, and what they cost.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Options;
use super::caught::Catch;
use super::files::{Topic, WrittenFiles};
use crate::data::labels::LabelNotes;
use crate::data::notes::Notes;
use crate::module::instances::Failure;
use crate::module::log::LogEntry;
use crate::module::replay::{Replayed, unbalanced};
use crate::module::target::module_text;
use crate::show::units::{self, count, plural, share};

/// Everything that is reported.
#[derive(Serialize)]
pub struct Answer {
    model: Option<String>,
    records: u64,
    reports: u64,
    report_records: u64,
    #[serde(rename = "by_topic", serialize_with = "serialize_by_topic")]
    topics: Vec<Topic>,
    /// Records that could not be scored, by reason code.
    unscorable: BTreeMap<String, u64>,
    cold: u64,
    silenced: u64,
    lost: i64,
    seconds: f64,
    engine_seconds: f64,
    records_per_second: f64,
    fuel_per_record: f64,
    fuel_per_report_record: f64,
    fuel_per_record_max: u64,
    startup_fuel: u64,
    peak_memory_bytes: u64,
    restarts: u64,
    partitions: u32,
    instances: u32,
    batch: u32,
    failure: Option<Failure>,
    log_lines: u64,
    logs: Vec<LogEntry>,
    /// Only with a list of frauds.
    #[serde(flatten)]
    caught: Option<Catch>,
    #[serde(flatten)]
    labels: Option<LabelNotes>,
    #[serde(flatten)]
    notes: Notes,
    #[serde(skip)]
    shown: Shown,
}

/// The parts of the answer that only the text shows.
struct Shown {
    input: PathBuf,
    module: PathBuf,
    summary: PathBuf,
    /// True if the module holds a model: others may take any record.
    knows_records: bool,
    /// Fuel that one record may take.
    fuel_limit: u64,
    memory_limit: u64,
}

impl Answer {
    /// Puts together what the parts of the run have counted.
    pub fn new(
        options: Options,
        replayed: Replayed,
        written: WrittenFiles,
        caught: Option<(Catch, LabelNotes)>,
        elapsed: Duration,
    ) -> Self {
        let (caught, labels) = caught.unzip();
        let of_history = replayed.history.map_or(0, |history| history.records);
        let records: u64 = written.topics.iter().map(|topic| topic.records).sum();
        let lost = replayed.lost(records - of_history);
        let (replay, usage) = (options.replay, replayed.usage);
        let knows_records = replayed.model.is_some();
        let engine_seconds = usage.engine.as_secs_f64();
        let rate = replayed.records as f64 / engine_seconds;
        let limits = replay.target.limits();
        Self {
            model: replayed.model,
            records: replayed.records,
            reports: replayed.reports,
            report_records: replayed.report_records,
            topics: written.topics,
            unscorable: written.unscorable,
            cold: written.cold,
            silenced: replayed.silenced,
            lost,
            seconds: elapsed.as_secs_f64(),
            engine_seconds,
            records_per_second: if engine_seconds > 0.0 { rate } else { 0.0 },
            fuel_per_record: usage.fuel_per_record,
            fuel_per_report_record: usage.fuel_per_report_record,
            fuel_per_record_max: usage.max_fuel,
            startup_fuel: usage.startup_fuel,
            peak_memory_bytes: usage.peak_memory,
            restarts: usage.restarts,
            partitions: replayed.partitions,
            instances: replay.instances,
            batch: replay.batch,
            failure: replayed.failure,
            log_lines: replayed.logs.total,
            logs: replayed.logs.first,
            caught,
            labels,
            notes: replayed.notes,
            shown: Shown {
                input: replay.input,
                module: replay.module,
                knows_records,
                summary: options.output.join(super::SUMMARY),
                fuel_limit: limits.fuel(),
                memory_limit: limits.memory_bytes,
            },
        }
    }

    /// Returns whether every record came out, and the module can score one at least.
    pub fn ok(&self) -> bool {
        let is_readable = self.notes.hint.is_none() || !self.shown.knows_records;
        self.failure.is_none() && self.lost == 0 && is_readable
    }
}

/// Serialises the number of records of each topic, by its name.
fn serialize_by_topic<S: Serializer>(topics: &[Topic], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(topics.iter().map(|topic| (&topic.name, topic.records)))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let (0, Some(failure)) = (self.records, &self.failure) {
            return writeln!(f, "{failure}");
        }
        let Shown { input, module, .. } = &self.shown;
        writeln!(
            f,
            "{} records of {} through {}\n{} on {}, batches of {}\n",
            count(self.records),
            input.display(),
            module_text(module, self.model.as_deref()),
            plural(self.partitions, "partition"),
            plural(self.instances, "instance"),
            count(self.batch.into()),
        )?;
        self.write_topics(f)?;
        self.write_caught(f)?;
        self.write_costs(f)?;
        if self.shown.knows_records {
            let labels = self.labels.as_ref().map(ToString::to_string).unwrap_or_default();
            let notes = self.notes.to_string() + &self.cold_verdicts() + &labels;
            write!(f, "{}{notes}", if notes.is_empty() { "" } else { "\n" })?;
        }
        match &self.failure {
            Some(failure) => writeln!(f, "\n{failure}"),
            None => f.write_str(&unbalanced(self.lost)),
        }
    }
}

impl Answer {
    /// Says how many verdicts are cold, where customers are on several partitions.
    fn cold_verdicts(&self) -> String {
        let scored = self.records.saturating_sub(self.unscorable.values().sum());
        match self.notes.spread.as_ref().is_some_and(|spread| spread.is_any()) {
            true => format!(
                "{} of {} verdicts ({}) are of a cold history\n",
                count(self.cold),
                count(scored),
                share(self.cold, scored)
            ),
            false => String::new(),
        }
    }

    fn write_topics(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name_width = self.topics.iter().map(|topic| topic.name.len()).max().unwrap_or(0);
        let width = count(self.records).len();
        for Topic { name, path, records } in &self.topics {
            let (number, share) = (count(*records), share(*records, self.records));
            let path = path.display();
            writeln!(f, "  {name:name_width$}  {number:>width$}  {share:>7}  {path}")?;
        }
        let mut left_out = |number: u64, why: &str| {
            writeln!(f, "  {:name_width$}  {:>width$}  {why}", "", count(number))
        };
        if self.silenced > 0 {
            left_out(self.silenced, "not written: outside of the time to emit for")?;
        }
        for (reason, &number) in &self.unscorable {
            left_out(number, &format!("not scored: {reason}"))?;
        }
        Ok(())
    }

    fn write_caught(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Some(caught) = &self.caught else { return Ok(()) };
        write!(f, "\n{caught}")?;
        match self.reports {
            0 => writeln!(f, "  none of them was reported before the end"),
            reports => writeln!(
                f,
                "  {} of them were reported meanwhile, in {} records",
                count(reports),
                count(self.report_records),
            ),
        }
    }

    fn write_costs(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Shown { summary, fuel_limit, memory_limit, .. } = &self.shown;
        writeln!(
            f,
            "\n  speed     {} records/s in the module, on one thread ({}; {} in all)",
            count(self.records_per_second as u64),
            units::seconds(self.engine_seconds),
            units::seconds(self.seconds),
        )?;
        let reports = match self.report_records {
            0 => String::new(),
            _ => format!(" ({} one of reports)", count(self.fuel_per_report_record as u64)),
        };
        writeln!(
            f,
            "  fuel      {} a record{reports}, batches included; {} at most in one record, of {} \
             allowed; {} to start",
            count(self.fuel_per_record as u64),
            count(self.fuel_per_record_max),
            count(*fuel_limit),
            count(self.startup_fuel),
        )?;
        writeln!(
            f,
            "  memory    {} at most, of {} allowed",
            units::size(self.peak_memory_bytes),
            units::size(*memory_limit),
        )?;
        writeln!(f, "  restarts  {}\n  summary   {}", self.restarts, summary.display())
    }
}
