//! From `model/` to a plan: runs on a desk and in the build, never in the broker.
//!
//! # Layout
//!
//! - `model`: the directory's three files to a plan: [`model()`], [`Undecided`]
//! - [`spec`]: `fraud.toml` to a [`Program`](crate::Program)
//! - `document`: TOML whose values know their line
//! - `lower`: `fraud.onnx` to an [`Ensemble`]: its graph is walked back from the score
//! - `ensemble`: ONNX's tree operators to trees
//! - `tree`: a tree to the flat nodes of a [`Walk`](crate::forest::Walk)
//! - `masks`: an [`Ensemble`] to [`Masks`](crate::forest::Masks), where these are faster
//! - `onnx`: the protobuf messages
//!
//! What this is *not*: it trains nothing, and it computes neither features nor scores.

mod document;
mod ensemble;
mod lower;
mod masks;
mod model;
mod onnx;
pub mod spec;
mod tree;

pub use lower::{Ensemble, lower};
pub use masks::MaskArrays;
pub use model::{Compiled, Undecided, model};
