//! One decision tree: as a model file has it, and flattened to nodes to walk along.
//!
//! **The idea.** Inputs are finite or NaN. Every comparison of a model file is turned into "above the
//! threshold goes to the second child", with the neighbouring f32 where the original is strict, so
//! that no input takes another way. A missing value is ∓∞ when the nodes are walked, and takes the
//! way of a very small or a very large number.
//!
//! **An example**: `x < 2` becomes `x > 1.9999999` with the two ways as they were; `x >= 2` is the
//! same with the ways exchanged. `x == 2` takes two nodes: `x > 2` goes to "other", and what is not
//! above it goes on to `x > 1.9999999`, whose first way is "other" and whose second is "equal".
//!
//! **To check a change**: `lower/tests.rs` compares all six comparisons with what the standard says,
//! at thresholds and inputs where f32 and f64 part.

use std::collections::HashMap;

use crate::forest::{MAX_TREE_NODES, Node};

/// A comparison of an input with a node's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Leq,
    Lt,
    Gt,
    Gte,
    Eq,
    Neq,
}

/// A node of a tree in a model file.
#[derive(Clone, Copy, Debug)]
pub(super) enum ModelNode {
    /// The value that the tree gives.
    Leaf(f64),
    Branch(Branch),
}

/// A comparison, and the indices of the nodes that it leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    pub feature: u16,
    pub mode: Mode,
    /// The number that the input is compared with; not NaN.
    pub value: f64,
    /// The node that a true comparison leads to.
    pub yes: usize,
    /// The node that a false comparison leads to.
    pub no: usize,
    /// Whether a missing value counts as a true comparison.
    pub missing: bool,
}

/// A flattened tree, as in [`Walk`](crate::forest::Walk).
pub(super) struct Flat {
    pub depth: u32,
    pub nodes: Vec<Node>,
    pub leaves: Vec<f32>,
}

/// Flattens the tree at `root` of a model with this number of features.
pub(super) fn flatten(nodes: &[ModelNode], root: usize, features: u32) -> Result<Flat, String> {
    let mut flat = Flat { depth: depth(nodes, root), nodes: Vec::new(), leaves: Vec::new() };
    // The model's node in each slot of the flat tree; children are added as their parent is reached.
    // The other way of an equality is in two slots, which share their children.
    let mut slots = vec![Slot::Node(root)];
    let mut children = HashMap::new();
    while let Some(&slot) = slots.get(flat.nodes.len()) {
        if slots.len() > MAX_TREE_NODES {
            return Err(format!("a tree has more than {MAX_TREE_NODES} nodes"));
        }
        let (Slot::Node(at) | Slot::NotAbove(at)) = slot;
        let (node, value) = match nodes[at] {
            ModelNode::Leaf(value) => (Node::leaf(flat.nodes.len()), value),
            ModelNode::Branch(branch) => {
                let (threshold, missing_second, ways) = split(&branch, slot);
                let child = *children.entry(slot).or_insert_with(|| {
                    slots.extend(ways);
                    slots.len() - 2
                });
                let half = if missing_second { features as usize } else { 0 };
                (Node::split(threshold, usize::from(branch.feature) + half, child), 0.0)
            }
        };
        flat.nodes.push(node);
        flat.leaves.push(value as f32);
    }
    Ok(flat)
}

/// The content of a slot of the flat tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Node(usize),
    /// The second half of an equality: x is at most the value.
    NotAbove(usize),
}

/// Returns the threshold above which x goes to the second way, whether a missing value goes there, and
/// the two ways.
fn split(branch: &Branch, slot: Slot) -> (f32, bool, [Slot; 2]) {
    let &Branch { mode, value, missing, .. } = branch;
    let (yes, no) = (Slot::Node(branch.yes), Slot::Node(branch.no));
    let (equal, other) = if mode == Mode::Neq { (no, yes) } else { (yes, no) };
    let missing_is_equal = missing == (mode == Mode::Eq);
    match (mode, slot) {
        (Mode::Leq, _) => (at_most(value), !missing, [yes, no]),
        (Mode::Lt, _) => (below(value), !missing, [yes, no]),
        (Mode::Gt, _) => (at_most(value), missing, [no, yes]),
        (Mode::Gte, _) => (below(value), missing, [no, yes]),
        (Mode::Eq | Mode::Neq, Slot::Node(at)) => {
            (at_most(value), !missing_is_equal, [Slot::NotAbove(at), other])
        }
        // What is above the next lower number is equal.
        (Mode::Eq | Mode::Neq, Slot::NotAbove(_)) => {
            (below(value), missing_is_equal, [other, equal])
        }
    }
}

/// Returns the largest threshold that the inputs up to `value` are not above: −∞ if there are no such
/// inputs, the largest f32 if all are (+∞ for a missing value is above it).
fn at_most(value: f64) -> f32 {
    let near = value as f32;
    let near = if f64::from(near) > value { near.next_down() } else { near };
    near.min(f32::MAX) + 0.0
}

/// Returns the largest threshold that the inputs below `value` are not above.
fn below(value: f64) -> f32 {
    let near = at_most(value);
    let is_equal = f64::from(near) == value;
    (if is_equal { near.next_down() } else { near }) + 0.0
}

/// Returns the longest way from the root to a leaf, in steps of the flat tree.
fn depth(nodes: &[ModelNode], root: usize) -> u32 {
    let mut level = vec![(root, 0)];
    let mut deepest = 0;
    while let Some((at, depth)) = level.pop() {
        match nodes[at] {
            ModelNode::Leaf(_) => deepest = deepest.max(depth),
            ModelNode::Branch(Branch { mode, yes, no, .. }) => {
                let steps = if matches!(mode, Mode::Eq | Mode::Neq) { 2 } else { 1 };
                level.extend([(yes, depth + steps), (no, depth + steps)]);
            }
        }
    }
    deepest
}
