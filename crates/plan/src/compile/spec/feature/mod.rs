//! A `[[feature]]` to its [`Source`], and the cells that it needs; most make one feature, some several.
//!
//! - `record`: features of the record alone; `window`: of what is remembered of an entity
//!
//! To add a kind or a `stat`: a word and a function here, an arm in [`Source`] or
//! [`Stat`](crate::program::Stat) (and [`Cell`](crate::program::Cell), if it remembers something new)
//! with its rule in `program/check.rs`, its formula in the transform's `features/`, the same formula
//! over whole lists of events in `tests/features/`, and its row in docs/spec.md.

mod record;
#[cfg(test)]
mod tests;
mod window;

use anyhow::Result;

use super::{MadeTable, Spec, TableOf};
use crate::compile::document::{At, Section};
use crate::forest::MAX_FEATURES;
use crate::program::{Feature, Program, Source, Value};

/// Reads one `[[feature]]` but its name, which [`Section::name`] has read, and adds what it makes to
/// the program.
pub(super) fn add(name: String, section: &Section, spec: &mut Spec) -> Result<()> {
    #[derive(Clone, Copy)]
    enum Kind {
        Number,
        Category,
        Combine,
        Distance,
        Time,
        Window,
        Reports,
    }
    let kinds = [
        ("number", Kind::Number),
        ("category", Kind::Category),
        ("combine", Kind::Combine),
        ("distance", Kind::Distance),
        ("time", Kind::Time),
        ("window", Kind::Window),
        ("reports", Kind::Reports),
    ];
    let source = match section.need("kind", section.choice("kind", &kinds)?)? {
        Kind::Number => record::number(section, &spec.program)?,
        Kind::Category => return record::category(name, section, spec),
        Kind::Combine => record::combine(section, spec)?,
        Kind::Distance => distance(section, spec)?,
        Kind::Time => record::time(section)?,
        Kind::Window => return window::window(name, section, spec),
        Kind::Reports => window::reports(section, spec)?,
    };
    push(name, source, section, spec)
}

/// Reads the key `of` where it is a number of the record.
fn number_of(section: &Section, program: &Program) -> Result<u16> {
    let of = section.need("of", section.text("of")?)?;
    let names = program.numbers.iter().map(|number| number.name.as_str());
    match names.clone().position(|name| name == of.value) {
        Some(number) => Ok(number as u16),
        None => Err(section.unknown("of", of, names)),
    }
}

/// Reads the key `of`: a number of the record, or else a feature earlier in the file.
fn value_of(section: &Section, program: &Program, made: &[MadeTable]) -> Result<Value> {
    value_called(section.need("of", section.text("of")?)?, section, program, made)
}

/// Finds a number of the record, or else a feature earlier in the file.
fn value_called(
    of: At<&str>,
    section: &Section,
    program: &Program,
    made: &[MadeTable],
) -> Result<Value> {
    let numbers = program.numbers.iter().map(|number| number.name.as_str());
    let features = program.features.iter().map(|feature| feature.name.as_str());
    let number = numbers.clone().position(|name| name == of.value);
    let feature = features.clone().position(|name| name == of.value);
    match (number, feature) {
        (Some(number), _) => Ok(Value::Number(number as u16)),
        (None, Some(feature))
            if made.iter().any(|it| it.feature == feature && it.of == TableOf::FraudRate) =>
        {
            let rule = "is read from a table that training makes, and no other feature can read it: in training it \
                        has other numbers, which know nothing of a transaction's own label";
            Err(section.error(of.at, format_args!("\"{}\" {rule}", of.value)))
        }
        (None, Some(feature)) => Ok(Value::Feature(feature as u16)),
        (None, None) => Err(section.unknown("of", of, numbers.chain(features))),
    }
}

/// Reads a distance: between two points of the record, or from an entity's last one.
fn distance(section: &Section, spec: &mut Spec) -> Result<Source> {
    let from = point(section, "from", &spec.program)?;
    if section.pair("to")?.is_some() {
        let to = point(section, "to", &spec.program)?;
        section.finish("a distance between two points of the record")?;
        return Ok(Source::Distance { from, to });
    }
    if section.text("entity")?.is_none() {
        let rule = "`to` or `entity` is missing: a second point of the record, or whose last one";
        return Err(section.fault(rule));
    }
    window::distance(from, section, spec)
}

/// Reads a point: the names of two numbers, the latitude first.
fn point(section: &Section, key: &'static str, program: &Program) -> Result<[u16; 2]> {
    let [latitude, longitude] = section.need(key, section.pair(key)?)?;
    let names = program.numbers.iter().map(|number| number.name.as_str());
    let number = |of: At<&str>| match names.clone().position(|name| name == of.value) {
        Some(number) => Ok(number as u16),
        None => Err(section.unknown(key, of, names.clone())),
    };
    Ok([number(latitude)?, number(longitude)?])
}

/// Adds a feature to the program.
fn push(name: String, source: Source, section: &Section, spec: &mut Spec) -> Result<()> {
    let features = &mut spec.program.features;
    if features.len() == MAX_FEATURES {
        return Err(section.fault(format_args!("more than {MAX_FEATURES} features")));
    }
    if features.iter().any(|feature| feature.name == name) {
        let rule = "is the name of another feature too; give one of both another name";
        return Err(section.fault(format_args!("\"{name}\" {rule}")));
    }
    features.push(Feature { name, source });
    Ok(())
}
