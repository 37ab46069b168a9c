//! Finding the spec's fields in a record's bytes, in one pass.
//!
//! - `reader`: the pass, and what a record is: a transaction, or fraud reports
//! - `event`: what is read of a record; `reason`: why nothing can be
//! - [`fields`]: which values the spec asks for
//! - [`scalar`]: the values that a format finds, whichever format it is
//! - [`value`]: a field's value → an id's hash, a number, a time; [`number`], [`timestamp`]: these in text
//! - [`json`]: the one format so far
//!
//! **Another format** (Avro, Protobuf) is a module beside `json`: a function that passes over a record's
//! bytes and calls a [`Visitor`](scalar::Visitor), as [`json::scan`] does, its names being those of the
//! schema. Nothing but `reader` calls a format, and nothing but a format knows what its bytes look like.
//! The visitor is a type parameter, so that each format is compiled into the reader's loop.

mod event;
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
