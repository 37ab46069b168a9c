//! `fraud.toml` to a [`Program`]; docs/spec.md describes the format.
//!
//! Every kind of feature is read by a function of its own (`feature/`), which asks its section for
//! the keys that it knows; keys that nobody asked for are refused. `time`: how times are written, and
//! lengths of time; `vocabulary`: the values of a category, in the spec or in files beside it.

mod feature;
#[cfg(test)]
mod tests;
mod time;
mod vocabulary;

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Result;

use super::document::{At, Document, Section};
use super::path;
use crate::program::{
    Category, Events, Field, MAX_DECIMALS, MAX_ENTITIES, MAX_FIELDS, Number, NumberForm, Program,
    Role, Scale, Step, Table, Time,
};
use vocabulary::Files;

const _: () = assert!(2 * MAX_ENTITIES <= u8::MAX as usize, "numbers of tables have 8 bits");

/// Most events that are counted for one entity.
const MAX_EVENTS: u32 = u16::MAX as u32;

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
    /// The field of the array of reports.
    reports: Option<u16>,
    files: Files,
}

/// The keys of an `[[entity]]`.
struct EntityKeys {
    path: At<Vec<Step>>,
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
    let document = Document::parse(text, file)?;
    let root = document.root();
    if root.need("version", root.whole("version", 0..=u32::MAX)?)? != 1 {
        return Err(root.fault("`version` is not 1, the only one that this compiler reads"));
    }
    let verdict = root.text("verdict")?;
    let program = Program {
        verdict: verdict.map_or("fraud", |verdict| verdict.value).to_owned(),
        warm_after: root.whole("warm_after", 0..=MAX_EVENTS)?.unwrap_or(5),
        fields: Vec::new(),
        time: Time::USUAL,
        numbers: Vec::new(),
        categories: Vec::new(),
        entities: Vec::new(),
        tables: Vec::new(),
        features: Vec::new(),
    };
    let (entities, numbers) = (Vec::new(), Vec::new());
    let files = Files::beside(file);
    let currencies = Vec::new();
    let mut spec = Spec { program, entities, numbers, currencies, id: None, reports: None, files };
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
    if let Some(section) = root.table("reports")? {
        reports(section, &mut spec)?;
    }
    seen.clear();
    for mut section in root.tables("feature")? {
        let name = section.name("feature", &mut seen)?;
        feature::add(name, &section, &mut spec)?;
    }
    let program = spec.program;
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
    Ok((program, spec.files.read))
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
        let path = match role {
            Role::Entity(entity) => &self.entities[usize::from(entity)].path,
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
    let path = section.path("path")?;
    add_field(&section, None, path.clone(), Role::Entity(index as u8), &mut spec.program)?;
    spec.program.entities.push(name);
    let expected = section.whole("expected", 1..=u32::MAX)?.unwrap_or(1);
    let reported = section.whole("reported", 1..=u32::MAX)?.unwrap_or(expected);
    let in_windows = index == 0 || section.choice("scope", &[("instance", ())])?.is_some();
    spec.entities.push(EntityKeys { path, expected, reported, in_windows });
    section.finish(if index == 0 { "the partition key" } else { "an entity" })
}

fn transaction(section: Section, spec: &mut Spec) -> Result<()> {
    let path = section.path("id")?;
    add_field(&section, None, path.clone(), Role::Id, &mut spec.program)?;
    spec.id = Some(path);
    section.finish("[transaction]")
}

fn reports(section: Section, spec: &mut Spec) -> Result<()> {
    let path = names(&section, "path", None)?;
    let field = add_field(&section, None, path, Role::Reports, &mut spec.program)?;
    spec.reports = Some(field);
    let id = names(&section, "id", spec.id.clone())?;
    add_field(&section, Some(field), id, Role::ReportId, &mut spec.program)?;
    let time = names(&section, "time", None)?;
    add_field(&section, Some(field), time, Role::ReportTime, &mut spec.program)?;
    section.finish("[reports]")
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
            Role::Time => "the time".into(),
            Role::Reports => "the array of reports".into(),
            Role::ReportId => "the reports' id".into(),
            Role::ReportTime => "the reports' time".into(),
            Role::Entity(at) => format!("entity \"{}\"", program.entities[usize::from(at)]),
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
        let known = program.fields.iter().position(|f| f.parent == parent && f.step == *step);
        parent = match known {
            Some(at) if is_around && program.fields[at].role == role => Some(at as u16),
            Some(at) => return Err(taken(depth, program, program.fields[at].role)),
            None => {
                let at = u16::try_from(program.fields.len());
                let at = at.map_err(|_| section.error(path.at, too_many_fields(1 << 16)))?;
                program.fields.push(Field { step: step.clone(), parent, role });
                Some(at)
            }
        };
    }
    Ok(parent.expect("a path has a step"))
}

fn too_many_fields(count: usize) -> String {
    format!("{count} fields with the objects and arrays that hold them, and at most {MAX_FIELDS}")
}
