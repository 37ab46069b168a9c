//! Times in text: RFC 3339, to the millisecond.
//!
//! The common form `YYYY-MM-DDThh:mm:ssZ` is read in three words of eight bytes (`common`), any
//! other form byte after byte (`any`). Both give the same, which the property test below checks.

use fraud_plan::time::days_since_1970;
use fraud_plan::time::seconds::DAY;

/// Returns the milliseconds since 1970 of a time that names its zone, or `None` for anything else; see
/// `any`.
#[inline(always)]
pub fn parse(text: &[u8]) -> Option<i64> {
    usual(text).unwrap_or_else(|| any(text, None))
}

/// Returns the milliseconds since 1970 of the usual form, as [`common`] reads it.
#[inline(always)]
pub(super) fn usual(text: &[u8]) -> Option<Option<i64>> {
    let seconds = text.try_into().ok().and_then(common)?;
    Some(seconds.map(|seconds| seconds * 1000))
}

/// Returns the seconds since 1970 of `YYYY-MM-DDThh:mm:ssZ`; `None` for another form, `Some(None)`
/// for this form with numbers that make no time, such as a 13th month.
#[inline(always)]
fn common(text: &[u8; 20]) -> Option<Option<i64>> {
    // A bit of 0x80 is set for each byte that is neither the right separator nor a digit where one
    // belongs.
    let mut wrong = 0;
    let mut pairs = |at: usize, form: &[u8; 8]| {
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        // In each byte a digit's value, or 0 for the right separator.
        let values = word(&text[at..at + 8]) ^ word(form);
        let room = word(&form.map(|byte| if byte == b'0' { 0x7f - 9 } else { 0x7f }));
        wrong |= values | values.wrapping_add(room);
        // In each byte the number that it makes with the next byte, as two digits.
        move |at: usize| (values * 10 + (values >> 8)) >> (8 * at) & 0xff
    };
    let date = pairs(0, b"0000-00-");
    let middle = pairs(8, b"00T00:00");
    let end = pairs(12, b"0:00:00Z");
    if wrong & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let year = date(0) * 100 + date(2);
    Some(seconds([year, date(5), middle(0), middle(3), middle(6), end(5)].map(|n| n as u32)))
}

/// Returns the milliseconds since 1970 of `YYYY-MM-DDThh:mm[:ss[.fraction]]` with its zone; `None` for
/// anything else. `T` may be a space, letters may be small, and the fraction's point a comma. A fraction is
/// cut after the millisecond; second 60 is the second after 59. A text that names no zone is of the clock
/// `utc_offset`, minutes east of UTC.
#[cold]
#[inline(never)]
pub fn any(text: &[u8], utc_offset: Option<i16>) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| digits(text.get(range)?);
    let is = |at: usize, set: &[u8]| text.get(at).is_some_and(|byte| set.contains(byte));
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute) = (number(11..13)?, number(14..16)?);
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":")) {
        return None;
    }
    let (mut at, mut second, mut millis) = (16, 0, 0);
    if is(at, b":") {
        second = number(17..19)?;
        at = 19;
    }
    if at == 19 && is(at, b".,") {
        let count = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let kept = count.min(3);
        millis = number(at + 1..at + 1 + kept)? * [0, 100, 10, 1][kept];
        at += 1 + count;
        if count == 0 {
            return None;
        }
    }
    let offset = match &text[at..] {
        [] => i64::from(utc_offset?),
        rest => zone(rest)?,
    };
    let seconds = seconds([year, month, day, hour, minute, second])? - offset * 60;
    Some(seconds * 1000 + i64::from(millis))
}

/// Returns the offset of a zone, minutes east of UTC: `Z`, `UTC`, `GMT`, `+01:00`, `+0100` or `+01`, behind a
/// space or not. An offset may have the zone's name behind it: ` CEST` or `[Europe/Paris]`.
fn zone(text: &[u8]) -> Option<i64> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    if [&b"Z"[..], b"UTC", b"GMT"].iter().any(|name| text.eq_ignore_ascii_case(name)) {
        return Some(0);
    }
    let sign = match text.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let offset = &text[1..];
    let length = offset.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b':')).count();
    let (offset, name) = offset.split_at(length);
    let is_name = match name {
        [] => true,
        [b' ', letters @ ..] => {
            (1..=5).contains(&letters.len()) && letters.iter().all(u8::is_ascii_alphabetic)
        }
        [b'[', .., b']'] => true,
        _ => false,
    };
    let (hours, minutes) = match offset {
        [h1, h2] => (digits(&[*h1, *h2])?, 0),
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?),
        _ => return None,
    };
    (is_name && hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 60 + minutes))
}

/// Returns the number that a few digits make.
fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |sum: u32, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0'))
    })
}

/// The parts of a time that come one after the other, as Jackson writes one:
/// `[2018,4,1,0,0,31,123000000]`, from the year down to nanoseconds.
#[derive(Default)]
pub struct Parts {
    values: [u32; 7],
    count: usize,
    /// Whether their array has begun and not ended.
    is_open: bool,
}

impl Parts {
    /// Begins a time.
    pub(super) fn begin(&mut self) {
        *self = Self { is_open: true, ..Self::default() };
    }

    /// Takes the next part; a part that is no whole number makes the time void. Returns whether there is a time
    /// of which it is a part.
    pub(super) fn push(&mut self, text: &[u8]) -> bool {
        let value = std::str::from_utf8(text).ok().and_then(|digits| digits.parse().ok());
        match (value, self.values.get_mut(self.count)) {
            (Some(value), Some(place)) => *place = value,
            _ => self.count = self.values.len(),
        }
        self.count += 1;
        self.is_open
    }

    /// Ends the time: returns its milliseconds since 1970, if the parts make a time. It is of the clock
    /// `utc_offset`, minutes east of UTC.
    pub fn end(&mut self, utc_offset: Option<i16>) -> Option<i64> {
        let Self { values, count, .. } = std::mem::take(self);
        let [year, month, day, hour, minute, second, nanos] = values;
        if !(3..=7).contains(&count) || year > 9999 || nanos > 999_999_999 {
            return None;
        }
        let seconds = seconds([year, month, day, hour, minute, second])?;
        let offset = i64::from(utc_offset.unwrap_or(0)) * 60;
        Some((seconds - offset) * 1000 + i64::from(nanos / 1_000_000))
    }
}

/// Returns the seconds since 1970, if the numbers make a time.
#[inline(always)]
fn seconds([year, month, day, hour, minute, second]: [u32; 6]) -> Option<i64> {
    let in_range = (1..=12).contains(&month)
        && day >= 1
        && (day <= 28 || day <= days_in_month(year, month))
        && hour < 24
        && minute < 60
        && second <= 60;
    let day_seconds = (hour * 60 + minute) * 60 + second;
    in_range.then(|| days_since_1970(year, month, day) * i64::from(DAY) + i64::from(day_seconds))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(if year.is_multiple_of(100) { 400 } else { 4 }) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::{Parts, any, parse};
    use proptest::prelude::*;

    fn check(text: &str, expect: Option<i64>) {
        assert_eq!(parse(text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn rfc_3339() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2018-04-01T00:00:31Z", Some(1_522_540_831_000));
        check("2018-04-01t00:00:31z", Some(1_522_540_831_000));
        check("2018-04-01 02:00:31.5+02:00", Some(1_522_540_831_500));
        check("2018-03-31T21:30:31.123456789-02:30", Some(1_522_540_831_123));
        check("2000-02-29T23:59:60Z", Some(951_868_800_000));
        check("0000-01-01T00:00:00Z", Some(-62_167_219_200_000));
        check("9999-12-31T23:59:59.999Z", Some(253_402_300_799_999));
    }

    #[test]
    fn every_way_to_name_the_zone() {
        let at_five = Some(1_522_558_831_000);
        for zone in [
            "Z",
            "z",
            " Z",
            " UTC",
            "UTC",
            " utc",
            " GMT",
            "+00:00",
            "-00:00",
            "+0000",
            "+00",
            " +00",
            " +0000 UTC",
            "Z",
        ] {
            check(&format!("2018-04-01T05:00:31{zone}"), at_five);
        }
        for zone in ["+02:00", "+0200", "+02", " +02:00", " +0200 CEST", "+02:00[Europe/Paris]"] {
            check(&format!("2018-04-01 07:00:31{zone}"), at_five);
        }
        for zone in ["-03:30", "-0330"] {
            check(&format!("2018-04-01 01:30:31.000{zone}"), at_five);
        }
        check("2018-04-01T05:00:31,5Z", Some(1_522_558_831_500));
        check("2018-04-01T05:00Z", Some(1_522_558_800_000));
    }

    #[test]
    fn of_a_clock() {
        for (text, offset, expect) in [
            ("2019-01-01 00:05:53", Some(0), Some(1_546_301_153_000)),
            ("2019-01-01 01:05:53", Some(60), Some(1_546_301_153_000)),
            ("2018-12-31T20:35:53.25", Some(-210), Some(1_546_301_153_250)),
            ("2019-01-01T00:05", Some(0), Some(1_546_301_100_000)),
            // What the text says counts.
            ("2019-01-01T00:05:53Z", Some(60), Some(1_546_301_153_000)),
            ("2019-01-01 00:05:53", None, None),
            ("2019-01-01", Some(0), None),
            ("2019-01-01 00:05:53 ", Some(0), None),
        ] {
            assert_eq!(any(text.as_bytes(), offset), expect, "{text}");
        }
    }

    #[test]
    fn of_parts() {
        for (parts, offset, expect) in [
            (&["2018", "4", "1", "0", "0", "31", "123000000"][..], 0, Some(1_522_540_831_123)),
            (&["2018", "4", "1", "2", "0", "31"], 120, Some(1_522_540_831_000)),
            (&["2018", "4", "1", "0", "1"], 0, Some(1_522_540_860_000)),
            (&["2018", "4", "1"], 0, Some(1_522_540_800_000)),
            (&["2018", "4"], 0, None),
            (&[], 0, None),
            (&["2018", "4", "31", "0", "0"], 0, None),
            (&["2018", "4", "1.0", "0", "0"], 0, None),
            (&["10000", "4", "1"], 0, None),
            (&["4294967296", "4", "1"], 0, None),
            (&["2018", "4", "1", "0", "0", "31", "1000000000"], 0, None),
            (&["2018", "4", "1", "0", "0", "31", "0", "0"], 0, None),
        ] {
            let mut read = Parts::default();
            parts.iter().for_each(|part| _ = read.push(part.as_bytes()));
            assert_eq!(read.end(Some(offset)), expect, "{parts:?}");
        }
    }

    #[test]
    fn everything_else() {
        for text in [
            "",
            "2018",
            "2018-04-01",
            "2018-04-01T00:00:31",
            "2018-04-01T00:00:31Z ",
            "2018-04-01T00:00:31.Z",
            "2018-04-01T00:00:31+020",
            "2018-04-01T00:00:31+2",
            "2018-04-01T00:00:31+02:0",
            "2018-04-01T00:00:31 +02:00 ",
            "2018-04-01T00:00:31 +02:00 Europe",
            "2018-04-01T00:00:31[Europe/Paris]",
            "2018-04-01T00:00:31 CEST",
            "2018-04-01T00:00:31  UTC",
            "2018-04-01T00Z",
            "2018-04-01T00:00.5Z",
            "2018-04-01T00:00:31+24:00",
            "2018-13-01T00:00:31Z",
            "2018-00-01T00:00:31Z",
            "2018-02-29T00:00:31Z",
            "1900-02-29T00:00:31Z",
            "2018-04-01T24:00:00Z",
            "2018-04-01T00:60:00Z",
            "2018-04-01T00:00:61Z",
            "2018/04/01T00:00:31Z",
            "+018-04-01T00:00:31Z",
            "2018-04-01T00:00:3１Z",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #![proptest_config(crate::cases(20_000))]

        #[test]
        fn the_common_form(
            numbers: [u16; 6],
            edit in prop::option::weighted(0.3, (0..20_usize, proptest::num::u8::ANY)),
        ) {
            let limits = [10_000, 14, 33, 26, 62, 63];
            let [year, month, day, hour, minute, second] =
                std::array::from_fn(|at| numbers[at] % limits[at]);
            let time = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
            let mut time = time.into_bytes();
            if let Some((at, byte)) = edit {
                time[at] = byte;
            }
            prop_assert_eq!(parse(&time), any(&time, None), "{}", String::from_utf8_lossy(&time));
        }
    }
}
