//! Layouts: records that are written like an earlier one are read without the grammar.
//!
//! **The idea.** The records of a stream are written by one program, so they differ in their values
//! only: the bytes between the values are the same, from the first brace to the last. A [`Layout`]
//! keeps these bytes, and what kind of value is between them. A record that has the same bytes
//! there, and values of the same kinds, is JSON of the same members, because the record that the
//! layout was learned from is: in JSON a text can take the place of any other text, and a number
//! that of any other number.
//!
//! **A worked example.** From `{"id":"7","amount":5.5}` is learned, with `id` as member 0 and
//! `amount` as member 1:
//!
//! ```text
//! around: {"id":"  ","amount":  }
//! values:         0: text     1: number
//! ```
//!
//! Quotes, brackets, `null`, `true` and `false` belong to the bytes around.
//! `{"id":"88","amount":1e3}` has this layout. So has `{"id":"8","amount":7,"more":1}` up to the
//! `7`; then it has a comma in place of the brace, and goes to the scanner. White space that
//! differs, escapes, other members or another order: the scanner.
//!
//! **Invariants.**
//! - A layout gives a visitor what the scanner would give it, or gives up. It may give up late,
//!   when the visitor has values already: the caller starts again with a fresh one.
//! - What is learned depends on one record that the scanner has taken whole, so a layout's bytes
//!   are valid JSON with valid UTF-8.
//! - A text ends at the first byte that is special in JSON, and a quote has to follow: so it has no
//!   escapes and is ASCII.
//!
//! **To check a change**: the property test in `reader/tests.rs` and the fuzz target `record` compare a
//! reader that has learned layouts with a fresh one; `tests/fuel.rs` tells what it costs.

use super::scan;
use crate::record::number;
use crate::record::scalar::{Member, Number, Scalar, Text, UNREAD, Values, Visitor};
use crate::simd::bytes;

/// Number of layouts kept.
const MAX_LAYOUTS: usize = 4;
/// Most values of a layout.
const MAX_VALUES: usize = 64;
/// Most bytes around the values of a layout.
const MAX_AROUND: usize = 1024;
// `Value::before` counts bytes around.
const _: () = assert!(MAX_AROUND <= u16::MAX as usize);
/// Once all layouts are taken, one in this many records of an unknown layout replaces a layout: the
/// layouts take turns.
const PATIENCE: usize = 16;

/// The layouts of records read before.
pub struct Layouts {
    known: [Layout; MAX_LAYOUTS],
    /// Number of records that had none of them.
    unknown: usize,
}

/// The layout of a record; empty until one is learned.
pub struct Layout {
    /// The bytes around the values: before each of them, and behind the last.
    around: Vec<u8>,
    values: Vec<Value>,
    /// Number of bytes from the closing brace to the record's end.
    rest: usize,
    /// The uses that the record from which it was learnt was fit for, as its reader says.
    pub(in crate::record) sound: u8,
}

struct Value {
    /// Number of bytes around that are before this value, and behind the one before.
    before: u16,
    kind: Kind,
    /// The visitor's number for the value, or [`UNREAD`].
    member: u16,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    /// The array's bracket belongs to the bytes around.
    Array,
    /// The object's brace belongs to the bytes around.
    Object,
    /// True, which belongs to the bytes around too: a record with false has another layout.
    True,
    False,
    /// The end of an array, whose bracket belongs to the bytes around too.
    End,
}

impl Kind {
    /// Tells a visitor of a value whose bytes belong to the bytes around.
    // Not inlined: records of texts and numbers alone have no use for the visitor's code here.
    #[inline(never)]
    fn tell<'t>(self, member: u16, visitor: &mut impl Values<'t>) {
        match self {
            Kind::Array => visitor.value(member, Scalar::Array),
            Kind::Object => visitor.value(member, Scalar::Object),
            Kind::True => visitor.value(member, Scalar::Bool(true)),
            Kind::False => visitor.value(member, Scalar::Bool(false)),
            Kind::End => visitor.end(member),
            Kind::Text | Kind::Number => unreachable!("their bytes are their own"),
        }
    }
}

impl Layouts {
    /// Makes room for all layouts, of which there are none yet.
    pub fn new() -> Self {
        let layout = |_| Layout {
            around: Vec::with_capacity(MAX_AROUND),
            values: Vec::with_capacity(MAX_VALUES),
            rest: 0,
            sound: 0,
        };
        Self { known: std::array::from_fn(layout), unknown: 0 }
    }

    /// Returns the layouts that were learned.
    #[inline]
    pub fn known(&self) -> impl Iterator<Item = &Layout> {
        self.known.iter().filter(|layout| !layout.around.is_empty())
    }

    /// Learns from a record that has none of the layouts, and whose object closes at `end`; `visitor`
    /// says which of its values are read.
    #[inline(never)]
    pub fn learn<'t>(
        &mut self,
        text: &'t [u8],
        end: usize,
        sound: u8,
        visitor: &mut impl Visitor<'t>,
    ) {
        let turn = self.unknown;
        self.unknown += 1;
        let place = match turn {
            ..MAX_LAYOUTS => turn,
            _ if turn.is_multiple_of(PATIENCE) => turn / PATIENCE % MAX_LAYOUTS,
            _ => return,
        };
        let layout = &mut self.known[place];
        layout.around.clear();
        layout.values.clear();
        let mut learner = Learner { text, layout, at: 0, passed: 0, fits: true, visitor };
        let is_json = scan(text, &mut learner).is_ok();
        learner.add(text.len());
        let fits = learner.fits && is_json;
        layout.rest = text.len() - end;
        layout.sound = sound;
        if !fits {
            layout.around.clear();
        }
    }
}

impl Layout {
    /// Gives `visitor` the values of a record that has this layout; returns the offset of its
    /// closing brace. For a record that turns out to have another layout it returns `None`, and the
    /// visitor has to forget the values that it was given.
    #[inline(always)]
    pub fn read<'t>(&self, text: &'t [u8], visitor: &mut impl Values<'t>) -> Option<usize> {
        // What is left of the record and of the bytes around.
        let (mut rest, mut around) = (text, &self.around[..]);
        for &Value { before, kind, member } in &self.values {
            let (same, value) = rest.split_at_checked(before.into())?;
            let (before, behind) = around.split_at_checked(before.into())?;
            if !bytes::equal(same, before) {
                return None;
            }
            (rest, around) = (value, behind);
            match kind {
                // The next bytes around begin with the closing quote, so the text has to end there.
                Kind::Text => {
                    let text;
                    (text, rest) = rest.split_at_checked(bytes::plain_until(rest, 0))?;
                    if member != UNREAD {
                        visitor.text(member, text);
                    }
                }
                Kind::Number => {
                    let from = text.len() - rest.len();
                    let (to, decimal) = number::read(text, from)?;
                    let text;
                    (text, rest) = rest.split_at_checked(to - from)?;
                    if member != UNREAD {
                        visitor.number(member, Number { text, decimal });
                    }
                }
                bracket => bracket.tell(member, visitor),
            }
        }
        bytes::equal(rest, around).then(|| text.len() - self.rest)
    }
}

/// The visitor that writes a layout down.
struct Learner<'l, 't, V> {
    text: &'t [u8],
    layout: &'l mut Layout,
    /// Offset in `text` up to which the layout is written down.
    at: usize,
    /// Number of bytes around before the last value.
    passed: usize,
    /// Whether the layout is within its limits.
    fits: bool,
    /// Says which values are read.
    visitor: &'l mut V,
}

impl<V> Learner<'_, '_, V> {
    /// Adds the bytes between the last value and `to`.
    fn add(&mut self, to: usize) {
        let around = &self.text[self.at..to];
        self.fits &= self.layout.around.len() + around.len() <= MAX_AROUND;
        if self.fits {
            self.layout.around.extend_from_slice(around);
        }
    }

    /// Adds a value at `from..to`.
    fn add_value(&mut self, from: usize, to: usize, kind: Kind, member: u16) {
        self.add(from);
        self.at = to;
        self.fits &= self.layout.values.len() < MAX_VALUES;
        if self.fits {
            let before = (self.layout.around.len() - self.passed) as u16;
            self.passed = self.layout.around.len();
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
            Scalar::Bool(is) if member != UNREAD => {
                (&self.text[self.at..self.at], if is { Kind::True } else { Kind::False })
            }
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
