//! Columns: what the sample has at each path, and how it is written there.

use std::collections::HashMap;

use fraud_plan::compile::parse_path;
use fraud_plan::program::Step;
use serde_json::Value;

/// Items of an array that are looked at.
const ITEMS: usize = 3;
/// Most objects and arrays around a value that is looked at.
const DEPTH: usize = 8;
/// Most columns that are looked at.
const COLUMNS: usize = 2_000;
/// Whole numbers up to here are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The values at one path.
pub struct Column<'v> {
    pub path: Vec<Step>,
    /// Words of the last name of the path, in small letters; of those before it.
    pub words: Vec<String>,
    pub around: Vec<String>,
    /// A value for each row; `None` where it is absent or null.
    pub values: Vec<Option<&'v Value>>,
    /// Number of values.
    pub filled: usize,
    pub kind: Kind,
    /// Different values as text, the most frequent first, and how often each comes.
    pub distinct: Vec<(String, usize)>,
}

/// The way in which all values of a column are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Whole,
    Decimal,
    Text,
    Boolean,
    /// Arrays of whole numbers.
    List,
    /// Several of these, but not text.
    Mixed,
    /// Texts and numbers.
    TextOrNumber,
}

/// Values by path, a place for each row.
type Found<'v> = HashMap<Vec<Step>, Vec<Option<&'v Value>>>;

/// Returns the columns of rows, in the order of their paths. Where a value is an object in some rows and an
/// array or neither in others, it is taken for what it is most often: a path has one form.
pub fn columns<'v>(rows: &[&'v Value]) -> Vec<Column<'v>> {
    let mut found = Found::new();
    let mut forms: HashMap<Vec<Step>, [usize; 3]> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        collect(row, &mut Vec::new(), &mut |path, value| {
            let form = form_of(value);
            forms.entry(path.to_vec()).or_default()[form] += usize::from(!value.is_null());
            if form > 0 {
                return;
            }
            if !found.contains_key(path) && found.len() < COLUMNS {
                found.insert(path.to_vec(), vec![None; rows.len()]);
            }
            if let Some(values) = found.get_mut(path) {
                values[at] = Some(value).filter(|value| !value.is_null());
            }
        });
    }
    let has_form = |path: &[Step], form: usize| {
        let forms = forms.get(path).copied().unwrap_or_default();
        forms.iter().enumerate().all(|(other, count)| (*count, form) <= (forms[form], other))
    };
    let is_sound = |path: &Vec<Step>| {
        let around = (1..path.len()).all(|end| {
            let form = if matches!(path[end], Step::Name(_)) { 1 } else { 2 };
            has_form(&path[..end], form)
        });
        around && has_form(path, 0)
    };
    found.retain(|path, _| is_sound(path));
    let mut columns: Vec<_> =
        found.into_iter().map(|(path, values)| Column::new(path, values)).collect();
    columns.sort_by_cached_key(|column| column.to_string());
    columns
}

/// Returns 0 for one value, 1 for an object and 2 for an array.
fn form_of(value: &Value) -> usize {
    match value {
        Value::Object(_) => 1,
        Value::Array(items) if !is_list(items) => 2,
        _ => 0,
    }
}

/// Hands on each value of a record, with its path, and what is in it. Arrays of whole numbers are one value.
fn collect<'v>(value: &'v Value, path: &mut Vec<Step>, take: &mut dyn FnMut(&[Step], &'v Value)) {
    if !path.is_empty() {
        take(path, value);
    }
    if path.len() == DEPTH {
        return;
    }
    let mut into = |step: Step, value: &'v Value| {
        path.push(step);
        collect(value, path, take);
        path.pop();
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| !name.is_empty()) {
                into(Step::Name(name.clone()), value);
            }
        }
        Value::Array(items) if !is_list(items) => {
            for (at, value) in items.iter().enumerate().take(ITEMS) {
                into(Step::Item(at as u16), value);
            }
        }
        _ => {}
    }
}

fn is_list(items: &[Value]) -> bool {
    (3..=7).contains(&items.len()) && items.iter().all(Value::is_u64)
}

impl<'v> Column<'v> {
    fn new(path: Vec<Step>, values: Vec<Option<&'v Value>>) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        let mut kind = None;
        for value in values.iter().flatten() {
            *counts.entry(text(value)).or_default() += 1;
            kind = Some(kind.map_or(kind_of(value), |kind| both(kind, kind_of(value))));
        }
        let mut distinct: Vec<_> = counts.into_iter().collect();
        distinct.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let names = path.iter().filter_map(|step| match step {
            Step::Name(name) => Some(words(name)),
            Step::Item(_) => None,
        });
        let names: Vec<Vec<String>> = names.collect();
        let (last, around) = names.split_last().expect("a path begins with a name");
        Self {
            words: last.clone(),
            // An envelope's name says nothing of what is in it.
            around: around.concat().into_iter().filter(|word| word != "payload").collect(),
            filled: values.iter().flatten().count(),
            kind: kind.unwrap_or(Kind::Mixed),
            path,
            values,
            distinct,
        }
    }

    pub fn rows(&self) -> usize {
        self.values.len()
    }

    pub fn is_full(&self) -> bool {
        self.filled == self.rows()
    }

    pub fn is_constant(&self) -> bool {
        self.distinct.len() < 2
    }

    /// Whether its values are texts or whole numbers.
    pub fn is_id(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Whole | Kind::TextOrNumber)
    }

    pub fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Whole | Kind::Decimal)
    }

    /// Returns the different values of each hundred; 100 if none comes twice.
    pub fn percent_distinct(&self) -> usize {
        self.distinct.len() * 100 / self.filled.max(1)
    }

    /// Returns the value of a row as text.
    pub fn text(&self, row: usize) -> Option<String> {
        self.values[row].map(text)
    }

    /// Returns the numbers in it, also those in booleans.
    pub fn numbers(&self) -> impl Iterator<Item = Option<f64>> {
        self.values.iter().map(|value| match value {
            Some(Value::Bool(value)) => Some(f64::from(u8::from(*value))),
            Some(value) => value.as_f64(),
            None => None,
        })
    }

    /// Returns whether every value passes.
    pub fn all(&self, is: impl Fn(&Value) -> bool) -> bool {
        self.filled > 0 && self.values.iter().flatten().all(|value| is(value))
    }

    /// Returns whether every value is a text that passes.
    pub fn all_texts(&self, is: impl Fn(&str) -> bool) -> bool {
        self.all(|value| value.as_str().is_some_and(&is))
    }
}

/// Writes the path as a person reads it.
impl std::fmt::Display for Column<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&shown(&self.path))
    }
}

/// Returns a path as a person reads it: `items[0].amount`.
pub fn shown(path: &[Step]) -> String {
    let mut shown = String::new();
    for step in path {
        match step {
            Step::Name(name) if shown.is_empty() => shown += name,
            Step::Name(name) => shown += &format!(".{name}"),
            Step::Item(item) => shown += &format!("[{item}]"),
        }
    }
    shown
}

/// Writes a path as a spec has it: as text where that reads as the same path, else as a list.
pub fn in_spec(path: &[Step]) -> String {
    let text = shown(path);
    match parse_path(&text) {
        Ok(steps) if steps == path => toml_text(&text),
        _ => {
            let steps = path.iter().map(|step| match step {
                Step::Name(name) => toml_text(name),
                Step::Item(item) => item.to_string(),
            });
            format!("[{}]", steps.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Writes a text of TOML: as JSON writes it, but for the one control character that JSON leaves as it is.
pub fn toml_text(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON").replace('\u{7f}', "\\u007f")
}

/// Writes a list of texts of TOML.
pub fn list<'t, T: AsRef<str> + ?Sized + 't>(texts: impl IntoIterator<Item = &'t T>) -> String {
    let texts: Vec<_> = texts.into_iter().map(|text| toml_text(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

/// Returns a value as the spec's ids and categories see it.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() <= EXACT => {
                format!("{value:.0}")
            }
            _ => number.to_string(),
        },
        value => value.to_string(),
    }
}

fn kind_of(value: &Value) -> Kind {
    match value {
        Value::String(_) => Kind::Text,
        Value::Bool(_) => Kind::Boolean,
        Value::Number(number) => match number.as_f64() {
            _ if !number.is_f64() => Kind::Whole,
            Some(value) if value.fract() == 0.0 && value.abs() <= EXACT => Kind::Whole,
            _ => Kind::Decimal,
        },
        Value::Array(items) if is_list(items) => Kind::List,
        _ => Kind::Mixed,
    }
}

fn both(one: Kind, other: Kind) -> Kind {
    use Kind::{Decimal, Mixed, Text, TextOrNumber, Whole};
    match (one, other) {
        (one, other) if one == other => one,
        (Whole | Decimal, Whole | Decimal) => Decimal,
        (Text | TextOrNumber, Whole | Decimal | Text | TextOrNumber)
        | (Whole | Decimal, Text | TextOrNumber) => TextOrNumber,
        _ => Mixed,
    }
}

/// Splits a name into words, in small letters: `trans_dateTime2` is trans, date, time, 2.
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let begins = letter.is_uppercase() && before.is_lowercase()
            || letter.is_numeric() != before.is_numeric() && before.is_alphanumeric();
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("there is one").extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}
