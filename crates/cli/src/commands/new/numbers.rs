//! Numbers: whether a column is one, and in what form.

use fraud_detector::record::currency;
use serde_json::Value;

use super::columns::{Column, Kind, in_spec};
use super::hints::{AMOUNT, weigh};

/// A number's form, as the keys of its `[[number]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// Keys besides name and path, a line each.
    pub keys: String,
    /// The assumption, if there is one.
    pub assumed: Option<String>,
}

/// Ways to write a number in text: the point, and the mark between groups of digits.
const MARKS: [(char, Option<char>); 7] = [
    ('.', None),
    ('.', Some(',')),
    (',', None),
    (',', Some('.')),
    (',', Some(' ')),
    ('.', Some(' ')),
    ('.', Some('\'')),
];

/// Returns a column's form as a number, if it is one.
pub fn form(column: &Column) -> Option<Form> {
    let plain = |keys: &str| Some(Form { keys: keys.to_owned(), assumed: None });
    let is_amount = weigh(column, AMOUNT) > 0;
    match column.kind {
        Kind::Whole | Kind::Decimal => {
            let fits = |number: f64| number.abs() < f64::from(f32::MAX);
            column.numbers().flatten().all(fits).then(|| plain("")).flatten()
        }
        Kind::Boolean => plain("form = \"boolean\"\n"),
        Kind::Text if column.all_texts(|text| ["true", "false"].contains(&text)) => {
            plain("form = \"boolean\"\n")
        }
        Kind::Text if is_amount && is_padded(column) => Some(Form {
            keys: "form = \"text\"\ndecimals = 2\n".into(),
            assumed: Some("digits without a point are taken for cents (decimals = 2)".into()),
        }),
        Kind::Text | Kind::TextOrNumber => in_text(column, is_amount).or_else(|| {
            let is_base64 = is_amount && column.all_texts(is_base64);
            is_base64.then(|| Form {
                keys: "form = \"base64\"\ndecimals = 2\n".into(),
                assumed: Some("Connect's decimals do not say their scale (decimals = 2)".into()),
            })
        }),
        Kind::List | Kind::Mixed => None,
    }
}

fn in_text(column: &Column, is_amount: bool) -> Option<Form> {
    let texts = || column.values.iter().flatten();
    let read = |(point, grouping): (char, Option<char>)| {
        let good = |value: &&&Value| match value {
            Value::String(text) => {
                decimal(text, point, grouping).is_some() || text.trim().is_empty()
            }
            _ => true,
        };
        texts().filter(good).count()
    };
    let most = MARKS.into_iter().rev().max_by_key(|marks| read(*marks))?;
    let share = read(most) * 100 / column.filled.max(1);
    // Codes with zeros in front are no numbers.
    let is_code = column
        .all_texts(|text| text.len() > 1 && text.starts_with('0') && !text.contains(['.', ',']));
    if share < if is_amount { 50 } else { 100 } || is_code && !is_amount {
        return None;
    }
    let (point, grouping) = most;
    let mut keys = String::from("form = \"text\"\n");
    if point != '.' {
        keys += &format!("point = \"{point}\"\n");
    }
    if let Some(grouping) = grouping {
        keys += &format!("grouping = \"{grouping}\"\n");
    }
    let assumed = (share < 100).then(|| format!("{share} in 100 of the texts are such numbers"));
    Some(Form { keys, assumed })
}

/// Reads a decimal text as the spec's form `text` does.
pub fn decimal(text: &str, point: char, grouping: Option<char>) -> Option<f64> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once(point).unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let groups: Vec<&str> = match grouping {
        Some(mark) => whole.split(mark).collect(),
        None => vec![whole],
    };
    let (last, others) = groups.split_last()?;
    let grouped = others.is_empty()
        || last.len() == 3
            && (1..=3).contains(&others[0].len())
            && others[1..].iter().all(|group| (2..=3).contains(&group.len()));
    if !grouped || !groups.iter().all(|group| is_digits(group)) || !is_digits(fraction) {
        return None;
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    format!("{sign}{}.{fraction}", groups.concat()).parse().ok()
}

/// Whether all are digits of one length, with zeros in front.
fn is_padded(column: &Column) -> bool {
    let length = column.distinct.first().map_or(0, |(text, _)| text.len());
    let digits =
        |text: &str| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    length >= 6
        && column.all_texts(digits)
        && column.distinct.iter().any(|(text, _)| text.starts_with('0'))
}

fn is_base64(text: &str) -> bool {
    let letters = text.trim_end_matches('=');
    let good = |letter: char| letter.is_ascii_alphanumeric() || "+/".contains(letter);
    text.len().is_multiple_of(4) && (1..=11).contains(&letters.len()) && letters.chars().all(good)
}

/// Returns the column of currencies that an amount is in, if it is in minor units: a whole number beside the
/// code of a currency, never with a fraction.
pub fn currency_of<'c, 'v>(amount: &Column, columns: &'c [Column<'v>]) -> Option<&'c Column<'v>> {
    let is_currency = |column: &&Column| {
        column.is_full()
            && column
                .all_texts(|text| text.len() == 3 && currency::decimals(text.as_bytes()).is_some())
    };
    let shared = |column: &Column| {
        column.path.iter().zip(&amount.path).take_while(|(one, other)| one == other).count()
    };
    if amount.kind != Kind::Whole || amount.filled < 2 {
        return None;
    }
    columns.iter().filter(is_currency).max_by_key(|column| shared(column))
}

/// Returns the keys of a number in the minor units of a currency.
pub fn in_minor_units(currency: &Column) -> Form {
    let path = in_spec(&currency.path);
    let assumed = format!("whole numbers beside {currency} are taken for its minor units (cents)");
    Form { keys: format!("currency = {path}\n"), assumed: Some(assumed) }
}

/// Returns the values of a column as numbers, in its form but for the scale.
pub fn values(column: &Column, form: &Form) -> Vec<Option<f64>> {
    let point = if form.keys.contains("point = \",\"") { ',' } else { '.' };
    let grouping = form.keys.split("grouping = \"").nth(1).and_then(|rest| rest.chars().next());
    (column.values.iter().zip(column.numbers()))
        .map(|(value, number)| match value {
            Some(Value::String(text)) => decimal(text, point, grouping),
            _ => number,
        })
        .collect()
}
