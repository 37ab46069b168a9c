//! QuickScorer as published (SIGIR 2015): the splits of a feature in the order of their thresholds,
//! each with a mask of the leaves that can still be reached on its second way.

use fraud_plan::forest::{Tree, Walk};
use fraud_plan::reference::add_leaves;

use super::Sum;

/// A forest's splits with masks of its trees' leaves.
pub struct QuickScorer {
    /// The splits of each feature, by ascending threshold.
    splits: Vec<Vec<Split>>,
    /// The trees and masks of the splits of each feature whose second way a missing value takes.
    missing: Vec<Vec<(u32, u64)>>,
    /// The leaves of each tree, from left to right.
    leaves: Vec<[f32; 64]>,
    /// A buffer: the leaves of each tree that can still be reached.
    masks: Vec<u64>,
}

/// A node of a tree: a value above the threshold excludes the leaves that are not in the mask.
#[derive(Clone)]
struct Split {
    threshold: f32,
    tree: u32,
    mask: u64,
}

impl QuickScorer {
    /// Sorts the splits of a walk's trees, which have at most 64 leaves each.
    pub fn new(walk: Walk<'static>, features: usize) -> Self {
        let mut made = Self {
            splits: vec![Vec::new(); features],
            missing: vec![Vec::new(); features],
            leaves: Vec::new(),
            masks: vec![0; walk.trees.len()],
        };
        for (tree, Tree { first, .. }) in walk.trees.iter().enumerate() {
            let mut leaves = Vec::new();
            made.add(&walk, tree as u32, *first as usize, 0, &mut leaves);
            leaves.resize(64, 0.0);
            made.leaves.push(leaves.try_into().expect("at most 64 leaves"));
        }
        for splits in &mut made.splits {
            splits.sort_by(|a, b| a.threshold.total_cmp(&b.threshold));
        }
        made
    }

    /// Adds the splits below a node, and the node's own; returns the mask of the leaves below.
    fn add(
        &mut self,
        walk: &Walk,
        tree: u32,
        first: usize,
        at: usize,
        leaves: &mut Vec<f32>,
    ) -> u64 {
        let node = walk.nodes[first + at];
        if node.child() == at {
            leaves.push(walk.leaves[first + at]);
            return 1 << (leaves.len() - 1);
        }
        let low = self.add(walk, tree, first, node.child(), leaves);
        let high = self.add(walk, tree, first, node.child() + 1, leaves);
        let features = self.splits.len();
        let feature = node.input() % features;
        if node.input() >= features {
            self.missing[feature].push((tree, !low));
        }
        self.splits[feature].push(Split { threshold: node.threshold, tree, mask: !low });
        low | high
    }
}

impl Sum for QuickScorer {
    fn sum(&mut self, vector: &[f32]) -> f64 {
        self.masks.fill(u64::MAX);
        for ((x, splits), missing) in vector.iter().zip(&self.splits).zip(&self.missing) {
            if x.is_nan() {
                for (tree, mask) in missing {
                    self.masks[*tree as usize] &= mask;
                }
            }
            for split in splits.iter().take_while(|split| *x > split.threshold) {
                self.masks[split.tree as usize] &= split.mask;
            }
        }
        let leaf = |(leaves, mask): (&[f32; 64], &u64)| leaves[mask.trailing_zeros() as usize % 64];
        add_leaves(0.0, self.leaves.iter().zip(&self.masks).map(leaf))
    }
}
