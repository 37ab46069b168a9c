//! `fraud.toml` to a [`Program`]; docs/spec.md describes the format.
//!
//! Every kind of feature is read by a function of its own (`feature.rs`), which asks its section for
//! the keys that it knows; keys that nobody asked for are refused.

mod feature;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use anyhow::Result;

use super::document::{At, Document, Section};
use crate::forest::MAX_FEATURES;
use crate::program::{Events, Feature, Field, MAX_FIELDS, Number, Program, Role, Table, TimeUnit};

const _: () =
    assert!(2 * MAX_FIELDS <= u8::MAX as usize, "numbers of fields and tables have 8 bits");

/// Most events that are counted for one entity.
const MAX_EVENTS: u32 = u16::MAX as u32;

/// A program while it is read, with what only the reading needs.
struct Spec<'d> {
    program: Program,
    entities: Vec<EntityKeys<'d>>,
    /// Paths of the numbers.
    numbers: Vec<At<Vec<&'d str>>>,
    /// Path of the transaction's id.
    id: Option<At<Vec<&'d str>>>,
    /// The field of the array of reports.
    reports: Option<u8>,
}

/// The keys of an `[[entity]]`.
struct EntityKeys<'d> {
    path: At<Vec<&'d str>>,
    expected: u32,
    reported: u32,
    /// Whether windows may read it.
    in_windows: bool,
}

/// Reads a feature spec; `file` is what errors call it.
pub fn parse(text: &str, file: &str) -> Result<Program> {
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
        time_unit: TimeUnit::Milliseconds,
        numbers: Vec::new(),
        entities: Vec::new(),
        tables: Vec::new(),
        features: Vec::new(),
    };
    let (entities, numbers) = (Vec::new(), Vec::new());
    let mut spec = Spec { program, entities, numbers, id: None, reports: None };
    if let Some(section) = root.table("time")? {
        time(section, &mut spec.program)?;
    }
    let mut seen = HashMap::new();
    for section in root.tables("entity")? {
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
    if let Some(section) = root.table("transaction")? {
        transaction(section, &mut spec)?;
    }
    if let Some(section) = root.table("reports")? {
        reports(section, &mut spec)?;
    }
    seen.clear();
    for mut section in root.tables("feature")? {
        let name = section.name("feature", &mut seen)?;
        if spec.program.features.len() == MAX_FEATURES {
            return Err(section.fault(format_args!("more than {MAX_FEATURES} features")));
        }
        let source = feature::source(section, &mut spec)?;
        spec.program.features.push(Feature { name, source });
    }
    let program = spec.program;
    if program.features.is_empty() {
        return Err(root.fault("there is no [[feature]]"));
    }
    if (program.fields.iter()).any(|field| field.parent.is_none() && field.name == program.verdict)
    {
        let rule = format!(
            "`verdict` is \"{}\", but the record has a field of this name; the verdict needs one of its own",
            program.verdict
        );
        return Err(root.error(verdict.map_or(0, |verdict| verdict.at), rule));
    }
    root.finish("a spec")?;
    Ok(program)
}

impl Spec<'_> {
    /// Returns the index of the table of an entity's events, which is added if there is none yet.
    fn table(&mut self, entity: usize, events: Events) -> usize {
        let keys = &self.entities[entity];
        let expected = match events {
            Events::Transactions => keys.expected,
            Events::Reports => keys.reported,
        };
        // There are at most 64 fields, so at most 64 entities with two tables each.
        let entity = entity as u8;
        let tables = &mut self.program.tables;
        let known =
            tables.iter().position(|table| (table.entity, table.events) == (entity, events));
        known.unwrap_or_else(|| {
            let (half_lives, cells) = (Vec::new(), Vec::new());
            tables.push(Table { entity, events, expected, half_lives, cells });
            tables.len() - 1
        })
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
            _ => unreachable!("only entities and numbers are in transactions and reports"),
        };
        let known = |field: &Field| field.role == role && self.program.in_report(field);
        if self.program.fields.iter().any(known) {
            return Ok(());
        }
        add_field(section, Some(reports), path.clone(), role, &mut self.program)?;
        Ok(())
    }
}

fn time(section: Section, program: &mut Program) -> Result<()> {
    let path = section.path("path")?;
    add_field(&section, None, path, Role::Time, program)?;
    let units = [("milliseconds", TimeUnit::Milliseconds), ("seconds", TimeUnit::Seconds)];
    program.time_unit = section.choice("unit", &units)?.unwrap_or(program.time_unit);
    section.finish("[time]")
}

fn entity<'d>(
    mut section: Section<'d>,
    seen: &mut HashMap<&'d str, usize>,
    spec: &mut Spec<'d>,
) -> Result<()> {
    let name = section.name("entity", seen)?;
    let index = spec.entities.len();
    let path = section.path("path")?;
    // There are at most 64 fields, so the indices of entities and numbers fit.
    add_field(&section, None, path.clone(), Role::Entity(index as u8), &mut spec.program)?;
    spec.program.entities.push(name);
    let expected = section.whole("expected", 1..=u32::MAX)?.unwrap_or(1);
    let reported = section.whole("reported", 1..=u32::MAX)?.unwrap_or(expected);
    let in_windows = index == 0 || section.choice("scope", &[("instance", ())])?.is_some();
    spec.entities.push(EntityKeys { path, expected, reported, in_windows });
    section.finish(if index == 0 { "the partition key" } else { "an entity" })
}

fn transaction<'d>(section: Section<'d>, spec: &mut Spec<'d>) -> Result<()> {
    let path = section.path("id")?;
    add_field(&section, None, path.clone(), Role::Id, &mut spec.program)?;
    spec.id = Some(path);
    section.finish("[transaction]")
}

fn reports<'d>(section: Section<'d>, spec: &mut Spec<'d>) -> Result<()> {
    let path = section.path("path")?;
    let field = add_field(&section, None, path, Role::Reports, &mut spec.program)?;
    spec.reports = Some(field);
    let id = section.path_or("id", spec.id.clone())?;
    add_field(&section, Some(field), id, Role::ReportId, &mut spec.program)?;
    let time = section.path("time")?;
    add_field(&section, Some(field), time, Role::ReportTime, &mut spec.program)?;
    section.finish("[reports]")
}

fn number<'d>(
    mut section: Section<'d>,
    seen: &mut HashMap<&'d str, usize>,
    spec: &mut Spec<'d>,
) -> Result<()> {
    let name = section.name("number", seen)?;
    let path = section.path("path")?;
    let role = Role::Number(spec.numbers.len() as u8);
    add_field(&section, None, path.clone(), role, &mut spec.program)?;
    spec.numbers.push(path);
    let optional = section.flag("optional")?;
    spec.program.numbers.push(Number { name, optional });
    section.finish("a number")
}

/// Adds the field at a path within `parent`, with the objects around it; returns its index.
fn add_field(
    section: &Section,
    mut parent: Option<u8>,
    path: At<Vec<&str>>,
    role: Role,
    program: &mut Program,
) -> Result<u8> {
    let taken = |depth: usize, program: &Program, by: Role| {
        let name = path.value[..=depth].join(".");
        let by = match by {
            Role::Object => "an object that holds other fields".into(),
            Role::Id => "the transaction's id".into(),
            Role::Time => "the time".into(),
            Role::Reports => "the array of reports".into(),
            Role::ReportId => "the reports' id".into(),
            Role::ReportTime => "the reports' time".into(),
            Role::Entity(at) => format!("entity \"{}\"", program.entities[usize::from(at)]),
            Role::Number(at) => format!("number \"{}\"", program.numbers[usize::from(at)].name),
        };
        section.error(path.at, format_args!("`{name}` is already {by}"))
    };
    for (depth, &name) in path.value.iter().enumerate() {
        let is_last = depth + 1 == path.value.len();
        let known =
            (program.fields.iter()).position(|field| field.parent == parent && field.name == name);
        parent = match known {
            Some(at) if !is_last && program.fields[at].role == Role::Object => Some(at as u8),
            Some(at) => return Err(taken(depth, program, program.fields[at].role)),
            None if program.fields.len() == MAX_FIELDS => {
                let rule = format!("more than {MAX_FIELDS} fields with the objects that hold them");
                return Err(section.error(path.at, rule));
            }
            None => {
                program.fields.push(Field {
                    name: name.to_owned(),
                    parent,
                    role: if is_last { role } else { Role::Object },
                });
                Some((program.fields.len() - 1) as u8)
            }
        };
    }
    Ok(parent.expect("a path has a name"))
}
