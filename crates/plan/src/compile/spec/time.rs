//! `[time]`: the way in which times are written; and lengths of time, wherever a spec has them.

use std::ops::RangeInclusive;

use anyhow::Result;

use super::add_field;
use crate::compile::document::Section;
use crate::program::{Program, Role, Time, TimeUnit};
use crate::time::seconds::{DAY, HOUR, MINUTE};

/// Shortest and longest length of time, seconds: one second and ten years of 365 days.
const LENGTHS: RangeInclusive<f64> = 1.0..=(3_650 * DAY) as f64;

/// Reads `[time]`.
pub(super) fn time(section: Section, program: &mut Program) -> Result<()> {
    let path = section.path("path")?;
    add_field(&section, None, path, Role::Time, program)?;
    if let Some(zone) = section.text("time_zone")? {
        let rule = "`time_zone` takes a database of the zones' daylight saving times, which the module has \
                    not; say `utc_offset` if the clock is never put forward, else write the records' times \
                    in UTC";
        return Err(section.error(zone.at, rule));
    }
    let utc_offset = utc_offset(&section)?;
    let unit = match duration(&section, "step")? {
        Some(step) => {
            let start = section.need("start", section.date_time("start")?)?;
            TimeUnit::Steps { start, step: (f64::from(step) * 1000.0) as i64 }
        }
        None => {
            let units = [
                ("milliseconds", TimeUnit::Milliseconds),
                ("seconds", TimeUnit::Seconds),
                ("microseconds", TimeUnit::Microseconds),
                ("nanoseconds", TimeUnit::Nanoseconds),
                ("parts", TimeUnit::Parts),
            ];
            section.choice("unit", &units)?.unwrap_or(TimeUnit::Milliseconds)
        }
    };
    if unit == TimeUnit::Parts && utc_offset.is_none() {
        let rule = "the parts of a time name no zone; say of which clock they are, such as \
                    `utc_offset = \"+00:00\"`";
        return Err(section.fault(rule));
    }
    program.time = Time { unit, utc_offset };
    if let Some(ahead) = duration(&section, "max_ahead")? {
        program.max_ahead = ahead as u32;
    }
    section.finish("[time]")
}

/// Reads the key `utc_offset`, in minutes.
pub(super) fn utc_offset(section: &Section) -> Result<Option<i16>> {
    let Some(text) = section.text("utc_offset")? else {
        return Ok(None);
    };
    minutes(text.value).map(Some).ok_or_else(|| {
        let wanted = "it takes \"+HH:MM\" or \"-HH:MM\", at most 14 hours";
        section.error(text.at, format_args!("`utc_offset` is \"{}\", but {wanted}", text.value))
    })
}

/// Returns the minutes of `+HH:MM` or `-HH:MM`.
fn minutes(offset: &str) -> Option<i16> {
    let &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = offset.as_bytes() else {
        return None;
    };
    let two = |tens: u8, ones: u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| i16::from(tens - b'0') * 10 + i16::from(ones - b'0'))
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 14 * 60).then_some(if sign == b'-' { -total } else { total })
}

/// Reads a length of time, in seconds.
pub(super) fn duration(section: &Section, key: &'static str) -> Result<Option<f32>> {
    let Some(text) = section.text(key)? else {
        return Ok(None);
    };
    seconds(text.value).map(Some).ok_or_else(|| {
        let wanted = "it takes a number with its unit s, m, h or d, from \"1s\" to \"3650d\"";
        section.error(text.at, format_args!("`{key}` is \"{}\", but {wanted}", text.value))
    })
}

/// Returns the seconds of a number with its unit; `None` beyond the limits.
fn seconds(text: &str) -> Option<f32> {
    let (number, unit) = text.split_at_checked(text.len() - 1)?;
    let unit = match unit {
        "s" => 1,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = number.parse::<f64>().ok().filter(|_| is_plain)? * f64::from(unit);
    LENGTHS.contains(&seconds).then_some(seconds as f32)
}
