//! Feature vector → the model's raw output.

pub mod forest;

use fraud_plan::Plan;

/// Evaluates the plan's model on a doubled feature vector ([`crate::features::Features::doubled`]).
/// A plan without a model, which only computes features, gives 0.
pub fn run(plan: &Plan, doubled: &[f32]) -> f32 {
    plan.forest.as_ref().map_or(0.0, |model| forest::run(model, doubled))
}
