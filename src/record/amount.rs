//! Numbers that stand in a record in another form than its format's numbers: in text, in minor units, as
//! booleans, in base64. A spec asks for these forms; other numbers do not come here.
//!
//! **The idea**: each form is brought into the one that std's `parse` reads, decimal digits with an
//! exponent, in a small buffer; what `parse` makes of it is the nearest float. Implied decimals are an
//! exponent: `000000001050` with two of them is `000000001050e-2`.

use fraud_plan::program::{Number, NumberForm, Scale};

use super::Reason;
use super::number::Exact;
use super::scalar::{Scalar, Text};

/// Most bytes of a number in text.
const MAX_TEXT: usize = 64;

/// Reads a number in the spec's form as the nearest f32, which has to be finite. `None` of an empty text,
/// which is no value. A number in minor units is left in them.
pub fn read(value: Scalar, number: &Number) -> Result<Option<f32>, Reason> {
    let value = match value {
        Scalar::Number(given) if is_as_given(number) => given.decimal.nearest(given.text),
        _ => digits(value, number)?.map(|digits| digits.parse()),
    };
    let Some(value) = value else { return Ok(None) };
    if value.is_finite() { Ok(Some(value)) } else { Err(Reason::NotFinite) }
}

/// Reads a number as [`read`] does, as the nearest f64.
pub fn read_f64(value: Scalar, number: &Number) -> Result<Option<f64>, Reason> {
    Ok(match value {
        Scalar::Number(given) if is_as_given(number) => {
            std::str::from_utf8(given.text).ok().and_then(|text| text.parse().ok())
        }
        _ => digits(value, number)?.map(|digits| digits.parse()),
    })
}

/// Whether a number of the format means what it says.
fn is_as_given(number: &Number) -> bool {
    let is_decimal = matches!(number.form, NumberForm::Number | NumberForm::Text { .. });
    is_decimal && number.scale == Scale::One
}

/// Returns the amount of `minor` units, of which a currency has 10^`decimals` to one.
pub fn of_minor_units(minor: f64, decimals: u8) -> f64 {
    minor / [1.0, 10.0, 100.0, 1000.0, 10_000.0][usize::from(decimals.min(4))]
}

/// Decimal digits with a sign, a point and an exponent, or without.
struct Digits {
    text: [u8; MAX_TEXT + 8],
    length: usize,
}

impl Digits {
    fn new() -> Self {
        Self { text: [0; MAX_TEXT + 8], length: 0 }
    }

    fn push(&mut self, text: &[u8]) {
        self.text[self.length..][..text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    fn push_whole(&mut self, negative: bool, value: u64) {
        let mut reversed = [0; 20];
        let (mut rest, mut count) = (value, 0);
        while rest > 0 || count == 0 {
            reversed[count] = b'0' + (rest % 10) as u8;
            rest /= 10;
            count += 1;
        }
        if negative {
            self.push(b"-");
        }
        reversed[..count].iter().rev().for_each(|digit| self.push(&[*digit]));
    }

    fn parse<F: std::str::FromStr + Default>(&self) -> F {
        let text = std::str::from_utf8(&self.text[..self.length]).unwrap_or_default();
        text.parse().unwrap_or_default()
    }
}

/// Returns a number's digits; `None` of an empty text.
fn digits(value: Scalar, number: &Number) -> Result<Option<Digits>, Reason> {
    let mut digits = Digits::new();
    match (number.form, value) {
        (NumberForm::Boolean, value) => digits.push(boolean(value)?),
        (NumberForm::Number | NumberForm::Text { .. }, Scalar::Number(given)) => {
            let exact = Exact::read(given.text).and_then(|exact| exact.whole());
            let (negative, value) = exact.ok_or(Reason::WrongType)?;
            digits.push_whole(negative, value);
        }
        (form, Scalar::Text(text)) => {
            let mut room = [0; MAX_TEXT];
            let text = trimmed(text, &mut room).ok_or(Reason::WrongType)?;
            if text.is_empty() {
                return Ok(None);
            }
            if is_no_number(text) {
                return Err(Reason::NotANumber);
            }
            match form {
                NumberForm::Text { point, grouping } => {
                    let is_plain = number.scale == Scale::One;
                    decimal(text, point, grouping, is_plain, &mut digits)
                        .ok_or(Reason::WrongType)?;
                }
                NumberForm::Base64 => {
                    let value = base64(text).ok_or(Reason::WrongType)?;
                    digits.push_whole(value < 0, value.unsigned_abs());
                }
                NumberForm::Number | NumberForm::Boolean => return Err(Reason::WrongType),
            }
        }
        _ => return Err(Reason::WrongType),
    }
    if let Scale::Decimals(decimals) = number.scale {
        digits.push(b"e-");
        digits.push_whole(false, decimals.into());
    }
    Ok(Some(digits))
}

/// Returns 0 or 1.
fn boolean(value: Scalar) -> Result<&'static [u8], Reason> {
    let is = |text: Text, words: [&str; 2]| {
        let mut room = [0; 5];
        let text = text.copy_to(&mut room).unwrap_or_default();
        words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
    };
    match value {
        Scalar::Bool(true) => Ok(b"1"),
        Scalar::Bool(false) => Ok(b"0"),
        Scalar::Text(text) if is(text, ["true", "1"]) => Ok(b"1"),
        Scalar::Text(text) if is(text, ["false", "0"]) => Ok(b"0"),
        Scalar::Number(number) => match Exact::read(number.text).and_then(|exact| exact.whole()) {
            Some((_, 0)) => Ok(b"0"),
            Some((false, 1)) => Ok(b"1"),
            _ => Err(Reason::WrongType),
        },
        _ => Err(Reason::WrongType),
    }
}

/// Returns a text without the spaces around it; `None` if it is longer than any number.
fn trimmed<'r>(text: Text, room: &'r mut [u8; MAX_TEXT]) -> Option<&'r [u8]> {
    Some(text.copy_to(room)?.trim_ascii())
}

/// Whether a text is how programs write what is no number, or none that is finite.
pub fn is_no_number(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let words: [&[u8]; 4] = [b"nan", b"inf", b"infinity", b"#num!"];
    words.iter().any(|word| unsigned.eq_ignore_ascii_case(word))
}

/// Reads decimal text: a sign, digits in groups or not, and, if it `is_plain`, a fraction and an exponent.
/// `None` of anything else: groups of another length are rather another language's point.
fn decimal(
    text: &[u8],
    point: u8,
    grouping: Option<u8>,
    is_plain: bool,
    digits: &mut Digits,
) -> Option<()> {
    let (sign, text) = match text {
        [b'-', rest @ ..] => (&b"-"[..], rest),
        [b'+', rest @ ..] => (&b""[..], rest),
        _ => (&b""[..], text),
    };
    digits.push(sign);
    let is_whole = |byte: &u8| byte.is_ascii_digit() || Some(*byte) == grouping;
    let (whole, rest) = text.split_at(text.iter().take_while(|byte| is_whole(byte)).count());
    let mut groups = whole.split(|byte| Some(*byte) == grouping);
    let first = groups.next()?;
    digits.push(first);
    let mut last = None;
    for group in groups {
        // 1,234,567 in most of the world, 12,34,567 in India.
        if !(1..=3).contains(&first.len()) || last.is_some_and(|last: &[u8]| last.len() < 2) {
            return None;
        }
        if !(2..=3).contains(&group.len()) {
            return None;
        }
        digits.push(group);
        last = Some(group);
    }
    if last.is_some_and(|last| last.len() != 3) {
        return None;
    }
    let fraction = rest.strip_prefix(&[point]);
    let rest = match fraction {
        Some(fraction) if is_plain => {
            let count = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (fraction, rest) = fraction.split_at(count);
            if fraction.is_empty() {
                return None;
            }
            digits.push(b".");
            digits.push(fraction);
            rest
        }
        _ => rest,
    };
    if whole.is_empty() && (fraction.is_none() || !is_plain) {
        return None;
    }
    match rest {
        [] => {}
        [b'e' | b'E', exponent @ ..] if is_plain && last.is_none() => {
            let unsigned = match exponent {
                [b'+' | b'-', rest @ ..] => rest,
                _ => exponent,
            };
            if unsigned.is_empty() || !unsigned.iter().all(u8::is_ascii_digit) {
                return None;
            }
            digits.push(b"e");
            digits.push(exponent);
        }
        _ => return None,
    }
    Some(())
}

/// Reads the big-endian two's complement of a whole number in base64, as Kafka Connect writes decimals: up
/// to eight bytes.
fn base64(text: &[u8]) -> Option<i64> {
    let unpadded = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    // Twelve characters have nine bytes.
    if unpadded.len() > 11 || unpadded.len() % 4 == 1 {
        return None;
    }
    let mut bits = 0_u128;
    for byte in unpadded {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u128::from(value);
    }
    let bytes = unpadded.len() * 6 / 8;
    let spare = unpadded.len() * 6 % 8;
    if bytes == 0 || bits & ((1 << spare) - 1) != 0 {
        return None;
    }
    // The sign is the highest bit of the first byte.
    let unused = 64 - 8 * bytes as u32;
    Some((((bits >> spare) as u64) << unused) as i64 >> unused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: NumberForm = NumberForm::Text { point: b'.', grouping: None };
    const GROUPED: NumberForm = NumberForm::Text { point: b'.', grouping: Some(b',') };

    fn of(form: NumberForm, scale: Scale) -> Number {
        Number { name: "amount".to_owned(), optional: false, form, scale }
    }

    fn in_text(text: &str, number: &Number) -> Result<Option<f32>, Reason> {
        read(Scalar::Text(Text::plain(text.as_bytes())), number)
    }

    #[test]
    fn numbers_in_text() {
        let european = NumberForm::Text { point: b',', grouping: Some(b'.') };
        let swiss = NumberForm::Text { point: b'.', grouping: Some(b'\'') };
        let wrong = Err(Reason::WrongType);
        let not_a_number = Err(Reason::NotANumber);
        let (one, two) = (Scale::One, Scale::Decimals(2));
        for (text, form, scale, expect) in [
            ("221.14", TEXT, one, Ok(Some(221.14))),
            (" -221.14 ", TEXT, one, Ok(Some(-221.14))),
            ("+7", TEXT, one, Ok(Some(7.0))),
            ("007.50", TEXT, one, Ok(Some(7.5))),
            (".5", TEXT, one, Ok(Some(0.5))),
            ("1.5E+3", TEXT, one, Ok(Some(1500.0))),
            ("1,234.50", TEXT, one, wrong),
            ("1,234.50", GROUPED, one, Ok(Some(1234.5))),
            ("1234.50", GROUPED, one, Ok(Some(1234.5))),
            ("1,234,567", GROUPED, one, Ok(Some(1_234_567.0))),
            ("12,34,567.8", GROUPED, one, Ok(Some(1_234_567.8))),
            // Another language's point, most likely.
            ("1234,50", GROUPED, one, wrong),
            ("1,5", GROUPED, one, wrong),
            ("12,34", GROUPED, one, wrong),
            ("1,,234", GROUPED, one, wrong),
            (",234", GROUPED, one, wrong),
            ("1,234e2", GROUPED, one, wrong),
            ("1.234,50", european, one, Ok(Some(1234.5))),
            ("0,5", european, one, Ok(Some(0.5))),
            ("1'234.50", swiss, one, Ok(Some(1234.5))),
            ("000000001050", TEXT, two, Ok(Some(10.5))),
            ("-5", TEXT, two, Ok(Some(-0.05))),
            ("10.50", TEXT, two, wrong),
            ("1e3", TEXT, two, wrong),
            ("", TEXT, one, Ok(None)),
            ("  ", TEXT, one, Ok(None)),
            ("-", TEXT, one, wrong),
            ("5.", TEXT, one, wrong),
            (".", TEXT, one, wrong),
            ("1e", TEXT, one, wrong),
            ("1 2", TEXT, one, wrong),
            ("$5", TEXT, one, wrong),
            ("0x10", TEXT, one, wrong),
            ("1e99", TEXT, one, Err(Reason::NotFinite)),
            ("NaN", TEXT, one, not_a_number),
            ("-Infinity", TEXT, one, not_a_number),
            ("+inf", GROUPED, two, not_a_number),
            ("nan", NumberForm::Base64, two, not_a_number),
            ("B54=", NumberForm::Base64, two, Ok(Some(19.5))),
            ("B54", NumberForm::Base64, two, Ok(Some(19.5))),
            ("AA==", NumberForm::Base64, two, Ok(Some(0.0))),
            ("/w==", NumberForm::Base64, two, Ok(Some(-0.01))),
            ("f/////////8=", NumberForm::Base64, Scale::Decimals(18), Ok(Some(9.223_372))),
            ("AH//////////", NumberForm::Base64, two, wrong),
            ("B5", NumberForm::Base64, two, wrong),
            ("B", NumberForm::Base64, two, wrong),
            ("19.50", NumberForm::Base64, two, wrong),
            ("5", NumberForm::Number, two, wrong),
        ] {
            assert_eq!(in_text(text, &of(form, scale)), expect, "{text} {form:?} {scale:?}");
        }
        assert_eq!(in_text(&"9".repeat(65), &of(TEXT, one)), wrong);
        assert_eq!(
            in_text(&"9".repeat(64), &of(TEXT, Scale::Decimals(18))),
            Err(Reason::NotFinite)
        );
    }

    fn in_json(text: &str, number: &Number) -> Result<Option<f32>, Reason> {
        let (end, decimal) = crate::record::number::read(text.as_bytes(), 0).expect("a number");
        let text = &text.as_bytes()[..end];
        read(Scalar::Number(super::super::scalar::Number { text, decimal }), number)
    }

    #[test]
    fn numbers_of_the_format() {
        let wrong = Err(Reason::WrongType);
        for (text, form, scale, expect) in [
            ("2997", NumberForm::Number, Scale::Decimals(2), Ok(Some(29.97))),
            ("2997.0", NumberForm::Number, Scale::Decimals(2), Ok(Some(29.97))),
            ("29.97", NumberForm::Number, Scale::Decimals(2), wrong),
            ("2997", TEXT, Scale::Decimals(2), Ok(Some(29.97))),
            ("29.97", TEXT, Scale::One, Ok(Some(29.97))),
            ("1", NumberForm::Boolean, Scale::One, Ok(Some(1.0))),
            ("0.0", NumberForm::Boolean, Scale::One, Ok(Some(0.0))),
            ("2", NumberForm::Boolean, Scale::One, wrong),
            ("-1", NumberForm::Boolean, Scale::One, wrong),
            ("19.5", NumberForm::Base64, Scale::Decimals(2), wrong),
        ] {
            assert_eq!(in_json(text, &of(form, scale)), expect, "{text} {form:?} {scale:?}");
        }
        let boolean = of(NumberForm::Boolean, Scale::One);
        for (value, expect) in [
            (Scalar::Bool(true), Ok(Some(1.0))),
            (Scalar::Bool(false), Ok(Some(0.0))),
            (Scalar::Text(Text::plain(b"True")), Ok(Some(1.0))),
            (Scalar::Text(Text::plain(b"no")), wrong),
            (Scalar::Array, wrong),
        ] {
            assert_eq!(read(value, &boolean), expect, "{value:?}");
        }
        assert_eq!(read(Scalar::Bool(true), &of(TEXT, Scale::One)), wrong);
    }

    proptest! {
        #![proptest_config(crate::cases(5000))]

        /// Whole numbers of hundredths, written in each way, are the float that std reads of them with a point.
        #[test]
        fn written_in_each_way(hundredths: i64) {
            let hundredths = hundredths >> (hundredths & 63);
            let (sign, value) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
            let (whole, rest) = (value / 100, value % 100);
            let expect: f32 = format!("{sign}{whole}.{rest:02}").parse().expect("a number");
            let digits = whole.to_string();
            let groups: Vec<&str> = (digits.as_bytes().rchunks(3).rev())
                .map(|group| std::str::from_utf8(group).expect("digits"))
                .collect();
            let grouped = format!("{sign}{}.{rest:02}", groups.join(","));
            prop_assert_eq!(in_text(&grouped, &of(GROUPED, Scale::One)), Ok(Some(expect)));
            let implied = format!("{sign}{value:012}");
            prop_assert_eq!(in_text(&implied, &of(TEXT, Scale::Decimals(2))), Ok(Some(expect)));
            if value < 1 << 53 {
                let number = of(NumberForm::Number, Scale::Decimals(2));
                prop_assert_eq!(in_json(&hundredths.to_string(), &number), Ok(Some(expect)));
            }
            let bytes = hundredths.to_be_bytes();
            let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let bits = u128::from_be_bytes([[0; 8], bytes].concat().try_into().expect("16")) << 2;
            let base64: String = (0..11).rev()
                .map(|at| char::from(letters[(bits >> (6 * at)) as usize & 63]))
                .collect();
            prop_assert_eq!(in_text(&base64, &of(NumberForm::Base64, Scale::Decimals(2))), Ok(Some(expect)));
        }

        /// Nothing traps.
        #[test]
        fn any_text(text in "\\PC{0,70}|[-+0-9,.eE ]{0,70}", decimals in 0..=18_u8) {
            for form in [TEXT, GROUPED, NumberForm::Base64, NumberForm::Boolean, NumberForm::Number] {
                for scale in [Scale::One, Scale::Decimals(decimals), Scale::Currency(0)] {
                    let _ = in_text(&text, &of(form, scale));
                }
            }
        }
    }
}
