//! A flat ensemble to masks of its leaves; see [`Masks`] for what the arrays hold.

use std::collections::HashMap;

use super::Ensemble;
use crate::forest::{Forest, KEYS, Masks, Trees};

/// The most bytes of rows that are made of masks themselves. They cost the engine least, but all
/// bytes of a plan take the place of history.
const MAX_ROW_BYTES: usize = 48 << 10;
/// The most bytes of rows and masks together, if rows are numbers, with what the engine makes of them.
/// Beyond, only the walk is left.
const MAX_BYTES: usize = 384 << 10;
/// Bytes of a number in a row: two in the plan, and the engine makes an address of it.
const NUMBER_BYTES: usize = 2 + 4;

/// Masks that own their arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskArrays {
    width: u32,
    group: u32,
    blocks: u32,
    inputs: Vec<[u32; 3]>,
    keys: Vec<[f32; KEYS]>,
    rows: Vec<u16>,
    masks: Vec<[u64; 2]>,
    leaves: Vec<f32>,
}

/// A tree whose leaves are numbered from left to right.
#[derive(Default)]
struct Tree {
    leaves: Vec<f32>,
    splits: Vec<Split>,
}

/// Where a tree parts: x ≥ key takes the second way. Each way is a mask of leaves.
struct Split {
    feature: usize,
    key: f32,
    missing_second: bool,
    ways: [u64; 2],
}

impl MaskArrays {
    /// The masks of an ensemble; `None` if a tree has more than 64 leaves, or all is too large.
    pub fn of(ensemble: &Ensemble) -> Option<Self> {
        Self::within(ensemble, MAX_ROW_BYTES, MAX_BYTES)
    }

    /// The same with other limits than the compiler's: bytes of rows that are made of masks, and of
    /// rows of numbers with their masks and addresses.
    pub fn within(ensemble: &Ensemble, row_bytes: usize, bytes: usize) -> Option<Self> {
        let mut trees = Vec::new();
        for &[first, _] in &ensemble.trees {
            let mut tree = Tree::default();
            tree.add(ensemble, first as usize, 0, 0)?;
            trees.push(tree);
        }
        let most = trees.iter().map(|tree| tree.leaves.len()).max()?;
        let width = most.next_power_of_two().max(8);
        let needed = trees.len().div_ceil(128 / width);
        let groups = needed.div_ceil(8);
        let group = needed.div_ceil(groups);
        let mut arrays = Self {
            width: width as u32,
            group: group as u32,
            blocks: (groups * group) as u32,
            inputs: Vec::new(),
            keys: Vec::new(),
            rows: Vec::new(),
            masks: Vec::new(),
            leaves: Vec::new(),
        };
        for tree in &trees {
            arrays.leaves.extend(&tree.leaves);
            arrays.leaves.resize(arrays.leaves.len().next_multiple_of(width), 0.0);
        }
        arrays.leaves.resize(128 * groups * group, 0.0);
        let mut numbers = HashMap::new();
        for feature in 0..ensemble.features as usize {
            let splits = trees.iter().flat_map(|tree| &tree.splits);
            let keys = splits.filter(|split| split.feature == feature).map(|split| split.key);
            let mut keys: Vec<f32> = keys.chain([f32::NEG_INFINITY]).collect();
            keys.sort_by(f32::total_cmp);
            keys.dedup();
            let row = arrays.rows.len() / arrays.blocks as usize;
            arrays.add_search(&keys, row as u32);
            for lowest in [f32::NAN].iter().chain(&keys) {
                for block in 0..arrays.blocks as usize {
                    let trees = trees.chunks(128 / width).nth(block).unwrap_or(&[]);
                    let mask = block_mask(trees, width, feature, *lowest);
                    let next = numbers.len();
                    let number = *numbers.entry(mask).or_insert(next);
                    if number == next {
                        arrays.masks.push([mask as u64, (mask >> 64) as u64]);
                    }
                    arrays.rows.push(u16::try_from(number).ok()?);
                }
                if NUMBER_BYTES * arrays.rows.len() + 16 * arrays.masks.len() > bytes {
                    return None;
                }
            }
        }
        if 16 * arrays.rows.len() <= row_bytes {
            let rows = std::mem::take(&mut arrays.rows);
            arrays.masks = rows.iter().map(|at| arrays.masks[usize::from(*at)]).collect();
        }
        Some(arrays)
    }

    /// The forest of the ensemble that these are the masks of.
    pub fn as_forest(&self, ensemble: &Ensemble) -> Forest<'_> {
        let masks = Masks {
            width: self.width,
            group: self.group,
            blocks: self.blocks,
            inputs: &self.inputs,
            keys: &self.keys,
            rows: &self.rows,
            masks: &self.masks,
            leaves: &self.leaves,
        };
        let &Ensemble { features, base, link, .. } = ensemble;
        Forest { features, base, link, trees: Trees::Masks(masks) }
    }

    /// Lays out the search for one feature's interval, whose rows begin at `row`.
    fn add_search(&mut self, keys: &[f32], row: u32) {
        let bottom = keys.len().div_ceil(KEYS);
        let mut levels = 1;
        while 9_usize.pow(levels - 1) < bottom {
            levels += 1;
        }
        // Nodes above a level are numbered before it.
        let before = |level: u32| (9_usize.pow(level) - 1) / 8;
        let first = self.keys.len();
        let row = row.wrapping_sub((KEYS * before(levels - 1)) as u32);
        self.inputs.push([first as u32, levels, row]);
        self.keys.resize(first + before(levels - 1) + bottom, [f32::NAN; KEYS]);
        for level in 0..levels {
            // How many keys stand below one of this level's.
            let step = match levels - 1 - level {
                0 => 1,
                above => KEYS * 9_usize.pow(above - 1),
            };
            for node in 0..9_usize.pow(level) {
                let ordinal = |at: usize| match step {
                    1 => KEYS * node + at,
                    _ => (9 * node + at + 1) * step,
                };
                for at in 0..KEYS {
                    if let Some(key) = keys.get(ordinal(at)) {
                        self.keys[first + before(level) + node][at] = *key;
                    }
                }
            }
        }
    }
}

impl Tree {
    /// Adds what lies below a flat node; the mask of its leaves.
    fn add(&mut self, flat: &Ensemble, first: usize, at: usize, depth: u32) -> Option<u64> {
        let [threshold, rest] = flat.nodes[first + at];
        let (feature, child) = (rest & 0xffff, (rest >> 16) as usize);
        let threshold = f32::from_bits(threshold);
        if threshold == f32::INFINITY && child == at {
            self.leaves.push(flat.leaves[first + at]);
            return 1_u64.checked_shl(self.leaves.len() as u32 - 1);
        }
        // A tree of 64 leaves is no deeper.
        if depth == 63 {
            return None;
        }
        let ways = [
            self.add(flat, first, child, depth + 1)?,
            self.add(flat, first, child + 1, depth + 1)?,
        ];
        self.splits.push(Split {
            feature: (feature % flat.features) as usize,
            key: threshold.next_up(),
            missing_second: feature >= flat.features,
            ways,
        });
        Some(ways[0] | ways[1])
    }

    /// The leaves that can be reached with values from `lowest` to the next key; NaN is missing.
    fn mask(&self, feature: usize, lowest: f32) -> u64 {
        let splits = self.splits.iter().filter(|split| split.feature == feature);
        splits.fold(u64::MAX, |mask, split| {
            let is_second =
                if lowest.is_nan() { split.missing_second } else { lowest >= split.key };
            mask & !split.ways[usize::from(!is_second)]
        })
    }
}

fn block_mask(trees: &[Tree], width: usize, feature: usize, lowest: f32) -> u128 {
    let mut block = u128::MAX;
    for (at, tree) in trees.iter().enumerate() {
        let excluded = u128::from(!tree.mask(feature, lowest));
        block &= !(excluded << (at * width));
    }
    block
}
