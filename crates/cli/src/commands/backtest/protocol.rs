//! The transactions that are evaluated: periods, and the customers that the handbook leaves out.

use std::collections::HashMap;

use serde::Serialize;

use crate::show::units::serialize_date;

/// The first day of the handbook's baseline week, 2018-08-08.
pub const BASELINE_WEEK: i64 = fraud_simulator::days_from_civil(2018, 8, 8);

/// A published way to evaluate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// the Fraud Detection Handbook's: customers known to be compromised are left out
    Handbook,
}

/// The figures of a published model on the baseline week.
#[derive(Serialize)]
pub struct Published {
    pub model: &'static str,
    pub trained_on: &'static str,
    pub auc_roc: f64,
    pub average_precision: f64,
    pub card_precision_100: f64,
}

/// The models of the handbook.
pub const PUBLISHED: [Published; 3] = [
    Published::new("logistic regression", 0.871, 0.606, 0.291),
    Published::new("random forest", 0.867, 0.658, 0.287),
    Published::new("XGBoost", 0.862, 0.639, 0.273),
];

impl Published {
    const fn new(model: &'static str, auc_roc: f64, average: f64, card: f64) -> Self {
        let trained_on = "one week of this data";
        Self { model, trained_on, auc_roc, average_precision: average, card_precision_100: card }
    }

    /// Returns AUC ROC, average precision and CP@100.
    pub fn figures(&self) -> [Option<f64>; 3] {
        [self.auc_roc, self.average_precision, self.card_precision_100].map(Some)
    }
}

/// The limits of what simulated data can show.
pub const CAVEAT: &str = "Simulated fraud follows rules that somebody made up: to catch it proves \
                          nothing about the fraud of a real bank.";

/// Days from the first to the last, both included, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    #[serde(rename = "from", serialize_with = "serialize_date")]
    pub first: i64,
    #[serde(rename = "to", serialize_with = "serialize_date")]
    pub last: i64,
}

impl Period {
    /// Returns the number of days.
    pub fn days(self) -> i64 {
        self.last - self.first + 1
    }

    /// Returns whether the day is one of them.
    pub fn contains(self, day: i64) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

/// The days on which each customer has frauds.
#[derive(Debug, Default)]
pub struct FraudDays(HashMap<u32, Vec<i64>>);

impl FraudDays {
    /// Adds a fraud of a customer.
    pub fn add(&mut self, customer: u32, day: i64) {
        self.0.entry(customer).or_default().push(day);
    }

    /// Returns whether the handbook leaves a customer's transaction on `day` out of a test that begins on
    /// day `first`: the customer has a fraud in the training week, which begins 14 days before, or
    /// after that on any day up to 8 days before the transaction's.
    pub fn leaves_out(&self, customer: u32, day: i64, first: i64) -> bool {
        let training = first - 14;
        let until = training + 7 + (day - first) - 1;
        let days = self.0.get(&customer).map_or(&[][..], Vec::as_slice);
        days.iter().any(|day| (training..=until).contains(day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_left_out() {
        let first = 100;
        for (fraud_on, on, expect) in [
            (85, 100, false), // before the training week
            (86, 100, true),
            (92, 100, true),
            (93, 100, false), // not known yet
            (93, 101, true),
            (98, 106, true),
            (99, 106, false),
        ] {
            let mut fraud_days = FraudDays::default();
            fraud_days.add(7, 3);
            fraud_days.add(7, fraud_on);
            assert_eq!(fraud_days.leaves_out(7, on, first), expect, "{fraud_on} {on}");
            assert!(!fraud_days.leaves_out(8, on, first));
        }
    }
}
