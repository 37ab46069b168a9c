//! The decision: from the model's output to a verdict. `fraud tune` finds it.

use serde::{Deserialize, Serialize};

/// Turns the model's raw output into a score and a decision; holds the baselines for reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// A transaction is fraud if its score is at least this, 0 ≤ threshold ≤ 1.
    pub threshold: f32,
    /// The map from the raw output to the score.
    pub calibration: Calibration,
    /// The usual value of each feature, NaN where it is usually missing: a reason is a feature with
    /// whose usual value the score would be lower. Empty if no reasons are to be given.
    pub baselines: Vec<f32>,
}

/// A strictly increasing map from the model's raw output to a probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Calibration {
    /// The raw output is the score.
    Identity,
    /// Platt's: `1 / (1 + e^-(slope · ln(raw / (1 - raw)) + offset))`, for a raw output that is a
    /// probability. Where the link is logistic, the logarithm is the unrounded sum before the link.
    Platt {
        /// Above 0.
        slope: f64,
        /// An offset in natural logarithms of the odds.
        offset: f64,
    },
    /// Linear between knots, as isotonic regression gives them; for a raw output from 0 to 1.
    Isotonic {
        /// Raw output and score, both strictly increasing; the first output is 0, the last 1.
        knots: Vec<[f32; 2]>,
    },
}

/// Most knots of a calibration.
pub const MAX_KNOTS: usize = 16;

const _: () = assert!(MAX_KNOTS == 16, "a rule below names it");

impl Calibration {
    /// Returns the rule that it breaks, if it breaks one.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let Calibration::Isotonic { knots } = self else { return None };
        let increases = |at: usize| knots.windows(2).all(|pair| pair[0][at] < pair[1][at]);
        let spans = knots.len() <= MAX_KNOTS
            && matches!(
                (knots.first(), knots.last()),
                (Some([0.0, (0.0..)]), Some([1.0, (..=1.0)]))
            );
        (!spans || !increases(0) || !increases(1)).then_some(
            "a calibration of 2 to 16 knots, both of its numbers increasing, the outputs from 0 to 1",
        )
    }
}

impl Default for Decision {
    /// Takes the raw output as the score, one half as the threshold, and gives no reasons.
    fn default() -> Self {
        Self { threshold: 0.5, calibration: Calibration::Identity, baselines: Vec::new() }
    }
}
