//! A forest evaluated the obvious way: tree after tree, from node to node.

use fraud_plan::Forest;
use fraud_plan::forest::{Trees, Walk};

/// A leaf of each tree, added up; NaN is missing.
pub fn sum(forest: &Forest, vector: &[f32]) -> f64 {
    let Trees::Walk(walk) = &forest.trees else { panic!("compiled to nodes") };
    let mut sum = f64::from(forest.base);
    for four in walk.trees.chunks(4) {
        let mut leaves = [0.0; 4];
        for (leaf, tree) in leaves.iter_mut().zip(four) {
            *leaf = f64::from(leaf_of(walk, tree[0] as usize, vector));
        }
        // In the order that is part of what a forest means.
        let [a, b, c, d] = leaves;
        sum += (a + b) + (c + d);
    }
    sum
}

fn leaf_of(walk: &Walk, first: usize, vector: &[f32]) -> f32 {
    let mut at = 0;
    loop {
        let [threshold, rest] = walk.nodes[first + at];
        let (input, child) = ((rest & 0xffff) as usize, (rest >> 16) as usize);
        if child == at {
            return walk.leaves[first + at];
        }
        // The second half of the inputs: there a missing value takes the second way.
        let missing_second = input >= vector.len();
        let x = vector[if missing_second { input - vector.len() } else { input }];
        let is_second = x > f32::from_bits(threshold) || missing_second && x.is_nan();
        at = child + usize::from(is_second);
    }
}
