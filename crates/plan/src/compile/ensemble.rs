//! The trees of a model between `lower`, which makes them, and the two forms that a plan may have.

use crate::forest::{Forest, Link, Node, Tree, Trees, Walk};

/// A tree ensemble that owns its arrays; see [`Walk`] for what they hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    /// The trees, shallow ones first.
    pub trees: Vec<Tree>,
    /// The nodes of all trees.
    pub nodes: Vec<Node>,
    /// The value of each node.
    pub leaves: Vec<f32>,
    /// Added to the sum of the leaves.
    pub base: f32,
    /// The function of the sum that is the output.
    pub link: Link,
    /// Number of inputs.
    pub features: u32,
}

impl Ensemble {
    /// Returns the trees as nodes to walk along.
    pub fn as_forest(&self) -> Forest<'_> {
        let walk = Walk { trees: &self.trees, nodes: &self.nodes, leaves: &self.leaves };
        let &Self { features, base, link, .. } = self;
        Forest { features, base, link, trees: Trees::Walk(walk) }
    }
}
