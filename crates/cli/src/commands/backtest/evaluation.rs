//! Everything that is measured over one period.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::cases::Case;
use super::metrics::{Ranking, Tally, at_alerts, card_precision};
use super::protocol::Period;
use crate::numbers::{mean, ratio};
use crate::show::units::{serialize_date, serialize_shortest};

/// The measures of one period.
#[derive(Serialize)]
pub struct Evaluation {
    #[serde(flatten)]
    pub period: Period,
    /// Transactions left out by the protocol.
    pub left_out: u64,
    #[serde(flatten)]
    pub all: Part,
    /// Mean over the days.
    #[serde(rename = "card_precision_100")]
    pub card_precision: Option<f64>,
    pub alerts_per_day: f64,
    pub days: Vec<Day>,
    /// The frauds of each scenario, with all transactions that are no frauds.
    pub scenarios: BTreeMap<u8, Part>,
    pub cold: Part,
    pub warm: Part,
    #[serde(serialize_with = "serialize_by_number")]
    pub at_alerts: Vec<AtAlerts>,
    /// (threshold, alerts, caught), the highest threshold first.
    #[serde(skip)]
    pub curve: Vec<(f32, u64, u64)>,
    /// Frauds that passed, the largest amount first.
    #[serde(skip)]
    pub worst_misses: Vec<Case>,
    /// Alerts that are no frauds, the highest score first.
    #[serde(skip)]
    pub worst_false_alarms: Vec<Case>,
}

/// Number of misses, and of false alarms, that are kept.
const WORST: usize = 10;

/// The measures of some of the transactions.
#[derive(Serialize)]
pub struct Part {
    #[serde(flatten)]
    pub tally: Tally,
    pub auc_roc: Option<f64>,
    pub average_precision: Option<f64>,
}

/// The measures of one day.
#[derive(Serialize)]
pub struct Day {
    #[serde(rename = "date", serialize_with = "serialize_date")]
    pub day: i64,
    #[serde(flatten)]
    pub tally: Tally,
    #[serde(rename = "card_precision_100")]
    pub card_precision: Option<f64>,
}

/// The catch with a fixed number of alerts a day.
#[derive(Serialize)]
pub struct AtAlerts {
    #[serde(skip)]
    pub a_day: usize,
    pub alerts: u64,
    pub caught: u64,
    /// Share of these alerts that are frauds.
    pub precision: Option<f64>,
    /// Share of the frauds that are among these alerts.
    pub recall: Option<f64>,
    /// The threshold that gives this many alerts a day on average.
    #[serde(serialize_with = "serialize_shortest")]
    pub threshold: Option<f32>,
}

impl Part {
    fn of(cases: &[&Case]) -> Self {
        let ranking = ranking(cases);
        Self {
            tally: Tally::of(cases.iter().copied()),
            auc_roc: ranking.auc_roc(),
            average_precision: ranking.average_precision(),
        }
    }
}

fn ranking(cases: &[&Case]) -> Ranking {
    Ranking::new(cases.iter().map(|case| (case.score, case.is_fraud())))
}

/// Serialises each by its number of alerts a day.
fn serialize_by_number<S: Serializer>(all: &[AtAlerts], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(all.iter().map(|at| (at.a_day, at)))
}

impl Evaluation {
    /// Measures a period's transactions, which are in order of time.
    pub fn of(cases: &[&Case], period: Period, left_out: u64, alerts: &[usize]) -> Self {
        let select = |wanted: &dyn Fn(&Case) -> bool| -> Vec<&Case> {
            cases.iter().copied().filter(|case| wanted(case)).collect()
        };
        let part = |wanted: &dyn Fn(&Case) -> bool| Part::of(&select(wanted));
        let cards = card_precision(cases, 100);
        let days = (period.first..=period.last).map(|day| Day {
            day,
            tally: Tally::of(select(&|case| case.day() == day)),
            card_precision: cards.get(&day).copied(),
        });
        let scenarios: BTreeSet<u8> = cases.iter().map(|case| case.scenario).collect();
        let scenarios = scenarios.into_iter().filter(|&scenario| scenario > 0).map(|scenario| {
            (scenario, part(&|case| case.scenario == scenario || !case.is_fraud()))
        });
        let all = Part::of(cases);
        let curve: Vec<_> = ranking(cases).thresholds().collect();
        let at_alerts = alerts.iter().map(|&a_day| {
            let (alerts, caught) = at_alerts(cases, a_day);
            let budget = a_day as u64 * period.days() as u64;
            let affordable = curve.iter().take_while(|(_, alerts, _)| *alerts <= budget);
            AtAlerts {
                a_day,
                alerts,
                caught,
                precision: ratio(caught, alerts),
                recall: ratio(caught, all.tally.frauds),
                threshold: affordable.last().map(|(threshold, ..)| *threshold),
            }
        });
        let mut misses = select(&|case| case.is_fraud() && !case.alert);
        misses.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        let mut false_alarms = select(&|case| case.alert && !case.is_fraud());
        false_alarms.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self {
            period,
            left_out,
            card_precision: mean(cards.values().copied().map(Some)),
            alerts_per_day: all.tally.alerts as f64 / period.days() as f64,
            days: days.collect(),
            scenarios: scenarios.collect(),
            cold: part(&|case| !case.warm),
            warm: part(&|case| case.warm),
            at_alerts: at_alerts.collect(),
            curve,
            worst_misses: misses.into_iter().take(WORST).cloned().collect(),
            worst_false_alarms: false_alarms.into_iter().take(WORST).cloned().collect(),
            all,
        }
    }

    /// Returns the headline figures by name.
    pub fn headline(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("auc_roc", self.all.auc_roc),
            ("average_precision", self.all.average_precision),
            ("card_precision_100", self.card_precision),
            ("precision", self.all.tally.precision()),
            ("recall", self.all.tally.recall()),
            ("alerts_per_day", Some(self.alerts_per_day)),
        ]
    }
}
