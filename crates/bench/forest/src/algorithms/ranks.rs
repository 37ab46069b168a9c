//! The walk on ranks: each value is searched among its feature's thresholds once, and nodes compare
//! small integers.

use fraud_plan::forest::{Node, Tree, Walk};
use fraud_plan::reference::add_leaves;

use super::Sum;

const LANES: usize = 8;

/// A forest whose nodes compare ranks.
pub struct Ranks {
    walk: Walk<'static>,
    /// The thresholds of each feature, ascending.
    thresholds: Vec<Vec<f32>>,
    nodes: Vec<RankNode>,
    /// The ranks of a vector's values, twice: missing ones as the least, then as the greatest.
    ranks: Vec<u16>,
}

/// A node that compares the rank of an input; the inputs are the features twice, as in a [`Walk`].
#[repr(align(8))]
struct RankNode {
    input: u16,
    rank: u16,
    child: u16,
}

impl Ranks {
    /// Ranks the thresholds of a walk's nodes.
    pub fn new(walk: Walk<'static>, features: usize) -> Self {
        let mut thresholds = vec![Vec::new(); features];
        for node in walk.nodes {
            if node.threshold < f32::INFINITY {
                thresholds[node.input() % features].push(node.threshold);
            }
        }
        for thresholds in &mut thresholds {
            thresholds.sort_by(f32::total_cmp);
            thresholds.dedup();
        }
        let ranked = |node: &Node| {
            let below =
                thresholds[node.input() % features].partition_point(|t| *t < node.threshold);
            let rank = if node.threshold < f32::INFINITY { below as u16 } else { u16::MAX };
            RankNode { input: node.input() as u16, rank, child: node.child() as u16 }
        };
        let nodes = walk.nodes.iter().map(ranked).collect();
        Self { walk, thresholds, nodes, ranks: vec![0; 2 * features] }
    }

    /// Goes to the next node of a tree.
    fn step(&self, tree: &Tree, at: &mut u32) {
        let node = &self.nodes[(tree.first + *at) as usize];
        *at = u32::from(node.child) + u32::from(self.ranks[usize::from(node.input)] > node.rank);
    }
}

impl Sum for Ranks {
    fn sum(&mut self, vector: &[f32]) -> f64 {
        for (at, (x, thresholds)) in vector.iter().zip(&self.thresholds).enumerate() {
            let rank = thresholds.partition_point(|threshold| x > threshold) as u16;
            let missing = x.is_nan();
            self.ranks[at] = rank;
            self.ranks[at + vector.len()] = if missing { u16::MAX - 1 } else { rank };
        }
        add_leaves(
            0.0,
            self.walk.trees.chunks(LANES).flat_map(|trees| {
                let mut at = [0; LANES];
                for _ in 0..trees[trees.len() - 1].depth {
                    for (tree, at) in trees.iter().zip(&mut at) {
                        self.step(tree, at);
                    }
                }
                let leaf = |(tree, at): (&Tree, u32)| self.walk.leaves[(tree.first + at) as usize];
                trees.iter().zip(at).map(leaf)
            }),
        )
    }
}
