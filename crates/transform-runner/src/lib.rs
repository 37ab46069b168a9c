//! Runs a Redpanda data transform, any `.wasm` that a broker would run, beside a cluster that has no
//! transforms: a member of a consumer group that reads, processes and writes in transactions.
//!
//! **The way of a record**: `reader` fetches it, a `lane` shows it to its instance of the module, the
//! `outbox` writes the output into the open transaction, and the `session` commits the transaction with
//! the offsets of all lanes in it. Data flows one way.
//!
//! **The invariant** that makes it exactly once: a lane gives the outbox the output of whole batches and
//! moves its offset under one read lock, and who commits holds the write lock. So a transaction never
//! holds an output without its offset, or an offset without its outputs.
//!
//! # Layout
//!
//! - `options`: what a user may choose; `client`: librdkafka's settings that follow from it;
//! - `topics`: the checks at start, and the numbers of partitions;
//! - `session`: the group membership, the lanes of the partitions assigned, when to commit;
//! - `member`: the consumer that is in the group and reads nothing;
//! - `lane`: one partition: a thread that drives a [`transform_host::Processor`], a VM and a reader;
//! - `reader`: the records of one partition, from any offset, as batches; `position`: where to begin;
//! - `outbox`: the producer, and the transaction; `headers`: names and values as bytes, both ways;
//! - `status`: what the world may know of a lane; `logs`: where the module's lines go.
//!
//! For rpk:
//! - `deployments`: the transforms that are to run, on disk and as a channel to follow; `metadata`: a
//!   deployment as JSON;
//! - `admin`: the API itself; `supervisor`: starts and stops a runner for each transform;
//! - `log_topic`: what `rpk transform logs` reads.
//!
//! For operators: `metrics`: what is counted; `probes`: that, health and readiness over HTTP.
//!
//! [`Runner::start`] is the seam for whoever deploys: one [`Runner`] runs one transform, is looked at
//! with [`Runner::status`] and ended with [`Runner::stop`]. Log lines go to the [`LogSink`] given.
//!
//! # What this is not
//!
//! It is no broker and stores nothing: all state is the group's offsets and the topics. It creates no
//! topic. It keeps no history of its own: after a restart the module reads earlier records again.

pub mod admin;
mod client;
pub mod deployments;
mod headers;
mod lane;
mod log_topic;
mod logs;
mod member;
pub mod metadata;
mod metrics;
pub mod options;
mod outbox;
mod position;
pub mod probes;
mod reader;
mod runner;
mod session;
mod status;
mod supervisor;
mod topics;

pub use log_topic::with_topic;
pub use logs::{LogEvent, LogSink, init as init_logs, to_stderr};
pub use metrics::Metrics;
pub use options::{Guarantee, Job, OnPoison, Options, WarmUp};
pub use runner::Runner;
pub use status::{LaneStatus, Status};
pub use supervisor::Supervisor;
pub use topics::all as all_topics;
