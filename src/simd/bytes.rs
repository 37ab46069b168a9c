//! Work on short texts without the calls that the usual ways make: finding where plain text ends,
//! comparing, making a word of a text, copying.
//!
//! **The idea** behind `equal`, `short_word` and `append`: a text of N to 2 N bytes is its first N
//! bytes and its last N, which overlap in the middle. Both have a size that the compiler knows, so
//! two loads do for any length in between: the 20 bytes of a time are bytes 0 to 15 and bytes 4 to
//! 19.

use std::mem::MaybeUninit;

use super::{BLOCK, first_special};

/// Returns the offset, from `at` on, of the first byte that is special in a JSON text: a quote, a
/// backslash, a control character, or part of a character beyond ASCII. Returns the length of
/// `text` if there is none.
#[inline(always)]
pub fn plain_until(text: &[u8], mut at: usize) -> usize {
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        if let Some(position) = first_special(block) {
            return at + position;
        }
        at += BLOCK;
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|&&byte| !is_special(byte)).count()
}

pub(super) fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20 | 0x80..)
}

/// Returns whether two texts are equal; short ones without the call that `==` makes.
#[inline(always)]
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match one.len() {
        33.. => ends::<16>(one) == ends(other) && blocks(one).eq(blocks(other)),
        16.. => ends::<16>(one) == ends(other),
        8.. => ends::<8>(one) == ends(other),
        _ => short_word(one) == short_word(other),
    }
}

/// Returns the blocks of a text one by one, without the bytes behind the last one. The call that `==`
/// makes for a long text looks at each byte.
#[inline(always)]
fn blocks(bytes: &[u8]) -> impl Iterator<Item = &[u8; 16]> {
    bytes.as_chunks().0.iter()
}

#[inline(always)]
fn ends<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    bytes.first_chunk().zip(bytes.last_chunk())
}

/// Returns up to seven bytes as a number, the first one lowest.
#[inline(always)]
pub fn short_word(bytes: &[u8]) -> u64 {
    // Where the two reads overlap, they agree.
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (8 * (length - 4));
    }
    let (&[first, ..], &[.., last]) = (bytes, bytes) else {
        return 0;
    };
    let middle = length / 2;
    u64::from(first)
        | u64::from(bytes[middle]) << (8 * middle)
        | u64::from(last) << (8 * (length - 1))
}

/// Appends a text. A short one is copied without the call that `extend_from_slice` makes.
pub fn append(text: &[u8], output: &mut Vec<u8>) {
    output.reserve(text.len());
    let room = &mut output.spare_capacity_mut()[..text.len()];
    match text.len() {
        65..=128 => copy_ends::<64>(text, room),
        33..=64 => copy_ends::<32>(text, room),
        16..=32 => copy_ends::<16>(text, room),
        _ => _ = room.write_copy_of_slice(text),
    }
    // SAFETY: `text.len()` bytes have been reserved, and written: N at both ends of at most 2 N.
    unsafe { output.set_len(output.len() + text.len()) };
}

/// Copies a text of N to 2 N bytes: the first N, and the last N.
#[inline(always)]
fn copy_ends<const N: usize>(text: &[u8], room: &mut [MaybeUninit<u8>]) {
    let (first, last) = ends::<N>(text).expect("N bytes or more");
    room.first_chunk_mut::<N>().expect("as long as the text").write_copy_of_slice(first);
    room.last_chunk_mut::<N>().expect("as long as the text").write_copy_of_slice(last);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Miri is slow, and looks for other faults: a few lengths do for it.
    const STEP: usize = if cfg!(miri) { 13 } else { 1 };

    #[test]
    fn texts_appended() {
        let text: Vec<u8> = (0..=255).chain(0..50).collect();
        for length in (0..text.len()).step_by(STEP) {
            let mut output = b"before".to_vec();
            append(&text[..length], &mut output);
            assert_eq!(output, [b"before", &text[..length]].concat());
        }
    }

    /// At every alignment, length and distance from the end, and for every byte.
    #[test]
    fn plain_until_the_first_special_byte() {
        let plain: Vec<u8> =
            (0..70).map(|at| [b'a', b'~', b' ', b'!', b'#', b'[', b']', 0x7f][at % 8]).collect();
        for length in (0..plain.len()).step_by(STEP) {
            for start in 0..=length {
                let mut text = plain[..length].to_vec();
                assert_eq!(plain_until(&text, start), length, "{start} of {length}");
                for special in start..length {
                    let byte = [b'"', b'\\', 0, 0x1f, 0x80, 0xff][special % 6];
                    text[special] = byte;
                    // The byte behind it makes no difference.
                    if let Some(behind) = text.get_mut(special + 1) {
                        *behind = [0x21, b'"', 0x5d, 0x80][special % 4];
                    }
                    assert_eq!(plain_until(&text, start), special, "{start} of {length}");
                    text.copy_from_slice(&plain[..length]);
                }
            }
        }
        for byte in 0..=255 {
            let mut text = [b'x'; 40];
            text[21] = byte;
            let expect = if is_special(byte) { 21 } else { 40 };
            assert_eq!(plain_until(&text, 0), expect, "{byte}");
        }
    }

    #[test]
    fn words() {
        let text: Vec<u8> = (1..=100).collect();
        for from in 0..8 {
            for length in (0..=92 - from).step_by(STEP) {
                let one = &text[from..from + length];
                assert!(equal(one, one));
                for at in 0..length {
                    let mut other = one.to_vec();
                    other[at] ^= 0x80;
                    assert!(!equal(one, &other), "{one:?} {other:?}");
                    assert!(!equal(one, &one[..at]));
                }
                if length < 8 {
                    let expect = one.iter().rfold(0, |word, byte| word << 8 | u64::from(*byte));
                    assert_eq!(short_word(one), expect);
                }
            }
        }
    }
}
