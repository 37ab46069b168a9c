//! The tree ensemble's flat arrays, cast in place from the plan.
//!
//! Trees can have two forms. [`Masks`] is the fast one, for trees of up to 64 leaves;
//! [`Walk`] takes any. Both mean the same bits: a leaf of each tree, added in double precision in
//! the order of the trees, four at a time:
//! `sum = base; sum += (l₀ + l₁) + (l₂ + l₃); sum += (l₄ + l₅) + (l₆ + l₇); …`,
//! where zeros fill up a last group of fewer trees. [`reference`](mod@crate::reference) evaluates
//! both forms step by step.

mod masks;
mod walk;

use serde::{Deserialize, Serialize};

use crate::format::{Arrays, PlanError};

pub use masks::{KEYS, Masks, Search};
pub use walk::{MAX_FEATURES, MAX_TREE_NODES, Node, Tree, Walk};

/// A tree ensemble over `features` inputs: `link(base + Σ leaf values)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forest<'a> {
    /// Number of inputs.
    pub features: u32,
    /// Added to the sum of the leaves.
    pub base: f32,
    /// The function of the sum that is the output.
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

/// The function that makes the output of the sum of the leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// The sum itself.
    Identity,
    /// `1 / (1 + e^-sum)`
    Logistic,
}

impl<'a> Trees<'a> {
    /// Reads or writes the arrays.
    pub(crate) fn arrays(&mut self, arrays: &mut impl Arrays<'a>) -> Result<(), PlanError> {
        match self {
            Trees::Walk(walk) => walk.arrays(arrays),
            Trees::Masks(masks) => masks.arrays(arrays),
        }
    }
}

impl Forest<'_> {
    /// Returns the rule that is broken if evaluation could leave the arrays.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self.trees {
            Trees::Walk(walk) => walk.fault(self.features),
            Trees::Masks(masks) => masks.fault(self.features),
        }
    }
}
