//! The compiled fraud model, called a *plan*.
//!
//! A plan is one block of bytes with everything that `model/` says: the feature program (from
//! `fraud.toml`), the engine's arrays (from `fraud.onnx`) and the decision (from `decision.toml`). The
//! build compiles it, and the transform carries it as `include_bytes!` and reads it in place. The
//! program is complete without a model, so features can be computed before there is one to train.
//!
//! # Layout
//!
//! - [`program`]: what is read from a record, remembered, and made into features
//! - [`decision`]: from the model's output to `fraud` or `valid`
//! - [`forest`]: the tree ensemble's flat arrays
//! - [`mod@reference`]: the plainest evaluation of a forest
//! - [`format`](mod@format): the block of bytes, written and read
//! - [`time`]: lengths of time
//! - `compile` (feature of that name): `fraud.toml`, `fraud.onnx` and `decision.toml` to a plan
//!
//! This crate is *not* the detector: it parses no records and computes no features, and its evaluation of a
//! forest is for comparison; all of that is the transform's own work (`src/` of the root package).

#[cfg(feature = "compile")]
pub mod compile;
pub mod decision;
pub mod forest;
pub mod format;
pub mod program;
pub mod reference;
pub mod time;

pub use decision::{Calibration, Decision, MAX_KNOTS};
pub use forest::{Forest, Link};
#[cfg(feature = "compile")]
pub use format::find_in;
pub use format::{Plan, PlanBuf, PlanBytes, PlanError};
pub use program::Program;
