//! The time, the amount, the id, and how reports name them.

use std::collections::HashSet;

use anyhow::{Result, bail};
use serde_json::Value;

use super::super::columns::{Column, columns, shown};
use super::super::events::amounts;
use super::super::hints::{self, weigh};
use super::super::numbers;
use super::super::times::{self, Form, Time};
use super::super::{Asked, Sure};
use super::{Roles, TimeRole};

impl Roles<'_> {
    pub(super) fn find_time(&mut self, asked: &Asked, head: usize) -> Result<()> {
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
                format!("{name} counts steps from a beginning that it does not tell: each is taken for {step}, from {}", times::START),
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

    pub(super) fn find_amount(&mut self) {
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

    pub(super) fn find_id(&mut self, asked: &Asked, head: usize) -> Result<()> {
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
            let what = "some transactions come twice: the last ones are known by their ids";
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
    pub(super) fn find_reports(&mut self, reports: &[&Value]) {
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
}
