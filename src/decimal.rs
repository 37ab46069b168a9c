//! f32 from and to decimal text: exactly what std gives, and quicker for numbers as records have them.

/// Powers of ten, all exact.
const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The f32 nearest to a number in JSON's grammar, as `str::parse` gives it: beyond its range, infinity.
#[inline(always)]
pub fn parse(text: &[u8]) -> Option<f32> {
    parse_short(text).or_else(|| parse_any(text))
}

#[cold]
#[inline(never)]
fn parse_any(text: &[u8]) -> Option<f32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Numbers of at most 16 digits and a point, without exponent.
#[inline(always)]
fn parse_short(text: &[u8]) -> Option<f32> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1.0, digits),
        _ => (1.0, text),
    };
    if digits.len() > 16 {
        return None;
    }
    let mut number = 0_u64;
    let mut whole = digits.len();
    for (at, byte) in digits.iter().enumerate() {
        match byte.wrapping_sub(b'0') {
            digit @ 0..10 => number = number * 10 + u64::from(digit),
            _ if *byte == b'.' => whole = at + 1,
            _ => return None,
        }
    }
    if number >> 53 != 0 {
        return None;
    }
    // Both are exact, so this is the f64 nearest to the number. The f32 nearest to that is the one
    // nearest to the number too, unless the f64 lies in the middle between two and the number does not.
    let nearest = number as f64 / TENS.get(digits.len() - whole)?;
    let in_the_middle = nearest.to_bits() << 35 == 1 << 63;
    (!in_the_middle).then_some((sign * nearest) as f32)
}

/// Appends a number as `{}` does: the fewest digits that read back as the same f32, and of these the
/// nearest.
pub fn write(number: f32, output: &mut Vec<u8>) {
    if !write_share(number, output) {
        use std::io::Write;
        write!(output, "{number}").expect("writing to a vector cannot fail");
    }
}

/// Decimal places in which every f32 from a thousandth on is told from the next.
const PLACES: u32 = 11;

/// Numbers from a thousandth up to, not including, 1; no powers of two, whose neighbours are not
/// equally far.
#[inline(always)]
fn write_share(number: f32, output: &mut Vec<u8>) -> bool {
    let bits = number.to_bits();
    if !(0.001..1.0).contains(&number) || bits << 9 == 0 {
        return false;
    }
    // number = fraction / 2^shift, half the distance to the next f32 = 1/2 / 2^shift. In units of
    // 10^-PLACES / 2^(shift + 1), below 2^62:
    let fraction = u64::from(bits & 0x7f_ffff | 0x80_0000);
    let shift = 150 - (bits >> 23) + 1;
    let half = 10_u64.pow(PLACES);
    let scaled = 2 * fraction * half;
    // What reads back as this number, in units of 10^-PLACES: the ends belong to it if it is even, and
    // no end is a whole number, because it has more than PLACES places.
    let mut least = (scaled - half - 1 >> shift) + 1;
    let mut most = scaled + half >> shift;
    let mut unit = 1;
    let mut places = PLACES;
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
    for place in text[2..2 + places as usize].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    output.extend_from_slice(&text[..2 + places as usize]);
    true
}
