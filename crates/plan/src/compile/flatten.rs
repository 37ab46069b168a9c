//! One decision tree: as a model file has it, and flattened.
//!
//! Inputs are finite or NaN. Every comparison is turned into `x > threshold goes to the second
//! child`, with the neighbouring f32 where the original is strict, so that no input whatsoever
//! takes another way. A missing value becomes ∓∞, and takes the way of a very small or large one.

use std::collections::HashMap;

use crate::forest::MAX_TREE_NODES;

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

/// A node of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    Leaf(f64),
    Branch(Branch),
}

/// A comparison, and the indices of the nodes that it leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    pub feature: u16,
    pub mode: Mode,
    /// Not NaN.
    pub value: f64,
    /// Where a true comparison leads.
    pub yes: usize,
    pub no: usize,
    /// Whether a missing value counts as a true comparison.
    pub missing: bool,
}

/// A flattened tree, as in [`Walk`](crate::forest::Walk).
pub(super) struct Flat {
    pub depth: u32,
    pub nodes: Vec<[u32; 2]>,
    pub leaves: Vec<f32>,
}

/// Flattens the tree at `root` for inputs of so many features.
pub(super) fn flatten(nodes: &[Node], root: usize, features: u32) -> Result<Flat, String> {
    let mut flat = Flat { depth: depth(nodes, root), nodes: Vec::new(), leaves: Vec::new() };
    // What stands in each slot; children are added as their parent is reached. An equality's
    // other way stands in two slots, which share their children.
    let mut slots = vec![Slot::Node(root)];
    let mut children = HashMap::new();
    while let Some(&slot) = slots.get(flat.nodes.len()) {
        if slots.len() > MAX_TREE_NODES {
            return Err(format!("a tree has more than {MAX_TREE_NODES} nodes"));
        }
        let (Slot::Node(at) | Slot::NotAbove(at)) = slot;
        let (threshold, feature, child, value) = match nodes[at] {
            Node::Leaf(value) => (f32::INFINITY, 0, flat.nodes.len(), value),
            Node::Branch(branch) => {
                let (threshold, missing_second, ways) = split(&branch, slot);
                let child = *children.entry(slot).or_insert_with(|| {
                    slots.extend(ways);
                    slots.len() - 2
                });
                let half = if missing_second { features } else { 0 };
                (threshold, u32::from(branch.feature) + half, child, 0.0)
            }
        };
        flat.nodes.push([threshold.to_bits(), feature | (child as u32) << 16]);
        flat.leaves.push(value as f32);
    }
    Ok(flat)
}

/// What stands in a slot of the flat tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Node(usize),
    /// The second half of an equality: x is at most the value.
    NotAbove(usize),
}

/// The threshold above which x goes to the second way, whether a missing value does, and the ways.
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

/// The largest threshold that the inputs up to `value` are not above: −∞ for none, the largest f32
/// for all (missing values as +∞ are above it).
fn at_most(value: f64) -> f32 {
    let near = value as f32;
    let near = if f64::from(near) > value { near.next_down() } else { near };
    near.min(f32::MAX) + 0.0
}

/// The same for the inputs below `value`.
fn below(value: f64) -> f32 {
    let near = at_most(value);
    let is_equal = f64::from(near) == value;
    (if is_equal { near.next_down() } else { near }) + 0.0
}

/// Longest way from the root to a leaf, in steps of the flat tree.
fn depth(nodes: &[Node], root: usize) -> u32 {
    let mut level = vec![(root, 0)];
    let mut deepest = 0;
    while let Some((at, depth)) = level.pop() {
        match nodes[at] {
            Node::Leaf(_) => deepest = deepest.max(depth),
            Node::Branch(Branch { mode, yes, no, .. }) => {
                let steps = if matches!(mode, Mode::Eq | Mode::Neq) { 2 } else { 1 };
                level.extend([(yes, depth + steps), (no, depth + steps)]);
            }
        }
    }
    deepest
}
