//! Raw output → score and decision.

use fraud_plan::{Calibration, Link, Plan};

use crate::engine::logistic;

/// The state of an entity's history: whether there is enough to judge by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warmth {
    /// The first entity has fewer events than the spec's `warm_after`.
    Cold,
    /// The first entity has `warm_after` events or more.
    Warm,
}

/// The detector's verdict on a transaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Whether it is fraud: `score >= threshold`.
    pub fraud: bool,
    /// The calibrated output of the model, 0 to 1.
    pub score: f32,
    /// Whether history was warm.
    pub history: Warmth,
    /// Whether the transaction came before, and this is the answer to its second delivery.
    pub duplicate: bool,
}

/// The judge: turns the model's raw output into verdicts.
pub struct Judge {
    threshold: f32,
    link: Link,
    calibration: Calibration,
}

impl Judge {
    /// Makes a judge with the plan's calibration and this threshold.
    pub fn new(plan: &Plan, threshold: f32) -> Self {
        Self { threshold, link: plan.link(), calibration: plan.decision.calibration.clone() }
    }

    /// Returns the score from which on a transaction is fraud.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Judges a transaction by the sum of the model's leaves.
    pub fn judge(&self, sum: f64, history: Warmth) -> Verdict {
        let score = match (&self.calibration, self.link) {
            (Calibration::Identity, Link::Identity) => sum as f32,
            (Calibration::Identity, Link::Logistic) => logistic(sum),
            (Calibration::Isotonic { knots }, Link::Identity) => interpolate(knots, sum as f32),
            (Calibration::Isotonic { knots }, Link::Logistic) => interpolate(knots, logistic(sum)),
            // The sum is the logarithm of the odds already.
            (Calibration::Platt { slope, offset }, Link::Logistic) => {
                logistic(slope * sum + offset)
            }
            (Calibration::Platt { slope, offset }, Link::Identity) => {
                let raw = f64::from(sum as f32);
                logistic(slope * libm::log(raw / (1.0 - raw)) + offset)
            }
        };
        // No engine gives NaN on finite leaves. If one did, the score is 1, not something that is
        // no JSON.
        let score = if score.is_nan() || score > 1.0 { 1.0 } else { score };
        let score = if score < 0.0 { 0.0 } else { score };
        Verdict { fraud: score >= self.threshold, score, history, duplicate: false }
    }
}

/// Returns the score of a raw output, on the lines between knots of (raw output, score).
fn interpolate(knots: &[[f32; 2]], raw: f32) -> f32 {
    // From below, because most outputs are low.
    let lines = knots.windows(2);
    let line = lines.clone().find(|line| raw < line[1][0]).or(lines.last());
    let Some(&[below, above]) = line else { unreachable!("two knots or more") };
    let [[x0, y0], [x1, y1]] = [below, above].map(|knot| knot.map(f64::from));
    // In double precision, so that rounding to single keeps the order.
    (y0 + (f64::from(raw) - x0) * ((y1 - y0) / (x1 - x0))) as f32
}
#[cfg(test)]
mod tests {
    use super::interpolate;

    #[test]
    fn between_knots() {
        let knots = [[0.0, 0.0], [0.25, 0.5], [0.5, 0.75], [1.0, 1.0]];
        for (raw, expect) in
            [(0.0, 0.0), (0.125, 0.25), (0.25, 0.5), (0.375, 0.625), (0.75, 0.875), (1.0, 1.0)]
        {
            assert_eq!(interpolate(&knots, raw), expect, "{raw}");
        }
        assert!(interpolate(&knots, f32::NAN).is_nan());
    }

    /// Across each knot, float by float, the order is kept.
    #[test]
    fn order_is_kept() {
        let knots = [[0.0_f32, 0.0], [0.007, 0.0013], [0.1, 0.7], [0.93, 0.71], [1.0, 1.0]];
        for &[output, score] in &knots[1..] {
            let bits = output.to_bits();
            let scores: Vec<_> = (bits - 1000..=bits)
                .map(|bits| interpolate(&knots, f32::from_bits(bits)))
                .collect();
            assert!(scores.is_sorted() && scores[1000] == score, "{output}");
        }
    }
}
