//! One decision tree: as a model file has it, and flattened.
//!
//! Inputs are finite or NaN. Every comparison is turned into `x > threshold goes to the second
//! child`, with the neighbouring f32 where the original is strict, so that no input whatsoever
//! takes another way. A missing value becomes ∓∞, and takes the way of a very small or large one.

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

/// A node of a tree; children are indices.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    Leaf(f64),
    Branch {
        feature: u16,
        mode: Mode,
        value: f64,
        /// Where a true comparison leads.
        yes: usize,
        no: usize,
        /// Where a missing value leads.
        missing: bool,
    },
}

/// A flattened tree, as in [`Forest`](crate::Forest).
pub(super) struct Flat {
    pub depth: u32,
    pub nodes: Vec<[u32; 2]>,
    pub leaves: Vec<f32>,
}

/// Flattens the tree at `root`, whose values are not NaN, for inputs of so many features.
pub(super) fn flatten(nodes: &[Node], root: usize, features: u32) -> Result<Flat, String> {
    let mut flat = Flat { depth: depth(nodes, root), nodes: Vec::new(), leaves: Vec::new() };
    // What stands in each slot; children are added as their parent is reached. A slot of an
    // equality's `no` child stands twice, and both share that child's children.
    let mut slots = vec![Slot::Node(root)];
    let mut children = std::collections::HashMap::new();
    let mut at = 0;
    while let Some(&slot) = slots.get(at) {
        if slots.len() > MAX_TREE_NODES {
            return Err(format!("a tree has more than {MAX_TREE_NODES} nodes"));
        }
        let (node, value) = match split(nodes, slot) {
            Step::Leaf(value) => ([f32::INFINITY.to_bits(), (at as u32) << 16], value),
            Step::Split(split) => {
                let child = *children.entry(slot).or_insert_with(|| {
                    slots.extend([split.first, split.second]);
                    slots.len() - 2
                });
                let half = if split.missing_second { features } else { 0 };
                let rest = (u32::from(split.feature) + half) | (child as u32) << 16;
                ([split.threshold.to_bits(), rest], 0.0)
            }
        };
        flat.nodes.push(node);
        flat.leaves.push(value as f32);
        at += 1;
    }
    Ok(flat)
}

/// What stands in a slot of the flat tree: a node, or the second half of an equality.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Node(usize),
    NotAbove(usize),
}

enum Step {
    Leaf(f64),
    Split(Split),
}

/// `x > threshold` goes to the second.
struct Split {
    feature: u16,
    threshold: f32,
    missing_second: bool,
    first: Slot,
    second: Slot,
}

fn split(nodes: &[Node], slot: Slot) -> Step {
    let (Slot::Node(at) | Slot::NotAbove(at)) = slot;
    let (feature, mode, value, yes, no, missing) = match nodes[at] {
        Node::Leaf(value) => return Step::Leaf(value),
        Node::Branch { feature, mode, value, yes, no, missing } => {
            (feature, mode, value, yes, no, missing)
        }
    };
    let step = |threshold, missing_second, first, second| {
        Step::Split(Split { feature, threshold, missing_second, first, second })
    };
    // A comparison with NaN is false, and only `Neq` is true then.
    let (equal, other) = if mode == Mode::Neq { (no, yes) } else { (yes, no) };
    let missing_equal = missing == (mode != Mode::Neq);
    let (yes, no) = (Slot::Node(yes), Slot::Node(no));
    match (mode, slot) {
        (Mode::Leq, _) => step(at_most(value), !missing, yes, no),
        (Mode::Lt, _) => step(below(value), !missing, yes, no),
        (Mode::Gt, _) => step(at_most(value), missing, no, yes),
        (Mode::Gte, _) => step(below(value), missing, no, yes),
        (Mode::Eq | Mode::Neq, Slot::Node(_)) => {
            step(at_most(value), !missing_equal, Slot::NotAbove(at), Slot::Node(other))
        }
        // Here x is at most the value: it is above the next lower number if it is equal.
        (Mode::Eq | Mode::Neq, Slot::NotAbove(_)) => {
            step(below(value), missing_equal, Slot::Node(other), Slot::Node(equal))
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
            Node::Branch { mode, yes, no, .. } => {
                let steps = if matches!(mode, Mode::Eq | Mode::Neq) { 2 } else { 1 };
                level.extend([(yes, depth + steps), (no, depth + steps)]);
            }
        }
    }
    deepest
}
