//! Roles: which column is the time, the id, who pays, the amount, and so on.
//!
//! **Idea**: names propose, values dispose. Each role has its table of names in [`hints`](super::hints), and a condition on
//! the values; of those that meet the condition the best name wins. What was close is a doubt, which names the
//! flag or the line that settles it.
//!
//! - `mod.rs`: the roles, the order in which they are found, and what all of them ask of columns
//! - `transaction`: the time, the amount and the id; `label`: the label, and what gives it away
//! - `entities`: who pays, whom, and where; `values`: balances, categories, other numbers

mod entities;
mod label;
mod transaction;
mod values;

use std::collections::{HashMap, HashSet};

use anyhow::{Result, bail};
use fraud_plan::program::Step;
use serde_json::Value;

use super::columns::{Column, columns, shown};
use super::events::{Carried, Events};
use super::numbers;
use super::sample::Sample;
use super::times::Form;
use super::{Asked, Doubt, Found, LeftOut, Sure};

/// The roles of a sample's columns. Columns are given by their place in `columns`.
pub struct Roles<'v> {
    /// Columns of the records that are scored.
    pub columns: Vec<Column<'v>>,
    pub events: Option<Events>,
    pub carried: Option<Carried>,
    pub time: Option<TimeRole>,
    pub id: Option<usize>,
    pub comes_twice: bool,
    /// Path of the transaction's id in a report that is a record, and of the report's time, where they differ.
    pub report_paths: (Option<Vec<Step>>, Option<Vec<Step>>),
    pub label: Option<usize>,
    /// The partition key first, if there is one.
    pub entities: Vec<usize>,
    pub amount: Option<(usize, numbers::Form)>,
    pub currency: Option<usize>,
    /// Latitude and longitude of where the transaction is, and of who pays.
    pub place: Option<Point>,
    pub home: Option<Point>,
    /// Columns of an account before and after, if there is an after.
    pub balances: Vec<Balance>,
    pub categories: Vec<Category>,
    pub numbers: Vec<(usize, numbers::Form)>,
    pub found: Vec<Found>,
    pub doubts: Vec<Doubt>,
    pub left_out: Vec<LeftOut>,
    used: HashSet<usize>,
}

/// The transaction's time.
pub struct TimeRole {
    pub path: Vec<Step>,
    pub form: Form,
    /// From when to when the sample is, seconds since 1970.
    pub span: (f64, f64),
}

/// A point in degrees.
#[derive(Clone, Copy)]
pub struct Point {
    pub latitude: usize,
    pub longitude: usize,
}

/// The balance of an account.
#[derive(Clone, Copy)]
pub struct Balance {
    pub before: usize,
    pub after: Option<usize>,
}

/// A category.
pub struct Category {
    pub column: usize,
    /// Hashed for want of a vocabulary.
    pub hashed: bool,
    /// Whether who pays has habits in it: it varies from one of their transactions to the next.
    pub varies: bool,
}

impl<'v> Roles<'v> {
    /// Finds the roles of a sample's columns.
    pub fn find(sample: &'v Sample, asked: &Asked) -> Result<Self> {
        let rows: Vec<&Value> = sample.rows.iter().map(|row| &row.value).collect();
        let carried = Carried::find(&rows);
        let rows: Vec<(usize, &Value)> = rows
            .into_iter()
            .enumerate()
            .filter(|(_, row)| carried.as_ref().is_none_or(|carried| !carried.is_in(row)))
            .collect();
        let all = columns(&rows.iter().map(|(_, row)| *row).collect::<Vec<_>>());
        let events = Events::find(&all);
        let kind = |row: &Value| events.as_ref().map_or((true, false), |events| events.kind(row));
        let reports: Vec<&Value> =
            rows.iter().filter(|(_, row)| kind(row).1).map(|(_, row)| *row).collect();
        let scored: Vec<(usize, &Value)> =
            rows.into_iter().filter(|(_, row)| kind(row).0).collect();
        if scored.is_empty() {
            bail!("the sample has no transactions, only reports of frauds");
        }
        let head = scored.iter().filter(|(at, _)| *at < sample.head).count();
        let places: Vec<usize> = scored.iter().map(|(at, _)| *at).collect();
        let scored: Vec<&Value> = scored.into_iter().map(|(_, row)| row).collect();
        let mut columns = columns(&scored);
        if columns.is_empty() {
            bail!("the transactions of the sample have no members");
        }
        leave_envelopes(&mut columns, events.as_ref());
        let mut roles = Self {
            columns,
            events,
            carried,
            time: None,
            id: None,
            comes_twice: false,
            report_paths: (None, None),
            label: None,
            entities: Vec::new(),
            amount: None,
            currency: None,
            place: None,
            home: None,
            balances: Vec::new(),
            categories: Vec::new(),
            numbers: Vec::new(),
            found: Vec::new(),
            doubts: Vec::new(),
            left_out: Vec::new(),
            used: HashSet::new(),
        };
        roles.find_events();
        roles.find_label(asked)?;
        roles.find_time(asked, head)?;
        roles.find_amount();
        roles.find_id(asked, head)?;
        roles.find_reports(&reports);
        roles.leave_out_hindsight(asked);
        roles.find_points();
        let keys: Vec<Option<String>> = places
            .iter()
            .map(|at| {
                let (key, _) = sample.rows[*at].delivery.as_ref()?;
                Some(String::from_utf8_lossy(key.as_ref()?).into_owned())
            })
            .collect();
        roles.find_entities(asked, &keys)?;
        roles.choose_place();
        roles.find_balances();
        roles.find_categories();
        roles.find_numbers();
        Ok(roles)
    }

    pub fn key(&self) -> Option<usize> {
        self.entities.first().copied()
    }

    fn path(&self, at: usize) -> String {
        self.columns[at].to_string()
    }

    fn note(&mut self, role: &'static str, path: String, sure: Sure, why: impl Into<String>) {
        self.found.push(Found { role, path, sure, why: why.into() });
    }

    fn doubt(&mut self, what: impl Into<String>, settle: impl Into<String>) {
        self.doubts.push(Doubt { what: what.into(), settle: settle.into() });
    }

    /// Notes that a column is left out, unless it has a role.
    pub fn leave_out(&mut self, at: usize, why: impl Into<String>) {
        if self.used.insert(at) {
            let path = self.path(at);
            self.left_out.push(LeftOut { path, why: why.into() });
        }
    }

    /// Returns the column at a path that a flag names.
    fn named(&self, flag: &str, path: &[Step]) -> Result<usize> {
        match self.columns.iter().position(|column| column.path == path) {
            Some(at) => Ok(at),
            None => {
                let names: Vec<_> = self.columns.iter().take(12).map(Column::to_string).collect();
                bail!(
                    "{flag} {}: no transaction of the sample has it; it has {}",
                    shown(path),
                    names.join(", ")
                )
            }
        }
    }

    /// Returns columns that are free, best weight first; those without weight are left out.
    fn best(
        &self,
        is: impl Fn(&Column) -> bool,
        weight: impl Fn(&Column) -> i32,
    ) -> Vec<(usize, i32)> {
        let free = self
            .columns
            .iter()
            .enumerate()
            .filter(|(at, column)| !self.used.contains(at) && is(column));
        let mut weighed: Vec<_> = free
            .map(|(at, column)| (at, weight(column)))
            .filter(|(_, weight)| *weight > 0)
            .collect();
        weighed.sort_by_key(|(_, weight)| -weight);
        weighed
    }

    fn find_events(&mut self) {
        if let Some(events) = &self.events {
            let (path, why, text) = (shown(&events.path), events.why, events.to_string());
            let passes = !events.passed.is_empty();
            self.note("event type", path, if passes { Sure::Likely } else { Sure::Guess }, why);
            self.doubt(text, "the lists of types in [events]");
            let path = self.events.as_ref().map(|events| events.path.clone());
            self.used
                .extend(self.columns.iter().position(|column| Some(&column.path) == path.as_ref()));
        }
        if let Some(carried) = &self.carried {
            let path = shown(&carried.path);
            self.note(
                "fraud reports",
                path,
                Sure::Certain,
                "records of their own, of objects with an id",
            );
        }
    }

    /// Returns the share of transactions, of those that are not an entity's first, that have another value than
    /// the one before.
    pub fn variation(&self, entity: usize, column: usize) -> f64 {
        let mut last: HashMap<String, Option<String>> = HashMap::new();
        let (mut pairs, mut differ) = (0_u32, 0_u32);
        for row in 0..self.columns[entity].rows() {
            let Some(of) = self.columns[entity].text(row) else { continue };
            let value = self.columns[column].text(row);
            if let Some(before) = last.insert(of, value.clone()) {
                pairs += 1;
                differ += u32::from(before != value);
            }
        }
        if pairs == 0 { 1.0 } else { f64::from(differ) / f64::from(pairs) }
    }
}

/// Leaves out what is around a row of a table in the change that an envelope tells of.
fn leave_envelopes(columns: &mut Vec<Column>, events: Option<&Events>) {
    let is = |step: Option<&Step>, name: &str| step == Some(&Step::Name(name.to_owned()));
    let Some(around) =
        events.and_then(|events| events.path.split_last()).map(|(_, around)| around.to_vec())
    else {
        return;
    };
    let after: Vec<Step> = around.iter().cloned().chain([Step::Name("after".into())]).collect();
    if columns
        .iter()
        .any(|column| column.path.len() > after.len() && column.path.starts_with(&after))
    {
        columns.retain(|column| {
            column.path.starts_with(&after)
                || column.path.len() == around.len() + 1 && is(column.path.last(), "ts_ms")
        });
    }
}
