//! Trees as masks of their leaves (QuickScorer, SIGIR 2015, with whole intervals precomputed).
//!
//! All thresholds on one feature, over all trees, cut its values into intervals. While only this
//! feature is known, an interval leaves in each tree a set of leaves that can still be reached: a
//! mask of as many bits as a tree has leaves. The masks of all features, combined by "and", leave
//! one leaf of each tree: the one that the tree's walk ends on. So an evaluation is a search of the
//! interval for each feature, a few wide "and"s, and a look at the position of one bit per tree.
//!
//! Masks lie in blocks of 16 bytes: `128 / width` trees of `width` leaves. A row is the blocks of
//! all trees for one interval. Where that would be large, rows are numbers: many intervals are
//! alike within a block, so each different block is stored once.

/// Keys of a node of the search.
pub const KEYS: usize = 8;

/// Trees of up to `width` leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Masks<'a> {
    /// Bits of a mask, and values of a tree in `leaves`: 8, 16, 32 or 64.
    pub width: u32,
    /// Blocks that are combined together: 1 to 8. A row is a whole number of groups.
    pub group: u32,
    /// Blocks of a row.
    pub blocks: u32,
    /// How each feature's interval is found, a B-tree: index of the root in `keys`, levels, row.
    /// The children of node `n`, counted from the root, are `9 n + 1 + c`, where `c` is the number
    /// of keys that x is not below. On the last level the feature's value takes the row
    /// `row + 8 n + c` modulo 2³². The least of a feature's keys is −∞: only a missing value has no
    /// key below it, and a row of its own.
    pub inputs: &'a [[u32; 3]],
    /// The search's nodes: ascending keys, NaN where there is none.
    pub keys: &'a [[f32; KEYS]],
    /// For each feature and interval a row: indices into `masks`. Empty if `masks` has the rows
    /// themselves.
    pub rows: &'a [u16],
    /// Blocks of masks, the first tree in the lowest bits.
    pub masks: &'a [[u64; 2]],
    /// The values of each tree's leaves, for as many trees as the blocks have room for.
    pub leaves: &'a [f32],
}

impl Masks<'_> {
    /// Why evaluation could leave the arrays, if it could.
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
        if self.inputs.len() != features as usize {
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
        let is_in = |input: &[u32; 3]| self.is_within(*input, rows);
        (!self.inputs.iter().all(is_in)).then_some("searches that end on a row")
    }

    /// Whether every search, whatever is searched, ends on one of so many rows.
    fn is_within(&self, [root, levels, row]: [u32; 3], rows: usize) -> bool {
        // Six levels are half a million intervals.
        if !matches!(levels, 1..=6) {
            return false;
        }
        // No two ways lead to one node, so the nodes visited are at most those that are there.
        let mut next = vec![(0_usize, 1)];
        while let Some((node, level)) = next.pop() {
            let at = (root as usize).checked_add(node);
            let Some(keys) = at.and_then(|at| self.keys.get(at)) else {
                return false;
            };
            let most = keys.iter().filter(|key| !key.is_nan()).count();
            if level < levels {
                next.extend((0..=most).map(|count| (9 * node + 1 + count, level + 1)));
            } else {
                let first = row.wrapping_add(8 * node as u32) as usize;
                if first.checked_add(most).is_none_or(|last| last >= rows) {
                    return false;
                }
            }
        }
        true
    }
}

#[cfg(test)]
impl Masks<'_> {
    /// The leaf that is left of each tree.
    pub(super) fn leaves_of(&self, features: &[f32]) -> Vec<f64> {
        let blocks = self.blocks as usize;
        let mut left = vec![u128::MAX; blocks];
        for (x, &[root, levels, row]) in features.iter().zip(self.inputs) {
            let mut node = 0;
            let mut row = row;
            for level in 1..=levels {
                let keys = self.keys[(root + node) as usize];
                let count = keys.iter().filter(|key| x >= *key).count() as u32;
                match level == levels {
                    true => row = row.wrapping_add(8 * node + count),
                    false => node = 9 * node + 1 + count,
                }
            }
            let row = row as usize * blocks..;
            let row: Vec<_> = match self.rows {
                [] => self.masks[row].to_vec(),
                numbers => numbers[row].iter().map(|at| self.masks[usize::from(*at)]).collect(),
            };
            for (left, [low, high]) in left.iter_mut().zip(row) {
                *left &= u128::from(high) << 64 | u128::from(low);
            }
        }
        let width = self.width as usize;
        let leaf = |(at, values): (usize, &[f32])| {
            let per_block = 128 / width;
            let mask = left[at / per_block] >> (at % per_block * width);
            f64::from(values[mask.trailing_zeros() as usize % width])
        };
        self.leaves.chunks(width).enumerate().map(leaf).collect()
    }
}
