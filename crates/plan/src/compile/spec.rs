//! `fraud.toml` to a [`Program`]. The format is described in the model's own README.
//!
//! Every kind of feature is read by a function of its own (`spec/feature.rs`), which asks its
//! section for the keys it knows; keys that nobody asked for are refused.

mod feature;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use anyhow::Result;

use super::document::{At, Document, Section};
use crate::forest::MAX_FEATURES;
use crate::program::{Entity, Feature, Field, MAX_FIELDS, Number, Program, Role, TimeUnit};

/// Events counted for one entity, at most.
const MAX_EVENTS: u32 = u16::MAX as u32;

/// Reads a feature spec; `file` is what errors call it.
pub fn parse(text: &str, file: &str) -> Result<Program> {
    let document = Document::parse(text, file)?;
    let root = document.root();
    if root.need("version", root.whole("version", 0..=u32::MAX)?)? != 1 {
        return Err(root.fault("`version` is not 1, the only one that this compiler reads"));
    }
    let verdict = root.text("verdict")?;
    let mut program = Program {
        verdict: verdict.map_or("fraud", |verdict| verdict.value).to_owned(),
        warm_after: root.whole("warm_after", 0..=MAX_EVENTS)?.unwrap_or(5),
        fields: Vec::new(),
        time_unit: TimeUnit::Milliseconds,
        numbers: Vec::new(),
        entities: Vec::new(),
        features: Vec::new(),
    };
    if let Some(section) = root.table("time")? {
        time(section, &mut program)?;
    }
    let mut seen = HashMap::new();
    let mut scoped = Vec::new();
    for section in root.tables("entity")? {
        scoped.push(entity(section, &mut seen, &mut program)?);
    }
    if program.entities.is_empty() {
        return Err(root.fault("there is no [[entity]]; the first one is the partition key"));
    }
    seen.clear();
    for section in root.tables("number")? {
        number(section, &mut seen, &mut program)?;
    }
    seen.clear();
    for mut section in root.tables("feature")? {
        let name = section.name("feature", &mut seen)?;
        if program.features.len() == MAX_FEATURES {
            return Err(section.fault(format_args!("more than {MAX_FEATURES} features")));
        }
        let source = feature::source(section, &scoped, &mut program)?;
        program.features.push(Feature { name, source });
    }
    if program.features.is_empty() {
        return Err(root.fault("there is no [[feature]]"));
    }
    let is_verdict = |field: &Field| field.parent.is_none() && field.name == program.verdict;
    if program.fields.iter().any(is_verdict) {
        let rule = "but the record has a field of this name; the verdict needs one of its own";
        let message = format!("`verdict` is \"{}\", {rule}", program.verdict);
        return Err(root.error(verdict.map_or(0, |verdict| verdict.at), message));
    }
    root.finish("a spec")?;
    Ok(program)
}

fn time(section: Section, program: &mut Program) -> Result<()> {
    let path = section.path("path")?;
    add_field(&section, path, Role::Time, program)?;
    let units = [("milliseconds", TimeUnit::Milliseconds), ("seconds", TimeUnit::Seconds)];
    program.time_unit = section.choice("unit", &units)?.unwrap_or(program.time_unit);
    section.finish("[time]")
}

/// Adds an entity; true if windows may read it.
fn entity<'d>(
    mut section: Section<'d>,
    seen: &mut HashMap<&'d str, usize>,
    program: &mut Program,
) -> Result<bool> {
    let name = section.name("entity", seen)?;
    let index = program.entities.len();
    let path = section.path("path")?;
    // No more than 64 fields, so indices of entities and numbers fit.
    add_field(&section, path, Role::Entity(index as u8), program)?;
    program.entities.push(Entity {
        name,
        expected: section.whole("expected", 1..=u32::MAX)?.unwrap_or(1),
        half_lives: Vec::new(),
        cells: Vec::new(),
    });
    if index == 0 {
        section.finish("the partition key")?;
        return Ok(true);
    }
    let scope = section.choice("scope", &[("instance", ())])?;
    section.finish("an entity")?;
    Ok(scope.is_some())
}

fn number<'d>(
    mut section: Section<'d>,
    seen: &mut HashMap<&'d str, usize>,
    program: &mut Program,
) -> Result<()> {
    let name = section.name("number", seen)?;
    let path = section.path("path")?;
    add_field(&section, path, Role::Number(program.numbers.len() as u8), program)?;
    let optional = section.flag("optional")?;
    program.numbers.push(Number { name, optional });
    section.finish("a number")
}

/// Adds the field at a path, with the objects that hold it.
fn add_field(
    section: &Section,
    path: At<Vec<&str>>,
    role: Role,
    program: &mut Program,
) -> Result<()> {
    let taken = |depth: usize, program: &Program, by: Role| {
        let name = path.value[..=depth].join(".");
        let by = match by {
            Role::Object => "an object that holds other fields".into(),
            Role::Time => "the time".into(),
            Role::Entity(at) => format!("entity \"{}\"", program.entities[usize::from(at)].name),
            Role::Number(at) => format!("number \"{}\"", program.numbers[usize::from(at)].name),
        };
        section.error(path.at, format_args!("`{name}` is already {by}"))
    };
    let mut parent = None;
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
    Ok(())
}
