//! Names and values that a format finds in a record, and where they are.
//!
//! A format (`json/` is the only one so far) passes over a record's bytes once and tells a [`Visitor`]
//! what it sees. A visitor does not know the format: the reader is one, the CLI's envelopes are another.

use super::json::unescape;
use super::number::Decimal;

/// A value of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'r> {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A text.
    Text(Text<'r>),
    /// A number.
    Number(Number<'r>),
    /// An array begins; [`Values::end`] ends it.
    Array,
    /// An object begins; [`Values::end`] ends it.
    Object,
}

/// A text as a record has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Text<'r> {
    written: &'r [u8],
    escaped: bool,
}

impl<'r> Text<'r> {
    /// Makes a text of the bytes that it consists of.
    pub fn plain(written: &'r [u8]) -> Self {
        Self { written, escaped: false }
    }

    /// Makes a text of what stands between quotes in JSON; `escaped` if a backslash is in it.
    pub(super) fn json(written: &'r [u8], escaped: bool) -> Self {
        Self { written, escaped }
    }

    /// Returns the text's own bytes where the record has them in one piece.
    #[inline(always)]
    pub fn as_plain(&self) -> Option<&'r [u8]> {
        (!self.escaped).then_some(self.written)
    }

    /// Returns the bytes as the record has them, escapes and all.
    #[inline(always)]
    pub fn written(&self) -> &'r [u8] {
        self.written
    }

    /// Returns the text's own bytes, one after the other.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + use<'r> {
        let (plain, escaped) =
            if self.escaped { (&[][..], self.written) } else { (self.written, &[][..]) };
        plain.iter().copied().chain(unescape(escaped))
    }

    /// Writes the text's own bytes into `room`; `None` if they are more.
    // Not inlined: only unusual values are copied.
    #[cold]
    #[inline(never)]
    pub fn copy_to<'b>(&self, room: &'b mut [u8]) -> Option<&'b [u8]> {
        let mut length = 0;
        for byte in self.bytes() {
            *room.get_mut(length)? = byte;
            length += 1;
        }
        Some(&room[..length])
    }

    /// Returns whether this is the text `other`.
    #[inline(always)]
    pub fn is(&self, other: &str) -> bool {
        match self.as_plain() {
            Some(plain) => crate::simd::bytes::equal(plain, other.as_bytes()),
            None => unescape(self.written).eq(other.bytes()),
        }
    }
}

/// A number as a record has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number<'r> {
    /// Its decimal text, in JSON's grammar.
    pub text: &'r [u8],
    /// The digits of `text`.
    pub decimal: Decimal,
}

/// A visitor's answer to a member before its value comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// Nothing: the value is checked, not announced.
    Skip,
    /// It is to be announced, with the visitor's own number for it, at most [`MAX_MEMBER`].
    Take(u16),
}

/// Takes the values that a format finds.
pub trait Values<'r> {
    /// Takes a value that was asked for as `member`.
    fn value(&mut self, member: u16, value: Scalar<'r>);

    /// Takes a text that the record has in one piece.
    #[inline(always)]
    fn text(&mut self, member: u16, text: &'r [u8]) {
        self.value(member, Scalar::Text(Text::plain(text)));
    }

    /// Takes a number.
    #[inline(always)]
    fn number(&mut self, member: u16, number: Number<'r>) {
        self.value(member, Scalar::Number(number));
    }

    /// Ends an array or object that was announced as `member`.
    #[inline(always)]
    fn end(&mut self, _member: u16) {}
}

/// Says which values a format is to announce, and takes them.
///
/// The calls for `{"a":{"b":1},"c":[2]}` are `member(RECORD, a)`, `value(a, Object)`, `member(a, b)`,
/// `value(b, 1)`, `end(a)`, `member(RECORD, c)`, `value(c, Array)`, `item(c)`, `value(c, 2)`, `end(c)`,
/// `end(RECORD)`.
pub trait Visitor<'r>: Values<'r> {
    /// Says what to do with the member `name` of the object `parent`, which may be [`RECORD`].
    fn member(&mut self, parent: u16, name: Text<'r>) -> Member;

    /// Says what to do with the next item of an array that was announced as `array`. It has the array's
    /// own number unless the visitor counts items.
    #[inline(always)]
    fn item(&mut self, array: u16) -> Member {
        Member::Take(array)
    }
}

/// Largest number that a visitor gives a value. The numbers above it mean something else: the next three.
pub const MAX_MEMBER: u16 = u16::MAX - 3;
/// Number of a value that a layout knows, but its visitor skips.
pub(super) const UNREAD: u16 = u16::MAX - 2;
/// Number of a value that the visitor skips.
pub(super) const SKIPPED: u16 = u16::MAX - 1;
/// Number of the record itself, as the parent of its members.
pub const RECORD: u16 = u16::MAX;

const _: () = assert!(MAX_MEMBER < UNREAD && UNREAD < SKIPPED && SKIPPED < RECORD);
