//! An [`Ensemble`] to masks of its leaves; `forest/masks.rs` says what the arrays mean and how they
//! are searched.
//!
//! **The idea.** The leaves of a tree are numbered from left to right, a bit each. A split knows which
//! leaves lie on either way; once a feature's value is known, each split on this feature excludes the
//! leaves of the way that is not taken. A feature's keys, over all trees, are the least values that
//! some split sends to its second way; between two keys all splits decide alike, so one row of masks is
//! enough for the whole interval.
//!
//! **The invariant.** Each leaf of a tree but one is on the wrong way of some split above it, so that
//! the masks of all features leave exactly the leaf that a walk ends on. Bits beyond a tree's leaves
//! are never excluded: the leaf is the lowest bit.
//!
//! **An example**: a tree of `a > 2`, whose second way is `b > 5`, has the leaves 0 (not a > 2), 1 and
//! 2. Written with leaf 0 on the right, a's split has the ways 001 and 110, b's 010 and 100. a = 3
//! excludes 001, so that its mask is 110; b = 4 excludes 100: 011. Both leave 010: leaf 1. With a = 1,
//! which leaves 001, leaf 0 is left whatever b is.
//!
//! **To check a change**: `lower/tests.rs` compares both forms of rows with the standard,
//! `tests/forest.rs` the engine with the walk. `cargo run --profile native --target host-tuple
//! --package bench-forest` prints what each form costs.

use std::collections::HashMap;

use super::Ensemble;
use crate::forest::{Forest, KEYS, Masks, Search, Tree, Trees};

/// Limits of the masks' size: every byte of a plan is one less for history.
#[derive(Clone, Copy, Debug)]
pub struct MaskLimits {
    /// Rows are the masks themselves, which costs the engine least, if they take at most this many
    /// bytes; else they are numbers.
    pub row_bytes: usize,
    /// Rows of numbers, their masks and the addresses that the engine makes of the numbers take at
    /// most this many bytes; else only the walk is left.
    pub bytes: usize,
}

impl Default for MaskLimits {
    /// Returns the limits for a plan that fits beside its history on stock limits.
    fn default() -> Self {
        Self { row_bytes: 48 << 10, bytes: 384 << 10 }
    }
}

/// Bytes of a number in a row: two in the plan, and four of the address that the engine makes of it.
const NUMBER_BYTES: usize = 2 + 4;
/// Bytes of a block of masks.
const BLOCK_BYTES: usize = 16;

/// Masks that own their arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskArrays {
    width: u32,
    group: u32,
    blocks: u32,
    searches: Vec<Search>,
    keys: Vec<[f32; KEYS]>,
    rows: Vec<u16>,
    masks: Vec<[u64; 2]>,
    leaves: Vec<f32>,
}

/// A tree whose leaves are numbered from left to right.
#[derive(Default)]
struct NumberedTree {
    /// The values of the leaves.
    leaves: Vec<f32>,
    splits: Vec<Split>,
}

/// A node of a tree: x ≥ key takes the second way. Each way is a mask of leaves.
struct Split {
    feature: usize,
    key: f32,
    missing_second: bool,
    ways: [u64; 2],
}

impl MaskArrays {
    /// Builds the masks of an ensemble; `None` if a tree has more than 64 leaves, or `limits` are
    /// exceeded.
    pub fn new(ensemble: &Ensemble, limits: MaskLimits) -> Option<Self> {
        let trees: Option<Vec<_>> =
            ensemble.trees.iter().map(|tree| NumberedTree::new(ensemble, *tree)).collect();
        let trees = trees?;
        let mut arrays = Self::with_leaves(&trees)?;
        let mut numbers = HashMap::new();
        for feature in 0..ensemble.features as usize {
            let splits = trees.iter().flat_map(|tree| &tree.splits);
            let keys = splits.filter(|split| split.feature == feature).map(|split| split.key);
            let mut keys: Vec<f32> = keys.chain([f32::NEG_INFINITY]).collect();
            keys.sort_by(f32::total_cmp);
            keys.dedup();
            arrays.add_search(&keys);
            for lowest in [f32::NAN].iter().chain(&keys) {
                arrays.add_row(&trees, feature, *lowest, &mut numbers)?;
                let rows = NUMBER_BYTES * arrays.rows.len();
                if rows + BLOCK_BYTES * arrays.masks.len() > limits.bytes {
                    return None;
                }
            }
        }
        if BLOCK_BYTES * arrays.rows.len() <= limits.row_bytes {
            let rows = std::mem::take(&mut arrays.rows);
            arrays.masks = rows.iter().map(|at| arrays.masks[usize::from(*at)]).collect();
        }
        Some(arrays)
    }

    /// Returns the forest of the ensemble that these are the masks of.
    pub fn as_forest(&self, ensemble: &Ensemble) -> Forest<'_> {
        let masks = Masks {
            width: self.width,
            group: self.group,
            blocks: self.blocks,
            searches: &self.searches,
            keys: &self.keys,
            rows: &self.rows,
            masks: &self.masks,
            leaves: &self.leaves,
        };
        let &Ensemble { features, base, link, .. } = ensemble;
        Forest { features, base, link, trees: Trees::Masks(masks) }
    }

    /// Settles how trees lie in blocks, and lays out their leaves; `None` without trees.
    fn with_leaves(trees: &[NumberedTree]) -> Option<Self> {
        let most = trees.iter().map(|tree| tree.leaves.len()).max()?;
        let width = most.next_power_of_two().max(8);
        let needed = trees.len().div_ceil(128 / width);
        let groups = needed.div_ceil(8);
        let group = needed.div_ceil(groups);
        let mut leaves = Vec::new();
        for tree in trees {
            leaves.extend(&tree.leaves);
            leaves.resize(leaves.len().next_multiple_of(width), 0.0);
        }
        leaves.resize(128 * groups * group, 0.0);
        Some(Self {
            width: width as u32,
            group: group as u32,
            blocks: (groups * group) as u32,
            searches: Vec::new(),
            keys: Vec::new(),
            rows: Vec::new(),
            masks: Vec::new(),
            leaves,
        })
    }

    /// Adds the row of the interval of `feature` that begins at `lowest`, as numbers of blocks.
    /// `numbers` has the number of each block so far; `None` if there are too many for 16 bits.
    fn add_row(
        &mut self,
        trees: &[NumberedTree],
        feature: usize,
        lowest: f32,
        numbers: &mut HashMap<u128, usize>,
    ) -> Option<()> {
        let width = self.width as usize;
        for block in 0..self.blocks as usize {
            let trees = trees.chunks(128 / width).nth(block).unwrap_or(&[]);
            let mask = block_mask(trees, width, feature, lowest);
            let next = numbers.len();
            let number = *numbers.entry(mask).or_insert(next);
            if number == next {
                self.masks.push([mask as u64, (mask >> 64) as u64]);
            }
            self.rows.push(u16::try_from(number).ok()?);
        }
        Some(())
    }

    /// Lays out the search among one feature's keys, whose rows come next.
    fn add_search(&mut self, keys: &[f32]) {
        let bottom = keys.len().div_ceil(KEYS);
        let mut levels = 1;
        while 9_usize.pow(levels - 1) < bottom {
            levels += 1;
        }
        // The number of nodes above a level, which are numbered before its own.
        let above = |level: u32| (9_usize.pow(level) - 1) / 8;
        let root = self.keys.len();
        let row = self.rows.len() / self.blocks as usize;
        let row = (row as u32).wrapping_sub((KEYS * above(levels - 1)) as u32);
        self.searches.push(Search { root: root as u32, levels, row });
        self.keys.resize(root + above(levels - 1) + bottom, [f32::NAN; KEYS]);
        for level in 0..levels {
            // Keys between one of this level's and the next.
            let step = match levels - 1 - level {
                0 => 1,
                below => KEYS * 9_usize.pow(below - 1),
            };
            for node in 0..9_usize.pow(level) {
                for at in 0..KEYS {
                    let ordinal = match step {
                        1 => KEYS * node + at,
                        _ => (9 * node + at + 1) * step,
                    };
                    if let Some(key) = keys.get(ordinal) {
                        self.keys[root + above(level) + node][at] = *key;
                    }
                }
            }
        }
    }
}

impl NumberedTree {
    /// Numbers the leaves of a tree; `None` if there are more than 64.
    fn new(ensemble: &Ensemble, tree: Tree) -> Option<Self> {
        let mut numbered = Self::default();
        numbered.add(ensemble, tree.first as usize, 0, 0)?;
        Some(numbered)
    }

    /// Adds the nodes below a flat node, at `at` in its tree; returns the mask of their leaves.
    fn add(&mut self, ensemble: &Ensemble, first: usize, at: usize, depth: u32) -> Option<u64> {
        let node = ensemble.nodes[first + at];
        if node.child() == at {
            self.leaves.push(ensemble.leaves[first + at]);
            return 1_u64.checked_shl(self.leaves.len() as u32 - 1);
        }
        // A tree of 64 leaves is no deeper.
        if depth == 63 {
            return None;
        }
        let ways = [
            self.add(ensemble, first, node.child(), depth + 1)?,
            self.add(ensemble, first, node.child() + 1, depth + 1)?,
        ];
        let features = ensemble.features as usize;
        self.splits.push(Split {
            feature: node.input() % features,
            key: node.threshold.next_up(),
            missing_second: node.input() >= features,
            ways,
        });
        Some(ways[0] | ways[1])
    }

    /// Returns the leaves that can be reached with values of `feature` from `lowest` to the next
    /// key; NaN is a missing value.
    fn mask(&self, feature: usize, lowest: f32) -> u64 {
        let splits = self.splits.iter().filter(|split| split.feature == feature);
        splits.fold(u64::MAX, |mask, split| {
            let is_second =
                if lowest.is_nan() { split.missing_second } else { lowest >= split.key };
            mask & !split.ways[usize::from(!is_second)]
        })
    }
}

/// Returns the masks of a block's trees, the first tree's in the lowest bits.
fn block_mask(trees: &[NumberedTree], width: usize, feature: usize, lowest: f32) -> u128 {
    let mut block = u128::MAX;
    for (at, tree) in trees.iter().enumerate() {
        let excluded = u128::from(!tree.mask(feature, lowest));
        block &= !(excluded << (at * width));
    }
    block
}
