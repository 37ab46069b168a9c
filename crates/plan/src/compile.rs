//! From `model/` to a plan: runs on a desk and in the build, never in the broker.
//!
//! # Layout
//!
//! - [`spec`]: `fraud.toml` to a [`Program`](crate::Program)
//! - `document`: TOML whose values know their line
//!
//! What this is *not*: it trains nothing, and it computes neither features nor scores.

mod document;
pub mod spec;

use std::path::Path;

use anyhow::{Context, Result};

use crate::{Decision, Plan, Program};

/// The plan of a spec alone: it computes features, and has no model.
pub fn features_only(spec: &Path) -> Result<Vec<u8>> {
    let plan = Plan {
        id: 0,
        program: read_spec(spec)?,
        decision: Decision::default(),
        forest: None,
    };
    Ok(plan.write())
}

fn read_spec(path: &Path) -> Result<Program> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the feature spec {file}"))?;
    spec::parse(&text, &file)
}
