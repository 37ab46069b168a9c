//! What a run came to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Args, Caught, Files};
use crate::module::instances::Failure;
use crate::module::replay::{Replayed, unbalanced};
use crate::show::report::Report;
use crate::show::units::{self, count, plural, seconds, share};

/// Everything that is reported.
pub struct Summary<'r> {
    pub args: &'r Args,
    pub files: &'r Files,
    pub replayed: &'r Replayed,
    pub caught: Option<&'r Caught<'r>>,
    pub elapsed: Duration,
}

impl Summary<'_> {
    /// In both forms.
    pub fn report(&self) -> Report {
        let written: u64 = self.files.topics.iter().map(|topic| topic.records).sum();
        let lost = self.replayed.lost(written);
        Report {
            json: self.json(lost),
            text: self.text(lost),
            aside: self.replayed.logs.aside(),
            ok: self.replayed.failure.is_none() && lost == 0,
        }
    }

    /// Transactions per second inside the module.
    fn rate(&self) -> f64 {
        let seconds = self.replayed.usage.engine.as_secs_f64();
        if seconds > 0.0 { self.replayed.records as f64 / seconds } else { 0.0 }
    }

    fn json(&self, lost: i64) -> Value {
        let (replayed, replay) = (self.replayed, &self.args.replay);
        let usage = &replayed.usage;
        let topics = self.files.topics.iter();
        let by_topic: BTreeMap<_, _> = topics.map(|topic| (&topic.name, topic.records)).collect();
        let mut json = json!({
            "records": replayed.records,
            "reports": replayed.reports,
            "report_records": replayed.report_records,
            "by_topic": by_topic,
            "unscorable": self.files.unscorable,
            "silenced": replayed.silenced,
            "lost": lost,
            "seconds": self.elapsed.as_secs_f64(),
            "engine_seconds": usage.engine.as_secs_f64(),
            "records_per_second": self.rate(),
            "fuel_per_record": usage.fuel_per_record,
            "fuel_per_report_record": usage.fuel_per_report_record,
            "fuel_per_record_max": usage.most_fuel,
            "startup_fuel": usage.startup_fuel,
            "peak_memory_bytes": usage.peak_memory,
            "restarts": usage.restarts,
            "partitions": replay.partitions,
            "instances": replay.instances,
            "batch": replay.batch,
            "failure": replayed.failure.as_ref().map(Failure::json),
            "log_lines": replayed.logs.total,
            "logs": replayed.logs.json(),
        });
        if let (Some(json), Some(caught)) = (json.as_object_mut(), self.caught) {
            json.extend(caught.json());
        }
        json
    }

    fn text(&self, lost: i64) -> String {
        let Replayed { records, reports, report_records, failure, usage, .. } = self.replayed;
        let replay = &self.args.replay;
        if let (0, Some(failure)) = (records, failure) {
            return format!("{failure}\n");
        }
        let mut text = format!(
            "{} records of {} through {}\n{} on {}, batches of {}\n\n",
            count(*records),
            replay.input.display(),
            replay.module.display(),
            plural(replay.partitions, "partition"),
            plural(replay.instances, "instance"),
            count(replay.batch.into()),
        );
        let name_width = self.files.topics.iter().map(|topic| topic.name.len()).max().unwrap_or(0);
        let width = count(*records).len();
        for topic in &self.files.topics {
            text += &format!(
                "  {:name_width$}  {:>width$}  {:>7}  {}\n",
                topic.name,
                count(topic.records),
                share(topic.records, *records),
                topic.path.display(),
            );
        }
        if self.replayed.silenced > 0 {
            text += &format!(
                "  {:name_width$}  {:>width$}  not written: outside of the time to emit for\n",
                "",
                count(self.replayed.silenced)
            );
        }
        for (reason, &unscorable) in &self.files.unscorable {
            text += &format!(
                "  {:name_width$}  {:>width$}  not scored: {reason}\n",
                "",
                count(unscorable)
            );
        }
        if let Some(caught) = self.caught {
            text += &caught.text();
            text += &match reports {
                0 => "  none of them was reported before the end\n".into(),
                _ => format!(
                    "  {} of them were reported meanwhile, in {} records\n",
                    count(*reports),
                    count(*report_records),
                ),
            };
        }
        let limits = replay.target.limits();
        let reported = match report_records {
            0 => String::new(),
            _ => format!(" ({} one of reports)", count(usage.fuel_per_report_record as u64)),
        };
        text += &format!(
            "\n  \
             speed     {} records/s in the module, on one thread ({}; {} in all)\n  \
             fuel      {} a record{reported}, {} at most, of {} allowed; {} to start\n  \
             memory    {} at most, of {} allowed\n  \
             restarts  {}\n  \
             summary   {}\n",
            count(self.rate() as u64),
            seconds(usage.engine),
            seconds(self.elapsed),
            count(usage.fuel_per_record as u64),
            count(usage.most_fuel),
            count(limits.fuel()),
            count(usage.startup_fuel),
            units::size(usage.peak_memory),
            units::size(limits.memory_bytes),
            usage.restarts,
            self.args.output.join("summary.json").display(),
        );
        if let Some(failure) = failure {
            text += &format!("\n{failure}\n");
        } else {
            text += &unbalanced(lost);
        }
        text
    }
}
