//! TOML whose every value knows its place, for errors that say `file:line:column`.
//!
//! A [`Section`] notes which keys it was asked for; [`Section::finish`] refuses the others. So only
//! the code that reads a key has to know the key, and no key is ever ignored.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use anyhow::{Error, Result, anyhow};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::{Datetime, Offset};

use super::path;
use crate::program::Step;
use crate::time::days_since_1970;
use crate::time::seconds::DAY;

/// A text and the name of the file that it came from.
#[derive(Clone, Copy)]
struct Origin<'d> {
    text: &'d str,
    file: &'d str,
}

impl Origin<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }

    fn error(&self, at: usize, message: impl Display) -> Error {
        let column = 1 + self.text[..at].chars().rev().take_while(|&c| c != '\n').count();
        anyhow!("{}:{}:{column}: {message}", self.file, self.line(at))
    }
}

/// A parsed text.
pub(super) struct Document<'d> {
    origin: Origin<'d>,
    root: Spanned<DeTable<'d>>,
}

impl<'d> Document<'d> {
    /// Parses `text`; errors call it `file`.
    pub fn parse(text: &'d str, file: &'d str) -> Result<Self> {
        let origin = Origin { text, file };
        let root = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            origin.error(at, error.message())
        })?;
        Ok(Self { origin, root })
    }

    /// Returns the keys outside of all tables.
    pub fn root(&self) -> Section<'_> {
        Section {
            origin: self.origin,
            name: String::new(),
            at: 0,
            table: self.root.get_ref(),
            asked: RefCell::default(),
        }
    }
}

/// A value and its offset in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<T> {
    pub value: T,
    pub at: usize,
}

/// A list in the text, or the name of a file that has it.
pub(super) enum List<'d> {
    Here(Vec<At<&'d str>>),
    File(At<&'d str>),
}

/// One table of a document.
pub(super) struct Section<'d> {
    origin: Origin<'d>,
    /// The name in errors, which [`Section::name`] changes.
    name: String,
    at: usize,
    table: &'d DeTable<'d>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d> Section<'d> {
    /// Words an error about the text at an offset.
    pub fn error(&self, at: usize, message: impl Display) -> Error {
        let colon = if self.name.is_empty() { "" } else { ": " };
        self.origin.error(at, format_args!("{}{colon}{message}", self.name))
    }

    /// Words an error about the section as a whole.
    pub fn fault(&self, message: impl Display) -> Error {
        self.error(self.at, message)
    }

    /// Refuses every key that was not asked for; in the error, `owner` has the other keys.
    pub fn finish(&self, owner: &str) -> Result<()> {
        let asked = self.asked.borrow();
        let Some((key, _)) = (self.table.iter())
            .filter(|(key, _)| !asked.contains(&key.get_ref().as_ref()))
            .min_by_key(|(key, _)| key.span().start)
        else {
            return Ok(());
        };
        let (at, key) = (key.span().start, key.get_ref());
        let (hint, keys) = (did_you_mean(key, asked.iter()), asked.join(", "));
        Err(self.error(at, format_args!("{owner} has no key \"{key}\"{hint}; its keys: {keys}")))
    }

    fn get(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
        }
        self.table.get(key)
    }

    /// Returns the value of a key that cannot be left out.
    pub fn need<T>(&self, key: &'static str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| {
            let others = self.table.keys().map(|key| key.get_ref().as_ref());
            let hint = nearest(key, others.filter(|other| !self.asked.borrow().contains(other)));
            let hint = hint.map_or(String::new(), |other| format!("; \"{other}\" is no key here"));
            self.fault(format_args!("`{key}` is missing{hint}"))
        })
    }

    fn refuse(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: impl Display) -> Error {
        let text = self.origin.text[value.span()].lines().next().unwrap_or_default();
        self.error(value.span().start, format_args!("`{key}` is {text}, but {wanted}"))
    }

    /// Reads a string.
    pub fn text(&self, key: &'static str) -> Result<Option<At<&'d str>>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => {
                Ok(Some(At { value: text, at: value.span().start }))
            }
            _ => Err(self.refuse(key, value, "it takes a string that is not empty")),
        }
    }

    /// Reads `true` or `false`; a key that is left out is false.
    pub fn flag(&self, key: &'static str) -> Result<bool> {
        match self.get(key).map(|value| (value, value.get_ref())) {
            None => Ok(false),
            Some((_, &DeValue::Boolean(flag))) => Ok(flag),
            Some((value, _)) => Err(self.refuse(key, value, "it takes true or false")),
        }
    }

    /// Reads a number for which `holds` is true; `wanted` says in the error which numbers are right.
    pub fn number(
        &self,
        key: &'static str,
        wanted: &str,
        holds: impl Fn(f32) -> bool,
    ) -> Result<Option<f32>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = match value.get_ref() {
            DeValue::Integer(digits) if digits.radix() == 10 => digits.as_str().parse::<f32>().ok(),
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            _ => None,
        };
        match number.filter(|number| number.is_finite() && holds(*number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.refuse(key, value, format_args!("it takes {wanted}"))),
        }
    }

    /// Reads a list of finite numbers.
    pub fn numbers(&self, key: &'static str) -> Result<Option<Vec<f32>>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::Integer(digits) => digits.as_str().parse::<f32>().ok(),
            DeValue::Float(digits) => digits.as_str().parse().ok().filter(|x: &f32| x.is_finite()),
            _ => None,
        };
        let numbers = match value.get_ref() {
            DeValue::Array(values) => values.iter().map(number).collect(),
            _ => None,
        };
        match numbers {
            Some(numbers) => Ok(Some(numbers)),
            None => Err(self.refuse(key, value, "it takes a list of numbers")),
        }
    }

    /// Reads a list of two strings.
    pub fn pair(&self, key: &'static str) -> Result<Option<[At<&'d str>; 2]>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let name = |value: &'d Spanned<DeValue<'d>>| {
            let value_at = value.span().start;
            value.get_ref().as_str().map(|text| At { value: text, at: value_at })
        };
        let names: Option<Vec<_>> =
            value.get_ref().as_array().and_then(|list| list.iter().map(name).collect());
        match names.as_deref() {
            Some(&[first, second]) => Ok(Some([first, second])),
            _ => Err(self.refuse(key, value, "it takes a list of two names")),
        }
    }

    /// Reads a list of texts and whole numbers, each as text; or else a string, which names a file.
    pub fn list(&self, key: &'static str) -> Result<Option<List<'d>>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let text = |value: &'d Spanned<DeValue<'d>>| {
            let text = match value.get_ref() {
                DeValue::String(text) => text.as_ref(),
                DeValue::Integer(digits) if digits.radix() == 10 => digits.as_str(),
                _ => return None,
            };
            Some(At { value: text, at: value.span().start })
        };
        let list = match value.get_ref() {
            DeValue::String(_) => self.text(key)?.map(List::File),
            DeValue::Array(list) => list.iter().map(text).collect::<Option<_>>().map(List::Here),
            _ => None,
        };
        let wanted = "it takes a list of texts and whole numbers, or the name of a file";
        list.map(Some).ok_or_else(|| self.refuse(key, value, wanted))
    }

    /// Reads a number, or `nan`, under each of these names; any other name is refused.
    pub fn number_each<'n>(
        &self,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<Vec<f32>> {
        for key in self.table.keys() {
            let name = At { value: key.get_ref().as_ref(), at: key.span().start };
            if !names.clone().any(|known| known == name.value) {
                return Err(self.unknown("name", name, names));
            }
        }
        names
            .map(|name| {
                let Some(value) = self.table.get(name) else {
                    return Err(self.fault(format_args!("\"{name}\" is missing")));
                };
                let number = match value.get_ref() {
                    DeValue::Integer(digits) => digits.as_str().parse::<f32>().ok(),
                    DeValue::Float(digits) => digits.as_str().parse().ok(),
                    _ => None,
                };
                let number = number.filter(|number| !number.is_infinite());
                number.ok_or_else(|| self.refuse(name, value, "it takes a number, or nan"))
            })
            .collect()
    }

    /// Reads a whole number within limits.
    pub fn whole(&self, key: &'static str, limits: RangeInclusive<u32>) -> Result<Option<u32>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = match value.get_ref() {
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        match number.filter(|number| limits.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (low, high) = limits.into_inner();
                let wanted = format!("it takes a whole number from {low} to {high}");
                Err(self.refuse(key, value, wanted))
            }
        }
    }

    /// Reads one of a few words.
    pub fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let choice = words.iter().find(|(word, _)| *word == text.value).map(|(_, choice)| *choice);
        match choice {
            Some(choice) => Ok(Some(choice)),
            None => {
                let words = words.iter().map(|(word, _)| *word);
                Err(self.unknown(key, text, words))
            }
        }
    }

    /// Words an error about a word that is none of the known `words`.
    pub fn unknown<'w>(
        &self,
        key: &str,
        text: At<&str>,
        words: impl Iterator<Item = &'w str> + Clone,
    ) -> Error {
        let hint = did_you_mean(text.value, words.clone());
        let words = words.collect::<Vec<_>>().join(", ");
        let text_is = format!("unknown `{key}` \"{}\"{hint}; known here: {words}", text.value);
        self.error(text.at, text_is)
    }

    /// Reads the path of a value in a record to its steps, outermost first: `"items[0].amount"`, or a
    /// list, `["items", 0, "amount"]`, whose texts are names with whatever is in them.
    pub fn path(&self, key: &'static str) -> Result<At<Vec<Step>>> {
        let value = self.need(key, self.get(key))?;
        let steps = match value.get_ref() {
            DeValue::String(text) => path::parse(text),
            DeValue::Array(steps) => path::of_list(steps.iter().map(Spanned::get_ref)),
            _ => Err(path::WANTED.to_owned()),
        };
        match steps {
            Ok(steps) => Ok(At { value: steps, at: value.span().start }),
            Err(wanted) => Err(self.refuse(key, value, wanted)),
        }
    }

    /// Reads the path of a value in a record, which is `usual` if the key is left out.
    pub fn path_or(
        &self,
        key: &'static str,
        usual: Option<At<Vec<Step>>>,
    ) -> Result<At<Vec<Step>>> {
        match (self.get(key), usual) {
            (None, Some(usual)) => Ok(usual),
            _ => self.path(key),
        }
    }

    /// Whether a key is there.
    pub fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// Reads a list of texts; a whole number or a boolean is taken as it is written.
    pub fn texts(&self, key: &'static str) -> Result<Option<At<Vec<String>>>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let text = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Some(text.to_string()),
            DeValue::Integer(digits) if digits.radix() == 10 => Some(digits.as_str().to_owned()),
            DeValue::Boolean(flag) => Some(flag.to_string()),
            _ => None,
        };
        let texts = match value.get_ref() {
            DeValue::Array(values) if !values.is_empty() => values.iter().map(text).collect(),
            _ => None,
        };
        match texts {
            Some(texts) => Ok(Some(At { value: texts, at: value.span().start })),
            None => Err(self.refuse(key, value, "it takes a list of texts")),
        }
    }

    /// Reads a date with its time, as text or as TOML's own, in milliseconds since 1970. It is UTC unless it
    /// says otherwise; without a time it is midnight.
    pub fn date_time(&self, key: &'static str) -> Result<Option<i64>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let date_time = match value.get_ref() {
            DeValue::Datetime(date_time) => Some(*date_time),
            DeValue::String(text) => text.parse().ok(),
            _ => None,
        };
        match date_time.and_then(millis) {
            Some(millis) => Ok(Some(millis)),
            None => {
                Err(self.refuse(key, value, "it takes a time such as \"2019-01-01T00:00:00Z\""))
            }
        }
    }

    /// Returns the table under a key.
    pub fn table(&self, key: &'static str) -> Result<Option<Section<'d>>> {
        self.get(key).map(|value| self.inner(key, key, value)).transpose()
    }

    /// Returns the tables under a key, each a `[[key]]`; none if the key is left out.
    pub fn tables(&self, key: &'static str) -> Result<Vec<Section<'d>>> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let Some(tables) = value.get_ref().as_array() else {
            let wanted = format!("it takes tables, each under [[{key}]]");
            return Err(self.refuse(key, value, wanted));
        };
        (tables.iter().enumerate())
            .map(|(index, table)| self.inner(key, &format!("{key} {}", index + 1), table))
            .collect()
    }

    fn inner(&self, key: &str, name: &str, value: &'d Spanned<DeValue<'d>>) -> Result<Section<'d>> {
        let Some(table) = value.get_ref().as_table() else {
            return Err(self.refuse(key, value, "it takes a table"));
        };
        Ok(Section {
            origin: self.origin,
            name: name.to_owned(),
            at: value.span().start,
            table,
            asked: RefCell::default(),
        })
    }

    /// Reads the section's `name`, which errors call it from now on; `what` is its kind. `seen` has the
    /// names before it, with their offsets.
    pub fn name(&mut self, what: &str, seen: &mut HashMap<&'d str, usize>) -> Result<String> {
        let name = self.need("name", self.text("name")?)?;
        self.name = format!("{what} \"{}\"", name.value);
        match seen.insert(name.value, name.at) {
            None => Ok(name.value.to_owned()),
            Some(first) => {
                let line = self.origin.line(first);
                Err(self.error(name.at, format_args!("line {line} has one of this name already")))
            }
        }
    }
}

/// Returns the milliseconds since 1970 of a date with or without a time.
fn millis(date_time: Datetime) -> Option<i64> {
    let date = date_time.date?;
    let [year, month, day] = [date.year, date.month.into(), date.day.into()].map(u32::from);
    let time = date_time.time.map_or(0, |time| {
        let minutes = i64::from(time.hour) * 60 + i64::from(time.minute);
        minutes * 60 + i64::from(time.second.unwrap_or(0))
    });
    let offset = match date_time.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes) * 60,
        Some(Offset::Z) | None => 0,
    };
    let days = days_since_1970(year, month, day) * i64::from(DAY);
    Some((days + time - offset) * 1000)
}

/// Returns ` (did you mean …?)` if one of the words is near, else nothing.
fn did_you_mean<W: AsRef<str>>(word: &str, words: impl IntoIterator<Item = W>) -> String {
    let hint = nearest(word, words).map(|word| format!(" (did you mean \"{}\"?)", word.as_ref()));
    hint.unwrap_or_default()
}

/// Returns the word that is nearest to `word`, if a slip or two may be all that parts them.
fn nearest<W: AsRef<str>>(word: &str, words: impl IntoIterator<Item = W>) -> Option<W> {
    let distance =
        |other: &str| strsim::damerau_levenshtein(&other.to_lowercase(), &word.to_lowercase());
    (words.into_iter().map(|other| (distance(other.as_ref()), other)))
        .filter(|(distance, other)| *distance <= 1 + word.len().max(other.as_ref().len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}
