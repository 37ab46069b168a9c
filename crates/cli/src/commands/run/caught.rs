//! The known frauds that the first output topic caught.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use serde::Serialize;
use transform_host::Output;

use crate::data::envelope::Envelopes;
use crate::data::labels::Labels;
use crate::module::verdict::{error, is_unscored};
use crate::numbers::ratio;
use crate::show::units::{count, share};

/// Counts catches by what comes out: a transaction's id and its topic.
pub struct CatchCounter<'f> {
    labels: &'f Labels,
    envelopes: Envelopes,
    /// The output that is the topic of history: no transactions.
    history: Option<usize>,
    /// (frauds, caught) by scenario.
    scenarios: BTreeMap<u8, (u64, u64)>,
    false_alarms: u64,
}

/// The frauds that were caught, and the false alarms.
#[derive(Serialize)]
pub struct Catch {
    #[serde(flatten)]
    all: Recall,
    false_alarms: u64,
    /// Share of the alarms that are frauds.
    precision: Option<f64>,
    scenarios: BTreeMap<u8, Recall>,
}

/// Frauds seen, and how many of them were caught.
#[derive(Serialize)]
struct Recall {
    frauds: u64,
    caught: u64,
    /// Share of the frauds that were caught.
    recall: Option<f64>,
}

impl<'f> CatchCounter<'f> {
    /// Makes a counter that has counted nothing.
    pub fn new(labels: &'f Labels, envelopes: Envelopes, history: Option<usize>) -> Self {
        Self { labels, envelopes, history, scenarios: BTreeMap::new(), false_alarms: 0 }
    }

    /// Counts a batch. A record that could not be scored was not caught, whatever its topic.
    pub fn count(&mut self, output: &Output) -> Result<()> {
        let history = self.history;
        let is_scored = |topic| Some(topic) != history;
        for written in
            output.iter().filter(|written| is_scored(written.topic) && !is_unscored(written))
        {
            let value = written.value().unwrap_or_default();
            let envelope = self.envelopes.read(value);
            let alarm = written.topic == 0 && error(&written).is_none();
            match self.labels.find(envelope.transaction_id.as_deref(), value)? {
                Some(fraud) => {
                    let (frauds, caught) = self.scenarios.entry(fraud.scenario).or_default();
                    *frauds += 1;
                    *caught += u64::from(alarm);
                }
                None => self.false_alarms += u64::from(alarm),
            }
        }
        Ok(())
    }

    /// Returns what was counted.
    pub fn finish(self) -> Catch {
        let recall = |(frauds, caught)| Recall { frauds, caught, recall: ratio(caught, frauds) };
        let sum = |sum: (u64, u64), one: &(u64, u64)| (sum.0 + one.0, sum.1 + one.1);
        let all = recall(self.scenarios.values().fold((0, 0), sum));
        Catch {
            precision: ratio(all.caught, all.caught + self.false_alarms),
            false_alarms: self.false_alarms,
            scenarios: self.scenarios.into_iter().map(|(key, one)| (key, recall(one))).collect(),
            all,
        }
    }
}

impl fmt::Display for Recall {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { frauds, caught, .. } = *self;
        write!(f, "{} of {}", count(caught), count(frauds))
    }
}

impl fmt::Display for Catch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Recall { frauds, caught, .. } = self.all;
        writeln!(f, "  caught        {} frauds ({})", self.all, share(caught, frauds))?;
        writeln!(
            f,
            "  false alarms  {} ({} of the alarms are frauds)",
            count(self.false_alarms),
            share(caught, caught + self.false_alarms),
        )?;
        for (scenario, recall) in &self.scenarios {
            let share = share(recall.caught, recall.frauds);
            writeln!(f, "  scenario {scenario}    {recall} ({share})")?;
        }
        Ok(())
    }
}
