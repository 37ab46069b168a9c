//! f32 from and to decimal text: exactly what std gives, and quicker for numbers as records have them.

/// Powers of ten, all exact.
const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Eight of the digit 0.
const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);

/// A number as it stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Its digits as an integer, modulo 2^64.
    digits: u64,
    /// How many of them are behind the point.
    places: usize,
    /// Neither longer than 16 bytes without the sign, nor with an exponent.
    short: bool,
    negative: bool,
    /// Written without fraction and exponent.
    pub integer: bool,
}

/// Reads the number that begins at `from`: where it ends, and what it is.
#[inline(always)]
pub fn read(text: &[u8], from: usize) -> Option<(usize, Decimal)> {
    read_short(text, from).or_else(|| read_any(text, from))
}

/// A number of at most seven bytes, looked at all at once. `None` for other numbers, and for what is
/// none.
#[inline(always)]
fn read_short(text: &[u8], from: usize) -> Option<(usize, Decimal)> {
    // Eight bytes, the first one lowest; zeros behind the end of the text.
    let word = match text.get(from..)?.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let missing = from + 8 - text.len();
            u64::from_le_bytes(*text.last_chunk()?).unbounded_shr(8 * missing as u32)
        }
    };
    // In each byte a digit's value, or 10 and more. A carry changes nothing at or below the first of
    // these, nor below the second if the first is a point.
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
    // It goes on, or nothing stands behind the point, or an exponent does.
    if count == 8 || (has_point && places == 0) || byte(length) | 0x20 == b'e' {
        return None;
    }
    // To the upper end, so that zeros come before; then two digits together, four, eight.
    let ones = digits << (64 - 8 * count);
    let twos = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    let digits = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
    let decimal = Decimal { digits, places, short: true, negative: false, integer: !has_point };
    Some((from + length, decimal))
}

/// Byte after byte.
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
    /// The nearest f32, as `str::parse` gives it for `text`, which this was read from: beyond its
    /// range, infinity.
    #[inline(always)]
    pub fn nearest(&self, text: &[u8]) -> Option<f32> {
        self.quotient().or_else(|| parse(text))
    }

    #[inline(always)]
    fn quotient(&self) -> Option<f32> {
        if !self.short || self.digits >> 53 != 0 {
            return None;
        }
        // Both are exact, so this is the f64 nearest to the number. The f32 nearest to that is the one
        // nearest to the number too, unless the f64 lies in the middle between two and the number
        // does not.
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

/// Bytes of the longest text that [`write()`] gives for a number from 0 to 1, and a few more.
pub const LONGEST: usize = 64;

/// Appends a number as `{}` does: the fewest digits that read back as the same f32, and of these the
/// nearest.
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

/// Numbers from a thousandth up to, not including, 1; no powers of two, whose neighbours are not
/// equally far.
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
    // So many that 10^-places is at most the distance to the next f32; 1233 / 4096 is log10(2).
    let mut places = ((shift - 1) * 1233 / 4096 + 1) as usize;
    let half = POWERS[places];
    let scaled = 2 * fraction * half;
    // What reads back as this number, in units of 10^-places: the ends belong to it if it is even, and
    // no end is a whole number, because it has more places.
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
    // To sixteen places, of which the first are wanted.
    let sixteen = nearest * POWERS[16 - places];
    let mut text = *b"0.0123456789abcdef";
    text[2..10].copy_from_slice(&eight_digits(sixteen / 100_000_000));
    text[10..].copy_from_slice(&eight_digits(sixteen % 100_000_000));
    let end = output.len() + 2 + places;
    output.extend_from_slice(&text);
    output.truncate(end);
    true
}

/// The digits of a number below 10^8: split into fours, both of these into twos, all of these into
/// ones, side by side in one word. 10486 / 2^20 and 103 / 2^10 are close enough above 1/100 and 1/10.
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

    /// In JSON's grammar.
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

    fn check_write(number: f32) {
        let mut text = Vec::with_capacity(LONGEST);
        write(number, &mut text);
        assert_eq!(String::from_utf8_lossy(&text), number.to_string());
        assert!(text.len() <= LONGEST);
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

    #[test]
    fn eight_digits_of_every_four() {
        for four in 0..10_000 {
            for number in [four, four * 10_000, four * 10_000 + 9_999] {
                assert_eq!(eight_digits(number), *format!("{number:08}").as_bytes());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

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

        /// All at once, or one byte after the other.
        #[test]
        fn reads_short_ones_as_any(text in "[0-9.eE,}-]{0,20}|[0-9]{1,6}[.][0-9]{1,6}[,} 0-9é]{0,8}") {
            for from in 0..=text.len() {
                let text = text.as_bytes();
                prop_assert!(read_short(text, from).is_none_or(|read| Some(read) == read_any(text, from)));
            }
        }

        /// The middle between two neighbours, and what lies as close to it as the digits allow.
        #[test]
        fn reads_what_is_between(bits in 0x2000_0000..0x5e80_0000_u32, places in 0..16_usize) {
            let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
            let middle = format!("{:.places$}", (f64::from(low) + f64::from(high)) / 2.0);
            for last in '0'..='9' {
                check_read(&format!("{}{last}", &middle[..middle.len() - 1]).replace("..", ".0"));
            }
        }

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
        // What has few digits, and its neighbours.
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
