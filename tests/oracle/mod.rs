//! A second reader of records: for any spec, from a tree of the whole record, without a thought for speed.
//! serde_json says what is JSON and what a text means; std's `parse` says what a number is.
//!
//! The tests and the fuzz target `record` hold the module's reader to it.

mod json;
mod meaning;

use std::collections::BTreeSet;

use fraud_detector::record::event::MISSING;
use fraud_detector::record::{Event, Reader, Reason, Record, value};
use fraud_plan::Program;
use fraud_plan::program::{Field, Role, Scale, Step, Treatment};

use json::Json;

/// The specs whose records are compared: the shipped one, and those with all that it does not have.
pub const SPECS: [&str; 4] = [
    include_str!("../../model/fraud.toml"),
    include_str!("../specs/forms.toml"),
    include_str!("../specs/types.toml"),
    include_str!("../specs/steps.toml"),
];

/// The meaning of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Refused(Reason),
    Passed,
    Reports(Vec<Seen>),
    Transaction { seen: Seen, is_scored: bool },
}

/// An event, with its missing numbers as `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    seconds: u32,
    ids: Vec<u64>,
    numbers: Vec<Option<f32>>,
    categories: Vec<Option<u64>>,
    id: Option<u64>,
    report: u64,
}

impl Seen {
    fn of(event: &Event, program: &Program) -> Self {
        let numbers = event.numbers.iter().map(|number| Some(*number).filter(|n| !n.is_nan()));
        // What an entity made of others is called is nobody's business, but for whether it is there.
        let named = |(id, entity): (&u64, &fraud_plan::program::Entity)| match entity.of.is_empty()
        {
            true => *id,
            false => u64::from(*id != MISSING),
        };
        Self {
            seconds: event.seconds,
            ids: event.ids.iter().zip(&program.entities).map(named).collect(),
            numbers: numbers.collect(),
            categories: event.categories.clone(),
            id: event.id,
            report: event.report,
        }
    }
}

/// Reads a record by the module's reader.
pub fn read(reader: &mut Reader, program: &Program, record: &[u8], broker: i64) -> Found {
    match reader.read(record, broker) {
        Err(refusal) => Found::Refused(refusal.reason),
        Ok(Record::Passed) => Found::Passed,
        Ok(Record::Transaction { event, is_scored, .. }) => {
            Found::Transaction { seen: Seen::of(event, program), is_scored }
        }
        Ok(Record::Reports(reports)) => {
            let mut all = Vec::new();
            reports.for_each(|report| all.push(Seen::of(report, program)));
            Found::Reports(all)
        }
    }
}

/// Holds what the module's reader found to what this one finds.
pub fn check(found: &Found, program: &Program, record: &[u8], broker: i64) {
    let Some(expect) = expect(program, record, broker) else { return };
    let found = match found.clone() {
        // Categories, ids of transactions and times of reports are no part of a report that is remembered.
        Found::Reports(mut all) => {
            all.iter_mut().for_each(Seen::forget);
            Found::Reports(all)
        }
        Found::Transaction { mut seen, is_scored } => {
            seen.report = 0;
            Found::Transaction { seen, is_scored }
        }
        other => other,
    };
    assert_eq!(found, expect, "{}", String::from_utf8_lossy(record));
}

impl Seen {
    fn forget(&mut self) {
        self.categories.clear();
        self.id = None;
    }
}

/// Finds what a record is; `None` where serde_json does not take what JSON allows.
fn expect(program: &Program, record: &[u8], broker: i64) -> Option<Found> {
    let text = record.strip_prefix("\u{feff}".as_bytes()).unwrap_or(record);
    let refused = |reason| Some(Found::Refused(reason));
    if record.first() == Some(&0) {
        return refused(Reason::SchemaFramed);
    }
    let Ok(text) = std::str::from_utf8(text) else { return refused(Reason::InvalidUtf8) };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        // Deeper than 128 is what serde_json does not read; a word such as NaN has a reason of its own.
        let is_deep = error.to_string().contains("recursion");
        let is_word = text.contains("NaN") || text.contains("Infinity");
        return if is_deep || is_word || json::is_deep(text) {
            None
        } else {
            refused(Reason::InvalidJson)
        };
    }
    if json::is_deep(text) {
        return refused(Reason::TooDeep);
    }
    let Json::Object(members) = json::read(text)? else { return refused(Reason::NotAnObject) };
    Some(Judge { program, broker, root: Json::Object(members) }.found())
}

/// The values of a record, judged by a program.
struct Judge<'p> {
    program: &'p Program,
    broker: i64,
    root: Json,
}

impl Judge<'_> {
    fn found(&self) -> Found {
        let program = self.program;
        let fields = || (0..).zip(&program.fields).filter(|(_, field)| self.is_read(field));
        let mut faults = BTreeSet::new();
        let Json::Object(members) = &self.root else { unreachable!("a record is an object") };
        let is_field = |name: &str| {
            fields().any(|(_, field)| {
                field.parent.is_none() && matches!(&field.step, Step::Name(known) if known == name)
            })
        };
        if members.iter().any(|(name, _)| *name == program.verdict && !is_field(name)) {
            faults.insert(Reason::VerdictPresent);
        }
        // Whether a field of a transaction has a value.
        let mut has_value = vec![false; program.fields.len()];
        let mut treatment = program.types.as_ref().map_or(Treatment::Score, |types| types.others);
        let mut event = self.blank();
        let mut is_bad = false;
        for (at, field) in fields().filter(|(_, field)| !self.in_list(field)) {
            let values = self.at(at, &self.root);
            let of_report = program.in_report(field);
            let mut fault = |reason| match of_report {
                true => is_bad = true,
                false => _ = faults.insert(reason),
            };
            if values.len() > 1 {
                fault(Reason::DuplicateField);
            }
            let value = values.iter().rev().find(|value| ***value != Json::Null);
            let Some(&value) = value.filter(|_| field.role != Role::Reports) else { continue };
            has_value[at] = true;
            if field.role == Role::EventType {
                treatment = self.treatment(value);
            } else if let Err(reason) = self.take(field, value, &mut event)
                && !(reason == Reason::MissingField && self.may_lack(field, of_report))
            {
                fault(reason);
            }
        }
        let is_there = |field: &Field| {
            let place = |f: &Field| f.parent == field.parent && f.step == field.step;
            fields().any(|(at, f)| place(f) && has_value[at])
        };
        let lacks = |of_report: bool| {
            let mut held = fields().filter(|(_, field)| match program.in_report(field) {
                true => of_report,
                false => !of_report || program.reports_by_type(),
            });
            held.any(|(_, field)| self.is_required(field, of_report) && !is_there(field))
        };
        let seconds = self.seconds(event.time.unwrap_or(self.broker));
        match seconds {
            Ok(seconds) => event.seen.seconds = seconds,
            Err(reason) => _ = faults.insert(reason),
        }
        if treatment == Treatment::Pass {
            return Found::Passed;
        }
        if treatment == Treatment::Report {
            self.end_money(&mut event, &mut faults, true);
            event.compose(program);
            if !program.fields.iter().any(|field| field.role == Role::ReportTime) {
                event.report_seconds = Some(event.seen.seconds);
            }
            if program.reports_by_id() {
                event.seen.report = event.seen.id.unwrap_or(MISSING);
            }
            let is_known = event.seen.report != MISSING || !program.reports_by_id();
            return match faults.is_empty() && !is_bad && !lacks(true) && is_known {
                true => Found::Reports(vec![event.into_report()]),
                false => Found::Refused(Reason::BadReport),
            };
        }
        let transaction: Vec<_> = {
            let required: Vec<_> = fields()
                .filter(|(_, field)| !program.in_report(field) && self.is_required(field, false))
                .collect();
            let value =
                |role: Role| matches!(role, Role::Entity(_) | Role::Number(_) | Role::Category(_));
            match required.is_empty() {
                true => fields().filter(|(_, f)| !program.in_report(f) && value(f.role)).collect(),
                false => required,
            }
        };
        let is_transaction = transaction.iter().any(|(_, field)| is_there(field));
        if let Some(List { is_empty, reports, is_good }) = self.list()
            && !(is_empty && is_transaction)
        {
            return match is_good && !is_bad && !is_transaction {
                true => Found::Reports(reports),
                false => Found::Refused(Reason::BadReport),
            };
        }
        if lacks(false) {
            faults.insert(Reason::MissingField);
        }
        self.end_money(&mut event, &mut faults, false);
        event.compose(program);
        match faults.into_iter().min() {
            Some(reason) => Found::Refused(reason),
            None => {
                let seen = Seen { report: 0, ..event.seen };
                Found::Transaction { seen, is_scored: treatment == Treatment::Score }
            }
        }
    }

    /// Returns the record's list of reports, if it has one.
    fn list(&self) -> Option<List> {
        let mut fields = self.program.fields.iter();
        let at = fields.position(|field| field.role == Role::Reports)?;
        let lists = self.at(at, &self.root);
        let all: Vec<&Json> = match lists.last()? {
            Json::Array(reports) => reports.iter().collect(),
            one => vec![one],
        };
        let is_null = lists.iter().all(|list| **list == Json::Null);
        let read: Vec<_> = all.iter().map(|report| self.report(at, report)).collect();
        Some(List {
            is_empty: is_null || all.is_empty() && lists.len() == 1,
            is_good: lists.len() == 1 && read.iter().all(Option::is_some),
            reports: read.into_iter().flatten().collect(),
        })
    }

    /// Returns a report in a list, if it is good.
    fn report(&self, list: usize, report: &Json) -> Option<Seen> {
        if !matches!(report, Json::Object(_)) {
            return None;
        }
        let mut event = self.blank();
        let mut faults = BTreeSet::new();
        let mut is_good = true;
        for (at, field) in self.program.fields.iter().enumerate() {
            if !self.is_read(field) || !self.in_list(field) {
                continue;
            }
            let values = self.below(at, list, report);
            is_good &= values.len() < 2;
            let value = values.last().filter(|value| ***value != Json::Null);
            let Some(value) = value else {
                is_good &= !self.is_required(field, true);
                continue;
            };
            if let Err(reason) = self.take(field, value, &mut event) {
                is_good &= reason == Reason::MissingField && self.may_lack(field, true);
            }
        }
        self.end_money(&mut event, &mut faults, false);
        event.compose(self.program);
        (is_good && faults.is_empty()).then(|| event.into_report())
    }

    /// Returns the values of a field in the record.
    fn at<'j>(&self, field: usize, root: &'j Json) -> Vec<&'j Json> {
        self.below(field, usize::MAX, root)
    }

    /// Returns the values of a field in `root`, which the field `top` is the holder of.
    fn below<'j>(&self, field: usize, top: usize, root: &'j Json) -> Vec<&'j Json> {
        let Field { step, parent, .. } = &self.program.fields[field];
        let parents = match parent.map(usize::from) {
            None => vec![root],
            Some(parent) if parent == top => vec![root],
            Some(parent) => self.below(parent, top, root),
        };
        let of = |parent: &'j Json| -> Vec<&'j Json> {
            match (step, parent) {
                (Step::Name(name), Json::Object(members)) => {
                    members.iter().filter(|(n, _)| n == name).map(|(_, value)| value).collect()
                }
                (Step::Item(item), Json::Array(items)) => {
                    items.get(usize::from(*item)).into_iter().collect()
                }
                _ => Vec::new(),
            }
        };
        parents.into_iter().flat_map(of).collect()
    }

    fn is_read(&self, field: &Field) -> bool {
        let program = self.program;
        field.role != Role::Id || program.known > 0 || program.reports_by_id()
    }

    /// Whether a field is one of a report in a list of reports.
    fn in_list(&self, field: &Field) -> bool {
        let mut parent = field.parent;
        while let Some(at) = parent {
            let holder = &self.program.fields[usize::from(at)];
            if holder.role == Role::Reports {
                return true;
            }
            parent = holder.parent;
        }
        false
    }

    fn may_lack(&self, field: &Field, in_report: bool) -> bool {
        let Role::Entity(entity) = field.role else { return false };
        self.program.entities[usize::from(entity)].optional || in_report && self.program.known > 0
    }

    fn is_required(&self, field: &Field, of_report: bool) -> bool {
        let program = self.program;
        match field.role {
            Role::Entity(entity) => {
                let is_asked = !of_report || program.known == 0 && program.is_reported(entity);
                is_asked && !program.entities[usize::from(entity)].optional
            }
            Role::ReportId | Role::ReportTime => of_report,
            Role::Id => of_report && program.reports_by_id(),
            Role::Number(number) => !of_report && !program.numbers[usize::from(number)].optional,
            Role::Category(at) => !of_report && !program.categories[usize::from(at)].optional,
            _ => false,
        }
    }

    fn treatment(&self, value: &Json) -> Treatment {
        let Some(types) = &self.program.types else { return Treatment::Score };
        let name = match value {
            Json::Text(text) | Json::Number(text) => text.as_str(),
            Json::Bool(true) => "true",
            Json::Bool(false) => "false",
            _ => return types.others,
        };
        let known = types.treatments.iter().find(|(known, _)| known == name);
        known.map_or(types.others, |(_, treatment)| *treatment)
    }

    /// Takes a value that is not null; numbers in minor units wait for [`Judge::end_money`].
    fn take(&self, field: &Field, value: &Json, event: &mut Draft) -> Result<(), Reason> {
        let is = |is: bool| if is { Ok(()) } else { Err(Reason::WrongType) };
        let hash = |text: String| value::hash(text.as_bytes());
        match field.role {
            Role::Object => is(matches!(value, Json::Object(_)))?,
            Role::Array => is(matches!(value, Json::Array(_)))?,
            Role::Entity(at) => {
                event.seen.ids[usize::from(at)] = hash(meaning::entity(value)?);
            }
            Role::ReportId => event.seen.report = hash(meaning::entity(value)?),
            Role::Id => event.seen.id = meaning::entity(value).ok().map(hash),
            Role::Category(at) => {
                event.seen.categories[usize::from(at)] = Some(hash(meaning::id(value)?));
            }
            Role::Number(at) => {
                let number = &self.program.numbers[usize::from(at)];
                let of_report = self.program.in_report(field);
                match meaning::number(value, number)? {
                    None if number.optional || of_report => {}
                    None => return Err(Reason::MissingField),
                    Some(text) if matches!(number.scale, Scale::Currency(_)) => {
                        event.minor[usize::from(at)] = Some(text.parse().expect("a number"));
                    }
                    Some(text) => {
                        let value: f32 = text.parse().expect("a number");
                        if !value.is_finite() {
                            return Err(Reason::NotFinite);
                        }
                        event.seen.numbers[usize::from(at)] = Some(value);
                    }
                }
            }
            Role::Currency(at) => {
                let decimals = meaning::decimals(value);
                event.decimals[usize::from(at)] = Some(decimals.unwrap_or(0));
                is(decimals.is_some())?;
            }
            Role::Time => event.time = Some(meaning::time(value, &self.program.time)?),
            Role::ReportTime => {
                let millis = meaning::time(value, &self.program.time)?;
                event.report_seconds = Some(self.seconds(millis)?);
            }
            Role::EventType | Role::Reports => {}
        }
        Ok(())
    }

    /// Divides amounts in minor units. A record that `is_report` by its type may be without the currency.
    fn end_money(&self, event: &mut Draft, faults: &mut BTreeSet<Reason>, is_report: bool) {
        for (at, number) in self.program.numbers.iter().enumerate() {
            let (Scale::Currency(currency), Some(minor)) = (number.scale, event.minor[at]) else {
                continue;
            };
            match event.decimals[usize::from(currency)] {
                Some(decimals) => {
                    let value = (minor / 10_f64.powi(decimals.into())) as f32;
                    match value.is_finite() {
                        true => event.seen.numbers[at] = Some(value),
                        false => _ = faults.insert(Reason::NotFinite),
                    }
                }
                None if is_report => {}
                None => _ = faults.insert(Reason::MissingField),
            }
        }
    }

    fn seconds(&self, mut millis: i64) -> Result<u32, Reason> {
        let ahead = i64::from(self.program.max_ahead) * 1000;
        if self.broker >= 0 && millis > self.broker {
            if millis > self.broker.saturating_add(ahead) {
                return Err(Reason::BadTime);
            }
            millis = self.broker;
        }
        let seconds = (i128::from(millis) - 946_684_800_000).div_euclid(1000);
        u32::try_from(seconds).map_err(|_| Reason::BadTime)
    }

    fn blank(&self) -> Draft {
        let program = self.program;
        Draft {
            seen: Seen {
                ids: vec![MISSING; program.entities.len()],
                numbers: vec![None; program.numbers.len()],
                categories: vec![None; program.categories.len()],
                ..Seen::default()
            },
            minor: vec![None; program.numbers.len()],
            decimals: vec![None; program.fields.len()],
            ..Draft::default()
        }
    }
}

/// The reports that a record brings.
struct List {
    is_empty: bool,
    is_good: bool,
    reports: Vec<Seen>,
}

/// An event that is being read.
#[derive(Default)]
struct Draft {
    seen: Seen,
    time: Option<i64>,
    report_seconds: Option<u32>,
    minor: Vec<Option<f64>>,
    decimals: Vec<Option<u8>>,
}

impl Draft {
    /// Notes of each entity made of others whether all of them are there.
    fn compose(&mut self, program: &Program) {
        for (at, entity) in program.entities.iter().enumerate() {
            if !entity.of.is_empty() {
                let is_there = |of: &u8| self.seen.ids[usize::from(*of)] != MISSING;
                self.seen.ids[at] = u64::from(entity.of.iter().all(is_there));
            }
        }
    }

    fn into_report(mut self) -> Seen {
        self.seen.seconds = self.report_seconds.unwrap_or_default();
        self.seen.forget();
        self.seen
    }
}
