//! Trees as masks of their leaves (QuickScorer, SIGIR 2015, with whole intervals precomputed).
//!
//! **The idea.** All thresholds on one feature, over all trees, cut its values into intervals. While
//! only this feature is known, an interval leaves in each tree a set of leaves that can still be
//! reached: a mask with a bit for each leaf. The masks of all features, combined by "and", leave one
//! leaf of each tree: the leaf that the tree's walk ends on. So an evaluation is a search of the
//! interval for each feature, a few wide "and"s, and a look at the position of one bit per tree.
//!
//! **The arrays.** Masks lie in blocks of 16 bytes: `128 / width` trees of `width` leaves. A row is
//! the blocks of all trees for one interval. Where all rows together are large, a row is numbers of
//! blocks instead: many intervals are alike within a block, so each different block is stored once.
//!
//! **The search** ([`Search`]) counts the keys that x is not below: that is the row's number within
//! its feature. A feature with the ten keys −∞, 1, 2 … 9 takes two levels, nodes 0 to 2:
//!
//! ```text
//!             0: [8]
//!    1: [−∞ 1 2 3 4 5 6 7]   2: [8 9]
//! ```
//!
//! For x = 8.5, one key of node 0 is not above x, so the search goes to node 9 · 0 + 1 + 1 = 2. One
//! key of node 2 is not above x, so the row is `row` + 8 · 2 + 1. `row` is 8 less than the feature's
//! first row, since one node of 8 keys is above the last level: the row is number 9 of the feature,
//! and nine keys (−∞, 1 … 8) are not above 8.5.
//!
//! **The invariant**: whatever is searched, missing values included, a search ends on a row, and the
//! rows of any vector leave a bit of each tree. [`Masks::fault`] checks the first; the second is the
//! compiler's (`compile/build_masks.rs`), and evaluation stays in the arrays without it.
//!
//! **To check a change**: `tests/forest.rs` holds the engine, and `compile/lower/tests.rs` the
//! arrays, to the plain walk on generated trees; `format/tests.rs` evaluates damaged plans.

use bytemuck::{Pod, Zeroable};

use crate::format::{Arrays, PlanError};

/// Keys of a node of the search.
pub const KEYS: usize = 8;

/// Trees of up to `width` leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Masks<'a> {
    /// Bits of a mask, and values of a tree in `leaves`: 8, 16, 32 or 64.
    pub width: u32,
    /// Blocks that are combined together: 1 to 8. A row is a whole number of groups.
    pub group: u32,
    /// Blocks of a row.
    pub blocks: u32,
    /// The search for each feature's interval.
    pub searches: &'a [Search],
    /// The nodes of all searches: ascending keys, NaN where there is none.
    pub keys: &'a [[f32; KEYS]],
    /// A row for each feature and interval, as indices into `masks`; empty if `masks` has the rows
    /// themselves.
    pub rows: &'a [u16],
    /// Blocks of masks, the first tree in the lowest bits.
    pub masks: &'a [[u64; 2]],
    /// The values of each tree's leaves, for as many trees as the blocks have room for.
    pub leaves: &'a [f32],
}

/// The search for one feature's interval: a tree of nodes with [`KEYS`] keys and one child more.
///
/// The children of node `n`, counted from the root, are `9 n + 1 + c`, where `c` is the number of
/// the node's keys that x is not below. On the last level that leads to the row `row + 8 n + c`,
/// modulo 2³². The least key of a feature is −∞: only a missing value has no key below it, and a row
/// of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Search {
    /// Index of the root in [`Masks::keys`].
    pub root: u32,
    /// Levels of nodes, the root's included.
    pub levels: u32,
    /// The row that node 0 would lead to if it were on the last level.
    pub row: u32,
}

/// Most levels of a search: half a million intervals.
const MAX_LEVELS: u32 = 6;

impl<'a> Masks<'a> {
    /// Reads or writes the arrays.
    pub(super) fn arrays(&mut self, arrays: &mut impl Arrays<'a>) -> Result<(), PlanError> {
        arrays.array("masks", &mut self.masks)?;
        arrays.array("keys", &mut self.keys)?;
        arrays.array("searches", &mut self.searches)?;
        arrays.array("leaves", &mut self.leaves)?;
        arrays.array("rows", &mut self.rows)
    }

    /// Returns the rule that is broken if an evaluation could leave the arrays.
    pub(super) fn fault(&self, features: u32) -> Option<&'static str> {
        let (blocks, width) = (self.blocks as usize, self.width as usize);
        if !matches!(width, 8 | 16 | 32 | 64) {
            return Some("a width of 8, 16, 32 or 64 leaves");
        }
        if !matches!(self.group, 1..=8) || !self.blocks.is_multiple_of(self.group) || blocks == 0 {
            return Some("blocks in whole groups of 1 to 8");
        }
        if self.leaves.len() / 128 != blocks || !self.leaves.len().is_multiple_of(128) {
            return Some("as many leaves as the blocks have bits");
        }
        if self.searches.len() != features as usize {
            return Some("a search for each feature");
        }
        let numbers = if self.rows.is_empty() { self.masks.len() } else { self.rows.len() };
        if !numbers.is_multiple_of(blocks) {
            return Some("whole rows");
        }
        if self.rows.iter().any(|at| usize::from(*at) >= self.masks.len()) {
            return Some("rows of masks that are there");
        }
        let rows = numbers / blocks;
        let ends = self.searches.iter().all(|search| self.ends_on_a_row(*search, rows));
        (!ends).then_some("searches that end on a row")
    }

    /// Returns whether a search, whatever is searched, ends on one of the first `rows` rows.
    fn ends_on_a_row(&self, search: Search, rows: usize) -> bool {
        if !matches!(search.levels, 1..=MAX_LEVELS) {
            return false;
        }
        // No two ways lead to one node, so this visits each node once at most.
        let mut next = vec![(0_usize, 1)];
        while let Some((node, level)) = next.pop() {
            let at = (search.root as usize).checked_add(node);
            let Some(keys) = at.and_then(|at| self.keys.get(at)) else {
                return false;
            };
            let most = keys.iter().filter(|key| !key.is_nan()).count();
            if level < search.levels {
                next.extend((0..=most).map(|count| (9 * node + 1 + count, level + 1)));
            } else {
                let first = search.row.wrapping_add(8 * node as u32) as usize;
                if first.checked_add(most).is_none_or(|last| last >= rows) {
                    return false;
                }
            }
        }
        true
    }
}
