//! Times: whether a column is one, and how it is written.

use fraud_detector::record::timestamp;
use serde_json::Value;

use super::columns::{Column, Kind};
use super::hints::{STEPS, TIME, is_in, weigh};

/// Seconds since 1970 of 2000 and 2100: times that are believed.
const SECONDS: std::ops::Range<f64> = 946_684_800.0..4_102_444_800.0;
/// Units of numbers, and how many of each are a second.
const UNITS: [(&str, f64); 4] =
    [("seconds", 1.0), ("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9)];
/// Beginning of a counter of steps, which has none of its own.
pub const START: &str = "2024-01-01T00:00:00Z";
const START_SECONDS: f64 = 1_704_067_200.0;

/// A column that may be the transaction's time.
pub struct Time<'c, 'v> {
    pub column: &'c Column<'v>,
    pub form: Form,
    /// Seconds since 1970, of each row.
    pub seconds: Vec<Option<f64>>,
    /// The strength of what speaks for it.
    pub weight: f64,
}

/// The way in which a time is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// Text that names its zone.
    Zoned,
    /// Text that does not, at least not always.
    Local,
    Unit(&'static str),
    /// An array of year, month, day and so on.
    Parts,
    /// A counter of steps of this length.
    Steps(&'static str),
}

impl<'c, 'v> Time<'c, 'v> {
    /// Returns the column as a time, if it can be one. `head` rows follow one another in the file.
    pub fn of(column: &'c Column<'v>, head: usize) -> Option<Self> {
        // A few rows in a hundred may be without a time, or have a broken one.
        if column.filled * 20 < column.rows() * 19 || column.filled == 0 {
            return None;
        }
        let (form, seconds) = read(column)?;
        let read = seconds.iter().flatten().count();
        if read * 20 < column.filled * 19 {
            return None;
        }
        let known: Vec<f64> = seconds.iter().flatten().copied().collect();
        let ordered = known.windows(2).filter(|pair| pair[0] <= pair[1]).count();
        let order = ordered as f64 / (known.len() - 1).max(1) as f64;
        if matches!(form, Form::Steps(_)) && known.len() > 20 && order < 0.95 {
            return None;
        }
        let weight = f64::from(weigh(column, TIME));
        let is_counted_on = known.len() > 20.min(head);
        let order = if is_counted_on { 16.0 * (order - 0.5) } else { 4.0 };
        let constant = if column.is_constant() && known.len() > 20 { 8.0 } else { 0.0 };
        // A name that tells the zone is worth a little.
        let zone = if form == Form::Local { 0.0 } else { 0.5 };
        let steps = if matches!(form, Form::Steps(_)) { 2.0 } else { 0.0 };
        Some(Self { column, form, seconds, weight: weight + order + zone - constant - steps })
    }

    /// Returns from when to when the rows are, in seconds since 1970.
    pub fn span(&self) -> (f64, f64) {
        let times = || self.seconds.iter().flatten().copied();
        (times().fold(f64::INFINITY, f64::min), times().fold(f64::NEG_INFINITY, f64::max))
    }
}

type Read = (Form, Vec<Option<f64>>);

fn read(column: &Column) -> Option<Read> {
    match column.kind {
        Kind::Text => of_texts(column).or_else(|| of_numbers(column)),
        Kind::Whole | Kind::Decimal | Kind::TextOrNumber => {
            of_numbers(column).or_else(|| of_steps(column))
        }
        Kind::List => Some((Form::Parts, each(column, of_parts))),
        Kind::Boolean | Kind::Mixed => None,
    }
}

fn each(column: &Column, read: impl Fn(&Value) -> Option<f64>) -> Vec<Option<f64>> {
    column.values.iter().map(|value| value.and_then(&read)).collect()
}

fn seconds_of(text: &str) -> Option<f64> {
    timestamp::parse(text.as_bytes()).map(|millis| millis as f64 / 1e3)
}

fn of_texts(column: &Column) -> Option<Read> {
    let is_zoned = |value: &&Value| value.as_str().is_some_and(|text| seconds_of(text).is_some());
    let form = match column.values.iter().flatten().all(is_zoned) {
        true => Form::Zoned,
        false => Form::Local,
    };
    let seconds = each(column, |value| {
        let text = value.as_str()?;
        seconds_of(text).or_else(|| seconds_of(&format!("{text}Z")))
    });
    seconds.iter().any(Option::is_some).then_some((form, seconds))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Value::Number(number) => number.as_f64(),
        _ => None,
    }
}

fn of_numbers(column: &Column) -> Option<Read> {
    let first = column.values.iter().flatten().find_map(|value| number(value))?;
    let (unit, per_second) =
        UNITS.into_iter().find(|(_, each)| SECONDS.contains(&(first / each)))?;
    let seconds = each(column, |value| {
        number(value).map(|number| number / per_second).filter(|time| SECONDS.contains(time))
    });
    Some((Form::Unit(unit), seconds))
}

fn of_steps(column: &Column) -> Option<Read> {
    let last = column.words.last()?;
    let (_, step) = STEPS.iter().find(|(word, _)| is_in(last, word))?;
    let each_step = match step.as_bytes()[1] {
        b's' => 1.0,
        b'm' => 60.0,
        b'h' => 3_600.0,
        _ => 86_400.0,
    };
    if !column.is_number() || column.numbers().flatten().any(|number| number < 0.0) {
        return None;
    }
    let read = |value: &Value| value.as_f64().map(|number| START_SECONDS + number * each_step);
    Some((Form::Steps(step), each(column, read)))
}

fn of_parts(value: &Value) -> Option<f64> {
    let parts = value.as_array()?;
    let part = |at: usize, other| parts.get(at).map_or(Some(other), Value::as_u64);
    let text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        part(0, 0)?,
        part(1, 0)?,
        part(2, 0)?,
        part(3, 0)?,
        part(4, 0)?,
        part(5, 0)?
    );
    seconds_of(&text)
}
