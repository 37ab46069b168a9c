//! f32 from and to decimal text: exactly what std gives, and quicker for numbers as records have them.

/// Powers of ten, all exact.
const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A number as it stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Its digits as an integer, modulo 2^64.
    digits: u64,
    /// How many of them are behind the point.
    places: usize,
    /// Neither longer than 16 bytes without the sign, nor with an exponent.
    short: bool,
    /// Written without fraction and exponent.
    pub integer: bool,
}

/// Reads the number that begins at `from`: where it ends, and what it is.
#[inline(always)]
pub fn read(text: &[u8], from: usize) -> Option<(usize, Decimal)> {
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
    let first = from + usize::from(byte(from) == b'-');
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
    Some((end, Decimal { digits, places, short, integer }))
}

impl Decimal {
    /// The nearest f32, as `str::parse` gives it for `text`, which this was read from: beyond its
    /// range, infinity.
    #[inline(always)]
    pub fn nearest(&self, text: &[u8]) -> Option<f32> {
        self.quotient(text).or_else(|| parse(text))
    }

    #[inline(always)]
    fn quotient(&self, text: &[u8]) -> Option<f32> {
        if !self.short || self.digits >> 53 != 0 {
            return None;
        }
        // Both are exact, so this is the f64 nearest to the number. The f32 nearest to that is the one
        // nearest to the number too, unless the f64 lies in the middle between two and the number
        // does not.
        let nearest = self.digits as f64 / TENS.get(self.places)?;
        let in_the_middle = nearest.to_bits() << 35 == 1 << 63;
        let nearest = if text.first() == Some(&b'-') { -nearest } else { nearest };
        (!in_the_middle).then_some(nearest as f32)
    }
}

#[cold]
#[inline(never)]
fn parse(text: &[u8]) -> Option<f32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Bytes of the longest text that [`write`] gives for a number from 0 to 1, and a few more.
pub const LONGEST: usize = 64;

/// Appends a number as `{}` does: the fewest digits that read back as the same f32, and of these the
/// nearest.
pub fn write(number: f32, output: &mut Vec<u8>) {
    if !write_share(number, output) {
        use std::io::Write;
        write!(output, "{number}").expect("writing to a vector cannot fail");
    }
}

/// Powers of ten.
const POWERS: [u64; 3] = [1_000_000_000, 10_000_000_000, 100_000_000_000];

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
    let mut places = match number {
        0.1.. => 9,
        0.01.. => 10,
        _ => 11,
    };
    let half = POWERS[places - 9];
    let scaled = 2 * fraction * half;
    // What reads back as this number, in units of 10^-places: the ends belong to it if it is even, and
    // no end is a whole number, because it has more places.
    let mut least = (scaled - half - 1 >> shift) + 1;
    let mut most = scaled + half >> shift;
    let mut unit = 1;
    loop {
        let (fewer_least, fewer_most) = ((least + 9) / 10, most / 10);
        if fewer_least > fewer_most {
            break;
        }
        (least, most) = (fewer_least, fewer_most);
        unit *= 10;
        places -= 1;
    }
    let nearest = (scaled + (unit << shift - 1)) / (unit << shift);
    let mut text = *b"0.00000000000";
    let mut rest = nearest as u32;
    for place in text[2..2 + places].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    output.extend_from_slice(&text[..2 + places]);
    true
}
