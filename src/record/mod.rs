//! Record: a record's bytes → an event, or the reason why there is none.
//!
//! - `reader`: one pass over the record's bytes; a transaction, fraud reports, or a [`Reason`]
//! - [`fields`]: the spec's fields, and which value is one of them
//! - `event`: the event that a record tells of; `reason`: why a record cannot be scored
//! - [`scalar`]: the values that a format finds, whichever format it is
//! - [`value`]: the meaning of a field's value: an id, a number, a time; [`number`] and [`timestamp`]:
//!   these in text
//! - [`amount`]: numbers in the other forms that a spec may ask for; [`currency`]: minor units
//! - [`json`]: JSON, the one format so far
//!
//! **Another format** (Avro, Protobuf) is a module beside `json`: a function that passes over a record's
//! bytes and calls a [`Visitor`](scalar::Visitor), as [`json::scan`] does; the names are those of the
//! schema. Nothing but `reader` calls a format, and nothing but a format knows what its bytes look like.
//! The visitor is a type parameter, so that each format is compiled into the reader's loop.

pub mod amount;
pub mod currency;
pub mod event;
pub mod fields;
pub mod json;
pub mod number;
mod reader;
mod reason;
pub mod scalar;
pub mod timestamp;
pub mod value;

pub use event::Event;
pub use reader::{Reader, Record, Reports};
pub use reason::{Reason, Refusal};
