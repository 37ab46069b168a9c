//! The plainest evaluation of a forest: each line does what the doc of a field says, and nothing is
//! prepared or kept.
//!
//! The engine, the benchmarks of other algorithms and the compiler's tests are held to it, and the
//! module `bench-naive` is the detector with this in place of its engine.

use crate::forest::{Forest, Masks, Tree, Trees, Walk};

/// Returns the sum of `base` and a leaf of each tree for a feature vector; NaN is missing. It ends
/// for every forest of a plan that can be read.
pub fn sum(forest: &Forest, vector: &[f32]) -> f64 {
    match &forest.trees {
        Trees::Walk(walk) => {
            let leaves = walk.trees.iter().map(|tree| walk_to_leaf(walk, *tree, vector));
            add_leaves(forest.base, leaves)
        }
        Trees::Masks(masks) => add_leaves(forest.base, unmasked_leaves(masks, vector)),
    }
}

/// Adds one leaf of each tree to `base`, in the order that is part of what a forest means.
pub fn add_leaves(base: f32, leaves: impl IntoIterator<Item = f32>) -> f64 {
    let mut sum = f64::from(base);
    let mut leaves = leaves.into_iter().map(f64::from).fuse();
    while let Some(a) = leaves.next() {
        let [b, c, d] = [(); 3].map(|()| leaves.next().unwrap_or(0.0));
        sum += (a + b) + (c + d);
    }
    sum
}

/// Walks one tree from node to node, and returns the value of the leaf.
fn walk_to_leaf(walk: &Walk, tree: Tree, vector: &[f32]) -> f32 {
    let first = tree.first as usize;
    let mut at = 0;
    loop {
        let node = walk.nodes[first + at];
        if node.child() == at {
            return walk.leaves[first + at];
        }
        // The second half of the inputs: there a missing value takes the second way.
        let missing_second = node.input() >= vector.len();
        let x = vector[if missing_second { node.input() - vector.len() } else { node.input() }];
        let is_second = x > node.threshold || missing_second && x.is_nan();
        at = node.child() + usize::from(is_second);
    }
}

/// Combines the masks of all features, and returns the value of the leaf that is left of each tree.
fn unmasked_leaves(masks: &Masks, vector: &[f32]) -> Vec<f32> {
    let blocks = masks.blocks as usize;
    let mut left = vec![u128::MAX; blocks];
    for (x, search) in vector.iter().zip(masks.searches) {
        let not_above = |node: u32| {
            let keys = masks.keys[(search.root + node) as usize];
            keys.iter().filter(|key| x >= *key).count() as u32
        };
        let mut node = 0;
        for _ in 1..search.levels {
            node = 9 * node + 1 + not_above(node);
        }
        let row = search.row.wrapping_add(8 * node + not_above(node)) as usize;
        for (block, left) in left.iter_mut().enumerate() {
            let at = row * blocks + block;
            let at = if masks.rows.is_empty() { at } else { masks.rows[at].into() };
            let [low, high] = masks.masks[at];
            *left &= u128::from(high) << 64 | u128::from(low);
        }
    }
    let width = masks.width as usize;
    let leaf = |(tree, values): (usize, &[f32])| {
        let per_block = 128 / width;
        let mask = left[tree / per_block] >> (tree % per_block * width);
        values[mask.trailing_zeros() as usize % width]
    };
    masks.leaves.chunks(width).enumerate().map(leaf).collect()
}
