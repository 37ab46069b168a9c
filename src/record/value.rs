//! The meaning of a field's value: an id, a number, a time.

use std::borrow::Cow;

use fraud_plan::program::{Time, TimeUnit};

use super::Reason;
use super::amount::is_no_number;
use super::number::Exact;
use super::scalar::{Number, Scalar, Text};
use super::timestamp::{self, Parts};
use crate::simd::bytes;

/// Returns an id's text. An id is a text or a whole number: `596`, `596.0` and `"596"` are one id.
pub fn id_text(value: Scalar<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        Scalar::Text(text) => Some(match text.as_plain() {
            Some(plain) => plain.into(),
            None => text.bytes().collect(),
        }),
        Scalar::Number(Number { text, decimal }) if decimal.integer => Some(text.into()),
        Scalar::Number(number) => {
            let mut room = [0; WHOLE];
            Some(whole(number.text, &mut room)?.to_vec().into())
        }
        _ => None,
    }
}

/// Returns the hash of the id of somebody or something; an empty text is no id.
#[inline(always)]
pub fn entity(value: Scalar) -> Result<u64, Reason> {
    match value {
        Scalar::Text(text) if text.written().is_empty() => Err(Reason::MissingField),
        _ => id(value),
    }
}

/// Returns the hash of an id's text.
#[inline(always)]
pub fn id(value: Scalar) -> Result<u64, Reason> {
    match value {
        Scalar::Text(text) => match text.as_plain() {
            Some(plain) => Ok(hash(plain)),
            None => Ok(hash_escaped(text)),
        },
        Scalar::Number(Number { text, decimal }) if decimal.integer => Ok(hash(text)),
        Scalar::Number(number) => hash_whole(number.text),
        _ => Err(Reason::WrongType),
    }
}

/// Bytes that the largest whole number takes, with its sign.
const WHOLE: usize = "-9007199254740992".len();

#[cold]
#[inline(never)]
fn hash_whole(number: &[u8]) -> Result<u64, Reason> {
    let mut room = [0; WHOLE];
    whole(number, &mut room).map(hash).ok_or(Reason::WrongType)
}

/// Writes a number that has a fraction or an exponent as an integer, if it is one of at most 2^53: beyond,
/// who wrote it as a float has made one of several ids.
fn whole<'r>(number: &[u8], room: &'r mut [u8; WHOLE]) -> Option<&'r [u8]> {
    let (negative, mut value) = Exact::read(number)?.whole()?;
    let mut at = WHOLE;
    loop {
        at -= 1;
        room[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if negative {
        at -= 1;
        room[at] = b'-';
    }
    Some(&room[at..])
}

/// The hash of a category's text, as [`id`].
// Not inlined: programs without categories have no use for a second copy of `id` in the reader's loop.
#[inline(never)]
pub fn category(value: Scalar) -> Result<u64, Reason> {
    id(value)
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// Hashes a text to 64 well-mixed bits: eight bytes at a time, through MurmurHash3's finisher.
/// There is no secret in it: whoever can choose ids freely can make two ids share their history.
#[inline(always)]
pub fn hash(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks();
    let hash = words.iter().fold(SEED, |hash, word| mix(hash ^ u64::from_le_bytes(*word)));
    mix(mix(hash ^ bytes::short_word(rest)) ^ text.len() as u64)
}

/// Hashes a text with escapes, as [`hash`] hashes the text that it means, without a buffer for it.
#[cold]
#[inline(never)]
fn hash_escaped(text: Text) -> u64 {
    let mut hash = SEED;
    let (mut word, mut length) = (0, 0);
    for byte in text.bytes() {
        word |= u64::from(byte) << (length % 8 * 8);
        length += 1;
        if length % 8 == 0 {
            hash = mix(hash ^ std::mem::take(&mut word));
        }
    }
    mix(mix(hash ^ word) ^ length)
}

/// Mixes 64 bits: MurmurHash3's finisher.
pub(crate) fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

/// Returns a number as the nearest f32, which has to be finite.
#[inline(always)]
pub fn number(value: Scalar) -> Result<f32, Reason> {
    let Scalar::Number(Number { text, decimal }) = value else {
        return Err(no_number(value));
    };
    let value = decimal.nearest(text).ok_or(Reason::WrongType)?;
    if value.is_finite() { Ok(value) } else { Err(Reason::NotFinite) }
}

/// Returns the reason why a value is no number.
#[cold]
#[inline(never)]
fn no_number(value: Scalar) -> Reason {
    match value {
        Scalar::Text(text) => match text.copy_to(&mut [0; 16]) {
            Some(text) if is_no_number(text) => Reason::NotANumber,
            _ => Reason::WrongType,
        },
        _ => Reason::WrongType,
    }
}

/// Returns a time in milliseconds since 1970, or why there is none: `None` of a part of a time, which goes to
/// `parts`, where [`Parts::end`] makes a time of all.
#[inline(always)]
pub fn time(value: Scalar, time: &Time, parts: &mut Parts) -> Result<i64, Option<Reason>> {
    match value {
        Scalar::Text(text) => {
            let millis = match text.as_plain().and_then(timestamp::usual) {
                Some(millis) => millis,
                None => text_time(text.written(), time),
            };
            millis.ok_or(Some(Reason::BadTime))
        }
        Scalar::Number(number) => number_time(number.text, time, parts),
        Scalar::Array if time.unit == TimeUnit::Parts => {
            parts.begin();
            Err(None)
        }
        _ => Err(Some(Reason::WrongType)),
    }
}

/// Reads a time from a text that has not the usual form.
#[cold]
#[inline(never)]
fn text_time(written: &[u8], time: &Time) -> Option<i64> {
    // A text without escapes is what it says.
    let text = Text::json(written, true);
    // Longer than any time that makes sense: a text of more bytes is no time.
    let mut room = [0; 64];
    let plain = text.copy_to(&mut room)?;
    timestamp::any(plain, time.utc_offset).or_else(|| count(plain, time.unit))
}

/// Reads a time that is a number, or a part of one.
#[cold]
#[inline(never)]
fn number_time(text: &[u8], time: &Time, parts: &mut Parts) -> Result<i64, Option<Reason>> {
    if time.unit == TimeUnit::Parts {
        return Err((!parts.push(text)).then_some(Reason::BadTime));
    }
    count(text, time.unit).ok_or(Some(Reason::BadTime))
}

/// Returns the milliseconds since 1970 of a number in `unit`.
fn count(text: &[u8], unit: TimeUnit) -> Option<i64> {
    let number = Exact::read(text)?;
    match unit {
        TimeUnit::Seconds => number.floor(3),
        TimeUnit::Milliseconds => number.floor(0),
        TimeUnit::Microseconds => number.floor(-3),
        TimeUnit::Nanoseconds => number.floor(-6),
        TimeUnit::Parts => None,
        // To the thousandth of a step.
        TimeUnit::Steps { start, step } => {
            number.floor(3)?.checked_mul(step)?.div_euclid(1000).checked_add(start)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number as JSON has it.
    fn number_of(text: &str) -> Scalar<'_> {
        let (end, decimal) = crate::record::number::read(text.as_bytes(), 0).expect("a number");
        assert_eq!(end, text.len());
        Scalar::Number(Number { text: text.as_bytes(), decimal })
    }

    #[test]
    fn whole_numbers_are_ids_however_they_are_written() {
        for (text, expect) in [
            ("596.0", Some("596")),
            ("5.96e2", Some("596")),
            ("1e3", Some("1000")),
            ("-7.0", Some("-7")),
            ("9007199254740992.0", Some("9007199254740992")),
            ("9007199254740993.0", None),
            ("5.5", None),
        ] {
            let text_of = id_text(number_of(text));
            assert_eq!(text_of.as_deref(), expect.map(str::as_bytes), "{text}");
            let expect = expect.map(|expect| hash(expect.as_bytes())).ok_or(Reason::WrongType);
            assert_eq!(id(number_of(text)), expect, "{text}");
        }
    }

    #[test]
    fn times_in_every_unit() {
        let at = Some(1_546_301_153_000);
        let start = 1_546_300_800_000;
        let hours = TimeUnit::Steps { start, step: 3_600_000 };
        for (unit, text, expect) in [
            (TimeUnit::Seconds, "1546301153", at),
            (TimeUnit::Seconds, "1546301153.0", at),
            (TimeUnit::Seconds, "1546301153.25", Some(1_546_301_153_250)),
            (TimeUnit::Seconds, "1.546301153e9", at),
            (TimeUnit::Milliseconds, "1546301153000", at),
            (TimeUnit::Microseconds, "1546301153000999", at),
            (TimeUnit::Nanoseconds, "1546301153000999999", at),
            (TimeUnit::Nanoseconds, "99999999999999999999999999999", None),
            (TimeUnit::Seconds, "99999999999999999999", None),
            (TimeUnit::Parts, "2018", None),
            (hours, "0", Some(start)),
            (hours, "1", Some(start + 3_600_000)),
            (hours, "1.0", Some(start + 3_600_000)),
            (hours, "0.5", Some(start + 1_800_000)),
            (hours, "9223372036854775807", None),
        ] {
            let how = Time { unit, utc_offset: None };
            let expect = expect.ok_or(Some(Reason::BadTime));
            let in_text = Scalar::Text(Text::plain(text.as_bytes()));
            assert_eq!(time(in_text, &how, &mut Parts::default()), expect, "\"{text}\" {unit:?}");
            if unit != TimeUnit::Parts {
                assert_eq!(time(number_of(text), &how, &mut Parts::default()), expect, "{text}");
            }
        }
    }

    #[test]
    fn the_same_hash_however_an_id_is_written() {
        let text = "0123456789abcdefghijklmnopqrstuvwxyz\0é";
        for (length, _) in text.char_indices() {
            let text = &text[..length];
            let escaped: String = text.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
            assert_eq!(hash(text.as_bytes()), hash_escaped(Text::json(escaped.as_bytes(), true)));
            assert_ne!(hash(text.as_bytes()), hash(format!("{text}\0").as_bytes()));
        }
    }
}
