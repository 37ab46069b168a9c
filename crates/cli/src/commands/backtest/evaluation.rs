//! Everything that is measured over one period.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::metrics::{Ranking, Tally, at_alerts, card_precision, mean, ratio};
use super::protocol::Period;
use super::row::Row;
use crate::show::units::{self, shortest};

/// The measures of one period.
pub struct Evaluation {
    pub period: Period,
    /// Transactions left out by the protocol.
    pub left_out: u64,
    pub all: Part,
    /// The mean of the days'.
    pub card_precision: Option<f64>,
    pub days: Vec<Day>,
    /// Frauds of one scenario, and everything that is no fraud.
    pub scenarios: BTreeMap<u8, Part>,
    pub cold: Part,
    pub warm: Part,
    pub at_alerts: Vec<AtAlerts>,
    /// (threshold, alerts, caught), the highest threshold first.
    pub curve: Vec<(f32, u64, u64)>,
    /// Frauds that passed, the largest amount first.
    pub worst_misses: Vec<Row>,
    /// Alerts that are no frauds, the highest score first.
    pub worst_false_alarms: Vec<Row>,
}

/// How many misses and false alarms are kept.
const WORST: usize = 10;

/// The measures of some of the transactions.
pub struct Part {
    pub tally: Tally,
    pub auc_roc: Option<f64>,
    pub average_precision: Option<f64>,
}

/// One day.
pub struct Day {
    pub day: i64,
    pub tally: Tally,
    pub card_precision: Option<f64>,
}

/// What a fixed number of alerts a day catches.
pub struct AtAlerts {
    pub a_day: usize,
    pub alerts: u64,
    pub caught: u64,
    pub frauds: u64,
    /// The threshold that gives this many alerts a day on average.
    pub threshold: Option<f32>,
}

impl Part {
    fn of(rows: &[&Row]) -> Self {
        let ranking = ranking(rows);
        Self {
            tally: Tally::of(rows.iter().copied()),
            auc_roc: ranking.auc_roc(),
            average_precision: ranking.average_precision(),
        }
    }
}

fn ranking(rows: &[&Row]) -> Ranking {
    Ranking::new(rows.iter().map(|row| (row.score, row.is_fraud())))
}

impl Evaluation {
    /// Of a period's transactions, in order of time.
    pub fn of(rows: &[&Row], period: Period, left_out: u64, alerts: &[usize]) -> Self {
        let select = |wanted: &dyn Fn(&Row) -> bool| {
            let rows: Vec<&Row> = rows.iter().copied().filter(|row| wanted(row)).collect();
            rows
        };
        let part = |wanted: &dyn Fn(&Row) -> bool| Part::of(&select(wanted));
        let cards = card_precision(rows, 100);
        let days = (period.first..=period.last).map(|day| Day {
            day,
            tally: Tally::of(select(&|row| row.day() == day)),
            card_precision: cards.get(&day).copied(),
        });
        let mut scenarios: Vec<u8> = rows.iter().map(|row| row.scenario).collect();
        scenarios.sort_unstable();
        scenarios.dedup();
        let scenarios = scenarios
            .into_iter()
            .filter(|&scenario| scenario > 0)
            .map(|scenario| (scenario, part(&|row| row.scenario == scenario || !row.is_fraud())));
        let curve: Vec<_> = ranking(rows).thresholds().collect();
        let at_alerts = alerts.iter().map(|&a_day| {
            let (alerts, caught) = at_alerts(rows, a_day);
            let budget = a_day as u64 * period.days() as u64;
            let within = curve.iter().take_while(|(_, alerts, _)| *alerts <= budget);
            let threshold = within.last().map(|(threshold, ..)| *threshold);
            let frauds = rows.iter().filter(|row| row.is_fraud()).count() as u64;
            AtAlerts { a_day, alerts, caught, frauds, threshold }
        });
        let mut misses = select(&|row| row.is_fraud() && !row.alert);
        misses.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        let mut false_alarms = select(&|row| row.alert && !row.is_fraud());
        false_alarms.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self {
            period,
            left_out,
            all: Part::of(rows),
            card_precision: mean(cards.values().copied().map(Some)),
            days: days.collect(),
            scenarios: scenarios.collect(),
            cold: part(&|row| !row.warm),
            warm: part(&|row| row.warm),
            at_alerts: at_alerts.collect(),
            curve,
            worst_misses: misses.into_iter().take(WORST).cloned().collect(),
            worst_false_alarms: false_alarms.into_iter().take(WORST).cloned().collect(),
        }
    }

    /// Mean number of alerts a day.
    pub fn alerts_per_day(&self) -> f64 {
        self.all.tally.alerts as f64 / self.period.days() as f64
    }

    /// The headline figures by name.
    pub fn headline(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("auc_roc", self.all.auc_roc),
            ("average_precision", self.all.average_precision),
            ("card_precision_100", self.card_precision),
            ("precision", self.all.tally.precision()),
            ("recall", self.all.tally.recall()),
            ("alerts_per_day", Some(self.alerts_per_day())),
        ]
    }

    /// For machines.
    pub fn json(&self) -> Map<String, Value> {
        let mut json = object(json!({
            "from": units::date(self.period.first),
            "to": units::date(self.period.last),
            "left_out": self.left_out,
            "days": self.days.iter().map(Day::json).collect::<Vec<_>>(),
            "scenarios": self.scenarios.iter()
                .map(|(scenario, part)| (scenario.to_string(), part.json()))
                .collect::<Map<_, _>>(),
            "cold": self.cold.json(),
            "warm": self.warm.json(),
            "at_alerts": self.at_alerts.iter()
                .map(|at| (at.a_day.to_string(), at.json()))
                .collect::<Map<_, _>>(),
        }));
        json.extend(object(self.all.json()));
        json.extend(self.headline().map(|(name, value)| (name.to_owned(), json!(value))));
        json
    }
}

impl Part {
    fn json(&self) -> Value {
        let mut json = tally_json(&self.tally);
        json.insert("auc_roc".into(), json!(self.auc_roc));
        json.insert("average_precision".into(), json!(self.average_precision));
        Value::Object(json)
    }
}

impl Day {
    fn json(&self) -> Value {
        let mut json = tally_json(&self.tally);
        json.insert("date".into(), units::date(self.day).into());
        json.insert("card_precision_100".into(), json!(self.card_precision));
        Value::Object(json)
    }
}

impl AtAlerts {
    /// The share of these alerts that are frauds.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.caught, self.alerts)
    }

    /// The share of frauds among these alerts.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.caught, self.frauds)
    }

    fn json(&self) -> Value {
        json!({
            "alerts": self.alerts,
            "caught": self.caught,
            "precision": self.precision(),
            "recall": self.recall(),
            "threshold": self.threshold.map(shortest),
        })
    }
}

fn tally_json(tally: &Tally) -> Map<String, Value> {
    let cents = |amount: f64| (amount * 100.0).round() / 100.0;
    object(json!({
        "transactions": tally.transactions,
        "frauds": tally.frauds,
        "alerts": tally.alerts,
        "caught": tally.caught,
        "false_alarms": tally.false_alarms(),
        "precision": tally.precision(),
        "recall": tally.recall(),
        "amount_saved": cents(tally.saved),
        "amount_missed": cents(tally.missed),
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
