//! JSON as one way of writing a record: where its values are, not what they mean.
//!
//! - `scan`: checks the whole grammar and tells a [`Visitor`](super::scalar::Visitor) what it passes
//! - `layouts`: recognises records that are written like earlier ones, without the grammar
//! - `escape`: unescapes texts

mod escape;
pub(crate) mod layouts;
mod scan;

pub use escape::unescape;
pub use scan::scan;

/// Returns the number of bytes of the byte order mark that some write before a text: 3, or 0 if there is
/// none.
#[inline]
pub fn byte_order_mark(text: &[u8]) -> usize {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    if text.starts_with(MARK) { MARK.len() } else { 0 }
}

/// Deepest nesting of objects and arrays, the record's own object included.
pub const MAX_DEPTH: usize = 64;

/// The rule that a text breaks which is not one JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// UTF-8.
    Utf8,
    /// JSON's grammar.
    Grammar,
    /// JSON's grammar, which has no `NaN` and no infinity.
    NotANumber,
    /// The depth: at most [`MAX_DEPTH`].
    TooDeep,
}
