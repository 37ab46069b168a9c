//! Files that are read: transactions, lists of frauds, feature specs.
//!
//! - [`spec`]: the feature spec
//! - [`input`]: the lines of a plain or compressed file
//! - [`frauds`]: the list of known frauds, and when each is reported
//! - [`envelope`]: the few fields that the commands themselves read of a record
//! - [`stream`]: the lines, and between them the reports that fall due, in order of event time

pub mod envelope;
pub mod frauds;
pub mod input;
pub mod spec;
pub mod stream;
