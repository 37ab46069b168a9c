//! Records of several kinds on one topic: what is scored, what reports a fraud, what passes.

use std::collections::{HashMap, HashSet};

use fraud_plan::program::Step;
use serde_json::Value;

use super::columns::{Column, in_spec, shown, text, words};
use super::hints::{self, EVENT, ID, has_any, weigh};
use super::numbers;

/// Records told apart by a field.
#[derive(Debug, PartialEq)]
pub struct Events {
    pub path: Vec<Step>,
    pub scored: Vec<String>,
    pub reports: Vec<String>,
    pub passed: Vec<String>,
    /// Whether types that the sample does not have are scored.
    pub others_scored: bool,
    /// Why it is a type, for people.
    pub why: &'static str,
}

/// Reports in an array, or an object, of records of their own.
#[derive(Debug, PartialEq)]
pub struct Carried {
    pub path: Vec<Step>,
    pub id: Option<Vec<Step>>,
    pub time: Option<Vec<Step>>,
    /// One of the reports.
    pub one: Value,
}

impl Events {
    /// Finds the field that tells records apart, if one does.
    pub fn find(columns: &[Column]) -> Option<Self> {
        let is_type = |column: &&Column| {
            column.is_id()
                && column.distinct.len() <= 50
                && weigh(column, EVENT) > 0
                && column.filled * 10 >= column.rows() * 9
        };
        let mut candidates: Vec<&Column> = columns.iter().filter(is_type).collect();
        candidates.sort_by_key(|column| -weigh(column, EVENT));
        candidates.into_iter().find_map(|column| Self::of(column, columns))
    }

    fn of(column: &Column, columns: &[Column]) -> Option<Self> {
        let values: Vec<&str> = column.distinct.iter().map(|(value, _)| value.as_str()).collect();
        let named =
            |names: &[&str]| column.words.last().is_some_and(|word| names.contains(&word.as_str()));
        let all_in = |known: &[&str]| values.iter().all(|value| known.contains(value));
        let owned = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let (path, reports) = (column.path.clone(), Vec::new());
        if named(&["op", "operation"]) && all_in(&hints::CHANGES) {
            // A table that was only ever read, as a first snapshot is, has no other rows than these.
            let scored = if values.contains(&"c") { vec!["c"] } else { vec!["c", "r"] };
            let passed = values.iter().copied().filter(|value| !scored.contains(value)).collect();
            let why = "changes of a table: a row counts once, when it is created";
            let (scored, passed) = (owned(scored), owned(passed));
            return Some(Self { path, scored, reports, passed, others_scored: false, why });
        }
        let is_mti = |value: &&str| {
            (3..=4).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit())
        };
        if column.words.iter().any(|word| word == "mti") && values.iter().all(is_mti) {
            let (scored, passed) = values.iter().partition(|value| hints::REQUESTS.contains(value));
            let why = "message types of ISO 8583: requests and advices are scored";
            let (scored, passed) = (owned(scored), owned(passed));
            return Some(Self { path, scored, reports, passed, others_scored: false, why });
        }
        let (reports, others): (Vec<&str>, Vec<&str>) =
            values.iter().partition(|value| has_any(value, hints::REPORTS));
        let amounts = amounts(columns);
        let has_amount = |value: &str| {
            let rows = (0..column.rows()).filter(|row| column.text(*row).as_deref() == Some(value));
            let (mut all, mut with) = (0, 0);
            for row in rows {
                all += 1;
                with += usize::from(amounts.iter().any(|amount| amount.values[row].is_some()));
            }
            with * 10 >= all * 9
        };
        let (passed, rest): (Vec<&str>, Vec<&str>) = others
            .into_iter()
            .partition(|value| has_any(value, hints::PASSED) || !has_amount(value));
        // `charge.succeeded`: a notification of one of many things that happen to a payment.
        let is_dotted =
            values.iter().filter(|value| value.contains('.')).count() * 2 > values.len();
        let is_told = !passed.is_empty() || !reports.is_empty();
        if !(is_dotted || is_told) || rest.is_empty() {
            return None;
        }
        let (mut rest, mut passed) = (rest, passed);
        if is_dotted {
            passed.extend(rest.split_off(1));
        }
        let why = "some types are no payments";
        let (scored, reports, passed) = (owned(rest), owned(reports), owned(passed));
        Some(Self { path, scored, reports, passed, others_scored: !is_dotted, why })
    }

    /// Returns whether a record is scored, and whether it is a report.
    pub fn kind(&self, record: &Value) -> (bool, bool) {
        let value = at(record, &self.path).map(text);
        let is_in = |types: &[String]| value.as_ref().is_some_and(|value| types.contains(value));
        let others = self.others_scored && !is_in(&self.passed) && !is_in(&self.reports);
        (is_in(&self.scored) || others, is_in(&self.reports))
    }

    /// Writes the section of the spec.
    pub fn section(&self) -> String {
        let mut keys = format!("[events]\nfield = {}\n", in_spec(&self.path));
        let lists =
            [("scored", &self.scored), ("reports", &self.reports), ("passed", &self.passed)];
        for (key, types) in lists {
            let is_rest = key == "scored" && self.others_scored;
            if !types.is_empty() && !is_rest {
                keys +=
                    &format!("{key} = {}\n", serde_json::to_string(types).expect("texts are JSON"));
            }
        }
        if self.others_scored {
            keys += "others = \"scored\"\n";
        }
        keys
    }
}

/// Returns the columns that are amounts by their names.
pub fn amounts<'c, 'v>(columns: &'c [Column<'v>]) -> Vec<&'c Column<'v>> {
    let is = |column: &&Column| weigh(column, hints::AMOUNT) > 0 && numbers::form(column).is_some();
    columns.iter().filter(is).collect()
}

/// Returns the value at a path.
pub fn at<'v>(record: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(record, |value, step| match step {
        Step::Name(name) => value.get(name),
        Step::Item(item) => value.get(usize::from(*item)),
    })
}

impl Carried {
    /// Finds the member of records that bring reports: an array of objects, or an object, in records that have
    /// little else.
    pub fn find(rows: &[&Value]) -> Option<Self> {
        let mut found: HashMap<&str, (usize, &Value)> = HashMap::new();
        for members in
            rows.iter().filter_map(|row| row.as_object()).filter(|members| members.len() < 4)
        {
            for (name, value) in members {
                let one = value.as_array().map_or(Some(value), |items| items.first());
                let is_named = words(name).iter().any(|word| {
                    hints::HINDSIGHT.contains(&word.as_str()) || word.starts_with("report")
                });
                if let Some(one) = one.filter(|one| is_named && one.is_object()) {
                    found.entry(name).or_insert((0, one)).0 += 1;
                }
            }
        }
        let (name, (_, one)) =
            found.into_iter().max_by_key(|(name, (count, _))| (*count, *name))?;
        let members: HashSet<&String> = one.as_object()?.keys().collect();
        let best = |hints| {
            let weight = |name: &&&String| hints::of_words(&words(name), hints);
            let best = members.iter().max_by_key(|name| (weight(name), **name))?;
            (weight(&best) > 0).then(|| vec![Step::Name((*best).clone())])
        };
        let time = members.iter().find(|name| {
            let words = words(name);
            words.iter().any(|word| word.starts_with("report"))
                && words.iter().any(|word| word == "at" || word == "time")
        });
        let time = time.map(|name| vec![Step::Name((*name).clone())]).or_else(|| best(hints::TIME));
        Some(Self { path: vec![Step::Name(name.to_owned())], id: best(ID), time, one: one.clone() })
    }

    /// Writes the section of the spec.
    pub fn section(&self, transaction_id: Option<&[Step]>) -> Option<String> {
        let mut keys = format!("[reports]\npath = {}\n", in_spec(&self.path));
        if transaction_id.is_none() || self.id.as_deref() != transaction_id {
            keys += &format!("id = {}\n", in_spec(self.id.as_ref()?));
        }
        Some(keys + &format!("time = {}\n", in_spec(self.time.as_ref()?)))
    }

    /// Returns whether a report has a value at this path.
    pub fn holds(&self, path: &[Step]) -> bool {
        at(&self.one, path).is_some_and(|value| !value.is_null())
    }

    /// Returns whether a record brings reports.
    pub fn is_in(&self, record: &Value) -> bool {
        at(record, &self.path).is_some_and(|value| match value {
            Value::Array(items) => !items.is_empty(),
            value => value.is_object(),
        })
    }
}

impl std::fmt::Display for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let list = |types: &[String]| types.join(", ");
        write!(f, "{}: scored {}", shown(&self.path), list(&self.scored))?;
        for (what, types) in [("reports", &self.reports), ("passed on", &self.passed)] {
            if !types.is_empty() {
                write!(f, "; {what} {}", list(types))?;
            }
        }
        Ok(())
    }
}
