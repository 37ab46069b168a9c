//! One scored transaction and the truth about it.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use anyhow::{Context, Result};
use fraud_plan::Program;
use transform_host::Output;

use super::protocol::Known;
use crate::data::envelope::Envelopes;
use crate::data::frauds::Frauds;
use crate::module::verdict::{Verdicts, error};
use crate::show::units::DAY;

/// A scored transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub transaction_id: Box<str>,
    /// Event time, milliseconds since 1970.
    pub millis: i64,
    /// Numbered in the order in which they come first.
    pub customer: u32,
    pub amount: f64,
    pub score: f32,
    /// Whether the verdict was fraud.
    pub alert: bool,
    /// Whether the verdict had enough history.
    pub warm: bool,
    /// 0 is no fraud.
    pub scenario: u8,
    /// The verdict's reasons.
    pub reasons: Vec<String>,
}

impl Row {
    /// The day, counted from 1970-01-01, in UTC.
    pub fn day(&self) -> i64 {
        self.millis.div_euclid(DAY)
    }

    /// Whether it is one of the listed frauds.
    pub fn is_fraud(&self) -> bool {
        self.scenario > 0
    }
}

/// Collects what the module says of each transaction, from its output alone.
pub struct Rows<'f> {
    frauds: &'f Frauds,
    envelopes: Envelopes,
    verdicts: Verdicts,
    customers: HashMap<Box<[u8]>, u32>,
    /// The days of which rows are kept.
    wanted: RangeInclusive<i64>,
    pub kept: Vec<Row>,
    /// Frauds of any day.
    pub known: Known,
    pub threshold: Option<f32>,
    pub written: u64,
    pub unscorable: u64,
}

impl<'f> Rows<'f> {
    /// Nothing yet.
    pub fn new(frauds: &'f Frauds, program: Program, wanted: RangeInclusive<i64>) -> Self {
        Self {
            frauds,
            verdicts: Verdicts::new(&program.verdict),
            envelopes: Envelopes::new(program),
            customers: HashMap::new(),
            wanted,
            kept: Vec::new(),
            known: Known::default(),
            threshold: None,
            written: 0,
            unscorable: 0,
        }
    }

    /// Takes what a batch has written.
    pub fn take(&mut self, output: &Output) -> Result<()> {
        for written in output.iter() {
            self.written += 1;
            if error(&written).is_some() {
                self.unscorable += 1;
                continue;
            }
            let value = written.value().unwrap_or_default();
            let verdict = self.verdicts.find(value).context(
                "a record came out without a verdict; a backtest needs the fraud detector's module \
                 and its spec",
            )?;
            let envelope = self.envelopes.read(value);
            let id = envelope.transaction_id;
            let fraud = id.as_ref().and_then(|id| self.frauds.get(id));
            let scenario = fraud.map_or(0, |fraud| fraud.scenario);
            let next = self.customers.len() as u32;
            let key: Box<[u8]> = envelope.key.unwrap_or_default().into();
            let row = Row {
                transaction_id: String::from_utf8_lossy(&id.unwrap_or_default()).into(),
                millis: envelope.millis,
                customer: *self.customers.entry(key).or_insert(next),
                amount: envelope.amount.unwrap_or(0.0),
                score: verdict.score,
                alert: verdict.decision == "fraud",
                warm: verdict.history == "warm",
                scenario,
                reasons: verdict.reasons,
            };
            self.threshold = Some(verdict.threshold);
            if row.is_fraud() {
                self.known.add(row.customer, row.day());
            }
            if self.wanted.contains(&row.day()) {
                self.kept.push(row);
            }
        }
        Ok(())
    }

    /// The id of a customer.
    pub fn customer_id(&self, customer: u32) -> String {
        let mut ids = self.customers.iter();
        let id = ids.find(|(_, number)| **number == customer).map(|(id, _)| &id[..]);
        String::from_utf8_lossy(id.unwrap_or_default()).into_owned()
    }
}
