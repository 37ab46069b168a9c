//! Texts with escapes, unescaped.

/// Returns the bytes that a text means; it has passed the scanner. Half of a surrogate pair, which
/// JSON allows and UTF-8 does not, comes out as the three bytes that UTF-8's scheme gives it.
pub fn unescape(text: &[u8]) -> impl Iterator<Item = u8> + use<'_> {
    let mut rest = text;
    let mut encoded = [0; 4].into_iter().take(0);
    std::iter::from_fn(move || {
        if let Some(byte) = encoded.next() {
            return Some(byte);
        }
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if byte != b'\\' {
            return Some(byte);
        }
        let (&letter, after) = rest.split_first()?;
        rest = after;
        Some(match letter {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (bytes, len) = encode(unicode_escape(&mut rest));
                encoded = bytes.into_iter().take(len);
                encoded.next().expect("every character has a byte")
            }
            other => other,
        })
    })
}

/// Returns the code point of a `\u` escape, of which `rest` begins with the digits. If it is the
/// first half of a surrogate pair, takes the second half too.
fn unicode_escape(rest: &mut &[u8]) -> u32 {
    let hex = |digits: &[u8]| {
        (digits.iter()).fold(0, |sum, digit| sum << 4 | (*digit as char).to_digit(16).unwrap_or(0))
    };
    let (digits, after) = rest.split_at(4.min(rest.len()));
    let first = hex(digits);
    *rest = after;
    if (0xd800..0xdc00).contains(&first)
        && let [b'\\', b'u', digits @ ..] = after
        && let Some((digits, after)) = digits.split_at_checked(4)
    {
        let second = hex(digits);
        if (0xdc00..0xe000).contains(&second) {
            *rest = after;
            return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        }
    }
    first
}

/// Returns the bytes of a code point in UTF-8's scheme, surrogates included, and their number.
fn encode(point: u32) -> ([u8; 4], usize) {
    let low = |shift: u32| (point >> shift & 0x3f) as u8 | 0x80;
    match point {
        0..0x80 => ([point as u8, 0, 0, 0], 1),
        0x80..0x800 => ([(point >> 6) as u8 | 0xc0, low(0), 0, 0], 2),
        0x800..0x10000 => ([(point >> 12) as u8 | 0xe0, low(6), low(0), 0], 3),
        _ => ([(point >> 18) as u8 | 0xf0, low(12), low(6), low(0)], 4),
    }
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn unescaping() {
        for (escaped, plain) in [
            (r"a\n\t\b\f\r\/\\\u0022", "a\n\t\u{8}\u{c}\r/\\\""),
            (r"\u00e9\u20ac\uD83D\uDE00é", "é€😀é"),
        ] {
            assert!(unescape(escaped.as_bytes()).eq(plain.bytes()), "{escaped}");
        }
        // Halves of pairs.
        assert!(unescape(br"\ud83d\u0041").eq([0xed, 0xa0, 0xbd, b'A']));
        assert!(unescape(br"\ude00").eq([0xed, 0xb8, 0x80]));
    }
}
