//! Runs a Redpanda data transform beside a cluster that has none: the same module, the same
//! `rpk transform deploy`.
//!
//! # Layout
//!
//! - `deployments`: the transforms that are to run, on disk and as a channel that the runner follows;
//!   `metadata`: a deployment as JSON;
//! - `admin`: the API that rpk asks.
//!
//! # What this is not
//!
//! It is not yet a runner: no records flow. What is here is what `rpk transform` sees of one.

pub mod admin;
pub mod deployments;
pub mod metadata;
