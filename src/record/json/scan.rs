//! The scanner: it checks a text against the whole grammar of JSON (RFC 8259) and tells a visitor
//! which members it passes.
//!
//! It does what a derived serde_json struct would, and what the record contract asks for besides:
//! the text is UTF-8 everywhere, nesting is bounded, nothing is allocated, nothing recurses.
//!
//! **The idea.** One loop, one turn for each value. Between two turns all that has to be remembered
//! is the stack of open brackets, as two parallel stacks: whether each bracket is an object (a bit
//! of `objects`, the innermost lowest), and the visitor's number for each (`outer`, with the
//! innermost apart in `number`). Members that the visitor does not take have the number
//! [`SKIPPED`], and so has everything inside them.
//!
//! **Invariants.**
//! - `at` is the offset of the first byte that is not yet checked; all before it is valid.
//! - `objects` has one bit for each of `depth` open brackets, hence [`MAX_DEPTH`] ≤ 64.
//! - UTF-8 is not checked on the way: outside of texts the grammar takes ASCII only, and a text
//!   with other bytes clears `ascii`, so that the whole is checked once, at the end.
//!
//! **A worked example**: `{"a":[1]}`, of which the visitor takes `a` as number 0.
//!
//! | turn | sees | announces | depth, objects | number |
//! |---|---|---|---|---|
//! | 1 | `{` | – | 1, 0b1 | `RECORD` |
//! | 2 | `"a"`, `:`, `[` | 0: an array | 2, 0b10 | 0 |
//! | 3 | `1` | 0: a number | 2, 0b10 | 0 |
//! | 4 | `]` | the end of 0 | 1, 0b1 | `RECORD` |
//! | 5 | `}` | the end of `RECORD`; it is the record's end | 0, 0 | `SKIPPED` |
//! | 6 | the end of the text | – | | |
//!
//! **To change it**: what every record needs is inlined into the loop, so that the scanner's state
//! stays in registers; what is rare is a cold function that takes and returns offsets. The loop is
//! made once for each visitor, and the visitor's `value` once for each kind of token.
//! `tests/fuel.rs` tells what a change costs; the tests below and the fuzz target `record` hold the
//! scanner to serde_json.

use super::{Fault, MAX_DEPTH};
use crate::record::number;
use crate::record::scalar::{Member, Number, RECORD, SKIPPED, Scalar, Text, Visitor};
use crate::simd::bytes;

/// Scans one JSON value with white space around it; returns the offset of its closing brace if it
/// is an object. If the text turns out to be faulty, the visitor has to forget what it was told.
#[inline(always)]
pub fn scan<'t>(text: &'t [u8], visitor: &mut impl Visitor<'t>) -> Result<Option<usize>, Fault> {
    let mut scanner = Scanner { text, at: 0, ascii: true };
    let end = scanner.run(visitor);
    if scanner.ascii && end.is_ok() {
        return end;
    }
    check_utf8(text)?;
    end.map_err(|fault| fault_at(text, scanner.at).unwrap_or(fault))
}

/// Checks that a text is UTF-8: if not, that takes precedence over every other fault.
#[cold]
#[inline(never)]
fn check_utf8(text: &[u8]) -> Result<(), Fault> {
    std::str::from_utf8(text).map(|_| ()).map_err(|_| Fault::Utf8)
}

/// Returns the fault of a value that begins at `at`, if it is how programs write what is no number.
#[cold]
#[inline(never)]
fn fault_at(text: &[u8], at: usize) -> Option<Fault> {
    let rest = text.get(at..)?;
    let words: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    words.iter().any(|word| rest.starts_with(word)).then_some(Fault::NotANumber)
}

// The brackets around a value are a stack of bits in one word.
const _: () = assert!(MAX_DEPTH <= u64::BITS as usize);

struct Scanner<'t> {
    text: &'t [u8],
    /// Offset of the next byte to check.
    at: usize,
    /// Whether there was no byte beyond ASCII in the texts so far.
    ascii: bool,
}

impl<'t> Scanner<'t> {
    #[inline(always)]
    fn run(&mut self, visitor: &mut impl Visitor<'t>) -> Result<Option<usize>, Fault> {
        // The stack of open brackets.
        let mut depth = 0;
        let mut objects = 0_u64;
        let mut outer = [0; MAX_DEPTH];
        let mut number = SKIPPED;
        let mut end = None;
        // Whether the next value is the first in its bracket: no comma before it.
        let mut first = true;
        loop {
            // On to the next value, or out of the bracket.
            let in_object = objects & 1 == 1;
            let mut next = self.next();
            if depth == 0 {
                if !first {
                    let whole = self.at == self.text.len();
                    return if whole { Ok(end) } else { Err(Fault::Grammar) };
                }
            } else if next == if in_object { b'}' } else { b']' } {
                depth -= 1;
                if depth == 0 && in_object {
                    end = Some(self.at);
                }
                if number != SKIPPED {
                    visitor.end(number);
                }
                number = outer[depth];
                objects >>= 1;
                self.at += 1;
                first = false;
                continue;
            } else if !first {
                if next != b',' {
                    return Err(Fault::Grammar);
                }
                self.at += 1;
                next = self.next();
            }
            let member = if in_object {
                self.name(next, number, visitor)?
            } else {
                numbered(number, || visitor.item(number))
            };
            first = false;
            // Announced once for each kind of value, so that the visitor's code is specialised for
            // it.
            match self.next() {
                b'"' => {
                    let text = self.text()?;
                    announce(visitor, member, Scalar::Text(text));
                }
                b'-' | b'0'..=b'9' => {
                    let number = self.number()?;
                    announce(visitor, member, Scalar::Number(number));
                }
                bracket @ (b'{' | b'[') => {
                    let is_object = bracket == b'{';
                    announce(
                        visitor,
                        member,
                        if is_object { Scalar::Object } else { Scalar::Array },
                    );
                    if depth == MAX_DEPTH {
                        return Err(Fault::TooDeep);
                    }
                    outer[depth] = number;
                    number = if is_object && depth == 0 { RECORD } else { member };
                    objects = objects << 1 | u64::from(is_object);
                    depth += 1;
                    self.at += 1;
                    first = true;
                }
                _ => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let (length, value) = literal(rest).ok_or(Fault::Grammar)?;
                    self.at += length;
                    announce(visitor, member, value);
                }
            }
        }
    }

    /// Passes a member's name, which begins with `next`, and its colon; returns the visitor's
    /// number for it.
    #[inline(always)]
    fn name(
        &mut self,
        next: u8,
        parent: u16,
        visitor: &mut impl Visitor<'t>,
    ) -> Result<u16, Fault> {
        if next != b'"' {
            return Err(Fault::Grammar);
        }
        let name = self.text()?;
        if self.next() != b':' {
            return Err(Fault::Grammar);
        }
        self.at += 1;
        Ok(numbered(parent, || visitor.member(parent, name)))
    }

    /// Passes white space, and returns the byte behind it without passing it. At the end of the
    /// text that is 0, which no rule of the grammar takes.
    #[inline(always)]
    fn next(&mut self) -> u8 {
        let byte = self.text.get(self.at).copied().unwrap_or(0);
        if byte > b' ' {
            return byte;
        }
        self.at = space_until(self.text, self.at);
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// Passes a text, from its opening quote to its closing quote.
    #[inline(always)]
    fn text(&mut self) -> Result<Text<'t>, Fault> {
        let from = self.at + 1;
        let mut to = bytes::plain_until(self.text, from);
        let mut escaped = false;
        if self.text.get(to) != Some(&b'"') {
            let ascii;
            (to, escaped, ascii) = text_until(self.text, to).ok_or(Fault::Grammar)?;
            self.ascii &= ascii;
        }
        self.at = to + 1;
        Ok(Text::json(&self.text[from..to], escaped))
    }

    /// Passes a number.
    #[inline(always)]
    fn number(&mut self) -> Result<Number<'t>, Fault> {
        let from = self.at;
        let (to, decimal) = number::read(self.text, from).ok_or(Fault::Grammar)?;
        self.at = to;
        Ok(Number { text: &self.text[from..to], decimal })
    }
}

/// Returns the literal with which a text begins, and its length.
#[inline(never)]
fn literal(text: &[u8]) -> Option<(usize, Scalar<'static>)> {
    let known = [
        (&b"true"[..], Scalar::Bool(true)),
        (&b"false"[..], Scalar::Bool(false)),
        (&b"null"[..], Scalar::Null),
    ];
    let (word, value) = *known.iter().find(|(word, _)| text.starts_with(word))?;
    Some((word.len(), value))
}

/// The visitor's number for a value in what has the number `parent`.
#[inline(always)]
fn numbered(parent: u16, ask: impl FnOnce() -> Member) -> u16 {
    if parent == SKIPPED {
        return SKIPPED;
    }
    match ask() {
        Member::Skip => SKIPPED,
        Member::Take(number) => number,
    }
}

#[inline(always)]
fn announce<'t>(visitor: &mut impl Visitor<'t>, member: u16, value: Scalar<'t>) {
    if member != SKIPPED {
        visitor.value(member, value);
    }
}

/// Returns the offset, from `at` on, of the first byte that is no white space.
#[cold]
#[inline(never)]
fn space_until(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

/// Reads on from within a text; returns the offset of its closing quote, whether there was a
/// backslash, and whether all of it was ASCII.
#[cold]
#[inline(never)]
fn text_until(text: &[u8], mut at: usize) -> Option<(usize, bool, bool)> {
    let (mut escaped, mut ascii) = (false, true);
    loop {
        match *text.get(at)? {
            b'"' => return Some((at, escaped, ascii)),
            b'\\' => {
                escaped = true;
                match *text.get(at + 1)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                    b'u' if text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                    _ => return None,
                }
            }
            0..0x20 => return None,
            0x80.. => {
                ascii = false;
                at += text[at..].iter().take_while(|byte| !byte.is_ascii()).count();
            }
            _ => at = bytes::plain_until(text, at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::scalar::Values;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    /// Takes every value and notes what it sees.
    #[derive(Default)]
    struct Notes<'t> {
        members: Vec<(u16, String)>,
        values: Vec<(u16, Scalar<'t>)>,
        ends: Vec<u16>,
    }

    impl<'t> Visitor<'t> for Notes<'t> {
        fn member(&mut self, parent: u16, name: Text<'t>) -> Member {
            let name = String::from_utf8(name.bytes().collect()).expect("text");
            self.members.push((parent, name));
            Member::Take(self.members.len() as u16 - 1)
        }
    }

    impl<'t> Values<'t> for Notes<'t> {
        fn value(&mut self, member: u16, value: Scalar<'t>) {
            self.values.push((member, value));
        }

        fn end(&mut self, member: u16) {
            self.ends.push(member);
        }
    }

    struct Blind;

    impl<'t> Visitor<'t> for Blind {
        fn member(&mut self, _: u16, _: Text<'t>) -> Member {
            Member::Skip
        }
    }

    impl<'t> Values<'t> for Blind {
        fn value(&mut self, _: u16, _: Scalar<'t>) {
            unreachable!("no member is taken");
        }

        fn end(&mut self, member: u16) {
            assert_eq!(member, RECORD, "no member is taken");
        }
    }

    fn check(text: &str, expect: Result<Option<usize>, Fault>) {
        assert_eq!(scan(text.as_bytes(), &mut Blind), expect, "{text}");
    }

    #[test]
    fn roots() {
        check("{}", Ok(Some(1)));
        check(" {\"a\":[1,{}]} \n", Ok(Some(12)));
        for text in ["[]", "[{}]", "null", "true", "false", "-0.5e+1", "\"\\\"\"", " 0 "] {
            check(text, Ok(None));
        }
        for text in [
            "",
            " ",
            "{",
            "{}}",
            "{} {}",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "[1,]",
            "[1 2]",
            "[}",
            "{]",
            "nul",
            "nulll",
            "tru",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "0x1",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "\"\u{1}\"",
            "{\"a\":1}x",
            "// {}",
            "\u{feff}{}",
        ] {
            check(text, Err(Fault::Grammar));
        }
        for text in ["NaN", "[Infinity]", "{\"a\":-Infinity}"] {
            check(text, Err(Fault::NotANumber));
        }
        assert_eq!(scan(b"{\"a\":NaN,\"b\":\"\xff\"}", &mut Blind), Err(Fault::Utf8));
        assert_eq!(scan(b"{\"a\":\"\xff\"}", &mut Blind), Err(Fault::Utf8));
    }

    #[test]
    fn depth() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        check(&nested(MAX_DEPTH), Ok(None));
        check(&nested(MAX_DEPTH + 1), Err(Fault::TooDeep));
        check(&"[".repeat(1 << 20), Err(Fault::TooDeep));
        check(&"{\"a\":".repeat(1 << 20), Err(Fault::TooDeep));
    }

    #[test]
    fn members() {
        let mut notes = Notes::default();
        let text = r#"{"a":1,"b":{"\u0063":[{"d":2}],"e":{}},"f":"x"}"#;
        scan(text.as_bytes(), &mut notes).expect("JSON");
        let names: Vec<_> = notes.members.iter().map(|(p, n)| (*p, n.as_str())).collect();
        let expect = [(RECORD, "a"), (RECORD, "b"), (1, "c"), (2, "d"), (1, "e"), (RECORD, "f")];
        assert_eq!(names, expect);
        let numbers: Vec<_> = notes.values.iter().map(|(member, _)| *member).collect();
        assert_eq!(numbers, [0, 1, 2, 2, 3, 4, 5], "the array, then the object in it");
        assert_eq!(notes.ends, [2, 2, 4, 1, RECORD], "the object, then the array around it");
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::hash_map("[a-c\"\\\\é]{0,2}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Everything in a value that is neither an object nor an array, with the name that it is
    /// under.
    fn leaves(name: &str, value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Array(values) => {
                values.iter().for_each(|value| leaves(name, value, found));
            }
            serde_json::Value::Object(members) => {
                members.iter().for_each(|(name, value)| leaves(name, value, found));
            }
            leaf => found.push(format!("{name}: {leaf}")),
        }
    }

    proptest! {
        #![proptest_config(crate::cases(2000))]

        /// The scanner announces the values that serde_json reads, however they are spaced.
        #[test]
        fn announces_what_serde_json_reads(value in json(), pretty: bool) {
            let root = serde_json::json!({"root": value});
            let write = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
            let text = write(&root).expect("a value can be written");
            let mut notes = Notes::default();
            prop_assert_eq!(scan(text.as_bytes(), &mut notes), Ok(Some(text.len() - 1)));
            let announced = notes.values.iter().filter_map(|(member, value)| {
                let utf8 = |bytes| std::str::from_utf8(bytes).expect("UTF-8");
                let leaf = match *value {
                    Scalar::Text(text) => format!("\"{}\"", utf8(text.written())),
                    Scalar::Number(number) => utf8(number.text).to_owned(),
                    Scalar::Null => "null".to_owned(),
                    Scalar::Bool(value) => value.to_string(),
                    Scalar::Array | Scalar::Object => return None,
                };
                Some(format!("{}: {leaf}", notes.members[usize::from(*member)].1))
            });
            let mut announced: Vec<_> = announced.collect();
            let mut expect = Vec::new();
            leaves("", &root, &mut expect);
            announced.sort();
            expect.sort();
            prop_assert_eq!(announced, expect);
        }

        /// The scanner takes and refuses the texts that serde_json takes and refuses: JSON with
        /// bytes changed, taken out and put in.
        #[test]
        fn agrees_with_serde_json(
            value in json(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3, any::<u8>()), 0..4),
        ) {
            let mut text = serde_json::to_vec(&value).expect("a value can be written");
            for (at, edit, byte) in edits {
                let at = at.index(text.len() + 1);
                let syntax = b"{}[]\",:\\u0e-. \ntfn";
                let byte = if byte & 1 == 0 { syntax[usize::from(byte / 2) % syntax.len()] } else { byte };
                match edit {
                    0 => text.insert(at, byte),
                    1 if at < text.len() => text[at] = byte,
                    _ if at < text.len() => { text.remove(at); }
                    _ => {}
                }
            }
            let valid = std::str::from_utf8(&text).is_ok()
                && serde_json::from_slice::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(scan(&text, &mut Blind).is_ok(), valid);
        }
    }
}
