//! The walk on ranks: each value is searched among its feature's thresholds once, and nodes compare
//! small integers.

use fraud_plan::forest::Walk;

use super::{Score, sum_of};

const LANES: usize = 8;

pub struct Ranks {
    walk: Walk<'static>,
    /// The thresholds of each feature, ascending.
    thresholds: Vec<Vec<f32>>,
    /// For each node: feature (twice as many), rank, first child, unused.
    nodes: Vec<[u16; 4]>,
    ranks: Vec<u16>,
}

impl Ranks {
    pub fn new(walk: Walk<'static>, features: usize) -> Self {
        let mut thresholds = vec![Vec::new(); features];
        for [threshold, rest] in walk.nodes {
            if f32::from_bits(*threshold) < f32::INFINITY {
                thresholds[(rest & 0xffff) as usize % features].push(f32::from_bits(*threshold));
            }
        }
        for thresholds in &mut thresholds {
            thresholds.sort_by(f32::total_cmp);
            thresholds.dedup();
        }
        let node = |[threshold, rest]: &[u32; 2]| {
            let (feature, threshold) = (rest & 0xffff, f32::from_bits(*threshold));
            let below = thresholds[feature as usize % features].partition_point(|t| *t < threshold);
            let rank = if threshold < f32::INFINITY { below as u16 } else { u16::MAX };
            [feature as u16, rank, (rest >> 16) as u16, 0]
        };
        let nodes = walk.nodes.iter().map(node).collect();
        Self { walk, thresholds, nodes, ranks: vec![0; 2 * features] }
    }

    fn step(&self, tree: u32, at: &mut u32) {
        let [feature, rank, child, _] = self.nodes[(tree + *at) as usize];
        *at = u32::from(child) + u32::from(self.ranks[usize::from(feature)] > rank);
    }
}

impl Score for Ranks {
    fn score(&mut self, vector: &[f32]) -> f64 {
        for (at, (x, thresholds)) in vector.iter().zip(&self.thresholds).enumerate() {
            let rank = thresholds.partition_point(|threshold| x > threshold) as u16;
            let missing = x.is_nan();
            self.ranks[at] = rank;
            self.ranks[at + vector.len()] = if missing { u16::MAX - 1 } else { rank };
        }
        sum_of(self.walk.trees.chunks(LANES).flat_map(|trees| {
            let mut at = [0; LANES];
            for _ in 0..trees[trees.len() - 1][1] {
                for (tree, at) in trees.iter().zip(&mut at) {
                    self.step(tree[0], at);
                }
            }
            let leaf = |(tree, at): (&[u32; 2], u32)| self.walk.leaves[(tree[0] + at) as usize];
            trees.iter().zip(at).map(leaf)
        }))
    }
}
