//! QuickScorer as published (SIGIR 2015): the splits of a feature in the order of their thresholds,
//! each with a mask of the leaves that its second way leaves over.

use fraud_plan::forest::Walk;

use super::{Score, sum_of};

pub struct QuickScorer {
    /// For each feature, ascending by threshold.
    splits: Vec<Vec<Split>>,
    /// For each feature the splits that a missing value takes the second way of.
    missing: Vec<Vec<(u32, u64)>>,
    leaves: Vec<[f32; 64]>,
    masks: Vec<u64>,
}

#[derive(Clone)]
struct Split {
    threshold: f32,
    tree: u32,
    mask: u64,
}

impl QuickScorer {
    pub fn new(walk: Walk<'static>, features: usize) -> Self {
        let mut made = Self {
            splits: vec![Vec::new(); features],
            missing: vec![Vec::new(); features],
            leaves: Vec::new(),
            masks: vec![0; walk.trees.len()],
        };
        for (tree, [first, _]) in walk.trees.iter().enumerate() {
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

    /// Adds what lies below a node; the mask of its leaves.
    fn add(
        &mut self,
        walk: &Walk,
        tree: u32,
        first: usize,
        at: usize,
        leaves: &mut Vec<f32>,
    ) -> u64 {
        let [threshold, rest] = walk.nodes[first + at];
        let (feature, child) = ((rest & 0xffff) as usize, (rest >> 16) as usize);
        if child == at {
            leaves.push(walk.leaves[first + at]);
            return 1 << (leaves.len() - 1);
        }
        let low = self.add(walk, tree, first, child, leaves);
        let high = self.add(walk, tree, first, child + 1, leaves);
        let features = self.splits.len();
        if feature >= features {
            self.missing[feature % features].push((tree, !low));
        }
        let threshold = f32::from_bits(threshold);
        self.splits[feature % features].push(Split { threshold, tree, mask: !low });
        low | high
    }
}

impl Score for QuickScorer {
    fn score(&mut self, vector: &[f32]) -> f64 {
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
        sum_of(self.leaves.iter().zip(&self.masks).map(leaf))
    }
}
