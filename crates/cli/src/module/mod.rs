//! The compiled module, run as a broker would run it.
//!
//! - [`target`]: the module and the broker it is for
//! - [`replay`]: transactions and fraud reports through the module
//! - [`partitions`]: records into partitions, partitions into batches
//! - [`instances`]: the module's instances, and what they use
//! - [`log`]: what the module's log says; [`verdict`]: what its output says

pub mod instances;
pub mod log;
pub mod partitions;
pub mod replay;
pub mod target;
pub mod verdict;
