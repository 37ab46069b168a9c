//! Sizes, times and counts, as people write and read them.

use std::time::Duration;

/// Bytes of `65536`, `64KiB`, `2MiB` or `1GiB`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
    parse(text, &units)
        .ok_or_else(|| "not a size; write bytes or KiB, MiB, GiB, for instance 2MiB".into())
}

/// `10ms`, `30s`, `5m`, `12h` or `7d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let unitless = text.ends_with(|last: char| last.is_ascii_digit()) && text != "0";
    let millis = parse(text, &units).filter(|_| !unitless);
    millis
        .map(Duration::from_millis)
        .ok_or_else(|| "not a time; write a number and ms, s, m, h or d, for instance 10ms".into())
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, unit) = (units.iter())
        .find_map(|&(name, unit)| Some((text.strip_suffix(name)?.trim_end(), unit)))
        .unwrap_or((text, 1));
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// A size in the largest unit that leaves it at least 1: `1.25 MiB`, `960 KiB`, `17 B`.
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

/// A count in groups of three: `1,303,778`.
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

/// `part` of `whole` in per cent: `0.82%`; nothing of nothing is `0%`.
pub fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "0%".into(),
        _ => format!("{:.2}%", part as f64 * 100.0 / whole as f64),
    }
}

/// Seconds to the hundredth: `2.31 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
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
    fn counts_and_shares() {
        for (number, expect) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_303_778, "1,303,778")]
        {
            assert_eq!(count(number), expect);
        }
        assert_eq!(share(1, 3), "33.33%");
        assert_eq!(share(0, 0), "0%");
    }
}
