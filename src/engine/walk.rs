//! Trees evaluated node by node: eight trees together, one step each in turn. So while one tree's
//! node is loaded, the processor compares in the others. No branch depends on the data.

use fraud_plan::forest::{Tree, Walk};

use super::add_four;

/// Number of trees that are walked together.
const LANES: usize = 8;

/// A forest of nodes, and a buffer.
#[derive(Debug)]
pub(super) struct ForestWalk<'p> {
    walk: Walk<'p>,
    /// The vector with −∞ for missing values, then again with +∞.
    doubled: Vec<f32>,
}

impl<'p> ForestWalk<'p> {
    pub(super) fn new(walk: Walk<'p>, features: usize) -> Self {
        Self { walk, doubled: vec![0.0; 2 * features] }
    }

    /// Returns the sum of `base` and a leaf of each tree.
    pub(super) fn sum(&mut self, base: f64, vector: &[f32]) -> f64 {
        let (low, high) = self.doubled.split_at_mut(vector.len());
        for ((x, low), high) in vector.iter().zip(low).zip(high) {
            *low = if x.is_nan() { f32::NEG_INFINITY } else { *x };
            *high = if x.is_nan() { f32::INFINITY } else { *x };
        }
        sum(&self.walk, base, &self.doubled)
    }
}

fn sum(walk: &Walk, base: f64, doubled: &[f32]) -> f64 {
    let mut sum = base;
    for group in walk.trees.chunks(LANES) {
        let leaves = match group.try_into() {
            Ok(group) => leaves(walk, group, doubled),
            Err(_) => {
                let mut leaves = [0.0; LANES];
                for (leaf, tree) in leaves.iter_mut().zip(group) {
                    [*leaf] = self::leaves(walk, &[*tree], doubled);
                }
                leaves
            }
        };
        let [a, b, c, d, e, f, g, h] = leaves;
        sum = add_four(sum, [a, b, c, d]);
        if group.len() > 4 {
            sum = add_four(sum, [e, f, g, h]);
        }
    }
    sum
}

/// Returns the leaf that each tree's walk ends on.
fn leaves<const N: usize>(walk: &Walk, trees: &[Tree; N], doubled: &[f32]) -> [f32; N] {
    let mut at = [0; N];
    // Shallow trees come first, so the last tree of a group is its deepest.
    for _ in 0..trees[N - 1].depth {
        for (tree, at) in trees.iter().zip(&mut at) {
            let node = walk.nodes[tree.first as usize + *at];
            *at = node.child() + usize::from(doubled[node.input()] > node.threshold);
        }
    }
    std::array::from_fn(|lane| walk.leaves[trees[lane].first as usize + at[lane]])
}
