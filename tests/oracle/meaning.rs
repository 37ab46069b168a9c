//! The meaning of one value.

use fraud_detector::record::{Reason, currency, timestamp};
use fraud_plan::program::{Number, NumberForm, Scale, Time, TimeUnit};

use super::json::Json;

/// A whole number's sign and digits if it is written with a fraction or an exponent; at most 2^53.
fn whole(text: &str) -> Option<(bool, u64)> {
    let negative = text.starts_with('-');
    let magnitude = text.trim_start_matches('-');
    let down = floor(magnitude, 0)?;
    let up = -floor(&format!("-{magnitude}"), 0)?;
    (down == up && down <= 1 << 53).then_some((negative, down as u64))
}

/// A decimal number times 10^`power`, rounded down.
fn floor(text: &str, power: i64) -> Option<i64> {
    let negative = text.starts_with('-');
    let unsigned = text.trim_start_matches('-').to_ascii_lowercase();
    let (digits, exponent) = unsigned.split_once('e').unwrap_or((&unsigned, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    // As the reader: an exponent beyond 32 bits makes no number.
    let exponent = i64::from(exponent.parse::<i32>().ok()?);
    let all = format!("{whole}{fraction}");
    let is_number = !whole.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.ends_with('.') {
        return None;
    }
    if all.bytes().all(|digit| digit == b'0') {
        return Some(0);
    }
    let point = whole.len() as i64 + exponent + power;
    let digit = |at: i64| usize::try_from(at).ok().and_then(|at| all.as_bytes().get(at)).copied();
    let first = all.bytes().position(|digit| digit != b'0').expect("not all are 0") as i64;
    if point - first > 20 {
        return None;
    }
    let mut value = 0_i128;
    for at in first.min(point)..point {
        value = value * 10 + i128::from(digit(at).unwrap_or(b'0') - b'0');
    }
    let has_rest = (point.max(0)..all.len() as i64).any(|at| digit(at) != Some(b'0'));
    i64::try_from(value).ok()?;
    i64::try_from(if negative { -value - i128::from(has_rest) } else { value }).ok()
}

/// The text of an id.
pub fn id(value: &Json) -> Result<String, Reason> {
    match value {
        Json::Text(text) => Ok(text.clone()),
        Json::Number(text) if !text.contains(['.', 'e', 'E']) => Ok(text.clone()),
        Json::Number(text) => {
            let (negative, value) = whole(text).ok_or(Reason::WrongType)?;
            Ok(format!("{}{value}", if negative { "-" } else { "" }))
        }
        _ => Err(Reason::WrongType),
    }
}

/// The text of the id of somebody or something.
pub fn entity(value: &Json) -> Result<String, Reason> {
    match id(value)? {
        empty if empty.is_empty() => Err(Reason::MissingField),
        id => Ok(id),
    }
}

/// A number as std reads one; `None` of an empty text.
pub fn number(value: &Json, number: &Number) -> Result<Option<String>, Reason> {
    let is_one = number.scale == Scale::One;
    let is_decimal = matches!(number.form, NumberForm::Number | NumberForm::Text { .. });
    let signed =
        |(negative, value): (bool, u64)| format!("{}{value}", if negative { "-" } else { "" });
    let digits = match (number.form, value) {
        (NumberForm::Boolean, Json::Bool(true)) => "1".to_owned(),
        (NumberForm::Boolean, Json::Bool(false)) => "0".to_owned(),
        (NumberForm::Boolean, Json::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "1" | "true" => "1".to_owned(),
            "0" | "false" => "0".to_owned(),
            _ => return Err(Reason::WrongType),
        },
        (NumberForm::Boolean, Json::Number(text)) => match whole(text) {
            Some((_, 0)) => "0".to_owned(),
            Some((false, 1)) => "1".to_owned(),
            _ => return Err(Reason::WrongType),
        },
        (_, Json::Number(text)) if is_decimal && is_one => text.clone(),
        (_, Json::Number(text)) if is_decimal => signed(whole(text).ok_or(Reason::WrongType)?),
        (NumberForm::Number, Json::Text(text)) if is_one => {
            return Err(if is_no_number(text) { Reason::NotANumber } else { Reason::WrongType });
        }
        (form, Json::Text(text)) => {
            if text.len() > 64 {
                return Err(Reason::WrongType);
            }
            let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{c}']);
            if text.is_empty() {
                return Ok(None);
            }
            if is_no_number(text) {
                return Err(Reason::NotANumber);
            }
            let read = match form {
                NumberForm::Text { point, grouping } => decimal(text, point, grouping, is_one),
                NumberForm::Base64 => base64(text).map(|value| value.to_string()),
                _ => None,
            };
            read.ok_or(Reason::WrongType)?
        }
        _ => return Err(Reason::WrongType),
    };
    Ok(Some(match number.scale {
        Scale::Decimals(decimals) => format!("{digits}e-{decimals}"),
        _ => digits,
    }))
}

fn is_no_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text).to_ascii_lowercase();
    ["nan", "inf", "infinity", "#num!"].contains(&unsigned.as_str())
}

/// Decimal text in std's form.
fn decimal(text: &str, point: u8, grouping: Option<u8>, is_one: bool) -> Option<String> {
    let sign = if text.starts_with('-') { "-" } else { "" };
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once(char::from(point)) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let groups: Vec<&str> = match grouping {
        Some(grouping) => whole.split(char::from(grouping)).collect(),
        None => vec![whole],
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (last, before) = groups.split_last()?;
    let is_grouped = !before.is_empty();
    let (first, between) = before.split_first().unwrap_or((last, &[]));
    let is_right = groups.iter().all(|group| is_digits(group))
        && (!is_grouped || (1..=3).contains(&first.len()) && last.len() == 3)
        && between.iter().all(|group| (2..=3).contains(&group.len()))
        && fraction.is_none_or(|fraction| is_one && !fraction.is_empty() && is_digits(fraction))
        && !(whole.is_empty() && fraction.is_none());
    let exponent = match exponent {
        None => String::new(),
        Some(exponent) => {
            let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            if !is_one || is_grouped || unsigned.is_empty() || !is_digits(unsigned) {
                return None;
            }
            format!("e{exponent}")
        }
    };
    let fraction = fraction.map_or(String::new(), |fraction| format!(".{fraction}"));
    is_right.then(|| format!("{sign}{}{fraction}{exponent}", groups.concat()))
}

/// Big-endian two's complement in base64, up to eight bytes.
fn base64(text: &str) -> Option<i64> {
    let unpadded = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(text);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = Vec::new();
    for letter in unpadded.chars() {
        let value = letters.find(letter)?;
        bits.extend((0..6).rev().map(|bit| value >> bit & 1 == 1));
    }
    let spare = bits.split_off(bits.len() / 8 * 8);
    if bits.is_empty() || bits.len() > 64 || spare.len() == 6 || spare.contains(&true) {
        return None;
    }
    let value = bits.iter().fold(0_i128, |value, bit| value * 2 + i128::from(*bit));
    let value = if bits[0] { value - (1 << bits.len()) } else { value };
    Some(value as i64)
}

/// The decimals of a currency's amounts.
pub fn decimals(value: &Json) -> Option<u8> {
    match value {
        Json::Text(code) => currency::decimals(code.as_bytes()),
        _ => None,
    }
}

/// A time in milliseconds since 1970.
pub fn time(value: &Json, time: &Time) -> Result<i64, Reason> {
    match value {
        Json::Text(text) => {
            if let Some(millis) = in_text(text, time.utc_offset) {
                return millis.ok_or(Reason::BadTime);
            }
            counted(text, time.unit).ok_or(Reason::BadTime)
        }
        Json::Number(text) if time.unit != TimeUnit::Parts => {
            counted(text, time.unit).ok_or(Reason::BadTime)
        }
        Json::Number(_) => Err(Reason::BadTime),
        Json::Array(parts) if time.unit == TimeUnit::Parts => {
            if has_no_part(value) {
                return Err(Reason::WrongType);
            }
            parted(parts, time.utc_offset.unwrap_or(0)).ok_or(Reason::BadTime)
        }
        _ => Err(Reason::WrongType),
    }
}

fn counted(text: &str, unit: TimeUnit) -> Option<i64> {
    if text.len() > 64 {
        return None;
    }
    match unit {
        TimeUnit::Seconds => floor(text, 3),
        TimeUnit::Milliseconds => floor(text, 0),
        TimeUnit::Microseconds => floor(text, -3),
        TimeUnit::Nanoseconds => floor(text, -6),
        TimeUnit::Parts => None,
        TimeUnit::Steps { start, step } => {
            let thousandths = i128::from(floor(text, 3)?) * i128::from(step);
            i64::try_from(thousandths).ok()?.div_euclid(1000).checked_add(start)
        }
    }
}

/// Whether an array has, at any depth, what cannot be a part of a time.
fn has_no_part(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().any(has_no_part),
        Json::Bool(_) | Json::Object(_) => true,
        _ => false,
    }
}

/// A time from the year down to nanoseconds.
fn parted(parts: &[Json], utc_offset: i16) -> Option<i64> {
    let number = |part: &Json| match part {
        Json::Number(text) => text.parse::<u32>().ok(),
        _ => None,
    };
    let parts: Vec<u32> = parts.iter().map(number).collect::<Option<_>>()?;
    let at = |part: usize| parts.get(part).copied().unwrap_or(0);
    if !(3..=7).contains(&parts.len()) || at(0) > 9999 || at(6) > 999_999_999 {
        return None;
    }
    let seconds = civil([at(0), at(1), at(2), at(3), at(4), at(5)])?;
    Some((seconds - i64::from(utc_offset) * 60) * 1000 + i64::from(at(6) / 1_000_000))
}

/// Seconds since 1970 of a date and a time of day, counted year by year and month by month.
fn civil([year, month, day, hour, minute, second]: [u32; 6]) -> Option<i64> {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let year = i64::from(year);
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *months.get((month as usize).checked_sub(1)?)?;
    if day == 0 || day > length || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let of_year = |year: i64| if is_leap(year) { 366 } else { 365 };
    let years: i64 = match year < 1970 {
        true => -(year..1970).map(of_year).sum::<i64>(),
        false => (1970..year).map(of_year).sum(),
    };
    let before: u32 = months[..month as usize - 1].iter().sum();
    let days = years + i64::from(before + day - 1);
    Some(days * 86_400 + i64::from((hour * 60 + minute) * 60 + second))
}

/// A time in text of the strict form `YYYY-MM-DDThh:mm:ssZ`, counted here; any other form as the module
/// reads it, whose own tests have a table of all forms. `None` if it is no time in text.
fn in_text(text: &str, utc_offset: Option<i16>) -> Option<Option<i64>> {
    let form: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if form == "0000-00-00T00:00:00Z" {
        let part = |from: usize, to: usize| text[from..to].parse().expect("digits");
        let parts = [part(0, 4), part(5, 7), part(8, 10), part(11, 13), part(14, 16), part(17, 19)];
        return Some(civil(parts).map(|seconds| seconds * 1000));
    }
    timestamp::any(text.as_bytes(), utc_offset).map(Some)
}
