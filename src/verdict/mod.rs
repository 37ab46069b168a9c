//! Verdict: raw output → score, decision and reasons, and the record with the verdict spliced in.
//!
//! - `judge`: raw output → score and decision
//! - `reasons`: finds the features that made a score high
//! - `splice`: writes the record with its verdict; [`number`]: prints the score

mod judge;
pub mod number;
mod reasons;
mod splice;

pub use judge::{Judge, Verdict, Warmth};
pub use reasons::Reasons;
pub use splice::Splicer;
