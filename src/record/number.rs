//! Numbers: decimal text to f32, to the bit as std's `parse` does, and quicker for numbers as
//! records have them.
//!
//! **The idea.** Most amounts have up to seven bytes: `57.16`. They are loaded as one word of eight
//! bytes and worked on together (`read_short`); any other number is read byte after byte
//! (`read_any`), which gives the same. Reading only finds the digits and where the point is; the
//! division that makes an f32 of them is left to [`Decimal::nearest`], for the numbers that
//! somebody wants.
//!
//! **A worked example**: `57.16,"a` with the first byte lowest, so read it from right to left.
//!
//! ```text
//! word       61 22 2c 36 31 2e 37 35     a " , 6 1 . 7 5
//! values     51 12 1c 06 01 1e 07 05     a digit is 0 to 9, anything else is 10 or more
//! others     80 80 80 00 00 80 00 00     bytes that are no digit; the first is byte 2, the point
//! digits     .. .. .. .. 06 01 07 05     the point closed up: 4 digits, 2 of them behind the point
//! ones       06 01 07 05 00 00 00 00     shifted up, so that zeros come first: 0 0 0 0 5 7 1 6
//! twos          10    39    00    00     10 · 5 + 7 = 57 and 16, each in 16 bits
//! fours                1654          0   100 · 57 + 16 = 5716, in 32 bits
//! digits                          1654   10 000 · 0 + 5716, in the lower 32 bits
//! ```
//!
//! **The invariant** of `nearest`: the digits are below 2⁵³ and the power of ten is exact, so their
//! quotient is the f64 nearest to the number. Rounded once more, to f32, it is the f32 nearest to
//! the number too, unless the f64 is exactly in the middle between two f32s, where the number
//! itself may be on either side; then, and for anything longer, std parses the text.
//!
//! **To check a change**: the tests below compare with std, also at the middle between two floats,
//! and the short way with the long one; so does the fuzz target `number`.

/// The powers of ten that are worth dividing by; each is exact.
const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Eight of the digit 0.
const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);

/// A number in decimal text, as JSON writes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Its digits as an integer, modulo 2^64.
    digits: u64,
    /// Number of digits behind the point.
    places: usize,
    /// Whether it has at most 16 bytes without the sign, and no exponent.
    short: bool,
    negative: bool,
    /// Whether it is written without fraction and exponent.
    pub integer: bool,
}

/// Reads the number that begins at `from`; returns the offset of its end, and the number. `None` if
/// no number by JSON's grammar begins there.
#[inline(always)]
pub fn read(text: &[u8], from: usize) -> Option<(usize, Decimal)> {
    read_short(text, from).or_else(|| read_any(text, from))
}

/// Reads a number of at most seven bytes without a sign, all bytes together. `None` for other
/// numbers, and for what is no number.
#[inline(always)]
fn read_short(text: &[u8], from: usize) -> Option<(usize, Decimal)> {
    // Eight bytes, the first one lowest; zeros stand for bytes behind the end of the text.
    let word = match text.get(from..)?.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let missing = from + 8 - text.len();
            u64::from_le_bytes(*text.last_chunk()?).unbounded_shr(8 * missing as u32)
        }
    };
    // In `others`, 0x80 for each byte that is no digit. A sum may carry into the next byte, but
    // only from a byte of 0x8a or more, which is no digit: what is right is the first 0x80, and, if
    // that is a point (0x1e, which carries nothing), the second.
    let values = word ^ ZEROS;
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let byte = |at: usize| (values >> (8 * at)) as u8 ^ b'0';
    let whole = others.trailing_zeros() as usize / 8;
    if whole == 0 || whole == 8 || (whole > 1 && byte(0) == b'0') {
        return None;
    }
    let has_point = byte(whole) == b'.';
    let (mut digits, mut count) = (values, whole);
    if has_point {
        let below = (1 << (8 * whole)) - 1;
        digits = values & below | values >> 8 & !below;
        count = ((others & (others - 1)) >> 8).trailing_zeros() as usize / 8;
    }
    let places = count - whole;
    let length = count + usize::from(has_point);
    // Longer than seven bytes, nothing behind the point, or an exponent.
    if count == 8 || (has_point && places == 0) || byte(length) | 0x20 == b'e' {
        return None;
    }
    // Shifted to the upper end, so that zeros come first; then two digits make one number, four,
    // eight.
    let ones = digits << (64 - 8 * count);
    let twos = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    let digits = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
    let decimal = Decimal { digits, places, short: true, negative: false, integer: !has_point };
    Some((from + length, decimal))
}

/// Reads any number, byte after byte.
#[inline(never)]
fn read_any(text: &[u8], from: usize) -> Option<(usize, Decimal)> {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    let mut digits = 0_u64;
    // One digit or more.
    let mut pass_digits = |from: usize| {
        let rest = text.get(from..)?.iter();
        let count = rest
            .map(|byte| byte.wrapping_sub(b'0'))
            .take_while(|digit| *digit < 10)
            .map(|digit| digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit)))
            .count();
        (count > 0).then_some(from + count)
    };
    let negative = byte(from) == b'-';
    let first = from + usize::from(negative);
    let mut end = if byte(first) == b'0' { first + 1 } else { pass_digits(first)? };
    let mut places = 0;
    if byte(end) == b'.' {
        let point = end;
        end = pass_digits(point + 1)?;
        places = end - point - 1;
    }
    let mut integer = places == 0;
    let mut short = end - first <= 16;
    if matches!(byte(end), b'e' | b'E') {
        integer = false;
        short = false;
        end = pass_digits(end + 1 + usize::from(matches!(byte(end + 1), b'+' | b'-')))?;
    }
    Some((end, Decimal { digits, places, short, negative, integer }))
}

impl Decimal {
    /// Returns the nearest f32, as `str::parse` gives it for `text`, from which this number was
    /// read: infinity if it is beyond an f32's range.
    #[inline(always)]
    pub fn nearest(&self, text: &[u8]) -> Option<f32> {
        self.quotient().or_else(|| parse(text))
    }

    /// Divides the digits by a power of ten, where that gives the nearest f32, which is finite.
    #[inline(always)]
    pub(super) fn quotient(&self) -> Option<f32> {
        if !self.short || self.digits >> 53 != 0 {
            return None;
        }
        let nearest = self.digits as f64 / TENS.get(self.places)?;
        let in_the_middle = nearest.to_bits() << 35 == 1 << 63;
        let nearest = if self.negative { -nearest } else { nearest };
        (!in_the_middle).then_some(nearest as f32)
    }
}

#[cold]
#[inline(never)]
fn parse(text: &[u8]) -> Option<f32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A decimal number without loss: ± `digits` · 10^`exponent`, or a little more where digits were cut.
pub struct Exact {
    negative: bool,
    digits: u64,
    exponent: i32,
    /// Whether digits that are not 0 have been cut behind the nineteenth.
    cut: bool,
}

impl Exact {
    /// Reads a whole text: digits with a sign, a point and an exponent or without, `None` for anything else.
    pub fn read(text: &[u8]) -> Option<Self> {
        let unsigned = text.strip_prefix(b"-");
        let negative = unsigned.is_some();
        let mut exact = Self { negative, digits: 0, exponent: 0, cut: false };
        let mut rest = unsigned.unwrap_or(text);
        let mut in_fraction = false;
        let mut any = false;
        while let Some((&byte, after)) = rest.split_first() {
            match byte {
                b'0'..=b'9' => {
                    any = true;
                    let digit = u64::from(byte - b'0');
                    if exact.digits < 10_u64.pow(18) {
                        exact.digits = exact.digits * 10 + digit;
                        exact.exponent -= i32::from(in_fraction);
                    } else {
                        exact.cut |= digit != 0;
                        exact.exponent += i32::from(!in_fraction);
                    }
                }
                b'.' if !in_fraction && any && !after.is_empty() => in_fraction = true,
                b'e' | b'E' if any => {
                    // Beyond what an i32 holds, the number is beyond all that anyone asks for.
                    let power: i32 = std::str::from_utf8(after).ok()?.parse().ok()?;
                    exact.exponent = exact.exponent.saturating_add(power);
                    break;
                }
                _ => return None,
            }
            rest = after;
        }
        any.then_some(exact)
    }

    /// Returns the number times 10^`power`, rounded down to a whole number.
    pub fn floor(&self, power: i32) -> Option<i64> {
        let digits = self.digits;
        let shift = self.exponent.saturating_add(power);
        let tens = |shift: i32| 10_u64.checked_pow(shift.unsigned_abs());
        let (whole, has_rest) = match shift {
            0.. if digits == 0 => (0, self.cut),
            0.. => (digits.checked_mul(tens(shift)?)?, self.cut),
            _ => match tens(shift) {
                Some(tens) => (digits / tens, self.cut || !digits.is_multiple_of(tens)),
                None => (0, digits != 0),
            },
        };
        let whole = i64::try_from(whole).ok()?;
        Some(if self.negative { -whole - i64::from(has_rest) } else { whole })
    }

    /// Returns the number and whether it is negative, if it is whole and at most 2^53: up to there, each
    /// whole number has a 64-bit float of its own.
    pub fn whole(&self) -> Option<(bool, u64)> {
        let magnitude = Self { negative: false, ..*self };
        let whole = magnitude.floor(0).filter(|whole| *whole <= 1 << 53)?;
        // Rounded up, it is the same.
        let up = Self { negative: true, ..*self }.floor(0)?;
        (up == -whole).then_some((self.negative, whole as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Checks a text that is a number by JSON's grammar.
    fn check_read(text: &str) {
        let (end, decimal) = read(text.as_bytes(), 0).expect("a number");
        assert_eq!(end, text.len(), "{text}");
        // With something behind it.
        assert_eq!(read(format!("{text},\"a\":123").as_bytes(), 0), Some((end, decimal)), "{text}");
        let std = text.parse::<f32>().expect("a number").to_bits();
        let nearest = decimal.nearest(text.as_bytes()).expect("a number");
        assert_eq!(nearest.to_bits(), std, "{text}");
        assert_eq!(decimal.integer, !text.contains(['.', 'e', 'E']), "{text}");
    }

    #[test]
    fn exact_ones() {
        for (text, power, expect) in [
            ("1546301153", 3, Some(1_546_301_153_000)),
            ("1546301153.1239", 3, Some(1_546_301_153_123)),
            ("1.546301153E9", 3, Some(1_546_301_153_000)),
            ("1546301153123456789", -6, Some(1_546_301_153_123)),
            ("1546301153.123456789123456789123", 3, Some(1_546_301_153_123)),
            ("-0.5", 0, Some(-1)),
            ("-1e-400", 0, Some(-1)),
            ("-2.0", 0, Some(-2)),
            ("0e999999", 0, Some(0)),
            ("00012", 0, Some(12)),
            ("1e999999999", 0, None),
            ("1e9999999999", 0, None),
            ("9223372036854775807", 0, Some(i64::MAX)),
            ("9223372036854775808", 0, None),
            ("99999999999999999999", 0, None),
            ("99999999999999999999", -6, Some(99_999_999_999_999)),
        ] {
            let exact = Exact::read(text.as_bytes());
            assert_eq!(exact.and_then(|exact| exact.floor(power)), expect, "{text}");
        }
        for text in ["", "-", "+1", "1.", ".5", "1.5.5", "e5", "1e", "1e+", "0x1", "1 ", "NaN"] {
            assert!(Exact::read(text.as_bytes()).is_none(), "{text}");
        }
        for (text, expect) in [
            ("596.0", Some((false, 596))),
            ("1e3", Some((false, 1000))),
            ("-1.5e1", Some((true, 15))),
            ("0.0", Some((false, 0))),
            ("9007199254740992.0", Some((false, 1 << 53))),
            ("9.007199254740992e15", Some((false, 1 << 53))),
            ("9007199254740994.0", None),
            ("596.00000000000000000000000000", Some((false, 596))),
            ("596.00000000000000000000000001", None),
            ("596.5", None),
            ("1e-1", None),
            ("1e400", None),
        ] {
            assert_eq!(Exact::read(text.as_bytes()).expect(text).whole(), expect, "{text}");
        }
    }

    #[test]
    fn numbers_read() {
        for text in ["0", "-0", "-0.0", "1e0", "57.16", "-57.16", "0.1", "1E+2", "1e-400", "1e400"]
        {
            check_read(text);
        }
        for text in ["", "-", "a", ".5", "-.5", "1.", "1.e", "1e", "1e+", "--1"] {
            assert_eq!(read(text.as_bytes(), 0), None, "{text}");
        }
        for (text, end) in [("01", 1), ("1.5.5", 3), ("-7,", 2), ("1-", 1), ("0e5e", 3)] {
            assert_eq!(read(text.as_bytes(), 0).map(|read| read.0), Some(end), "{text}");
        }
    }

    #[test]
    fn short_ones_are_read_all_at_once() {
        for text in ["0", "7", "57.16", "104.94", "0.00001", "1234567", "12345.6"] {
            assert!(read_short(format!("{text}}}        ").as_bytes(), 0).is_some(), "{text}");
            assert!(read_short(format!("{{\"a\":  {text}").as_bytes(), 7).is_some(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(crate::cases(20_000))]

        #[test]
        fn reads_what_std_reads(digits: u64, length in 1..20_usize, point in 0..20_usize) {
            let mut text = digits.to_string();
            text.truncate(length);
            if point >= text.len() {
                text = format!("0.{}{text}", "0".repeat(point - text.len()));
            } else if point > 0 {
                text.insert(text.len() - point, '.');
            }
            check_read(&text);
            check_read(&format!("-{text}"));
        }

        #[test]
        fn reads_short_ones_as_any(text in "[0-9.eE,}-]{0,20}|[0-9]{1,6}[.][0-9]{1,6}[,} 0-9é]{0,8}") {
            for from in 0..=text.len() {
                let text = text.as_bytes();
                prop_assert!(read_short(text, from).is_none_or(|read| Some(read) == read_any(text, from)));
            }
        }

        /// The middle between two neighbours, and the numbers as close to it as the digits allow.
        #[test]
        fn reads_what_is_between(bits in 0x2000_0000..0x5e80_0000_u32, places in 0..16_usize) {
            let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
            let middle = format!("{:.places$}", (f64::from(low) + f64::from(high)) / 2.0);
            for last in '0'..='9' {
                check_read(&format!("{}{last}", &middle[..middle.len() - 1]).replace("..", ".0"));
            }
        }
    }
}
