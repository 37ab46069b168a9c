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
    /// Returns the bounds of the sum of the leaves: no record can bring it below the first or above
    /// the second.
    pub fn bounds(&self) -> [f64; 2] {
        let ends = self.trees.iter().skip(1).map(|tree| tree.first as usize);
        let trees = self.trees.iter().zip(ends.chain([self.nodes.len()]));
        let add = |[low, high]: [f64; 2], (tree, end): (&Tree, usize)| {
            let first = tree.first as usize;
            let is_leaf = |at: &usize| self.nodes[*at].child() == at - first;
            let leaves = (first..end).filter(is_leaf).map(|at| f64::from(self.leaves[at]));
            let least = leaves.clone().fold(f64::INFINITY, f64::min);
            [low + least, high + leaves.fold(f64::NEG_INFINITY, f64::max)]
        };
        trees.fold([f64::from(self.base); 2], add)
    }

    /// Returns the trees as nodes to walk along.
    pub fn as_forest(&self) -> Forest<'_> {
        let walk = Walk { trees: &self.trees, nodes: &self.nodes, leaves: &self.leaves };
        let &Self { features, base, link, .. } = self;
        Forest { features, base, link, trees: Trees::Walk(walk) }
    }
}
