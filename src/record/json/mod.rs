//! JSON as one way of writing a record: where its members and their values are, not what they mean.
//!
//! - `mod.rs`: the words that the scanner and its visitors share
//! - `scan`: checks the whole grammar and tells a [`Visitor`] which members it passes
//! - `layouts`: recognises records that are written like earlier ones, without the grammar
//! - [`number`]: reads numbers; `escape`: compares and unescapes texts

mod escape;
pub(crate) mod layouts;
pub mod number;
mod scan;

pub use escape::{is_name, unescape};
pub use scan::scan;

use number::Decimal;

/// Deepest nesting of objects and arrays, the record's own object included.
pub const MAX_DEPTH: usize = 64;

/// A value of a text; positions are byte offsets in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The text between the quotes, `from..to`.
    Text {
        /// First byte after the opening quote.
        from: usize,
        /// The closing quote.
        to: usize,
        /// Whether it holds a backslash.
        escaped: bool,
    },
    /// A number, `from..to`.
    Number {
        /// Its first byte.
        from: usize,
        /// One past its last byte.
        to: usize,
        /// Its digits.
        decimal: Decimal,
    },
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// An array. Its values are announced next, under its own number.
    Array,
    /// An object. The visitor is asked for its members next, with the object's number as their
    /// parent.
    Object,
}

/// A visitor's answer to a member's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The member is of no interest: its value is checked, not announced.
    Skip,
    /// The member is to be announced, under the visitor's own number for it: at most
    /// [`MAX_MEMBER`].
    Take(u8),
}

/// The scanner's user, told of the members that the scanner passes.
pub trait Visitor {
    /// Answers to a member `name` (between its quotes, `escaped` if it holds a backslash) of the
    /// object `parent`, which may be [`RECORD`].
    fn member(&mut self, parent: u8, name: &[u8], escaped: bool) -> Member;
    /// Takes the value of a member that was taken, or a value in its array.
    fn value(&mut self, member: u8, token: Token);
}

/// The reason why a text is not one JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not UTF-8.
    Utf8,
    /// Not the grammar.
    Grammar,
    /// Deeper than [`MAX_DEPTH`].
    TooDeep,
}

/// Largest number that a visitor gives a member. The numbers above it are the next three.
pub const MAX_MEMBER: u8 = 252;
/// Number of a member that a layout knows, but its visitor skips.
const UNREAD: u8 = 253;
/// Number of a member that the visitor skips.
const SKIPPED: u8 = 254;
/// Number of the record itself, as the parent of its members.
pub const RECORD: u8 = 255;

const _: () = assert!(MAX_MEMBER < UNREAD && UNREAD < SKIPPED && SKIPPED < RECORD);
