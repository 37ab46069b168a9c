//! Measures of how well scores tell frauds from the rest. Of nothing, a measure is `None`.

use std::collections::{BTreeMap, HashSet};

use serde::{Serialize, Serializer};

use super::cases::Case;
use crate::numbers::ratio;

/// Scores with the truth about them, the highest first.
pub struct Ranking(Vec<(f32, bool)>);

impl Ranking {
    /// Makes a ranking of pairs (score, is fraud) in any order; no score is NaN.
    pub fn new(scores: impl IntoIterator<Item = (f32, bool)>) -> Self {
        let mut scores: Vec<_> = scores.into_iter().collect();
        scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        Self(scores)
    }

    /// Gives (score, number, frauds) for each distinct score, the highest first.
    fn ties(&self) -> impl Iterator<Item = (f32, u64, u64)> {
        self.0.chunk_by(|a, b| a.0 == b.0).map(|tie| {
            let frauds = tie.iter().filter(|(_, fraud)| *fraud).count();
            (tie[0].0, tie.len() as u64, frauds as u64)
        })
    }

    fn frauds(&self) -> u64 {
        self.0.iter().filter(|(_, fraud)| *fraud).count() as u64
    }

    /// Returns the share of pairs (fraud, other) in which the fraud has the higher score; a tie counts
    /// half.
    pub fn auc_roc(&self) -> Option<f64> {
        let frauds = self.frauds();
        let pairs = frauds as f64 * (self.0.len() as u64 - frauds) as f64;
        let (mut above, mut area) = (0, 0.0);
        for (_, number, tied) in self.ties() {
            area += (number - tied) as f64 * (above as f64 + tied as f64 / 2.0);
            above += tied;
        }
        (pairs > 0.0).then(|| area / pairs)
    }

    /// Returns Σ (recall − recall before) · precision over the distinct scores as thresholds.
    pub fn average_precision(&self) -> Option<f64> {
        let frauds = self.frauds();
        let (mut alerts, mut caught, mut sum) = (0, 0, 0.0);
        for (_, number, tied) in self.ties() {
            alerts += number;
            caught += tied;
            sum += tied as f64 * caught as f64 / alerts as f64;
        }
        (frauds > 0).then(|| sum / frauds as f64)
    }

    /// Gives (threshold, alerts, caught) for each distinct score as threshold, the highest first.
    pub fn thresholds(&self) -> impl Iterator<Item = (f32, u64, u64)> {
        self.ties().scan((0, 0), |(alerts, caught), (score, number, tied)| {
            *alerts += number;
            *caught += tied;
            Some((score, *alerts, *caught))
        })
    }
}

fn by_day<'r>(cases: &[&'r Case]) -> BTreeMap<i64, Vec<&'r Case>> {
    let mut days = BTreeMap::<i64, Vec<&Case>>::new();
    for case in cases {
        days.entry(case.day()).or_default().push(case);
    }
    days
}

/// Returns for each day the share of the `top` customers with the highest scores of that day who
/// commit a fraud on it. A customer found in this way is left out on later days. Equal scores rank in
/// the order of [`Case::customer`].
pub fn card_precision(cases: &[&Case], top: usize) -> BTreeMap<i64, f64> {
    let mut found = HashSet::new();
    let mut precision = BTreeMap::new();
    for (day, cases) in by_day(cases) {
        let mut cards = BTreeMap::<u32, (f32, bool)>::new();
        for case in cases.into_iter().filter(|case| !found.contains(&case.customer)) {
            let (score, fraud) = cards.entry(case.customer).or_insert((case.score, false));
            *score = score.max(case.score);
            *fraud |= case.is_fraud();
        }
        let mut cards: Vec<_> = cards.into_iter().collect();
        cards.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0));
        cards.truncate(top);
        let before = found.len();
        found.extend(cards.iter().filter(|(_, card)| card.1).map(|(customer, _)| *customer));
        precision.insert(day, (found.len() - before) as f64 / top as f64);
    }
    precision
}

/// Returns (alerts, caught) if each day the `top` transactions with the highest scores are looked
/// at. Equal scores rank in order of time.
pub fn at_alerts(cases: &[&Case], top: usize) -> (u64, u64) {
    by_day(cases).into_values().fold((0, 0), |(alerts, caught), mut cases| {
        cases.sort_by(|a, b| b.score.total_cmp(&a.score));
        cases.truncate(top);
        let frauds = cases.iter().filter(|case| case.is_fraud()).count();
        (alerts + cases.len() as u64, caught + frauds as u64)
    })
}

/// Counts and amounts at the threshold in force.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub transactions: u64,
    pub frauds: u64,
    pub alerts: u64,
    pub caught: u64,
    /// Sum of the amounts of frauds that were flagged.
    pub saved: f64,
    /// Sum of the amounts of frauds that were not flagged.
    pub missed: f64,
}

impl Tally {
    /// Counts these transactions.
    pub fn of<'r>(cases: impl IntoIterator<Item = &'r Case>) -> Self {
        let mut tally = Self::default();
        for case in cases {
            tally.transactions += 1;
            tally.alerts += u64::from(case.alert);
            if case.is_fraud() {
                tally.frauds += 1;
                tally.caught += u64::from(case.alert);
                let sum = if case.alert { &mut tally.saved } else { &mut tally.missed };
                *sum += case.amount;
            }
        }
        tally
    }

    /// Returns the share of alerts that are frauds.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.caught, self.alerts)
    }

    /// Returns the share of frauds that are flagged.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.caught, self.frauds)
    }

    /// Returns the number of alerts that are no frauds.
    pub fn false_alarms(&self) -> u64 {
        self.alerts - self.caught
    }
}

impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Figures {
            transactions: u64,
            frauds: u64,
            alerts: u64,
            caught: u64,
            false_alarms: u64,
            precision: Option<f64>,
            recall: Option<f64>,
            amount_saved: f64,
            amount_missed: f64,
        }
        let cents = |amount: f64| (amount * 100.0).round() / 100.0;
        let Self { transactions, frauds, alerts, caught, saved, missed } = *self;
        Figures {
            transactions,
            frauds,
            alerts,
            caught,
            false_alarms: self.false_alarms(),
            precision: self.precision(),
            recall: self.recall(),
            amount_saved: cents(saved),
            amount_missed: cents(missed),
        }
        .serialize(to)
    }
}
