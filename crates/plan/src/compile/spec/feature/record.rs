//! Features of the record alone: a number, a time, a category, two values combined.

use std::ops::RangeInclusive;

use anyhow::Result;

use super::super::{MadeTable, Spec, TableOf, time, vocabulary};
use super::{number_of, push, value_called};
use crate::compile::document::Section;
use crate::program::{
    CategoryForm, MAX_TABLES, MAX_VALUES, Operation, Program, Source, TimeForm, TimePart,
};

/// Fewest and most buckets of a hashed category; a 32-bit float tells no more apart.
const BUCKETS: RangeInclusive<u32> = 2..=1 << 24;

pub(super) fn number(section: &Section, program: &Program) -> Result<Source> {
    let number = number_of(section, program)?;
    let log1p = section.flag("log1p")?;
    let floor = if log1p { -1.0 } else { f32::NEG_INFINITY };
    let wanted = if log1p { "a number above -1, as log1p needs it" } else { "a number" };
    let min = section.number("min", wanted, |min| min > floor)?.unwrap_or(f32::NEG_INFINITY);
    let wanted = format!("a number, at least `min` {min}");
    let max = section.number("max", &wanted, |max| max >= min)?.unwrap_or(f32::INFINITY);
    section.finish("a feature of kind \"number\"")?;
    Ok(Source::Number { number, min, max, log1p })
}

/// Reads a feature of a category, which makes several features as `one_hot`.
pub(super) fn category(name: String, section: &Section, spec: &mut Spec) -> Result<()> {
    #[derive(Clone, Copy)]
    enum Form {
        Ordinal,
        OneHot,
        Hashed,
        Table,
    }
    let forms = [
        ("ordinal", Form::Ordinal),
        ("one_hot", Form::OneHot),
        ("hashed", Form::Hashed),
        ("table", Form::Table),
    ];
    let at = category_of(section, &spec.program)?;
    let form = section.need("as", section.choice("as", &forms)?)?;
    let vocabulary = spec.program.categories[usize::from(at)].vocabulary;
    if vocabulary == 0 && matches!(form, Form::Ordinal | Form::OneHot) {
        let rule = "has no `values`, which this form counts; `hashed` and `table` need none";
        let category = &spec.program.categories[usize::from(at)].name;
        return Err(section.fault(format_args!("category \"{category}\" {rule}")));
    }
    let form = match form {
        Form::Ordinal => CategoryForm::Ordinal,
        Form::Hashed => {
            let buckets = section.need("buckets", section.whole("buckets", BUCKETS)?)?;
            CategoryForm::Hashed { buckets }
        }
        Form::Table => {
            let file = section.need("table", section.text("table")?)?;
            let words = [("fraud_rate", TableOf::FraudRate), ("count", TableOf::Count)];
            let made = section.choice("made", &words)?;
            let unknown = section.number("unknown", "a number", |_| true)?.unwrap_or(f32::NAN);
            let lines = vocabulary::table(file, made.is_some(), section, &mut spec.files)?;
            let category = &mut spec.program.categories[usize::from(at)];
            let table = vocabulary::add_table(category, &lines, unknown);
            let table = table.ok_or_else(|| {
                let limits = format!("{MAX_VALUES} values, or than {MAX_TABLES} tables");
                section.error(file.at, format_args!("a category has no more than {limits}"))
            })?;
            spec.made.extend(made.map(|of| MadeTable {
                file: spec.files.path(file.value),
                of,
                category: at,
                feature: spec.program.features.len(),
                unknown,
            }));
            CategoryForm::Table { table }
        }
        Form::OneHot => {
            section.finish("a category as \"one_hot\"")?;
            for code in 0..vocabulary {
                let value = &spec.program.categories[usize::from(at)].values[usize::from(code)];
                let form = CategoryForm::OneHot { code };
                let source = Source::Category { category: at, form };
                push(format!("{name}={value}"), source, section, spec)?;
            }
            return Ok(());
        }
    };
    section.finish("a category in this form")?;
    push(name, Source::Category { category: at, form }, section, spec)
}

/// Reads the key `of` where it is a category of the record.
fn category_of(section: &Section, program: &Program) -> Result<u16> {
    let of = section.need("of", section.text("of")?)?;
    let names = program.categories.iter().map(|category| category.name.as_str());
    match names.clone().position(|name| name == of.value) {
        Some(category) => Ok(category as u16),
        None if program.categories.is_empty() => {
            Err(section.error(of.at, "there is no [[category]] to be `of`"))
        }
        None => Err(section.unknown("of", of, names)),
    }
}

/// Reads a feature of two values.
pub(super) fn combine(section: &Section, spec: &Spec) -> Result<Source> {
    let operations = [
        ("ratio", Operation::Ratio),
        ("difference", Operation::Difference),
        ("product", Operation::Product),
    ];
    let [left, right] = section.need("of", section.pair("of")?)?;
    let left = value_called(left, section, &spec.program, &spec.made)?;
    let right = value_called(right, section, &spec.program, &spec.made)?;
    let operation = section.need("as", section.choice("as", &operations)?)?;
    section.finish("a feature of kind \"combine\"")?;
    Ok(Source::Combine { operation, left, right })
}

pub(super) fn time(section: &Section) -> Result<Source> {
    let parts = [
        ("hour", TimePart::Hour),
        ("weekday", TimePart::Weekday),
        ("is_weekend", TimePart::IsWeekend),
        ("is_night", TimePart::IsNight),
    ];
    let part = section.need("part", section.choice("part", &parts)?)?;
    let forms = [("value", TimeForm::Value), ("sin", TimeForm::Sin), ("cos", TimeForm::Cos)];
    let form = match part {
        TimePart::Hour | TimePart::Weekday => section.choice("form", &forms)?.unwrap_or_default(),
        TimePart::IsWeekend | TimePart::IsNight => TimeForm::Value,
    };
    let offset = time::utc_offset(section)?.unwrap_or(0);
    section.finish("this part of a time")?;
    Ok(Source::Time { part, form, offset })
}
