//! Sizes, times and counts, as people write and read them.

use std::time::Duration;

use fraud_plan::time::millis::{DAY, HOUR, MINUTE, SECOND};
use fraud_simulator::civil_from_days;
use serde::{Serialize, Serializer};

/// Reads a number of bytes: `65536`, `64KiB`, `2MiB` or `1GiB`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
    parse(text, &units)
        .ok_or_else(|| "not a size; write bytes or KiB, MiB, GiB, for instance 2MiB".into())
}

/// Reads a time: `10ms`, `30s`, `5m`, `12h` or `7d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", SECOND), ("m", MINUTE), ("h", HOUR), ("d", DAY)];
    let units = units.map(|(name, millis)| (name, millis.unsigned_abs()));
    let unitless = text.ends_with(|last: char| last.is_ascii_digit()) && text != "0";
    let millis = parse(text, &units).filter(|_| !unitless);
    millis
        .map(Duration::from_millis)
        .ok_or_else(|| "not a time; write a number and ms, s, m, h or d, for instance 10ms".into())
}

/// Reads a time above 0, written as [`parse_duration`] takes it.
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("it must be above 0".into()),
        interval => Ok(interval),
    }
}

/// Reads a date such as `2018-04-01`; returns its day, counted from 1970-01-01.
pub fn parse_date(text: &str) -> Result<i64, String> {
    let midnight = fraud_detector::record::timestamp::parse(format!("{text}T00:00:00Z").as_bytes());
    // The detector knows no time before 2000.
    midnight
        .filter(|_| text >= "2000")
        .map(|millis| millis.div_euclid(DAY))
        .ok_or_else(|| "not a date from 2000 on; write it like 2018-04-01".into())
}

/// Reads `2018-04-01` or `2018-04-01T12:00:00Z`; returns milliseconds since 1970.
pub fn parse_instant(text: &str) -> Result<i64, String> {
    match fraud_detector::record::timestamp::parse(text.as_bytes()) {
        Some(millis) => Ok(millis),
        None => parse_date(text).map(|day| day * DAY),
    }
}

/// Writes the date of a day counted from 1970-01-01.
pub fn date(day: i64) -> String {
    let (year, month, day) = civil_from_days(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Writes milliseconds since 1970 as RFC 3339, in UTC: `2018-04-01T00:00:31Z`.
pub fn rfc3339(millis: i64) -> String {
    let (date, of_day) = (date(millis.div_euclid(DAY)), millis.rem_euclid(DAY));
    let (hour, minute) = (of_day / HOUR, of_day % HOUR / MINUTE);
    let (second, rest) = (of_day % MINUTE / SECOND, of_day % SECOND);
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:03}") };
    format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, unit) = (units.iter())
        .find_map(|&(name, unit)| Some((text.strip_suffix(name)?.trim_end(), unit)))
        .unwrap_or((text, 1));
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// Writes a size in the largest unit that leaves it at least 1: `1.25 MiB`, `960 KiB`, `17 B`.
pub fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0x4000_0000.. => (1 << 30, "GiB"),
        0x10_0000.. => (1 << 20, "MiB"),
        0x400.. => (1 << 10, "KiB"),
        _ => return format!("{bytes} B"),
    };
    let text = format!("{:.2}", bytes as f64 / f64::from(unit));
    format!("{} {name}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Writes a count in groups of three: `1,303,778`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Writes a figure without decimals: `1,303,778`.
pub fn rounded(figure: f64) -> String {
    count(figure.round() as u64)
}

/// Writes a count and what is counted: `1 partition`, `4 partitions`.
pub fn plural(number: u32, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", count(number.into())),
    }
}

/// Writes `part` of `whole` in per cent: `0.82%`; nothing of nothing is `0%`.
pub fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "0%".into(),
        _ => format!("{:.2}%", part as f64 * 100.0 / whole as f64),
    }
}

/// Writes seconds to the hundredth: `2.31 s`.
pub fn seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

/// Writes a figure with three decimals, a missing one as a dash.
pub fn figure(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.3}"))
}

/// Writes a share in per cent, a missing one as a dash.
pub fn percent(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{:.1}%", value * 100.0))
}

/// Returns the number that a 32-bit float is written as: 0.72, not 0.7200000286.
pub fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

/// Serialises a 32-bit float with the digits that it is written with.
pub fn serialize_shortest<S: Serializer>(number: &Option<f32>, to: S) -> Result<S::Ok, S::Error> {
    number.map(shortest).serialize(to)
}

/// Serialises a day, counted from 1970-01-01, as its date.
pub fn serialize_date<S: Serializer>(day: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&date(*day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in() {
        for (text, expect) in [
            ("0", Some(0)),
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("64 KiB", Some(65_536)),
            ("2MiB", Some(2 << 20)),
            ("1GiB", Some(1 << 30)),
            ("17B", Some(17)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1.5MiB", None),
            ("2MB", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(parse_size(text).ok(), expect, "{text}");
        }
    }

    #[test]
    fn sizes_out() {
        for (bytes, expect) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (983_040, "960 KiB"),
            (1_310_720, "1.25 MiB"),
            (2 << 20, "2 MiB"),
            (3 << 30, "3 GiB"),
        ] {
            assert_eq!(size(bytes), expect);
        }
    }

    #[test]
    fn durations() {
        for (text, expect) in [
            ("10ms", Some(10)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("12h", Some(43_200_000)),
            ("7d", Some(604_800_000)),
            ("0", Some(0)),
            ("7", None),
            ("d", None),
            ("1w", None),
        ] {
            assert_eq!(parse_duration(text).ok(), expect.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn times() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_522_540_831_000, "2018-04-01T00:00:31Z"),
            (1_522_540_831_070, "2018-04-01T00:00:31.070Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(millis), text);
            assert_eq!(fraud_detector::record::timestamp::parse(text.as_bytes()), Some(millis));
        }
        assert_eq!(parse_date("2018-04-01").map(date), Ok("2018-04-01".into()));
        assert!(parse_date("1999-12-31").is_err() && parse_date("2018-4-1").is_err());
    }

    #[test]
    fn counts_and_shares() {
        for (number, expect) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_303_778, "1,303,778")]
        {
            assert_eq!(count(number), expect);
        }
        assert_eq!(share(1, 3), "33.33%");
        assert_eq!(share(0, 0), "0%");
    }
}
