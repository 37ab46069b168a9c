//! Finding the spec's fields in a record's bytes, in one pass.
//!
//! - `reader`: the pass, and what a record is: a transaction, or fraud reports
//! - `event`: what is read of a record; `reason`: why nothing can be
//! - [`json`]: the record's syntax
//! - [`value`]: a field's value → an id's hash, a number, a time; [`timestamp`]: times in text

mod event;
pub mod fields;
pub mod json;
mod reader;
mod reason;
pub mod timestamp;
pub mod value;

pub use event::Event;
pub use reader::{Reader, Record, Reports};
pub use reason::Reason;
