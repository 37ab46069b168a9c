//! Files that are read: transactions, lists of frauds, feature specs.
//!
//! - [`input`]: the lines of a plain or compressed file
//! - [`frauds`]: the list of known frauds, and when each is reported
//! - [`envelope`]: the few fields that are read of a record beside the module
//! - [`stream`]: lines and the reports that fall due between them, in order
//! - [`random`]: random numbers that are equal on every machine

pub mod envelope;
pub mod frauds;
pub mod input;
pub mod random;
pub mod stream;
