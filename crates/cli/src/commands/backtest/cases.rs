//! Scored transactions and the truth about them, collected from the module's output alone.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use anyhow::{Context, Result};
use fraud_plan::Program;
use fraud_plan::time::millis::DAY;
use transform_host::Output;

use super::protocol::FraudDays;
use crate::data::clock;
use crate::data::envelope::Envelopes;
use crate::data::labels::Labels;
use crate::module::verdict::{Verdicts, error, is_unscored};

/// A scored transaction and the truth about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    pub transaction_id: Box<str>,
    /// Event time, milliseconds since 1970.
    pub millis: i64,
    /// Number of the customer, in the order of their first transactions.
    pub customer: u32,
    pub amount: f64,
    pub score: f32,
    /// True if the verdict was fraud.
    pub alert: bool,
    /// True if the verdict said that history was warm.
    pub warm: bool,
    /// Scenario of the fraud; 0 for none.
    pub scenario: u8,
    /// The verdict's reasons.
    pub reasons: Vec<String>,
}

impl Case {
    /// Returns the day, counted from 1970-01-01, in UTC.
    pub fn day(&self) -> i64 {
        self.millis.div_euclid(DAY)
    }

    /// Returns whether it is one of the listed frauds.
    pub fn is_fraud(&self) -> bool {
        self.scenario > 0
    }
}

/// The cases of the evaluated days, and what must be known of the others.
pub struct Cases<'f> {
    labels: &'f Labels,
    envelopes: Envelopes,
    verdicts: Verdicts,
    customers: HashMap<Box<[u8]>, u32>,
    /// Days whose cases are kept.
    wanted: RangeInclusive<i64>,
    pub kept: Vec<Case>,
    /// The frauds of all days.
    pub fraud_days: FraudDays,
    /// The score from which on a verdict is fraud; `None` before the first verdict.
    pub threshold: Option<f32>,
    /// The output that is the topic of history: no transactions.
    history: Option<usize>,
    /// Records that were written.
    pub written: u64,
    pub unscorable: u64,
}

impl<'f> Cases<'f> {
    /// Makes an empty collection.
    pub fn new(
        labels: &'f Labels,
        program: Program,
        wanted: RangeInclusive<i64>,
        history: Option<usize>,
    ) -> Self {
        Self {
            labels,
            verdicts: Verdicts::new(&program.verdict),
            envelopes: Envelopes::new(program),
            customers: HashMap::new(),
            wanted,
            kept: Vec::new(),
            fraud_days: FraudDays::default(),
            threshold: None,
            history,
            written: 0,
            unscorable: 0,
        }
    }

    /// Adds what a batch has written.
    pub fn add(&mut self, output: &Output) -> Result<()> {
        for written in output.iter().filter(|written| Some(written.topic) != self.history) {
            self.written += 1;
            if error(&written).is_some() {
                self.unscorable += 1;
                continue;
            }
            if is_unscored(&written) {
                continue;
            }
            let value = written.value().unwrap_or_default();
            let verdict = self.verdicts.find(value).context(
                "a record came out without a verdict; a backtest needs the fraud detector's module \
                 and its spec",
            )?;
            let envelope = self.envelopes.read(value);
            let id = envelope.transaction_id;
            let fraud = self.labels.find(id.as_deref(), value)?;
            let scenario = fraud.map_or(0, |fraud| fraud.scenario);
            let next = self.customers.len() as u32;
            let key: Box<[u8]> = envelope.key.unwrap_or_default().into();
            let case = Case {
                transaction_id: String::from_utf8_lossy(&id.unwrap_or_default()).into(),
                millis: envelope.millis.unwrap_or(clock::without_time(0)),
                customer: *self.customers.entry(key).or_insert(next),
                amount: envelope.amount.unwrap_or(0.0),
                score: verdict.score,
                alert: verdict.decision == "fraud",
                warm: verdict.history == "warm",
                scenario,
                reasons: verdict.reasons,
            };
            self.threshold = Some(verdict.threshold);
            if case.is_fraud() {
                self.fraud_days.add(case.customer, case.day());
            }
            if self.wanted.contains(&case.day()) {
                self.kept.push(case);
            }
        }
        Ok(())
    }

    /// Returns the id of a customer.
    pub fn customer_id(&self, customer: u32) -> String {
        let mut ids = self.customers.iter();
        let id = ids.find(|(_, number)| **number == customer).map(|(id, _)| &id[..]);
        String::from_utf8_lossy(id.unwrap_or_default()).into_owned()
    }
}
