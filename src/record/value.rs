//! The meaning of a field's value: an id, a number, a time.

use std::borrow::Cow;

use fraud_plan::program::TimeUnit;

use super::scalar::{Number, Scalar, Text};
use super::{Reason, timestamp};
use crate::simd::bytes;

/// An id's text: it is a text or an integer; `596` and `"596"` are the same.
pub fn id_text(value: Scalar<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        Scalar::Text(text) => Some(match text.as_plain() {
            Some(plain) => plain.into(),
            None => text.bytes().collect(),
        }),
        Scalar::Number(Number { text, decimal }) if decimal.integer => Some(text.into()),
        _ => None,
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
        _ => Err(Reason::WrongType),
    }
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
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

/// Returns a number as the nearest f32, which has to be finite.
#[inline(always)]
pub fn number(value: Scalar) -> Result<f32, Reason> {
    let Scalar::Number(Number { text, decimal }) = value else {
        return Err(Reason::WrongType);
    };
    let value = decimal.nearest(text).ok_or(Reason::WrongType)?;
    if value.is_finite() { Ok(value) } else { Err(Reason::NotFinite) }
}

/// Returns a time in milliseconds since 1970: an RFC 3339 text, or an integer in `unit`.
#[inline(always)]
pub fn time(value: Scalar, unit: TimeUnit) -> Result<i64, Reason> {
    match value {
        Scalar::Text(text) => match text.as_plain() {
            Some(plain) => timestamp::parse(plain),
            None => escaped_time(text),
        },
        Scalar::Number(Number { text, decimal }) if decimal.integer => std::str::from_utf8(text)
            .ok()
            .and_then(|digits| digits.parse::<i64>().ok())
            .and_then(|count| match unit {
                TimeUnit::Seconds => count.checked_mul(1000),
                TimeUnit::Milliseconds => Some(count),
            }),
        _ => return Err(Reason::WrongType),
    }
    .ok_or(Reason::BadTime)
}

/// Reads a time from a text with escapes.
#[cold]
#[inline(never)]
fn escaped_time(text: Text) -> Option<i64> {
    // Longer than any time once unescaped: not a time.
    let mut plain = [0; 64];
    let mut length = 0;
    for byte in text.bytes() {
        *plain.get_mut(length)? = byte;
        length += 1;
    }
    timestamp::parse(&plain[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

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
