//! The tree ensemble's flat arrays, cast in place from the plan.
//!
//! The same trees can be had in two forms. [`Masks`] is the fast one, for trees of up to 64 leaves;
//! [`Walk`] takes any. Both give the same bits: a leaf of each tree, summed in double precision in
//! the order of the trees, four at a time:
//! `sum = base; sum += (l₀ + l₁) + (l₂ + l₃); sum += (l₄ + l₅) + (l₆ + l₇); …`,
//! where a last group short of trees is filled up with zeros.

mod masks;
mod walk;

pub use masks::{KEYS, Masks};
pub use walk::{MAX_TREE_NODES, Walk};

/// A tree ensemble over `features` inputs: `link(base + Σ leaf values)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forest<'a> {
    /// Number of inputs.
    pub features: u32,
    /// Added to the sum of the leaves.
    pub base: f32,
    /// What the sum becomes.
    pub link: Link,
    /// The trees.
    pub trees: Trees<'a>,
}

/// The trees, in one of two forms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trees<'a> {
    /// Nodes to walk along.
    Walk(Walk<'a>),
    /// Masks of the leaves that can still be reached.
    Masks(Masks<'a>),
}

/// What becomes of the sum of the leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The sum itself.
    Identity,
    /// `1 / (1 + e^-sum)`
    Logistic,
}

/// Most inputs that a forest's nodes can index.
pub const MAX_FEATURES: usize = 1 << 15;

impl Forest<'_> {
    /// Why evaluation could leave the arrays, if it could.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self.trees {
            Trees::Walk(walk) => walk.fault(self.features),
            Trees::Masks(masks) => masks.fault(self.features),
        }
    }
}

#[cfg(test)]
impl Forest<'_> {
    /// What the arrays mean, step by step, for one input.
    pub(crate) fn score(&self, features: &[f32]) -> f32 {
        let mut leaves = match self.trees {
            Trees::Walk(walk) => walk.leaves_of(features),
            Trees::Masks(masks) => masks.leaves_of(features),
        };
        leaves.resize(leaves.len().next_multiple_of(4), 0.0);
        let fours = leaves.chunks(4).map(|four| (four[0] + four[1]) + (four[2] + four[3]));
        let sum = fours.fold(f64::from(self.base), |sum, four| sum + four);
        match self.link {
            Link::Identity => sum as f32,
            Link::Logistic => (1.0 / (1.0 + (-sum).exp())) as f32,
        }
    }
}
