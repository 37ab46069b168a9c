//! The values of a category: a list in the spec, or files beside it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Training;
use crate::compile::document::{At, List, Section};
use crate::program::{Category, MAX_TABLES, MAX_VALUES, ValueTable};

/// The files that a spec names.
pub(super) struct Files {
    directory: PathBuf,
    training: Training,
    /// The files that were read.
    pub(super) read: Vec<PathBuf>,
}

impl Files {
    /// Makes a reader of the files beside the spec in `file`.
    pub(super) fn beside(file: &str, training: Training) -> Self {
        let directory = Path::new(file).parent().unwrap_or(Path::new("")).to_owned();
        Self { directory, training, read: Vec::new() }
    }

    /// Returns the path of a file.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Words the next step where a table is not there that training makes.
    fn next_step(&self) -> String {
        let directory = match self.directory.as_os_str().is_empty() {
            true => Path::new(".").display(),
            false => self.directory.display(),
        };
        format!(
            "; training makes it: fraud train {directory} --input FILE, with --label PATH or --frauds LIST.csv"
        )
    }

    /// Reads a text file without its byte order mark; returns its path and text.
    fn read(
        &mut self,
        name: At<&str>,
        is_made: bool,
        section: &Section,
    ) -> Result<(String, String)> {
        let path = self.path(name.value);
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let next = if is_made { self.next_step() } else { String::new() };
            section.error(name.at, format_args!("cannot read {shown}: {error}{next}"))
        })?;
        self.read.push(path);
        Ok((shown, text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()))
    }
}

/// Reads the key `values`; an absent one is no vocabulary.
pub(super) fn values(section: &Section, files: &mut Files) -> Result<Vec<String>> {
    // Each with its place, for the errors.
    let values: Vec<(String, String)> = match section.list("values")? {
        None => return Ok(Vec::new()),
        Some(List::Here(values)) => {
            let places = values.iter().enumerate().map(|(at, _)| format!("value {}", at + 1));
            values.iter().map(|value| value.value.to_owned()).zip(places).collect()
        }
        Some(List::File(name)) => {
            let (file, text) = files.read(name, false, section)?;
            let lines = lines(&text).map(|(at, line)| (line.to_owned(), format!("{file}:{at}")));
            lines.collect()
        }
    };
    let (count, limit) = (values.len(), MAX_VALUES);
    if !(1..=limit).contains(&count) {
        let rule = format!("`values` are {count}, but a vocabulary has between 1 and {limit}");
        return Err(section.fault(rule));
    }
    let mut seen = HashMap::new();
    for (value, place) in &values {
        if let Some(first) = seen.insert(value, place) {
            let rule = format!("{place} is \"{value}\", as {first} is; a value has one code");
            return Err(section.fault(rule));
        }
    }
    Ok(values.into_iter().map(|(value, _)| value).collect())
}

/// Reads a file of lines `value,number`, the value in double quotes or not. A first line
/// `value,number` is a heading. A table that training makes is empty while that is to come.
pub(super) fn table(
    name: At<&str>,
    is_made: bool,
    section: &Section,
    files: &mut Files,
) -> Result<Vec<(String, f32)>> {
    if is_made && files.training == Training::ToCome {
        return Ok(Vec::new());
    }
    let (file, text) = files.read(name, is_made, section)?;
    let mut seen = HashMap::new();
    let mut table = Vec::new();
    for (at, line) in lines(&text) {
        if at == 1 && line == "value,number" {
            continue;
        }
        let entry = line.rsplit_once(',').and_then(|(value, number)| {
            let number = number.trim().parse::<f32>().ok().filter(|number| number.is_finite())?;
            Some((unquoted(value), number))
        });
        let Some((value, number)) = entry else {
            let rule = format!("{file}:{at}: this is \"{line}\", but a line is `value,number`");
            return Err(section.error(name.at, rule));
        };
        if let Some(first) = seen.insert(value.clone(), at) {
            let rule = format!("{file}:{at}: \"{value}\" has a number on line {first} already");
            return Err(section.error(name.at, rule));
        }
        table.push((value, number));
    }
    Ok(table)
}

/// Adds a table to a category, and its values to the known ones; returns the table's index, or `None`
/// where there are too many values or tables.
pub(super) fn add_table(
    category: &mut Category,
    lines: &[(String, f32)],
    unknown: f32,
) -> Option<u8> {
    let values = &mut category.values;
    let mut codes: HashMap<String, usize> = values.iter().cloned().zip(0..).collect();
    let mut numbers = vec![unknown; values.len()];
    for (value, number) in lines {
        let code = *codes.entry(value.clone()).or_insert_with(|| {
            values.push(value.clone());
            numbers.push(unknown);
            values.len() - 1
        });
        numbers[code] = *number;
    }
    let tables = &mut category.tables;
    tables.push(ValueTable { numbers, unknown });
    (values.len() <= MAX_VALUES && tables.len() <= MAX_TABLES).then_some((tables.len() - 1) as u8)
}

/// The lines that are not empty, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty())
}

/// Returns a value as a spreadsheet writes it, without its quotes.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace("\"\"", "\""))
}
