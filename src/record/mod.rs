//! Record: a record's bytes → an event, or the reason why there is none.
//!
//! - `reader`: one pass over the record's bytes; a transaction, fraud reports, or a [`Reason`]
//! - [`fields`]: the spec's fields, and which member is one of them
//! - `event`: the event that a record tells of; `reason`: why a record cannot be scored
//! - [`value`]: the meaning of a field's value: an id, a number, a time; [`timestamp`]: times in
//!   text
//! - [`json`]: JSON as one way of writing a record

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
