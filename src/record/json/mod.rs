//! JSON as one way of writing a record.
//!
//! - `scan`: checks the whole grammar and tells a [`Visitor`] which members it passes
//! - `layouts`: records known by sight, without the grammar
//! - [`number`], `escape`: numbers and escaped texts

mod escape;
pub(crate) mod layouts;
pub mod number;
mod scan;

pub use escape::{is_name, unescape};
pub use scan::scan;

use number::Decimal;

/// Deepest nesting of objects and arrays, the record's own object included.
pub const MAX_DEPTH: usize = 64;

/// A value as it stands in the text; positions are byte offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The text between the quotes, `from..to`.
    Text {
        /// First byte after the opening quote.
        from: usize,
        /// The closing quote.
        to: usize,
        /// It holds at least one backslash.
        escaped: bool,
    },
    /// A number, `from..to`.
    Number {
        /// Its first byte.
        from: usize,
        /// One past its last byte.
        to: usize,
        /// What it is.
        decimal: Decimal,
    },
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// An array; if its member was taken, its values are announced next, as values of that member.
    Array,
    /// An object; its members follow only where [`Visitor::member`] opened it.
    Object,
}

/// What a visitor makes of a member's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// Nothing: its value is checked, not announced.
    Skip,
    /// A value to announce, with the visitor's own number for it, at most [`MAX_MEMBER`]. If the value is an object, its
    /// members are announced under the same number.
    Take(u8),
}

/// Receives what the scanner passes.
pub trait Visitor {
    /// A member `name` (between its quotes, `escaped` if it holds a backslash) of the object
    /// `parent`, which may be [`RECORD`].
    fn member(&mut self, parent: u8, name: &[u8], escaped: bool) -> Member;
    /// The value of a member that was taken, or a value in its array.
    fn value(&mut self, member: u8, token: Token);
}

/// Why a text is not one JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not UTF-8.
    Utf8,
    /// Not the grammar.
    Grammar,
    /// Deeper than [`MAX_DEPTH`].
    TooDeep,
}

/// Largest number that a visitor gives a member. The numbers above it mean something else: the next three.
pub const MAX_MEMBER: u8 = 252;
/// Number of a member that a layout knows, but its visitor skips.
const UNREAD: u8 = 253;
/// Number of a member that the visitor skips.
const SKIPPED: u8 = 254;
/// Number of the record itself, as the parent of its members.
pub const RECORD: u8 = 255;

const _: () = assert!(MAX_MEMBER < UNREAD && UNREAD < SKIPPED && SKIPPED < RECORD);
