//! Tree ensembles: several trees at a time, one step each in turn, so that the processor has loads
//! of one tree to wait for while it compares in another. No branch depends on the data.

use fraud_plan::{Forest, Link};

/// Trees walked together.
const LANES: usize = 8;

/// `link(base + Σ leaf values)`, summed in double precision in the order of the trees.
pub fn run(forest: &Forest, doubled: &[f32]) -> f32 {
    let mut sum = f64::from(forest.base);
    let groups = forest.trees.chunks_exact(LANES);
    let rest = groups.remainder();
    for group in groups {
        let mut at = [0; LANES];
        // Shallow trees come first, so the last tree of a group is its deepest.
        for _ in 0..group[LANES - 1][1] {
            for (lane, at) in at.iter_mut().enumerate() {
                *at = step(forest, group[lane][0], *at, doubled);
            }
        }
        for (tree, at) in group.iter().zip(at) {
            sum += f64::from(forest.leaves[(tree[0] + at) as usize]);
        }
    }
    for tree in rest {
        let mut at = 0;
        for _ in 0..tree[1] {
            at = step(forest, tree[0], at, doubled);
        }
        sum += f64::from(forest.leaves[(tree[0] + at) as usize]);
    }
    match forest.link {
        Link::Identity => sum as f32,
        Link::Logistic => (1.0 / (1.0 + libm::exp(-sum))) as f32,
    }
}

fn step(forest: &Forest, first: u32, at: u32, doubled: &[f32]) -> u32 {
    let [threshold, rest] = forest.nodes[(first + at) as usize];
    let value = doubled[(rest & 0xffff) as usize];
    (rest >> 16) + u32::from(value > f32::from_bits(threshold))
}
