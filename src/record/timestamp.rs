//! Times in text: RFC 3339, to the millisecond.
//!
//! The common form `YYYY-MM-DDThh:mm:ssZ` is read in three words of eight bytes (`common`), any
//! other form byte after byte (`any`). Both give the same, which the property test below checks.

use fraud_plan::time::seconds::DAY;

/// Returns the milliseconds since 1970 of `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`, or `None` for
/// anything else. As RFC 3339 allows, `T` may be a space and letters may be small. A fraction is
/// cut after the millisecond; second 60 is the second after 59.
#[inline(always)]
pub fn parse(text: &[u8]) -> Option<i64> {
    match text.try_into().ok().and_then(common) {
        Some(seconds) => Some(seconds? * 1000),
        None => any(text),
    }
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

/// Reads any form of a time.
#[cold]
#[inline(never)]
fn any(text: &[u8]) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| {
        text.get(range)?.iter().try_fold(0, |sum: u32, digit| {
            digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0'))
        })
    };
    let is = |at: usize, set: &[u8]| text.get(at).is_some_and(|byte| set.contains(byte));
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let mut at = 19;
    let mut millis = 0;
    if is(at, b".") {
        let digits = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let kept = digits.min(3);
        millis = number(at + 1..at + 1 + kept)? * [0, 100, 10, 1][kept];
        at += 1 + digits;
        if digits == 0 {
            return None;
        }
    }
    let offset_minutes = if is(at, b"Zz") && text.len() == at + 1 {
        0
    } else if is(at, b"+-") && is(at + 3, b":") && text.len() == at + 6 {
        let (hours, minutes) = (number(at + 1..at + 3)?, number(at + 4..at + 6)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        i64::from(hours * 60 + minutes) * if text[at] == b'-' { -1 } else { 1 }
    } else {
        return None;
    };
    let seconds = seconds([year, month, day, hour, minute, second])? - offset_minutes * 60;
    Some(seconds * 1000 + i64::from(millis))
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

/// Returns the days from 1970-01-01 in the proleptic Gregorian calendar. Years begin in March, so
/// that the leap day is the last of its year; and they are counted from 400 years earlier, so that
/// the year before the year 0 is not negative.
#[inline(always)]
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    i64::from(365 * year + leap_days + (153 * month + 2) / 5 + day - 1) - (719_468 + 146_097)
}

#[cfg(test)]
mod tests {
    use super::{any, parse};
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
    fn everything_else() {
        for text in [
            "",
            "2018",
            "2018-04-01",
            "2018-04-01T00:00:31",
            "2018-04-01T00:00:31Z ",
            "2018-04-01T00:00:31.Z",
            "2018-04-01T00:00:31+0200",
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
            prop_assert_eq!(parse(&time), any(&time), "{}", String::from_utf8_lossy(&time));
        }
    }
}
