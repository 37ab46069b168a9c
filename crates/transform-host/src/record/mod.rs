//! Records on both sides of a module, and where a record's key places it.

pub(crate) mod batch;
pub(crate) mod output;
pub(crate) mod partitioner;
pub(crate) mod payload;
