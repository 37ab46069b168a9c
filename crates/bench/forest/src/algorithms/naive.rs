//! The oracle: from node to node, and out at the leaf.

use fraud_plan::forest::Walk;

use super::{Score, sum_of};

pub struct Naive(pub Walk<'static>);

impl Score for Naive {
    fn score(&mut self, vector: &[f32]) -> f64 {
        sum_of(self.0.trees.iter().map(|tree| {
            let mut at = 0;
            loop {
                let place = (tree[0] + at) as usize;
                let [threshold, rest] = self.0.nodes[place];
                let (feature, child) = ((rest & 0xffff) as usize, rest >> 16);
                if child == at {
                    return self.0.leaves[place];
                }
                let is_second = match vector.get(feature) {
                    Some(x) => *x > f32::from_bits(threshold),
                    // A missing value takes the second way.
                    None => {
                        let x = vector[feature - vector.len()];
                        x.is_nan() || x > f32::from_bits(threshold)
                    }
                };
                at = child + u32::from(is_second);
            }
        }))
    }
}
