//! What a run came to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use transform_host::{Level, Stats};

use super::{Args, Broker, Failure, Files};
use crate::report::Report;
use crate::units::{self, count, seconds, share};

/// Everything that is reported.
pub struct Summary<'r> {
    pub args: &'r Args,
    pub fuel_limit: u64,
    pub records: u64,
    pub files: &'r Files,
    pub broker: &'r Broker,
    pub failure: Option<Failure>,
    pub elapsed: Duration,
}

/// The instances' figures together.
struct Total {
    engine: Duration,
    fuel_per_record: f64,
    most_fuel: u64,
    startup_fuel: u64,
    peak_memory: u64,
    restarts: u64,
    records_per_second: f64,
}

impl Total {
    fn of(stats: &[Stats], records: u64) -> Self {
        let sum = |figure: fn(&Stats) -> u64| stats.iter().map(figure).sum::<u64>();
        let most = |figure: fn(&Stats) -> u64| stats.iter().map(figure).max().unwrap_or(0);
        let engine: Duration = stats.iter().map(|stats| stats.engine_time).sum();
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Self {
            engine,
            fuel_per_record: ratio(sum(|s| s.record_fuel) as f64, sum(|s| s.records) as f64),
            most_fuel: most(|s| s.record_fuel_max),
            startup_fuel: most(|s| s.start_fuel),
            peak_memory: most(|s| s.peak_memory_bytes),
            restarts: sum(|s| s.restarts),
            records_per_second: ratio(records as f64, engine.as_secs_f64()),
        }
    }
}

impl Summary<'_> {
    /// In both forms.
    pub fn report(&self) -> Report {
        let stats: Vec<Stats> = self.broker.vms.iter().map(|vm| vm.stats()).collect();
        let total = Total::of(&stats, self.records);
        let written: u64 = self.files.topics.iter().map(|topic| topic.records).sum();
        let lost = self.records as i64 - written as i64;
        Report {
            json: self.json(&total, lost),
            text: self.text(&total, lost),
            aside: self.aside(),
            ok: self.failure.is_none() && lost == 0,
        }
    }

    fn json(&self, total: &Total, lost: i64) -> Value {
        let topics = self.files.topics.iter();
        let by_topic: BTreeMap<_, _> = topics.map(|topic| (&topic.name, topic.records)).collect();
        let logs = self.broker.logs.first.iter();
        let logs: Vec<_> = logs
            .map(|(instance, line)| {
                let level = if line.level == Level::Info { "info" } else { "warn" };
                json!({ "instance": instance, "level": level, "message": line.message })
            })
            .collect();
        json!({
            "records": self.records,
            "reports": 0,
            "by_topic": by_topic,
            "unscorable": self.files.unscorable,
            "lost": lost,
            "seconds": self.elapsed.as_secs_f64(),
            "engine_seconds": total.engine.as_secs_f64(),
            "records_per_second": total.records_per_second,
            "fuel_per_record": total.fuel_per_record,
            "fuel_per_record_max": total.most_fuel,
            "startup_fuel": total.startup_fuel,
            "peak_memory_bytes": total.peak_memory,
            "restarts": total.restarts,
            "partitions": self.args.partitions,
            "instances": self.args.instances,
            "batch": self.args.batch,
            "failure": self.failure.as_ref().map(Failure::json),
            "log_lines": self.broker.logs.total,
            "logs": logs,
        })
    }

    fn text(&self, total: &Total, lost: i64) -> String {
        let args = self.args;
        if let (0, Some(failure)) = (self.records, &self.failure) {
            return format!("{}\n", failure.text());
        }
        let mut text = format!(
            "{} records of {} through {}\n{} on {}, batches of {}\n\n",
            count(self.records),
            args.input.display(),
            args.module.display(),
            plural(args.partitions, "partition"),
            plural(args.instances, "instance"),
            count(args.batch.into()),
        );
        let name_width = self.files.topics.iter().map(|topic| topic.name.len()).max().unwrap_or(0);
        let width = count(self.records).len();
        for topic in &self.files.topics {
            text += &format!(
                "  {:name_width$}  {:>width$}  {:>7}  {}\n",
                topic.name,
                count(topic.records),
                share(topic.records, self.records),
                topic.path.display(),
            );
        }
        for (reason, &records) in &self.files.unscorable {
            text += &format!(
                "  {:name_width$}  {:>width$}  not scored: {reason}\n",
                "",
                count(records)
            );
        }
        let memory_limit = args.target.limits().memory_bytes;
        text += &format!(
            "\n  \
             speed     {} records/s in the module, on one thread ({}; {} in all)\n  \
             fuel      {} a record, {} at most, of {} allowed; {} to start\n  \
             memory    {} at most, of {} allowed\n  \
             restarts  {}\n  \
             summary   {}\n",
            count(total.records_per_second as u64),
            seconds(total.engine),
            seconds(self.elapsed),
            count(total.fuel_per_record as u64),
            count(total.most_fuel),
            count(self.fuel_limit),
            count(total.startup_fuel),
            units::size(total.peak_memory),
            units::size(memory_limit),
            total.restarts,
            args.output.join("summary.json").display(),
        );
        if let Some(failure) = &self.failure {
            text += &format!("\n{}\n", failure.text());
        } else if lost != 0 {
            text += &format!("\n{lost} records came in and did not go out\n");
        }
        text
    }

    fn aside(&self) -> String {
        const SHOWN: usize = 5;
        let logs = &self.broker.logs;
        let first = logs.first.iter().take(SHOWN);
        let mut text: String = first
            .map(|(instance, line)| format!("instance {instance}: {}\n", line.message.trim_end()))
            .collect();
        if logs.total > SHOWN as u64 {
            text += &format!("… and {} more log lines\n", count(logs.total - SHOWN as u64));
        }
        text
    }
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Failure::Start { instance, fault } => {
                format!("instance {instance} does not start: {fault}")
            }
            Failure::Batch { partition, offset, line, fault } => format!(
                "given up: partition {partition}, offset {offset} (line {line} of the input) failed \
                 {} times: {fault}",
                super::ATTEMPTS
            ),
        }
    }

    fn json(&self) -> Value {
        match self {
            Failure::Start { instance, fault } => json!({ "instance": instance, "fault": fault }),
            Failure::Batch { partition, offset, line, fault } => {
                json!({ "partition": partition, "offset": offset, "line": line, "fault": fault })
            }
        }
    }
}

fn plural(number: u32, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", count(number.into())),
    }
}
