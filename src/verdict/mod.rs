//! Raw output → score, decision and reasons, and the record with the verdict spliced in.
//!
//! - `judge`: raw output → score and decision
//! - `reasons`: the features that made a score high
//! - `splice`: the record with the verdict; [`number`]: scores as text

mod judge;
pub mod number;
mod reasons;
mod splice;

pub use judge::{Judge, Verdict, Warmth};
pub use reasons::Reasons;
pub use splice::Splicer;
