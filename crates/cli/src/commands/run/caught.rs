//! How well the first output topic caught the known frauds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use transform_host::Output;

use crate::data::envelope::Envelopes;
use crate::data::frauds::Frauds;
use crate::module::verdict::error;
use crate::show::units::{count, share};

/// Counts by what comes out: the transaction's id and its topic.
pub struct Caught<'f> {
    frauds: &'f Frauds,
    envelopes: Envelopes,
    scenarios: BTreeMap<u8, Of>,
    false_alarms: u64,
}

/// Of how many, and how many were caught.
#[derive(Clone, Copy, Default)]
struct Of {
    frauds: u64,
    caught: u64,
}

impl<'f> Caught<'f> {
    /// Nothing yet.
    pub fn new(frauds: &'f Frauds, envelopes: Envelopes) -> Self {
        Self { frauds, envelopes, scenarios: BTreeMap::new(), false_alarms: 0 }
    }

    /// Counts a batch. What could not be scored was not caught, whatever its topic.
    pub fn look_at(&mut self, output: &Output) {
        for written in output.iter() {
            let envelope = self.envelopes.read(written.value().unwrap_or_default());
            let alarm = written.topic == 0 && error(&written).is_none();
            match envelope.transaction_id.and_then(|id| self.frauds.get(&id)) {
                Some(fraud) => {
                    let scenario = self.scenarios.entry(fraud.scenario).or_default();
                    scenario.frauds += 1;
                    scenario.caught += u64::from(alarm);
                }
                None => self.false_alarms += u64::from(alarm),
            }
        }
    }

    fn total(&self) -> Of {
        self.scenarios.values().fold(Of::default(), |sum, of| Of {
            frauds: sum.frauds + of.frauds,
            caught: sum.caught + of.caught,
        })
    }

    /// For machines; a share of nothing is null.
    pub fn json(&self) -> Map<String, Value> {
        let Of { frauds, caught } = self.total();
        let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let scenarios: BTreeMap<String, Value> = (self.scenarios.iter())
            .map(|(scenario, &Of { frauds, caught })| {
                let recall = ratio(caught, frauds);
                let of = json!({ "frauds": frauds, "caught": caught, "recall": recall });
                (scenario.to_string(), of)
            })
            .collect();
        let members = [
            ("frauds", json!(frauds)),
            ("caught", json!(caught)),
            ("false_alarms", json!(self.false_alarms)),
            ("precision", json!(ratio(caught, caught + self.false_alarms))),
            ("recall", json!(ratio(caught, frauds))),
            ("scenarios", json!(scenarios)),
        ];
        members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }

    /// For people.
    pub fn text(&self) -> String {
        let Of { frauds, caught } = self.total();
        let alarms = caught + self.false_alarms;
        let mut text = format!(
            "\n  \
             caught        {} of {} frauds ({})\n  \
             false alarms  {} ({} of the alarms are frauds)\n",
            count(caught),
            count(frauds),
            share(caught, frauds),
            count(self.false_alarms),
            share(caught, alarms),
        );
        for (scenario, of) in &self.scenarios {
            text += &format!(
                "  scenario {scenario}    {} of {} ({})\n",
                count(of.caught),
                count(of.frauds),
                share(of.caught, of.frauds),
            );
        }
        text
    }
}
