//! Numbers: f32 to decimal text, as std's `{}` does, and quicker for scores.
//!
//! **The idea.** All texts that read back as an f32 are those of an interval around it, half way to
//! its neighbours. From a thousandth to 1 that interval fits into integers of 64 bits: in units of
//! 10⁻⁸ (or a power more) it goes from `least` to `most`. As long as there is a whole number in it
//! with a digit less, a digit is taken off both ends. The answer is the number itself, rounded to
//! the digits left.
//!
//! **A worked example**: 0.2022 is 13,569,412 / 2²⁶ as an f32.
//!
//! ```text
//! places   8         7        6       5      4     3
//! least    20219999  2022000  202200  20220  2022  203
//! most     20220000  2022000  202200  20220  2022  202
//! ```
//!
//! With 3 places the interval has no whole number any more, so there are 4: 0.2022.
//!
//! **The invariants**: `scaled` is below 2⁶²; `least` ≤ `most` with all places, because 10^-places
//! is at most the distance to the next f32; powers of two are left to std, since their neighbours
//! are not equally far.
//!
//! **To check a change**: the tests below compare with std; the ignored one does so for all 84
//! million numbers, and `fuzz/targets/number.rs` for any.

/// Most bytes that [`write()`] appends for a number from 0 to 1, and a few more.
pub const MAX_LENGTH: usize = 64;

/// Appends a number as `{}` does: the fewest digits that read back as the same f32, and of these
/// the nearest.
pub fn write(number: f32, output: &mut Vec<u8>) {
    if !write_share(number, output) {
        use std::io::Write;
        write!(output, "{number}").expect("writing to a vector cannot fail");
    }
}

/// The first powers of ten.
const POWERS: [u64; 16] = {
    let mut powers = [1; 16];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

/// Writes a number from a thousandth to less than 1 that is no power of two; returns false for any
/// other.
#[inline(always)]
fn write_share(number: f32, output: &mut Vec<u8>) -> bool {
    let bits = number.to_bits();
    if !(0.001..1.0).contains(&number) || bits << 9 == 0 {
        return false;
    }
    // number = fraction / 2^shift, half the distance to the next f32 = 1/2 / 2^shift. In units of
    // 10^-places / 2^(shift + 1), below 2^62:
    let fraction = u64::from(bits & 0x7f_ffff | 0x80_0000);
    let shift = 150 - (bits >> 23) + 1;
    // The fewest with which 10^-places is at most the distance to the next f32; 1233 / 4096 is
    // log10(2).
    let mut places = ((shift - 1) * 1233 / 4096 + 1) as usize;
    let half = POWERS[places];
    let scaled = 2 * fraction * half;
    // The interval that reads back as this number, in units of 10^-places. Whether its ends belong
    // to it makes no difference: no end is a whole number, because it has more places.
    let mut least = ((scaled - half - 1) >> shift) + 1;
    let mut most = (scaled + half) >> shift;
    let mut unit = 1;
    loop {
        let (fewer_least, fewer_most) = ((least - 1) / 10 + 1, most / 10);
        if fewer_least > fewer_most {
            break;
        }
        (least, most) = (fewer_least, fewer_most);
        unit *= 10;
        places -= 1;
    }
    let nearest = (scaled + (unit << (shift - 1))) / (unit << shift);
    // Printed to sixteen places, of which the first `places` are kept.
    let sixteen = nearest * POWERS[16 - places];
    let mut text = *b"0.0123456789abcdef";
    text[2..10].copy_from_slice(&eight_digits(sixteen / 100_000_000));
    text[10..].copy_from_slice(&eight_digits(sixteen % 100_000_000));
    let end = output.len() + 2 + places;
    output.extend_from_slice(&text);
    output.truncate(end);
    true
}

/// Returns the digits of a number below 10^8. It is split into two numbers of four digits, both of
/// these into two of two digits, all of these into digits, side by side in one word. 10486 / 2^20
/// and 103 / 2^10 are close enough above 1/100 and 1/10.
#[inline(always)]
fn eight_digits(number: u64) -> [u8; 8] {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - 10 * tens) << 8);
    (ones | 0x3030_3030_3030_3030).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_write(number: f32) {
        let mut text = Vec::with_capacity(MAX_LENGTH);
        write(number, &mut text);
        assert_eq!(String::from_utf8_lossy(&text), number.to_string());
        assert!(text.len() <= MAX_LENGTH);
    }

    #[test]
    fn eight_digits_of_every_four() {
        for four in 0..10_000 {
            for number in [four, four * 10_000, four * 10_000 + 9_999] {
                assert_eq!(eight_digits(number), *format!("{number:08}").as_bytes());
            }
        }
    }

    proptest! {
        #![proptest_config(crate::cases(20_000))]

        #[test]
        fn writes_what_std_writes(
            scores in prop::collection::vec(0..=1_065_353_216_u32, 50),
            shares in prop::collection::vec(0.0..1.0_f32, 50),
        ) {
            scores.into_iter().map(f32::from_bits).chain(shares).for_each(check_write);
        }
    }

    #[test]
    fn writes_what_is_special() {
        // Numbers with few digits, and their neighbours.
        let decimals = (0..=10_000).map(|count| count as f32 / 10_000.0);
        let binaries = (0..=4096).map(|count| count as f32 / 4096.0);
        let powers = (0..150).map(|power| 2_f32.powi(-power));
        for number in decimals.chain(binaries).chain(powers) {
            let bits = number.to_bits();
            let near = [bits.saturating_sub(1), bits, bits + 1].map(f32::from_bits);
            near.into_iter().filter(|near| *near <= 1.0).for_each(check_write);
        }
    }

    /// All 84 million numbers that are written without std's help.
    #[test]
    #[ignore = "takes a while"]
    fn writes_every_share() {
        (0.001_f32.to_bits()..1_f32.to_bits()).map(f32::from_bits).for_each(check_write);
    }
}
