//! The compiled fraud model.
//!
//! A *plan* is one block of bytes: the feature program, the decision and the engine's arrays. The
//! transform carries it as `include_bytes!` and reads it where it lies. The program is complete
//! without a model, so features can be computed before there is one to train.
//!
//! # Layout
//!
//! - [`program`]: what is read from a record, remembered, and made into features
//! - [`decision`]: from the model's output to `fraud` or `valid`
//! - [`forest`]: the tree ensemble's flat arrays
//! - [`reference`]: the plainest evaluation of a forest
//! - [`format`](mod@format): the block of bytes, written and read
//! - [`time`]: lengths of time
//! - `compile` (feature of that name): `fraud.toml`, `fraud.onnx` and `decision.toml` to a plan
//!
//! What this crate is *not*: it neither parses records nor evaluates anything; that is the
//! transform's own work (`src/` of the root package).

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
