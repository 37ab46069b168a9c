//! Feature vector → the model's raw output.
//!
//! - `walk`: trees node by node, for any forest
//! - `masks`: trees as masks of leaves, where the compiler chose that; `lanes`: its SIMD

mod lanes;
mod masks;
mod walk;

use fraud_plan::forest::{Forest, Trees};
use fraud_plan::{Link, Plan};

/// Evaluates a plan's model; keeps its buffers.
#[derive(Debug)]
pub struct Engine<'p> {
    forest: Option<Forest<'p>>,
    walk: walk::Buffer,
    masks: masks::Buffer,
}

impl<'p> Engine<'p> {
    /// The engine of a plan's model, with all the memory that it will need.
    pub fn new(plan: &Plan<'p>) -> Self {
        let (mut walk, mut masks) = Default::default();
        match plan.forest.map(|forest| forest.trees) {
            None => {}
            Some(Trees::Walk(_)) => walk = walk::buffer(plan.program.features.len()),
            Some(Trees::Masks(trees)) => masks = masks::Buffer::new(&trees),
        }
        Self { forest: plan.forest, walk, masks }
    }

    /// The model's output for a feature vector; NaN is missing. A plan without a model, which only
    /// computes features, gives 0.
    pub fn run(&mut self, vector: &[f32]) -> f32 {
        let Some(forest) = &self.forest else {
            return 0.0;
        };
        let base = f64::from(forest.base);
        let sum = match &forest.trees {
            Trees::Walk(walk) => walk::sum(walk, base, vector, &mut self.walk),
            Trees::Masks(masks) => masks::sum(masks, base, vector, &mut self.masks),
        };
        match forest.link {
            Link::Identity => sum as f32,
            Link::Logistic => (1.0 / (1.0 + libm::exp(-sum))) as f32,
        }
    }
}

/// Four leaves more: the order of additions is part of what a forest means.
fn add_four(sum: f64, leaves: [f32; 4]) -> f64 {
    let [a, b, c, d] = leaves.map(f64::from);
    sum + ((a + b) + (c + d))
}
