//! Engine: feature vector → the model's raw output.
//!
//! - `walk`: trees evaluated node by node, for any forest
//! - `masks`: trees evaluated as masks of their leaves, where the compiler chose that: see
//!   `MaskLimits` in `crates/plan/src/compile/build_masks.rs`
//!
//! Both add the leaves up in the same order, so they give the same sum to the bit.

mod masks;
mod walk;

use fraud_plan::program::{Events, Feature, Source};
use fraud_plan::{Link, Plan, Program, forest};

use crate::exponential::exp;
use masks::ForestMasks;
use walk::ForestWalk;

/// The evaluation of a plan's model, with its buffers.
#[derive(Debug)]
pub struct Engine<'p> {
    base: f64,
    link: Link,
    trees: Option<Trees<'p>>,
}

#[derive(Debug)]
enum Trees<'p> {
    Walk(ForestWalk<'p>),
    Masks(ForestMasks<'p>),
}

impl<'p> Engine<'p> {
    /// Makes the engine of a plan's model, with all the memory that it will need.
    pub fn new(plan: &Plan<'p>) -> Self {
        let trees = plan.forest.map(|forest| match forest.trees {
            forest::Trees::Walk(walk) => {
                Trees::Walk(ForestWalk::new(walk, plan.program.features.len()))
            }
            forest::Trees::Masks(masks) => {
                Trees::Masks(ForestMasks::new(masks, first_steady(&plan.program)))
            }
        });
        let base = plan.forest.map_or(0.0, |forest| forest.base.into());
        Self { base, link: plan.link(), trees }
    }

    /// Returns the sum of the model's leaves for a feature vector; NaN is missing. A plan without a
    /// model, which only computes features, gives 0.
    pub fn sum(&mut self, vector: &[f32]) -> f64 {
        match &mut self.trees {
            None => 0.0,
            Some(Trees::Walk(walk)) => walk.sum(self.base, vector),
            Some(Trees::Masks(masks)) => masks.sum(self.base, vector),
        }
    }

    /// Returns the model's output for a feature vector, before calibration.
    pub fn run(&mut self, vector: &[f32]) -> f32 {
        let sum = self.sum(vector);
        self.output(sum)
    }

    /// Returns the model's output of the sum of its leaves.
    pub fn output(&self, sum: f64) -> f32 {
        match self.link {
            Link::Identity => sum as f32,
            Link::Logistic => logistic(sum),
        }
    }
}

/// Returns the index from which on all features read fraud reports. They rarely change from one
/// vector to the next, because most transactions are of entities that were never reported.
fn first_steady(program: &Program) -> usize {
    let reads_reports = |feature: &Feature| match feature.source {
        Source::Remembered { table, .. } => {
            program.tables[usize::from(table)].events == Events::Reports
        }
        _ => false,
    };
    let others = program.features.iter().rposition(|feature| !reads_reports(feature));
    others.map_or(0, |last| last + 1)
}

/// Returns `1 / (1 + e^-x)`.
#[inline]
pub(crate) fn logistic(x: f64) -> f32 {
    (1.0 / (1.0 + exp(-x))) as f32
}

/// Adds four leaves: the order of additions is part of what a forest means.
fn add_four(sum: f64, leaves: [f32; 4]) -> f64 {
    let [a, b, c, d] = leaves.map(f64::from);
    sum + ((a + b) + (c + d))
}
