//! Trees as nodes to walk along.

use bytemuck::{Pod, Zeroable};

use crate::format::{Arrays, PlanError};

/// Trees whose nodes compare an input with a threshold, and say where to go on.
///
/// The input is the feature vector twice: first with −∞ for a missing value, then with +∞. So a node
/// that sends missing values to its second child reads from the second half, and a walk has no
/// branch for them. A leaf leads to itself: walking on stays there, and a walk of the tree's depth
/// ends on a leaf from any way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Walk<'a> {
    /// The trees, shallow ones first, and their nodes in the same order.
    pub trees: &'a [Tree],
    /// The nodes of all trees.
    pub nodes: &'a [Node],
    /// The value of each node if it is a leaf, else 0.
    pub leaves: &'a [f32],
}

/// The place and depth of one tree of a [`Walk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Tree {
    /// Index of its first node, which is the root.
    pub first: u32,
    /// Steps of its longest way from the root to a leaf.
    pub depth: u32,
}

/// One node of a [`Walk`].
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Node {
    /// The walk goes to the child, or to the node after it if the input is above this; +∞ in a leaf.
    pub threshold: f32,
    /// The input in the lower half, the child in the upper.
    packed: u32,
}

/// Most nodes of one tree: a child has 16 bits.
pub const MAX_TREE_NODES: usize = 1 << 16;

/// Most features of a forest: an input, of twice as many, has 16 bits.
pub const MAX_FEATURES: usize = 1 << 15;

impl Node {
    /// Packs a split: the input that it compares, and the first of its two children, counted from
    /// the tree's root.
    pub fn split(threshold: f32, input: usize, child: usize) -> Self {
        assert!(input < 2 * MAX_FEATURES && child < MAX_TREE_NODES, "{input} {child}");
        Self { threshold, packed: input as u32 | (child as u32) << 16 }
    }

    /// Packs the leaf at `at`, counted from the tree's root.
    pub fn leaf(at: usize) -> Self {
        Self::split(f32::INFINITY, 0, at)
    }

    /// Returns the index of the value that the node compares, in the doubled vector.
    #[inline(always)]
    pub fn input(self) -> usize {
        (self.packed & 0xffff) as usize
    }

    /// Returns the first child, counted from the tree's root; in a leaf, the leaf itself.
    #[inline(always)]
    pub fn child(self) -> usize {
        (self.packed >> 16) as usize
    }
}

impl<'a> Walk<'a> {
    /// Reads or writes the arrays.
    pub(super) fn arrays(&mut self, arrays: &mut impl Arrays<'a>) -> Result<(), PlanError> {
        arrays.array("trees", &mut self.trees)?;
        arrays.array("nodes", &mut self.nodes)?;
        arrays.array("leaves", &mut self.leaves)
    }

    /// Returns the rule that is broken if a walk could leave the arrays.
    pub(super) fn fault(&self, features: u32) -> Option<&'static str> {
        if self.leaves.len() != self.nodes.len() {
            return Some("as many leaves as nodes");
        }
        let ends = self.trees.iter().skip(1).map(|tree| tree.first as usize);
        let mut ends = ends.chain([self.nodes.len()]);
        for tree in self.trees {
            let end = ends.next().unwrap_or(0);
            let Some(nodes) = self.nodes.get(tree.first as usize..end) else {
                return Some("trees in order");
            };
            for (at, node) in nodes.iter().enumerate() {
                let is_leaf = node.threshold == f32::INFINITY && node.child() == at;
                let is_beyond = node.input() as u64 >= 2 * u64::from(features);
                // So a walk never comes back to a node, and ends.
                let is_split = node.child() > at && node.child() + 1 < nodes.len();
                if is_beyond || !(is_leaf || is_split) {
                    return Some("inputs that exist, and children after their node");
                }
            }
            if nodes.is_empty() {
                return Some("a node in every tree");
            }
            if tree.depth as usize >= nodes.len() {
                return Some("a depth below the number of a tree's nodes");
            }
        }
        None
    }
}
