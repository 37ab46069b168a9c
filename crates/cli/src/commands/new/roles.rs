//! Roles: which column is the time, the id, who pays, the amount, and so on.
//!
//! **Idea**: names propose, values dispose. Each role has its table of names in [`hints`], and a condition on
//! the values; of those that meet the condition the best name wins. What was close is a doubt, which names the
//! flag or the line that settles it.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Result, bail};
use fraud_plan::program::Step;
use serde_json::Value;

use super::columns::{Column, Kind, columns, shown, text};
use super::events::{Carried, Events, amounts};
use super::hints::{self, is_in, weigh};
use super::numbers;
use super::sample::Sample;
use super::times::{Form, Time};
use super::{Asked, Doubt, Found, LeftOut, Sure};
use crate::data::labels::label;

/// Most values of a category whose vocabulary is kept, and of one whose vocabulary is in the spec.
const VOCABULARY: usize = 500;
/// Most numbers beside the amount, the balances and the coordinates.
const NUMBERS: usize = 30;
/// Most entities beside the partition key.
const ENTITIES: usize = 4;
/// Most categories in which a habit is remembered.
const HABITS: usize = 3;

/// The roles of a sample's columns. Columns are given by their place in `columns`.
pub struct Roles<'v> {
    /// Of the records that are scored.
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
    /// Of an account before and after, if there is an after.
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

    fn find_label(&mut self, asked: &Asked) -> Result<()> {
        if let Some(path) = &asked.label {
            let at = self.named("--label", path)?;
            if self.flags(at).is_none() {
                bail!("--label {}: its values are not 0 and 1, or true and false", shown(path));
            }
            self.label = Some(at);
            self.note("label", shown(path), Sure::Certain, "--label says so");
        } else if asked.frauds.is_none() {
            let weigh = |column: &Column| weigh(column, hints::LABEL) - column.around.len() as i32;
            let labels = self.best(|column| column.distinct.len() <= 2 && column.is_full(), weigh);
            let few = |at: &usize| {
                self.flags(*at).is_some_and(|flags| {
                    let ones = flags.iter().filter(|flag| **flag).count();
                    2 * ones <= flags.len().max(3)
                })
            };
            if let Some((at, _)) = labels.into_iter().find(|(at, _)| few(at)) {
                self.label = Some(at);
                let ones = self.flags(at).iter().flatten().filter(|flag| **flag).count();
                let why = format!(
                    "0 or 1 by its name and values; {ones} of {} are frauds",
                    self.columns[at].rows()
                );
                self.note("label", self.path(at), Sure::Likely, why);
            }
        }
        self.used.extend(self.label);
        Ok(())
    }

    /// Returns a column's values as a label's, if it can be one.
    pub fn flags(&self, at: usize) -> Option<Vec<bool>> {
        let flag = |value: &Option<&Value>| label(text((*value)?).as_bytes());
        let column = &self.columns[at];
        let flags: Option<Vec<bool>> =
            column.values.iter().filter(|value| value.is_some()).map(flag).collect();
        flags.filter(|flags| !flags.is_empty())
    }

    fn find_time(&mut self, asked: &Asked, head: usize) -> Result<()> {
        let asked_for = asked.time.as_ref().map(|path| self.named("--time", path)).transpose()?;
        let columns = &self.columns;
        let at_of =
            |time: &Time| columns.iter().position(|column| std::ptr::eq(column, time.column));
        let mut times: Vec<Time> = (columns.iter().enumerate())
            .filter(|(at, _)| asked_for.is_none_or(|asked| asked == *at) && Some(*at) != self.label)
            .filter_map(|(_, column)| Time::of(column, head))
            .collect();
        if let (Some(at), true) = (asked_for, times.is_empty()) {
            bail!(
                "--time {}: its values are no times that a spec can read; docs/spec.md lists them",
                columns[at]
            );
        }
        let is_likely = |time: &Time| asked_for.is_some() || time.weight > 4.0;
        // A number of ten digits without a word of time in its name may be anything.
        let is_time = |time: &Time| match time.form {
            Form::Steps(_) => false,
            Form::Unit(_) => weigh(time.column, hints::TIME) != 0,
            _ => true,
        };
        let rest = times.iter().filter(|time| !is_likely(time) && is_time(time));
        let rest: Vec<usize> = rest.filter_map(at_of).collect();
        times.retain(is_likely);
        // Of two that are as good, the earlier: what happened comes before what was noted.
        let early = |time: &Time| time.seconds.iter().flatten().sum::<f64>();
        times.sort_by(|a, b| {
            b.weight.total_cmp(&a.weight).then_with(|| early(a).total_cmp(&early(b)))
        });
        let Some(best) = times.first() else {
            let settle =
                "--time PATH, if there is one; without it, the broker's timestamp is the time";
            self.doubt("no member looks like the time of the transaction", settle);
            return Ok(());
        };
        let (path, form, span) = (best.column.path.clone(), best.form, best.span());
        let others: Vec<usize> = times.iter().filter_map(at_of).collect();
        let ambiguous = times.get(1).is_some_and(|second| best.weight - second.weight < 2.0);
        let name = shown(&path);
        self.time = Some(TimeRole { path, form, span });
        let why = match form {
            Form::Zoned => "text that names its zone",
            Form::Local => "text without a zone",
            Form::Unit(unit) => unit,
            Form::Parts => "an array of year, month, day",
            Form::Steps(_) => "a counter of steps",
        };
        let sure = if ambiguous { Sure::Guess } else { Sure::Certain };
        self.note(
            "time",
            name.clone(),
            if asked_for.is_some() { Sure::Certain } else { sure },
            why,
        );
        match form {
            Form::Local | Form::Parts => self.doubt(
                format!("{name} names no zone, so it is read as UTC"), "utc_offset in [time], such as \"+01:00\""),
            Form::Steps(step) => self.doubt(
                format!("{name} counts steps from a beginning that it does not tell: each is taken for {step}, from {}", super::times::START),
                "step and start in [time]"),
            _ => {}
        }
        for at in rest {
            self.leave_out(at, format!("a time, but hardly when it happened: {name} is"));
        }
        for at in &others[1..] {
            if ambiguous {
                self.doubt(
                    format!(
                        "{} is a time too; {name} seems to be when it happened",
                        self.path(*at)
                    ),
                    format!("--time {}", self.path(*at)),
                );
            }
            self.leave_out(*at, format!("another time than {name}"));
        }
        self.used.extend(others);
        Ok(())
    }

    fn find_amount(&mut self) {
        let columns = &self.columns;
        let mut best: Vec<usize> = amounts(columns)
            .into_iter()
            .filter(|column| !column.is_constant() || column.rows() < 20)
            .filter_map(|column| columns.iter().position(|other| std::ptr::eq(column, other)))
            .filter(|at| !self.used.contains(at))
            .collect();
        best.sort_by_key(|at| (-weigh(&columns[*at], hints::AMOUNT), columns[*at].path.len()));
        let Some(&at) = best.first() else {
            self.doubt("no member looks like the amount", "a [[number]] and its windows, by hand");
            return;
        };
        let mut form = numbers::form(&columns[at]).expect("amounts have one");
        let currency = numbers::currency_of(&columns[at], columns);
        let currency = currency
            .and_then(|column| columns.iter().position(|other| std::ptr::eq(column, other)));
        if let Some(currency) = currency {
            form = numbers::in_minor_units(&columns[currency]);
            self.currency = Some(currency);
        }
        if let Some(assumed) = &form.assumed {
            let what = format!("{}: {assumed}", self.path(at));
            self.doubt(what, "the keys of its [[number]]");
        }
        let weight = weigh(&self.columns[at], hints::AMOUNT);
        let sure = if weight >= 8 { Sure::Certain } else { Sure::Likely };
        self.note("amount", self.path(at), sure, "by its name and values");
        self.used.insert(at);
        self.amount = Some((at, form));
    }

    fn find_id(&mut self, asked: &Asked, head: usize) -> Result<()> {
        let container = self.amount.as_ref().map(|(at, _)| self.columns[*at].path.clone());
        let beside = |column: &Column| {
            container.as_ref().is_some_and(|path| {
                path.len() > 1 && path[..path.len() - 1] == column.path[..column.path.len() - 1]
            })
        };
        let listed = |column: &Column| {
            column.distinct.iter().filter(|(value, _)| asked.lists(value)).count() as i32
        };
        // Of few records, one that came twice is many.
        let is_unique = |column: &Column| {
            let least = if column.rows() < 50 { 50 } else { 90 };
            column.is_id() && column.is_full() && column.percent_distinct() >= least
        };
        let weight = |column: &Column| {
            weigh(column, hints::ID) + if beside(column) { 3 } else { 0 } + 100 * listed(column)
        };
        let found = match &asked.id {
            Some(path) => vec![(self.named("--id", path)?, 100)],
            None => self.best(is_unique, weight),
        };
        let Some(&(at, weight)) = found.first() else {
            let settle = "--id PATH; without it, frauds are known by --label alone, and nothing that comes twice is known";
            self.doubt("no member looks like the transaction's id", settle);
            return Ok(());
        };
        self.id = Some(at);
        self.used.insert(at);
        let column = &self.columns[at];
        let twice = column.distinct.iter().any(|(_, count)| *count > 1);
        let seen: HashSet<_> = (0..head).filter_map(|row| column.text(row)).collect();
        self.comes_twice = twice && seen.len() < head;
        let why = match (listed(column), asked.id.is_some()) {
            (_, true) => "--id says so".to_owned(),
            (0, _) => "by its name, and it differs from record to record".to_owned(),
            (listed, _) => format!("{listed} of its values are in the list of frauds"),
        };
        let sure = if weight >= 100 { Sure::Certain } else { Sure::Likely };
        self.note("id", self.path(at), sure, why);
        if self.comes_twice {
            let what =
                "some transactions come twice: the last 8192 are known by their ids (known = 8192)";
            self.doubt(what, "known in [transaction]; it costs fuel and memory");
        }
        if let Some((other, _)) = found.get(1).filter(|(_, second)| *second == weight) {
            let other = self.path(*other);
            self.doubt(
                format!("{other} may be the transaction's id as well"),
                format!("--id {other}"),
            );
        }
        Ok(())
    }

    /// Finds where reports that are records have the transaction's id, and their own time.
    fn find_reports(&mut self, reports: &[&Value]) {
        let (Some(id), false) = (self.id, reports.is_empty()) else { return };
        let ids: HashSet<&str> =
            self.columns[id].distinct.iter().map(|(value, _)| value.as_str()).collect();
        let in_reports = columns(reports);
        let known = |column: &Column| {
            column.distinct.iter().filter(|(value, _)| ids.contains(value.as_str())).count()
        };
        let same = in_reports.iter().find(|column| column.path == self.columns[id].path);
        let best = in_reports
            .iter()
            .filter(|column| column.is_id() && known(column) > 0)
            .max_by_key(|column| known(column));
        let by_name = || {
            in_reports
                .iter()
                .filter(|column| column.is_id() && column.is_full())
                .max_by_key(|column| weigh(column, hints::ID))
        };
        let of = best.or(same).or_else(by_name);
        self.report_paths.0 =
            of.map(|column| column.path.clone()).filter(|path| *path != self.columns[id].path);
        // The report was made at the latest of its times.
        let times: Vec<Time> = in_reports.iter().filter_map(|column| Time::of(column, 0)).collect();
        let latest = times.iter().max_by(|a, b| a.span().1.total_cmp(&b.span().1));
        let form = self.time.as_ref().map(|time| time.form);
        let latest =
            latest.filter(|time| Some(time.form) == form).map(|time| time.column.path.clone());
        self.report_paths.1 =
            latest.filter(|path| self.time.as_ref().is_some_and(|time| time.path != *path));
    }

    /// Leaves out what nobody knows when the transaction is scored: what is called a fraud, or is nearly the
    /// label itself.
    fn leave_out_hindsight(&mut self, asked: &Asked) {
        let rows = 0..self.columns[0].rows();
        let label: Option<Vec<bool>> = match (&asked.frauds, self.id, self.label) {
            (Some(_), Some(id), _) => {
                let column = &self.columns[id];
                Some(rows.map(|row| column.text(row).is_some_and(|id| asked.lists(&id))).collect())
            }
            (_, _, Some(label)) => self.flags(label).filter(|flags| flags.len() == rows.len()),
            _ => None,
        };
        for at in 0..self.columns.len() {
            if self.used.contains(&at) {
                continue;
            }
            let column = &self.columns[at];
            let called = column
                .words
                .iter()
                .any(|word| hints::HINDSIGHT.iter().any(|hint| is_in(word, hint)));
            let nearly = label.as_ref().is_some_and(|label| is_nearly(column, label));
            if called {
                self.leave_out(at, "by its name known only after the transaction");
            } else if nearly {
                self.leave_out(at, "nearly the label itself: nobody knows it in time");
            }
        }
    }

    fn find_points(&mut self) {
        let has = |column: &Column, names: &[&str]| {
            column.words.iter().any(|word| names.contains(&word.as_str()))
        };
        let within = |column: &Column, limit: f64| {
            column.is_number() && column.numbers().flatten().all(|degrees| degrees.abs() <= limit)
        };
        // What is left of the path without the word for the coordinate tells the pair.
        let rest = |column: &Column, names: &[&str]| {
            let words = column.words.iter().filter(|word| !names.contains(&word.as_str()));
            words.chain(&column.around).cloned().collect::<Vec<_>>()
        };
        let mut pairs = Vec::new();
        for (at, latitude) in self.columns.iter().enumerate() {
            if has(latitude, &hints::LATITUDE) && within(latitude, 90.0) {
                let of = rest(latitude, &hints::LATITUDE);
                let longitude = self.columns.iter().position(|column| {
                    has(column, &hints::LONGITUDE)
                        && within(column, 360.0)
                        && rest(column, &hints::LONGITUDE) == of
                });
                pairs.extend(longitude.map(|longitude| (at, longitude)));
            }
        }
        pairs.retain(|(at, to)| {
            !self.columns[*at].is_constant() && !self.used.contains(at) && !self.used.contains(to)
        });
        self.used.extend(pairs.iter().flat_map(|(latitude, longitude)| [*latitude, *longitude]));
        let mut pairs =
            pairs.into_iter().map(|(latitude, longitude)| Point { latitude, longitude });
        (self.place, self.home) = (pairs.next(), pairs.next());
        for Point { latitude, .. } in pairs {
            let path = self.path(latitude);
            self.left_out.push(LeftOut { path, why: "a third point".into() });
        }
    }

    /// Tells who pays from where they pay: the point that varies for one of them.
    fn choose_place(&mut self) {
        let Some(key) = self.key() else { return };
        if let (Some(place), Some(home)) = (self.place, self.home)
            && self.variation(key, home.latitude) > self.variation(key, place.latitude)
        {
            (self.place, self.home) = (Some(home), Some(place));
        }
        for (pair, what) in
            [(self.place, "the transaction is here"), (self.home, "who pays is here")]
        {
            if let Some(Point { latitude, longitude }) = pair {
                let path = format!("{}, {}", self.path(latitude), self.path(longitude));
                self.note("point", path, Sure::Likely, what);
            }
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

    fn find_entities(&mut self, asked: &Asked, keys: &[Option<String>]) -> Result<()> {
        // A strong name needs less spread than a weak one.
        let is_entity = |column: &Column| {
            let others = hints::OTHERS.iter().map(|(_, hints)| weigh(column, hints)).max();
            let is_named = weigh(column, hints::PAYER).max(others.unwrap_or(0)) >= 8;
            let top = column.distinct.first().map_or(0, |(_, count)| *count);
            let (few, part) = if is_named { (4, 2) } else { (20, 3) };
            let spread = column.distinct.len() >= few && top * part <= column.filled;
            column.is_id()
                && (spread || column.rows() < 50)
                && hints::of_words(&column.words, hints::PROPERTY) <= 0
                && column.filled * 20 > column.rows()
                && !column.distinct[0].0.is_empty()
        };
        let rarely = |column: &Column| column.filled >= 200 && column.percent_distinct() >= 98;
        let is_record_key = |column: &Column| {
            let same = (0..column.rows())
                .filter(|row| keys[*row].is_some() && column.text(*row) == keys[*row])
                .count();
            same * 20 >= column.rows() * 19
        };
        let payer = |column: &Column| {
            let name = weigh(column, hints::PAYER);
            let full = if column.is_full() { 4 } else { 0 };
            let key = if is_record_key(column) { 100 } else { 0 };
            if name > 3 || key > 0 {
                2 * name.max(0) + full + key - if rarely(column) { 12 } else { 0 }
            } else {
                0
            }
        };
        let payers = self.best(is_entity, payer);
        let mut others: Vec<(usize, i32)> = Vec::new();
        for (_, hints) in hints::OTHERS {
            let of_kind = self.best(is_entity, |column| {
                weigh(column, hints) - if rarely(column) { 6 } else { 0 }
            });
            let of_kind = of_kind.into_iter().filter(|(_, weight)| *weight > 3);
            others.extend(
                of_kind.filter(|(at, _)| payers.iter().all(|(payer, _)| payer != at)).take(1),
            );
        }
        let key = match &asked.key {
            Some(path) => {
                self.note("partition key", shown(path), Sure::Certain, "--key says so");
                Some(self.named("--key", path)?)
            }
            None => self.guess_key(&payers, &others, &is_record_key),
        };
        let Some(key) = key else {
            let settle = "--key PATH; until then history knows nobody, and only what a record says itself counts";
            self.doubt("no member looks like who pays", settle);
            return Ok(());
        };
        if rarely(&self.columns[key]) {
            let what =
                format!("{} hardly ever repeats, so its history says little", self.path(key));
            self.doubt(what, "--key PATH, of somebody who comes again");
        }
        let more: Vec<usize> =
            payers.iter().chain(&others).map(|(at, _)| *at).filter(|at| *at != key).collect();
        self.entities.push(key);
        self.used.insert(key);
        for at in more {
            // One that goes with another in every record is the same one by another name.
            let is_same = |other: &usize| {
                self.columns[at].rows() >= 50
                    && self.variation(*other, at) == 0.0
                    && self.variation(at, *other) == 0.0
            };
            let repeats = self.columns[at].percent_distinct() < 98 || self.columns[at].rows() < 200;
            if self.entities.len() <= ENTITIES
                && repeats
                && !self.used.contains(&at)
                && !self.entities.iter().any(is_same)
            {
                self.note("entity", self.path(at), Sure::Likely, "by its name, and it comes again");
                self.entities.push(at);
                self.used.insert(at);
            } else {
                self.leave_out(
                    at,
                    "hardly ever repeats, or goes with another entity in every record",
                );
            }
        }
        Ok(())
    }

    fn guess_key(
        &mut self,
        payers: &[(usize, i32)],
        others: &[(usize, i32)],
        is_record_key: &dyn Fn(&Column) -> bool,
    ) -> Option<usize> {
        let by_repeats = || {
            let free = self.best(
                |column| {
                    column.kind == Kind::Text
                        && (1..70).contains(&column.percent_distinct())
                        && column.distinct.len() >= 20
                        && column.distinct[0].1 * 10 < column.filled
                        && hints::of_words(&column.words, hints::PROPERTY) <= 0
                },
                |column| 1 + column.percent_distinct() as i32,
            );
            free.first().map(|(at, _)| *at)
        };
        let (at, sure, why) = match (payers, others) {
            ([(at, _), ..], _) if is_record_key(&self.columns[*at]) => {
                (*at, Sure::Certain, "the records' key in the topic")
            }
            ([(at, weight), rest @ ..], _) if *weight > 0 => {
                let close = rest
                    .first()
                    .filter(|(_, second)| weight - second < 4)
                    .map(|(at, _)| self.path(*at));
                let sure = if close.is_some() { Sure::Guess } else { Sure::Likely };
                if let Some(close) = close {
                    let what =
                        format!("{close} may be the partition key as well as {}", self.path(*at));
                    self.doubt(what, format!("--key {close}; the topic must be keyed by it"));
                }
                (*at, sure, "who pays, by its name; the topic must be keyed by it")
            }
            (_, [(at, _), ..]) => {
                (*at, Sure::Guess, "no member looks like who pays, and this one repeats")
            }
            _ => (
                by_repeats()?,
                Sure::Guess,
                "no name tells who pays, and this one repeats as a customer does",
            ),
        };
        self.note("partition key", self.path(at), sure, why);
        Some(at)
    }

    fn find_balances(&mut self) {
        let is = |word: &str, names: &[&str]| {
            names.iter().any(|name| word.starts_with(name) || word.ends_with(name))
        };
        let has =
            |at: usize, names: &[&str]| self.columns[at].words.iter().any(|word| is(word, names));
        // What is left of the name tells whose it is.
        let owner = |at: usize| {
            let words = self.columns[at].words.iter().map(String::as_str);
            let is_owner = |word: &&str| {
                !is(word, &hints::BEFORE) && !is(word, &hints::AFTER) && !word.contains("balan")
            };
            words.filter(is_owner).collect::<String>()
        };
        let is_balance = |at: &usize| {
            let column = &self.columns[*at];
            !self.used.contains(at)
                && column.is_number()
                && !column.is_constant()
                && weigh(column, hints::AMOUNT) < 0
        };
        let all: Vec<usize> = (0..self.columns.len()).filter(is_balance).collect();
        let mut afters: Vec<usize> =
            all.iter().copied().filter(|at| has(*at, &hints::AFTER)).collect();
        let mut balances = Vec::new();
        for &before in all.iter().filter(|at| has(**at, &hints::BEFORE)) {
            // Two letters do, for some say org and orig; but the same word is better.
            let same = afters.iter().position(|after| owner(*after) == owner(before));
            let near = |after: &usize| {
                owner(*after).chars().take(2).eq(owner(before).chars().take(2))
                    && !all.iter().any(|other| {
                        *other != before
                            && has(*other, &hints::BEFORE)
                            && owner(*other) == owner(*after)
                    })
            };
            let after = same.or_else(|| afters.iter().position(near)).map(|at| afters.remove(at));
            balances.push(Balance { before, after });
        }
        let is_known = |at: usize| has(at, &hints::BEFORE) || has(at, &hints::AFTER);
        let alone = all.iter().copied().filter(|at| {
            !is_known(*at) && self.columns[*at].words.iter().any(|word| word.contains("balance"))
        });
        balances.extend(alone.map(|before| Balance { before, after: None }));
        for Balance { before, after } in &balances {
            self.note("balance", self.path(*before), Sure::Likely, "by its name");
            self.used.extend([Some(*before), *after].into_iter().flatten());
        }
        self.balances = balances;
    }

    fn find_categories(&mut self) {
        let mut habits: Vec<(usize, f64)> = Vec::new();
        for at in 0..self.columns.len() {
            let column = &self.columns[at];
            let is_text = matches!(column.kind, Kind::Text | Kind::TextOrNumber);
            let is_code = column.kind == Kind::Whole
                && column
                    .words
                    .iter()
                    .any(|word| hints::of_words(std::slice::from_ref(word), hints::CODE) >= 4);
            if self.used.contains(&at)
                || !is_text && !is_code
                || is_text && numbers::form(column).is_some()
            {
                continue;
            }
            let all_words: Vec<&str> =
                column.words.iter().chain(&column.around).map(String::as_str).collect();
            let is_personal = hints::PERSONAL
                .iter()
                .any(|words| words.iter().all(|word| all_words.contains(word)))
                || column.distinct.iter().filter(|(value, _)| value.contains('@')).count() * 2
                    > column.distinct.len();
            let values = column.distinct.len();
            if is_personal {
                self.leave_out(at, "a person's data: no vocabulary of it is kept");
            } else if column.is_constant() && column.is_full() {
                self.leave_out(at, "the same in every record");
            } else if values > 20 && column.percent_distinct() >= 50
                || column.distinct.iter().any(|(value, _)| value.len() > 200)
            {
                self.leave_out(at, "nearly every record has a text of its own");
            } else {
                let hashed = values > VOCABULARY
                    || column
                        .distinct
                        .iter()
                        .any(|(value, _)| value.is_empty() || value.contains(['\n', '\r']));
                let entropy = if hashed {
                    0.0
                } else {
                    self.key().map_or(0.0, |key| self.variation(key, at))
                };
                if entropy > 0.1 && values > 2 {
                    habits.push((at, entropy));
                }
                let why = if hashed {
                    format!("{values} texts or more: hashed")
                } else {
                    format!("{values} different values")
                };
                self.note("category", self.path(at), Sure::Likely, why);
                self.used.insert(at);
                self.categories.push(Category { column: at, hashed, varies: false });
            }
        }
        habits.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (at, _) in habits.into_iter().take(HABITS) {
            for category in self.categories.iter_mut().filter(|category| category.column == at) {
                category.varies = true;
            }
        }
    }

    fn find_numbers(&mut self) {
        let label = self.label.and_then(|label| self.flags(label));
        let mut numbers: Vec<(usize, numbers::Form, f64)> = Vec::new();
        for at in 0..self.columns.len() {
            let column = &self.columns[at];
            if self.used.contains(&at) {
                continue;
            }
            let Some(form) = numbers::form(column) else {
                let why = match column.kind {
                    Kind::List => "an array",
                    _ => "sometimes of one type, sometimes of another",
                };
                self.leave_out(at, why);
                continue;
            };
            let last = column.words.last().map_or("", String::as_str);
            if column.is_constant() && column.is_full() {
                self.leave_out(at, "the same in every record");
            } else if ["id", "uuid", "hash"].contains(&last)
                || column.words.iter().any(|word| word == "unnamed")
            {
                self.leave_out(at, "an id or a counter of rows");
            } else {
                let tells = match &label {
                    Some(label) if label.len() == column.rows() => (auc(column, label) - 0.5).abs(),
                    _ => column.filled as f64 / column.rows() as f64,
                };
                numbers.push((at, form, tells));
            }
        }
        numbers.sort_by(|a, b| b.2.total_cmp(&a.2));
        for (at, ..) in numbers.iter().skip(NUMBERS) {
            self.leave_out(*at, "there are too many numbers; add it by hand if it tells something");
        }
        numbers.truncate(NUMBERS);
        numbers.sort_by_key(|(at, ..)| *at);
        self.numbers = numbers.into_iter().map(|(at, form, _)| (at, form)).collect();
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

/// Returns whether a column is the label by another name: it tells frauds from others nearly always.
fn is_nearly(column: &Column, label: &[bool]) -> bool {
    let frauds = label.iter().filter(|fraud| **fraud).count();
    if frauds < 5 {
        return false;
    }
    let filled: Vec<bool> = column.values.iter().map(Option::is_some).collect();
    let equal = filled.iter().zip(label).filter(|(filled, fraud)| filled == fraud).count();
    let differ = label.len() - equal;
    let few = frauds / 20;
    if differ <= few || equal <= few {
        return true;
    }
    if column.distinct.len() <= 20 {
        // The best guess by value alone.
        let mut counts: BTreeMap<Option<String>, [usize; 2]> = BTreeMap::new();
        for (row, fraud) in label.iter().enumerate() {
            counts.entry(column.text(row)).or_default()[usize::from(*fraud)] += 1;
        }
        return counts.values().map(|counts| counts[0].min(counts[1])).sum::<usize>() <= few;
    }
    column.is_number() && (auc(column, label) - 0.5).abs() > 0.4975
}

/// Returns how often a fraud's number is above another transaction's; 0.5 where that says nothing.
fn auc(column: &Column, label: &[bool]) -> f64 {
    let mut ranked: Vec<(f64, bool)> =
        column.numbers().zip(label).filter_map(|(number, fraud)| Some((number?, *fraud))).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut frauds, mut sum) = (0.0, 0.0, 0.0);
    for ties in ranked.chunk_by(|a, b| a.0 == b.0) {
        let of = ties.iter().filter(|(_, fraud)| *fraud).count() as f64;
        let others = ties.len() as f64 - of;
        sum += of * (below + others / 2.0);
        (below, frauds) = (below + others, frauds + of);
    }
    if frauds * below == 0.0 { 0.5 } else { sum / (frauds * below) }
}
