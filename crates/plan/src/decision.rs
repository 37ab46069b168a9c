//! From the model's output to a verdict.

use serde::{Deserialize, Serialize};

/// How the model's raw output becomes a score, and from which score on a transaction is fraud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// A transaction is fraud if its score is at least this, 0 ≤ threshold ≤ 1.
    pub threshold: f32,
    /// From the raw output to the score.
    pub calibration: Calibration,
}

/// A monotone map from the model's raw output to a probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Calibration {
    /// The raw output is the score.
    Identity,
}

impl Default for Decision {
    /// The score as it is, fraud from one half on.
    fn default() -> Self {
        Self { threshold: 0.5, calibration: Calibration::Identity }
    }
}
