//! What is evaluated: periods, and whom the handbook leaves out of them.

use std::collections::HashMap;

/// The first day of the handbook's baseline week, 2018-08-08.
pub const BASELINE_WEEK: i64 = fraud_simulator::days_from_civil(2018, 8, 8);

/// How an evaluation is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// That of the Fraud Detection Handbook: customers known to be compromised are left out
    Handbook,
}

/// What others reached on the baseline week: (model, AUC ROC, average precision, CP@100), each
/// trained on one week of the same data.
pub const PUBLISHED: [(&str, f64, f64, f64); 3] = [
    ("logistic regression", 0.871, 0.606, 0.291),
    ("random forest", 0.867, 0.658, 0.287),
    ("XGBoost", 0.862, 0.639, 0.273),
];

/// What simulated data can show.
pub const CAVEAT: &str = "Simulated fraud follows rules that somebody made up: to catch it proves \
                          nothing about the fraud of a real bank.";

/// Days from the first to the last, both included, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub first: i64,
    pub last: i64,
}

impl Period {
    /// How many days.
    pub fn days(self) -> i64 {
        self.last - self.first + 1
    }

    /// Whether the day is one of them.
    pub fn contains(self, day: i64) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

/// Who commits a fraud when.
#[derive(Debug, Default)]
pub struct Known(HashMap<u32, Vec<i64>>);

impl Known {
    /// Adds a fraud.
    pub fn add(&mut self, customer: u32, day: i64) {
        self.0.entry(customer).or_default().push(day);
    }

    /// Whether the handbook leaves a customer's transaction on `day` out of a test that begins on
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
            let mut known = Known::default();
            known.add(7, 3);
            known.add(7, fraud_on);
            assert_eq!(known.leaves_out(7, on, first), expect, "{fraud_on} {on}");
            assert!(!known.leaves_out(8, on, first));
        }
    }
}
