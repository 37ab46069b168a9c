//! The answer: what was found, what is not sure, and what to do next.

use std::fmt;
use std::path::PathBuf;

use fraud_plan::program::Events;
use serde::Serialize;

use super::budget::Room;
use super::check::Tried;
use super::roles::Roles;
use super::sample::Sample;
use super::{Doubt, Found, LeftOut, Sure};
use crate::data::unreadable::Unreadable;
use crate::show::units::{self, count, percent, rfc3339, share};

/// Columns left out that are named, in text.
const SHOWN: usize = 12;

#[derive(Serialize)]
pub struct Answer {
    records: u64,
    sampled: u64,
    no_objects: u64,
    /// From when to when the sample is.
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<[String; 2]>,
    found: Vec<Found>,
    unsure: Vec<Doubt>,
    left_out: Vec<LeftOut>,
    features: usize,
    pub scored: u64,
    reports: u64,
    passed: u64,
    refused: Unreadable,
    /// The bytes that are remembered, by entity.
    remembered: Vec<Room>,
    memory_limit: u64,
    files: Vec<PathBuf>,
    next: String,
}

impl Answer {
    pub fn new(
        sample: &Sample,
        roles: Roles,
        features: usize,
        tried: Tried,
        files: Vec<PathBuf>,
        next: String,
    ) -> Self {
        let span = roles.time.as_ref().map(|time| {
            [time.span.0, time.span.1].map(|seconds| rfc3339((seconds.floor() * 1e3) as i64))
        });
        let days = roles.time.as_ref().map(|time| (time.span.1 - time.span.0) / 86_400.0);
        let mut unsure = roles.doubts;
        if let Some(days) = days.filter(|days| *days < 30.0) {
            unsure.push(Doubt {
                what: format!(
                    "the sample is of {days:.1} days: half-lives of 30 days have seen little"
                ),
                settle: "a --sample of more than a month".into(),
            });
        }
        if roles.found.iter().all(|found| found.role != "label")
            && !next.contains("--frauds /")
            && next.ends_with("LIST.csv")
        {
            unsure.push(Doubt {
                what: "no member looks like the label".into(),
                settle: "--label PATH, or --frauds LIST.csv with the ids of the frauds".into(),
            });
        }
        Self {
            records: sample.records,
            sampled: sample.rows.len() as u64,
            no_objects: sample.others,
            span,
            found: roles.found,
            unsure,
            left_out: roles.left_out,
            features,
            scored: tried.scored,
            reports: tried.reports,
            passed: tried.passed,
            refused: tried.refused,
            remembered: Vec::new(),
            memory_limit: 0,
            files,
            next,
        }
    }

    /// Adds the rooms of the entities in a module with this memory, and which entities have none.
    pub fn with_memory(mut self, limit: u64, remembered: Vec<Room>, left_out: Vec<Room>) -> Self {
        let name = |mut room: Room| {
            if room.events == Events::Reports {
                room.entity += " (reports)";
            }
            room
        };
        self.remembered = remembered.into_iter().map(name).collect();
        self.memory_limit = limit;
        let doubt = |Room { entity, found, again, .. }: Room| Doubt {
            what: format!(
                "{entity} is left out: {} of transactions would find theirs, with endless memory {}",
                percent(Some(found)),
                percent(Some(again)),
            ),
            settle: "--memory-limit, if the cluster gives more".into(),
        };
        self.unsure.extend(left_out.into_iter().map(doubt));
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} of {} records looked at", count(self.sampled), count(self.records))?;
        match &self.span {
            Some([from, to]) => writeln!(f, ", from {from} to {to}\n")?,
            None => writeln!(f, "\n")?,
        }
        let width =
            self.found.iter().map(|found| found.path.chars().count()).max().unwrap_or(0).min(48);
        for Found { role, path, sure, why } in &self.found {
            let sure = match sure {
                Sure::Certain => "certain",
                Sure::Likely => "likely",
                Sure::Guess => "a guess",
            };
            writeln!(f, "  {role:<13}  {path:<width$}  {sure:<7}  {why}")?;
        }
        if !self.left_out.is_empty() {
            writeln!(f, "\nleft out:")?;
        }
        for LeftOut { path, why } in self.left_out.iter().take(SHOWN) {
            writeln!(f, "  {path}: {why}")?;
        }
        if let Some(more) = self.left_out.len().checked_sub(SHOWN + 1) {
            writeln!(f, "  and {} more (--json has all)", count(more as u64 + 1))?;
        }
        if !self.unsure.is_empty() {
            writeln!(f, "\nnot sure; what settles it:")?;
        }
        for Doubt { what, settle } in &self.unsure {
            writeln!(f, "  {what}\n    {settle}")?;
        }
        writeln!(f, "\n{} features in {}", self.features, self.files[0].display())?;
        for file in &self.files[1..] {
            writeln!(f, "  with the vocabulary {}", file.display())?;
        }
        write!(f, "{} of the sample can be scored", share(self.scored, self.sampled))?;
        for (number, what) in [(self.passed, "pass on"), (self.reports, "report frauds")] {
            if number > 0 {
                write!(f, ", {} {what}", share(number, self.sampled))?;
            }
        }
        writeln!(f)?;
        if self.no_objects > 0 {
            writeln!(f, "{} records of the sample are no JSON objects", count(self.no_objects))?;
        }
        write!(f, "{}", self.refused)?;
        writeln!(f, "\nhistory in {} of an instance's memory:", units::size(self.memory_limit))?;
        let rooms = self.remembered.iter();
        let width = rooms.map(|room| room.entity.chars().count()).max().unwrap_or(0);
        for Room { entity, bytes, capacity, found, again, .. } in &self.remembered {
            let [found, again] = [*found, *again].map(|share| percent(Some(share)));
            let capacity = count(*capacity);
            write!(
                f,
                "  {entity:<width$}  {bytes:>4} bytes each, room for {capacity:>7}: found by {found:>5} of transactions"
            )?;
            match found == again {
                true => writeln!(f)?,
                false => writeln!(f, "; with endless memory by {again}")?,
            }
        }
        writeln!(f, "\nnext: {}", self.next)
    }
}
