//! Records known by sight: those of a stream look alike, so that between its values a record most
//! likely has, byte for byte, what one before it had there. Where it does, only the values are left
//! to look at, and no grammar: with other texts and numbers in the same places, a JSON text is one
//! still, of the same members.

use super::scan;
use crate::record::number;
use crate::record::scalar::{Member, Number, Scalar, Text, UNREAD, Values, Visitor};
use crate::simd::bytes;

/// Layouts that are remembered; their values, and the bytes around these, at most.
const LAYOUTS: usize = 4;
const VALUES: usize = 64;
const BYTES: usize = 1024;
/// Once there are as many, of so many records that look otherwise one takes the place of another.
const PATIENCE: usize = 16;

/// What records have looked like.
pub struct Layouts {
    known: [Layout; LAYOUTS],
    /// Records that looked otherwise.
    unknown: usize,
}

/// What a record looks like; empty until one is learnt.
pub struct Layout {
    /// All that stands around the values: before each, and behind the last.
    around: Vec<u8>,
    values: Vec<Value>,
    /// Bytes from the closing brace on.
    rest: usize,
}

struct Value {
    /// Where in `around` ends what stands before it.
    before: u16,
    kind: Kind,
    /// The visitor's number for it, or [`UNREAD`].
    member: u16,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    /// The bracket itself stands with what is around.
    Array,
    /// The same.
    Object,
    /// The end of an array, whose bracket stands with what is around too.
    End,
}

impl Layouts {
    /// None yet, with all the memory that they will need.
    pub fn new() -> Self {
        let layout = |_| Layout {
            around: Vec::with_capacity(BYTES),
            values: Vec::with_capacity(VALUES),
            rest: 0,
        };
        Self { known: std::array::from_fn(layout), unknown: 0 }
    }

    /// Those that are known.
    #[inline]
    pub fn known(&self) -> impl Iterator<Item = &Layout> {
        self.known.iter().filter(|layout| !layout.around.is_empty())
    }

    /// Learns from a record that none is known of, whose object closes at `end`; `visitor` says which of
    /// its values are read.
    #[inline(never)]
    pub fn learn<'t>(&mut self, text: &'t [u8], end: usize, visitor: &mut impl Visitor<'t>) {
        let turn = self.unknown;
        self.unknown += 1;
        let place = match turn {
            ..LAYOUTS => turn,
            _ if turn.is_multiple_of(PATIENCE) => turn / PATIENCE % LAYOUTS,
            _ => return,
        };
        let layout = &mut self.known[place];
        layout.around.clear();
        layout.values.clear();
        let mut learner = Learner { text, layout, at: 0, fits: true, visitor };
        let is_json = scan(text, &mut learner).is_ok();
        learner.add(text.len());
        let fits = learner.fits && is_json;
        layout.rest = text.len() - end;
        if !fits {
            layout.around.clear();
        }
    }
}

impl Layout {
    /// Offset of the closing brace of a record that looks so; `visitor` is given its values. It may
    /// also be given values of a record that then turns out to look otherwise.
    #[inline(always)]
    pub fn read<'t>(&self, text: &'t [u8], visitor: &mut impl Values<'t>) -> Option<usize> {
        let (mut at, mut passed) = (0, 0);
        for &Value { before, kind, member } in &self.values {
            let around = self.around.get(passed..usize::from(before))?;
            let from = at + around.len();
            if !bytes::equal(text.get(at..from)?, around) {
                return None;
            }
            passed += around.len();
            match kind {
                // What stands behind begins with its quote, so that it has to end there.
                Kind::Text => {
                    at = bytes::plain_until(text, from);
                    if member != UNREAD {
                        visitor.value(member, Scalar::Text(Text::plain(&text[from..at])));
                    }
                }
                Kind::Number => {
                    let decimal;
                    (at, decimal) = number::read(text, from)?;
                    if member != UNREAD {
                        let text = &text[from..at];
                        visitor.value(member, Scalar::Number(Number { text, decimal }));
                    }
                }
                Kind::Array => {
                    at = from;
                    visitor.value(member, Scalar::Array);
                }
                Kind::Object => {
                    at = from;
                    visitor.value(member, Scalar::Object);
                }
                Kind::End => {
                    at = from;
                    visitor.end(member);
                }
            }
        }
        let is_whole = bytes::equal(text.get(at..)?, self.around.get(passed..)?);
        is_whole.then(|| text.len() - self.rest)
    }
}

/// Writes a layout down.
struct Learner<'l, 't, V> {
    text: &'t [u8],
    layout: &'l mut Layout,
    /// Where what has been written down ends.
    at: usize,
    fits: bool,
    /// Says which values are read.
    visitor: &'l mut V,
}

impl<V> Learner<'_, '_, V> {
    /// Adds what stands between the last value and `to`.
    fn add(&mut self, to: usize) {
        let around = &self.text[self.at..to];
        self.fits &= self.layout.around.len() + around.len() <= BYTES;
        if self.fits {
            self.layout.around.extend_from_slice(around);
        }
    }

    /// Adds a value that stands at `from..to`.
    fn add_value(&mut self, from: usize, to: usize, kind: Kind, member: u16) {
        self.add(from);
        self.at = to;
        self.fits &= self.layout.values.len() < VALUES;
        if self.fits {
            let before = self.layout.around.len() as u16;
            self.layout.values.push(Value { before, kind, member });
        }
    }
}

/// Gives a value that is not read a number too: it may be another one in the next record.
fn known(member: Member) -> Member {
    match member {
        Member::Skip => Member::Take(UNREAD),
        take => take,
    }
}

impl<'t, V: Visitor<'t>> Visitor<'t> for Learner<'_, 't, V> {
    fn member(&mut self, parent: u16, name: Text<'t>) -> Member {
        known(if parent == UNREAD { Member::Skip } else { self.visitor.member(parent, name) })
    }

    fn item(&mut self, array: u16) -> Member {
        known(if array == UNREAD { Member::Skip } else { self.visitor.item(array) })
    }
}

impl<'t, V: Visitor<'t>> Values<'t> for Learner<'_, 't, V> {
    fn value(&mut self, member: u16, value: Scalar<'t>) {
        let (written, kind) = match value {
            Scalar::Text(text) => (text.written(), Kind::Text),
            Scalar::Number(number) => (number.text, Kind::Number),
            Scalar::Array if member != UNREAD => (&self.text[self.at..self.at], Kind::Array),
            Scalar::Object if member != UNREAD => (&self.text[self.at..self.at], Kind::Object),
            Scalar::Array | Scalar::Object | Scalar::Null | Scalar::Bool(_) => return,
        };
        if member != UNREAD {
            self.visitor.value(member, value);
        }
        // A value's bytes lie in the record.
        let from = written.as_ptr().addr() - self.text.as_ptr().addr();
        self.add_value(from, from + written.len(), kind, member);
    }

    fn end(&mut self, member: u16) {
        let began = |value: &Value| value.member == member && matches!(value.kind, Kind::Array);
        if member != UNREAD && self.layout.values.iter().any(began) {
            self.add_value(self.at, self.at, Kind::End, member);
        }
    }
}
