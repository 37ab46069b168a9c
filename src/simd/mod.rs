//! Looking at many bytes, words or lanes at once.
//!
//! - `bytes`: texts and rows of words; `lanes`: the engine's masks and keys

pub mod bytes;
pub mod lanes;
