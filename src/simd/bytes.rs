//! Looking at many bytes at once.

use std::mem::MaybeUninit;

/// Bytes in a block.
const BLOCK: usize = if cfg!(target_feature = "simd128") { 16 } else { 8 };

/// Offset, from `at` on, of the first byte that does not simply stand for itself in a JSON text: a
/// quote, a backslash, a control character, or part of a character beyond ASCII. The length of `text`
/// if there is none.
#[inline(always)]
pub fn plain_until(text: &[u8], mut at: usize) -> usize {
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        if let Some(place) = first_special(block) {
            return at + place;
        }
        at += BLOCK;
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|&&byte| !is_special(byte)).count()
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20 | 0x80..)
}

#[cfg(target_feature = "simd128")]
#[inline(always)]
fn first_special(block: &[u8; BLOCK]) -> Option<usize> {
    use core::arch::wasm32::*;
    let block: v128 = bytemuck::cast(*block);
    // As signed numbers, bytes beyond ASCII are below the control characters.
    let special = v128_or(
        i8x16_lt(block, i8x16_splat(0x20)),
        v128_or(
            i8x16_eq(block, i8x16_splat(b'"' as i8)),
            i8x16_eq(block, i8x16_splat(b'\\' as i8)),
        ),
    );
    let places = i8x16_bitmask(special);
    (places != 0).then(|| places.trailing_zeros() as usize)
}

#[cfg(not(target_feature = "simd128"))]
#[inline(always)]
fn first_special(block: &[u8; BLOCK]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let block = u64::from_le_bytes(*block);
    // A borrow may flag bytes above a flagged one, never one below.
    let below = |block: u64, limit: u64| block.wrapping_sub(ONES * limit) & !block;
    let is = |byte: u8| below(block ^ (ONES * u64::from(byte)), 1);
    let places = (block | below(block, 0x20) | is(b'"') | is(b'\\')) & HIGH;
    (places != 0).then(|| places.trailing_zeros() as usize / 8)
}

/// At which places of a row a word stands, a bit each.
#[cfg(target_feature = "simd128")]
#[inline(always)]
pub fn places_of(word: u32, row: &[u32; 16]) -> u16 {
    use core::arch::wasm32::*;
    let word = u32x4_splat(word);
    let &[a, b, c, d]: &[v128; 4] = &bytemuck::cast(*row);
    let [a, b, c, d] = [a, b, c, d].map(|block| u32x4_bitmask(u32x4_eq(block, word)));
    u16::from(a) | u16::from(b) << 4 | u16::from(c) << 8 | u16::from(d) << 12
}

/// At which places of a row a word stands, a bit each.
#[cfg(not(target_feature = "simd128"))]
#[inline(always)]
pub fn places_of(word: u32, row: &[u32; 16]) -> u16 {
    row.iter().rfold(0, |places, other| places << 1 | u16::from(*other == word))
}

/// Whether two short texts are the same, without the call that `==` makes.
#[inline(always)]
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    // Two reads that overlap in the middle.
    match one.len() {
        33.. => one == other,
        16.. => ends::<16>(one) == ends(other),
        8.. => ends::<8>(one) == ends(other),
        _ => short_word(one) == short_word(other),
    }
}

#[inline(always)]
fn ends<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    bytes.first_chunk().zip(bytes.last_chunk())
}

/// Up to seven bytes as a number, the first one lowest.
#[inline(always)]
pub fn short_word(bytes: &[u8]) -> u64 {
    // Two reads that overlap in the middle, where they agree.
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
    // SAFETY: so many bytes have been reserved and written: N at both ends of at most 2 N.
    unsafe { output.set_len(output.len() + text.len()) };
}

/// Copies the first and the last N bytes.
#[inline(always)]
fn copy_ends<const N: usize>(text: &[u8], room: &mut [MaybeUninit<u8>]) {
    let (first, last) = ends::<N>(text).expect("at least so long");
    room.first_chunk_mut::<N>().expect("as long as the text").write_copy_of_slice(first);
    room.last_chunk_mut::<N>().expect("as long as the text").write_copy_of_slice(last);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_appended() {
        let text: Vec<u8> = (0..=255).chain(0..50).collect();
        for length in 0..text.len() {
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
        for length in 0..plain.len() {
            for start in 0..=length {
                let mut text = plain[..length].to_vec();
                assert_eq!(plain_until(&text, start), length, "{start} of {length}");
                for special in start..length {
                    let byte = [b'"', b'\\', 0, 0x1f, 0x80, 0xff][special % 6];
                    text[special] = byte;
                    // What comes behind it makes no difference.
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
        let text: Vec<u8> = (1..=48).collect();
        for from in 0..8 {
            for length in 0..=40 - from {
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
