//! The compiled module, run as a broker would run it.
//!
//! - [`target`]: the module, the model in it, and the broker it is for
//! - [`replay`]: transactions and fraud reports through the module
//! - [`partitions`]: records into partitions, partitions into batches
//! - [`instances`]: the module's instances, what becomes of a batch in them, and what they use
//! - [`changelog`]: the topic of history, and its way back to the input
//! - [`warm`]: an instance with a full history; [`sample`]: the records that fill it
//! - [`record`]: a record of the input topic, as made or read here
//! - [`memory`]: what a broker's memory leaves for history
//! - [`log`]: the module's log; [`verdict`]: its verdict on a transaction

pub mod changelog;
pub mod instances;
pub mod log;
pub mod memory;
pub mod partitions;
pub mod record;
pub mod replay;
pub mod sample;
pub mod target;
pub mod verdict;
pub mod warm;
