//! Measures of how well scores tell frauds from the rest. Of nothing, a measure is `None`.

use std::collections::{BTreeMap, HashSet};

use super::row::Row;

/// Scores with the truth about them, the highest first.
pub struct Ranking(Vec<(f32, bool)>);

impl Ranking {
    /// Of pairs (score, is fraud) in any order; no score is NaN.
    pub fn new(scores: impl IntoIterator<Item = (f32, bool)>) -> Self {
        let mut scores: Vec<_> = scores.into_iter().collect();
        scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        Self(scores)
    }

    /// (score, number, frauds) for each distinct score.
    fn ties(&self) -> impl Iterator<Item = (f32, u64, u64)> {
        self.0.chunk_by(|a, b| a.0 == b.0).map(|tie| {
            let frauds = tie.iter().filter(|(_, fraud)| *fraud).count();
            (tie[0].0, tie.len() as u64, frauds as u64)
        })
    }

    fn frauds(&self) -> u64 {
        self.0.iter().filter(|(_, fraud)| *fraud).count() as u64
    }

    /// The share of pairs (fraud, other) in which the fraud has the higher score; a tie is half.
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

    /// Σ (recall − recall before) · precision over the distinct scores as thresholds.
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

    /// (threshold, alerts, caught) for each distinct score as threshold, the highest first.
    pub fn thresholds(&self) -> impl Iterator<Item = (f32, u64, u64)> {
        self.ties().scan((0, 0), |(alerts, caught), (score, number, tied)| {
            *alerts += number;
            *caught += tied;
            Some((score, *alerts, *caught))
        })
    }
}

fn by_day<'r>(rows: &[&'r Row]) -> BTreeMap<i64, Vec<&'r Row>> {
    let mut days = BTreeMap::<i64, Vec<&Row>>::new();
    for row in rows {
        days.entry(row.day()).or_default().push(row);
    }
    days
}

/// For each day: of the `top` customers with the highest score of that day, how many commit a fraud
/// on it, as a share of `top`. Who is found so is left out on later days. Equal scores rank in the
/// order of [`Row::customer`].
pub fn card_precision(rows: &[&Row], top: usize) -> BTreeMap<i64, f64> {
    let mut found = HashSet::new();
    let mut precision = BTreeMap::new();
    for (day, rows) in by_day(rows) {
        let mut cards = BTreeMap::<u32, (f32, bool)>::new();
        for row in rows.into_iter().filter(|row| !found.contains(&row.customer)) {
            let (score, fraud) = cards.entry(row.customer).or_insert((row.score, false));
            *score = score.max(row.score);
            *fraud |= row.is_fraud();
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

/// (alerts, caught) if each day the `top` transactions with the highest scores are looked at. Equal
/// scores rank in order of time.
pub fn at_alerts(rows: &[&Row], top: usize) -> (u64, u64) {
    by_day(rows).into_values().fold((0, 0), |(alerts, caught), mut rows| {
        rows.sort_by(|a, b| b.score.total_cmp(&a.score));
        rows.truncate(top);
        let frauds = rows.iter().filter(|row| row.is_fraud()).count();
        (alerts + rows.len() as u64, caught + frauds as u64)
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
    /// Sum of the amounts of frauds that were not.
    pub missed: f64,
}

impl Tally {
    /// Of these transactions.
    pub fn of<'r>(rows: impl IntoIterator<Item = &'r Row>) -> Self {
        let mut tally = Self::default();
        for row in rows {
            tally.transactions += 1;
            tally.alerts += u64::from(row.alert);
            if row.is_fraud() {
                tally.frauds += 1;
                tally.caught += u64::from(row.alert);
                let sum = if row.alert { &mut tally.saved } else { &mut tally.missed };
                *sum += row.amount;
            }
        }
        tally
    }

    /// The share of alerts that are frauds.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.caught, self.alerts)
    }

    /// The share of frauds that are flagged.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.caught, self.frauds)
    }

    /// Alerts that are no frauds.
    pub fn false_alarms(&self) -> u64 {
        self.alerts - self.caught
    }
}

/// `part` of `whole`.
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean of those that are.
pub fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.into_iter().flatten().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
