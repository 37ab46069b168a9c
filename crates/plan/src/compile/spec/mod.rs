//! `fraud.toml` to a [`Program`]; docs/spec.md describes the format.
//!
//! Every kind of feature is read by a function of its own (`feature/`), which asks its section for
//! the keys that it knows; keys that nobody asked for are refused. `time`: how times are written, and
//! lengths of time; `vocabulary`: the values of a category, in the spec or in files beside it.

mod feature;
mod meaning;
#[cfg(test)]
mod tests;
mod time;
mod vocabulary;

use std::collections::HashMap;
use std::mem::discriminant;
use std::path::PathBuf;

use anyhow::Result;

use super::document::{At, Document, Section};
use super::path;
use crate::program::{
    Category, Entity, EventTypes, Events, Field, MAX_DECIMALS, MAX_ENTITIES, MAX_FIELDS, Number,
    NumberForm, Passage, Program, Role, Scale, Step, Table, Time, Treatment,
};
use crate::time::seconds::MINUTE;
use vocabulary::Files;

const _: () = assert!(2 * MAX_ENTITIES <= u8::MAX as usize, "numbers of tables have 8 bits");

/// Most events that are counted for one entity.
const MAX_EVENTS: u32 = u16::MAX as u32;

/// Seconds that a record's time may be ahead of the broker's, unless the spec says so.
const DEFAULT_AHEAD: u32 = 10 * MINUTE;

/// Most transactions that are known by their id.
const MAX_KNOWN: u32 = u16::MAX as u32;

/// A program while it is read, with what only the reading needs.
struct Spec {
    program: Program,
    entities: Vec<EntityKeys>,
    /// Paths of the numbers.
    numbers: Vec<At<Vec<Step>>>,
    /// Paths of the currencies that numbers are in.
    currencies: Vec<At<Vec<Step>>>,
    /// Path of the transaction's id.
    id: Option<At<Vec<Step>>>,
    reports: Option<ReportsIn>,
    files: Files,
    made: Vec<MadeTable>,
}

/// A table of a category's values that training makes, for one feature.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeTable {
    /// The file that it is in.
    pub file: PathBuf,
    /// The number that it has of each value.
    pub of: TableOf,
    /// Index of the category.
    pub category: u16,
    /// Index of the feature.
    pub feature: usize,
    /// The number of a value that is not in it; NaN for none.
    pub unknown: f32,
}

/// The number of each value in a table that training makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableOf {
    /// The share of frauds among its transactions.
    FraudRate,
    /// The number of its transactions.
    Count,
}

/// Where fraud reports are.
#[derive(Clone, Copy, PartialEq)]
enum ReportsIn {
    /// In the field with this number.
    Field(u16),
    /// A record is one, by its type.
    Records,
}

/// The keys of an `[[entity]]`.
struct EntityKeys {
    /// `None` if it is made of others.
    path: Option<At<Vec<Step>>>,
    expected: u32,
    reported: u32,
    /// Whether windows may read it.
    in_windows: bool,
}

/// Reads a feature spec; `file` is its path: errors name it, and the files that the spec names lie
/// beside it.
pub fn parse(text: &str, file: &str) -> Result<Program> {
    parse_with_files(text, file).map(|(program, _)| program)
}

/// Reads a feature spec as [`parse`] does; returns the files beside it that it names, too.
pub fn parse_with_files(text: &str, file: &str) -> Result<(Program, Vec<PathBuf>)> {
    let spec = read(text, file, Training::Done)?;
    Ok((spec.program, spec.files.read))
}

/// Reads a feature spec before training has made its tables, which are empty; returns these, too.
pub fn parse_untrained(text: &str, file: &str) -> Result<(Program, Vec<MadeTable>)> {
    let spec = read(text, file, Training::ToCome)?;
    Ok((spec.program, spec.made))
}

/// Whether there are tables that training makes.
#[derive(Clone, Copy, PartialEq)]
enum Training {
    Done,
    ToCome,
}

fn read(text: &str, file: &str, training: Training) -> Result<Spec> {
    let document = Document::parse(text, file)?;
    let root = document.root();
    if root.need("version", root.whole("version", 0..=u32::MAX)?)? != 1 {
        return Err(root.fault("`version` is not 1, the only one that this compiler reads"));
    }
    let verdict = root.text("verdict")?;
    let program = Program {
        verdict: verdict.map_or("fraud", |verdict| verdict.value).to_owned(),
        warm_after: root.whole("warm_after", 0..=MAX_EVENTS)?.unwrap_or(5),
        known: 0,
        max_ahead: DEFAULT_AHEAD,
        types: None,
        fields: Vec::new(),
        time: Time::USUAL,
        numbers: Vec::new(),
        categories: Vec::new(),
        entities: Vec::new(),
        tables: Vec::new(),
        features: Vec::new(),
    };
    let (entities, numbers) = (Vec::new(), Vec::new());
    let mut spec = Spec {
        program,
        entities,
        numbers,
        currencies: Vec::new(),
        id: None,
        reports: None,
        files: Files::beside(file, training),
        made: Vec::new(),
    };
    if let Some(section) = root.table("time")? {
        time::time(section, &mut spec.program)?;
    }
    let mut seen = HashMap::new();
    let entities = root.tables("entity")?;
    if let Some(one_more) = entities.get(MAX_ENTITIES) {
        let count = entities.len();
        return Err(one_more.fault(format_args!("of {count} entities, and at most {MAX_ENTITIES}")));
    }
    for section in entities {
        entity(section, &mut seen, &mut spec)?;
    }
    if spec.entities.is_empty() {
        return Err(root.fault("there is no [[entity]]; the first one is the partition key"));
    }
    spec.table(0, Events::Transactions);
    seen.clear();
    for section in root.tables("number")? {
        number(section, &mut seen, &mut spec)?;
    }
    seen.clear();
    for section in root.tables("category")? {
        category(section, &mut seen, &mut spec)?;
    }
    if let Some(section) = root.table("transaction")? {
        transaction(section, &mut spec)?;
    }
    if let Some(section) = root.table("events")? {
        events(section, &mut spec)?;
    }
    if let Some(section) = root.table("reports")? {
        reports(section, &mut spec)?;
    }
    if spec.program.reports_by_type() && spec.reports.is_none() {
        return Err(root.fault("[events] has `reports`, but no [reports] says how they are read"));
    }
    seen.clear();
    for mut section in root.tables("feature")? {
        let name = section.name("feature", &mut seen)?;
        feature::add(name, &section, &mut spec)?;
    }
    for table in 0..spec.program.tables.len() {
        spec.program.tables[table].meaning = meaning::hash(&spec.program, table);
    }
    let program = &spec.program;
    if program.fields.len() > MAX_FIELDS {
        return Err(root.fault(too_many_fields(program.fields.len())));
    }
    if program.features.is_empty() {
        return Err(root.fault("there is no [[feature]]"));
    }
    let verdict_step = Step::Name(program.verdict.clone());
    if (program.fields.iter()).any(|field| field.parent.is_none() && field.step == verdict_step) {
        let rule = format!(
            "`verdict` is \"{}\", but the record has a field of this name; the verdict needs one of its own",
            program.verdict
        );
        return Err(root.error(verdict.map_or(0, |verdict| verdict.at), rule));
    }
    root.finish("a spec")?;
    Ok(spec)
}

impl Spec {
    /// Returns the index of the table of an entity's events, which is added if there is none yet.
    fn table(&mut self, entity: usize, events: Events) -> usize {
        let keys = &self.entities[entity];
        let expected = match events {
            Events::Transactions => keys.expected,
            Events::Reports => keys.reported,
        };
        // There are at most 64 entities, with two tables each.
        let entity = entity as u8;
        let tables = &mut self.program.tables;
        let known =
            tables.iter().position(|table| (table.entity, table.events) == (entity, events));
        known.unwrap_or_else(|| {
            tables.push(Table {
                meaning: 0,
                entity,
                events,
                expected,
                half_lives: Vec::new(),
                cells: Vec::new(),
                traces: Vec::new(),
            });
            tables.len() - 1
        })
    }

    /// Returns the index of the currency at a path, which is added if it is none yet.
    fn currency(&mut self, section: &Section, path: At<Vec<Step>>) -> Result<u16> {
        if let Some(known) = self.currencies.iter().position(|other| other.value == path.value) {
            return Ok(known as u16);
        }
        let currency = self.currencies.len() as u16;
        add_field(section, None, path.clone(), Role::Currency(currency), &mut self.program)?;
        self.currencies.push(path);
        Ok(currency)
    }

    /// Adds the field of an entity or a number to reports, where it has the same path as in a
    /// transaction.
    fn report_field(&mut self, section: &Section, role: Role) -> Result<()> {
        let Some(reports) = self.reports else {
            return Err(section.fault("there is no [reports] to say where reports are"));
        };
        let ReportsIn::Field(reports) = reports else {
            return Ok(());
        };
        let path = match role {
            Role::Entity(entity) => match &self.entities[usize::from(entity)].path {
                Some(path) => path,
                None => {
                    for part in self.program.entities[usize::from(entity)].of.clone() {
                        self.report_field(section, Role::Entity(part))?;
                    }
                    return Ok(());
                }
            },
            Role::Number(number) => &self.numbers[usize::from(number)],
            Role::Currency(currency) => &self.currencies[usize::from(currency)],
            _ => unreachable!("only entities and numbers are in transactions and reports"),
        };
        let known = |field: &Field| field.role == role && self.program.in_report(field);
        if self.program.fields.iter().any(known) {
            return Ok(());
        }
        add_field(section, Some(reports), path.clone(), role, &mut self.program)?;
        if let Role::Number(number) = role
            && let Scale::Currency(currency) = self.program.numbers[usize::from(number)].scale
        {
            self.report_field(section, Role::Currency(currency))?;
        }
        Ok(())
    }
}

fn entity<'d>(
    mut section: Section<'d>,
    seen: &mut HashMap<&'d str, usize>,
    spec: &mut Spec,
) -> Result<()> {
    let name = section.name("entity", seen)?;
    let index = spec.entities.len();
    let of = if index == 0 { Vec::new() } else { parts(&section, spec)? };
    let (path, optional) = match of.is_empty() {
        true => {
            let (path, role) = (section.path("path")?, Role::Entity(index as u8));
            add_field(&section, None, path.clone(), role, &mut spec.program)?;
            (Some(path), section.flag("optional")?)
        }
        false => (None, of.iter().any(|&of| spec.program.entities[usize::from(of)].optional)),
    };
    // All of the partition key's events come to one instance.
    let of_key = of.contains(&0);
    spec.program.entities.push(Entity { name, optional, of });
    let expected = section.whole("expected", 1..=u32::MAX)?.unwrap_or(1);
    let reported = section.whole("reported", 1..=u32::MAX)?.unwrap_or(expected);
    let in_windows =
        index == 0 || of_key || section.choice("scope", &[("instance", ())])?.is_some();
    spec.entities.push(EntityKeys { path, expected, reported, in_windows });
    section.finish(match index {
        0 => "the partition key",
        _ if spec.program.entities[index].of.is_empty() => "an entity",
        _ => "an entity that is made of others",
    })
}

/// Reads the key `of` of an entity that is made of others: their indices.
fn parts(section: &Section, spec: &Spec) -> Result<Vec<u8>> {
    let Some(names) = section.texts("of")? else {
        return Ok(Vec::new());
    };
    let entities = &spec.program.entities;
    let mut of = Vec::new();
    for name in &names.value {
        let plain = entities.iter().filter(|entity| entity.of.is_empty());
        let plain = plain.map(|entity| entity.name.as_str());
        match entities.iter().position(|entity| entity.name == *name && entity.of.is_empty()) {
            Some(at) if !of.contains(&(at as u8)) => of.push(at as u8),
            Some(_) => {
                let rule = format!("`of` has \"{name}\" twice");
                return Err(section.error(names.at, rule));
            }
            None => return Err(section.unknown("of", At { value: name, at: names.at }, plain)),
        }
    }
    match of.len() {
        0 | 1 => Err(section.error(names.at, "`of` takes the names of two entities or more")),
        _ => Ok(of),
    }
}

fn transaction(section: Section, spec: &mut Spec) -> Result<()> {
    let path = section.path("id")?;
    add_field(&section, None, path.clone(), Role::Id, &mut spec.program)?;
    spec.id = Some(path);
    spec.program.known = section.whole("known", 1..=MAX_KNOWN)?.unwrap_or(0);
    section.finish("[transaction]")
}

fn events(section: Section, spec: &mut Spec) -> Result<()> {
    let path = section.path("field")?;
    add_field(&section, None, path, Role::EventType, &mut spec.program)?;
    let mut treatments: Vec<(String, Treatment)> = Vec::new();
    for (key, treatment) in [
        ("scored", Treatment::Score),
        ("remembered", Treatment::Remember),
        ("reports", Treatment::Report),
        ("passed", Treatment::Pass),
    ] {
        let Some(types) = section.texts(key)? else {
            continue;
        };
        for name in types.value {
            if treatments.iter().any(|(known, _)| *known == name) {
                let rule = format!("`{key}` has \"{name}\", which is listed already");
                return Err(section.error(types.at, rule));
            }
            treatments.push((name, treatment));
        }
    }
    let choices = [
        ("scored", Treatment::Score),
        ("remembered", Treatment::Remember),
        ("passed", Treatment::Pass),
    ];
    let others = section.choice("others", &choices)?.unwrap_or(Treatment::Pass);
    let topics = [("valid", Passage::Valid), ("unscorable", Passage::Unscorable)];
    let unscored = section.choice("unscored", &topics)?.unwrap_or(Passage::Valid);
    let scores = |treatment: Treatment| treatment == Treatment::Score;
    if !scores(others) && !treatments.iter().any(|(_, treatment)| scores(*treatment)) {
        let rule = "nothing is scored: list types under `scored`, or say `others = \"scored\"`";
        return Err(section.fault(rule));
    }
    spec.program.types = Some(EventTypes { treatments, others, unscored });
    section.finish("[events]")
}

fn reports(section: Section, spec: &mut Spec) -> Result<()> {
    if spec.program.reports_by_type() {
        return typed_reports(section, spec);
    }
    let path = names(&section, "path", None)?;
    let field = add_field(&section, None, path, Role::Reports, &mut spec.program)?;
    spec.reports = Some(ReportsIn::Field(field));
    let id = names(&section, "id", spec.id.clone())?;
    add_field(&section, Some(field), id, Role::ReportId, &mut spec.program)?;
    let time = names(&section, "time", None)?;
    add_field(&section, Some(field), time, Role::ReportTime, &mut spec.program)?;
    section.finish("[reports]")
}

/// Reads the keys of reports that are records of a type: without their own, their id is where a
/// transaction's is, and their time is the record's.
fn typed_reports(section: Section, spec: &mut Spec) -> Result<()> {
    spec.reports = Some(ReportsIn::Records);
    let keys = [("id", Role::ReportId, spec.id.is_some()), ("time", Role::ReportTime, true)];
    for (key, role, can_be_left_out) in keys {
        if !can_be_left_out || section.has(key) {
            let path = section.path(key)?;
            let field = add_field(&section, None, path, role, &mut spec.program)?;
            // The record's own time is read once.
            let fields = &spec.program.fields;
            let last = &fields[usize::from(field)];
            let same = |f: &Field| f.parent == last.parent && f.step == last.step;
            if role == Role::ReportTime && fields.iter().any(|f| f.role == Role::Time && same(f)) {
                spec.program.fields.pop();
            }
        }
    }
    section.finish("[reports] of records of a type")
}

/// Reads a path that has no items of arrays in it; without the key it is `other`, if that is given.
fn names(
    section: &Section,
    key: &'static str,
    other: Option<At<Vec<Step>>>,
) -> Result<At<Vec<Step>>> {
    let path = section.path_or(key, other)?;
    if path.value.iter().any(|step| matches!(step, Step::Item(_))) {
        let rule = format!("`{key}` has an item of an array in it, and takes members only");
        return Err(section.error(path.at, rule));
    }
    Ok(path)
}

fn number<'d>(
    mut section: Section<'d>,
    seen: &mut HashMap<&'d str, usize>,
    spec: &mut Spec,
) -> Result<()> {
    let name = section.name("number", seen)?;
    let path = section.path("path")?;
    let role = Role::Number(spec.numbers.len() as u16);
    add_field(&section, None, path.clone(), role, &mut spec.program)?;
    spec.numbers.push(path);
    let optional = section.flag("optional")?;
    let (form, scale) = number_form(&section, spec)?;
    spec.program.numbers.push(Number { name, optional, form, scale });
    section.finish("a number")
}

/// Reads the keys that say how a number is written.
fn number_form(section: &Section, spec: &mut Spec) -> Result<(NumberForm, Scale)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Form {
        Number,
        Text,
        Boolean,
        Base64,
    }
    let forms = [
        ("number", Form::Number),
        ("text", Form::Text),
        ("boolean", Form::Boolean),
        ("base64", Form::Base64),
    ];
    let word = section.choice("form", &forms)?.unwrap_or(Form::Number);
    let form = match word {
        Form::Number => NumberForm::Number,
        Form::Boolean => return Ok((NumberForm::Boolean, Scale::One)),
        Form::Base64 => NumberForm::Base64,
        Form::Text => {
            let points = [(".", b'.'), (",", b',')];
            let point = section.choice("point", &points)?.unwrap_or(b'.');
            let marks = [(",", b','), (".", b'.'), (" ", b' '), ("'", b'\''), ("_", b'_')];
            let grouping = section.choice("grouping", &marks)?;
            if grouping == Some(point) {
                let rule =
                    "`grouping` is the same mark as `point`, which is \".\" unless it is said";
                return Err(section.fault(rule));
            }
            NumberForm::Text { point, grouping }
        }
    };
    if section.has("currency") {
        let path = section.path("currency")?;
        return Ok((form, Scale::Currency(spec.currency(section, path)?)));
    }
    let decimals = section.whole("decimals", 0..=u32::from(MAX_DECIMALS))?;
    if word == Form::Base64 {
        let decimals = section.need("decimals", decimals)?;
        return Ok((form, Scale::Decimals(decimals as u8)));
    }
    Ok((form, decimals.map_or(Scale::One, |decimals| Scale::Decimals(decimals as u8))))
}

fn category<'d>(
    mut section: Section<'d>,
    seen: &mut HashMap<&'d str, usize>,
    spec: &mut Spec,
) -> Result<()> {
    let name = section.name("category", seen)?;
    let path = section.path("path")?;
    let role = Role::Category(spec.program.categories.len() as u16);
    add_field(&section, None, path, role, &mut spec.program)?;
    let optional = section.flag("optional")?;
    let values = vocabulary::values(&section, &mut spec.files)?;
    let vocabulary = values.len() as u16;
    let tables = Vec::new();
    spec.program.categories.push(Category { name, optional, values, vocabulary, tables });
    section.finish("a category")
}

/// Adds the field at a path within `parent`, with the objects and arrays around it; returns its index.
fn add_field(
    section: &Section,
    mut parent: Option<u16>,
    path: At<Vec<Step>>,
    role: Role,
    program: &mut Program,
) -> Result<u16> {
    let taken = |depth: usize, program: &Program, by: Role| {
        let name = path::write(&path.value[..=depth]);
        let name = name.trim_matches('"');
        let by = match by {
            Role::Object => "an object that holds other fields".into(),
            Role::Currency(_) => "the currency of a number".into(),
            Role::Array => "an array whose items are other fields".into(),
            Role::Id => "the transaction's id".into(),
            Role::EventType => "the record's type".into(),
            Role::Time => "the time".into(),
            Role::Reports => "the array of reports".into(),
            Role::ReportId => "the reports' id".into(),
            Role::ReportTime => "the reports' time".into(),
            Role::Entity(at) => format!("entity \"{}\"", program.entities[usize::from(at)].name),
            Role::Category(at) => {
                format!("category \"{}\"", program.categories[usize::from(at)].name)
            }
            Role::Number(at) => format!("number \"{}\"", program.numbers[usize::from(at)].name),
        };
        section.error(path.at, format_args!("`{name}` is already {by}"))
    };
    for (depth, step) in path.value.iter().enumerate() {
        let role = match path.value.get(depth + 1) {
            None => role,
            Some(Step::Name(_)) => Role::Object,
            Some(Step::Item(_)) => Role::Array,
        };
        let is_around = matches!(role, Role::Object | Role::Array);
        let here = |(_, f): &(usize, &Field)| f.parent == parent && f.step == *step;
        let mut known = program.fields.iter().enumerate().filter(here);
        let conflict = |(_, f): &(usize, &Field)| is_around || !can_share(f.role, role);
        parent = match known.find(conflict) {
            Some((at, field)) if is_around && field.role == role => Some(at as u16),
            Some((_, field)) => return Err(taken(depth, program, field.role)),
            _ => {
                let at = u16::try_from(program.fields.len());
                let at = at.map_err(|_| section.error(path.at, too_many_fields(1 << 16)))?;
                program.fields.push(Field { step: step.clone(), parent, role });
                Some(at)
            }
        };
    }
    Ok(parent.expect("a path has a step"))
}

/// Whether one value can be used for both: a text may be an id, a category, a unit and a type at once, and
/// whatever a transaction is told by may be a feature too.
fn can_share(one: Role, other: Role) -> bool {
    let is_free =
        |role: Role| matches!(role, Role::Id | Role::EventType | Role::ReportId | Role::ReportTime);
    let is_text =
        |role: Role| matches!(role, Role::Entity(_) | Role::Category(_) | Role::Currency(_));
    let is_around = |role: Role| matches!(role, Role::Object | Role::Array | Role::Reports);
    let are_free = (is_free(one) || is_free(other)) && !is_around(one) && one != other;
    are_free || is_text(one) && is_text(other) && discriminant(&one) != discriminant(&other)
}

fn too_many_fields(count: usize) -> String {
    format!("{count} fields with the objects and arrays that hold them, and at most {MAX_FIELDS}")
}
