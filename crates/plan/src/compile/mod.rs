//! The compiler: from `model/` to a plan. It runs on a desk and in the build, never in the broker.
//!
//! # Layout
//!
//! - `model`: the three files of the directory to a plan: [`model()`], [`CompiledModel`]
//! - [`spec`]: `fraud.toml` to a [`Program`](crate::Program)
//! - `document`: TOML whose values know their place
//! - `path`: a path in a spec to its steps
//! - `onnx`: the protobuf messages
//! - `lower`: `fraud.onnx` to an [`Ensemble`]: its graph is walked back from the score;
//!   `lower/trees`: ONNX's tree operators to trees
//! - `flatten`: a tree to the flat nodes of a [`Walk`](crate::forest::Walk)
//! - `ensemble`: all flat trees of a model
//! - `build_masks`: an [`Ensemble`] to [`Masks`](crate::forest::Masks), where no tree has more than
//!   64 leaves and the masks fit [`MaskLimits`]
//!
//! The compiler is *not* a trainer: it trains nothing, and it computes neither features nor scores.

mod build_masks;
mod document;
mod ensemble;
mod flatten;
mod lower;
mod model;
mod onnx;
mod path;
pub mod spec;

pub use build_masks::{MaskArrays, MaskLimits};
pub use ensemble::Ensemble;
pub use lower::lower;
pub use model::{BESIDE_PLAN, CompiledModel, CompiledPlan, model};
pub use path::parse as parse_path;
