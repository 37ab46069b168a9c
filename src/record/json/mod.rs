//! JSON as one way of writing a record.
//!
//! - `scan`: checks the whole grammar and tells a [`Visitor`](super::scalar::Visitor) what it passes
//! - `layouts`: records known by sight, without the grammar
//! - `escape`: escaped texts

mod escape;
pub(crate) mod layouts;
mod scan;

pub use escape::unescape;
pub use scan::scan;

/// Deepest nesting of objects and arrays, the record's own object included.
pub const MAX_DEPTH: usize = 64;

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
