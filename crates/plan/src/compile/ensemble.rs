//! A tree ensemble between `lower`, which makes it, and the plan's two forms of it.

use crate::forest::{Forest, Link, Trees, Walk};

/// A tree ensemble that owns its arrays; see [`Walk`] for what they hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    /// Index of its first node, and depth, of each tree.
    pub trees: Vec<[u32; 2]>,
    /// Threshold, and feature with first child, of each node.
    pub nodes: Vec<[u32; 2]>,
    /// Value of each node.
    pub leaves: Vec<f32>,
    /// Added to the sum of the leaves.
    pub base: f32,
    /// What the sum becomes.
    pub link: Link,
    /// Number of inputs.
    pub features: u32,
}

impl Ensemble {
    /// The arrays as the engine walks them.
    pub fn as_forest(&self) -> Forest<'_> {
        let walk = Walk { trees: &self.trees, nodes: &self.nodes, leaves: &self.leaves };
        let &Self { features, base, link, .. } = self;
        Forest { features, base, link, trees: Trees::Walk(walk) }
    }
}
