//! Trees as masks of their leaves. `fraud_plan::forest::Masks` describes the arrays, and how their
//! masks and searches work; this is how they are evaluated.
//!
//! **The idea.** For each feature a search finds the interval that the value is in, and with it a
//! row of masks: a bit for each leaf of each tree that this value leaves possible. The rows of all
//! features, combined by "and", leave one leaf of each tree. No branch depends on the data, with
//! one exception: the *steady* features, at the vector's end, mostly have the values that they had
//! last time, so their combined masks are kept until one of them changes.
//!
//! **The invariants.**
//! - `kept` is the combination of the rows of the values in `last`, bit for bit (`same_bits`).
//! - Blocks are combined `group` at a time, so that they stay in registers: a group's loop goes
//!   over the features. The compiler chose 1 to 8, and each is a function of its own.
//!
//! **A worked example**: two trees of 8 leaves, whose masks are the two lowest bytes of a block,
//! and two features, of which the second is steady.
//!
//! ```text
//!                              tree 1     tree 0
//! second feature: interval 3   11110000   11111111   = kept, from the vector before
//! first feature: interval 0    11010001   00001100
//! combined                     11010000   00001100   first bits: leaf 4 and leaf 2
//! ```
//!
//! **To check a change**: `tests/forest.rs` holds this to the plain walk on generated forests, to
//! the bit; `simd` tests the kernels; `tests/fuel.rs` tells the cost.

use std::borrow::Borrow;

use fraud_plan::forest::{KEYS, Masks, Search};

use super::add_four;
use crate::simd::{self, MaskBlock, Register, bytes, not_below};

/// A block of masks that exclude no leaf.
const ALL: MaskBlock = [u64::MAX; 2];

/// A forest of masks, prepared for evaluation, and its buffers.
#[derive(Debug)]
pub(super) struct ForestMasks<'p> {
    masks: Masks<'p>,
    searches: Vec<RootedSearch<'p>>,
    rows: Rows<'p>,
    /// The row of each feature, where there are several groups.
    found: Vec<usize>,
    /// The combined masks of all features.
    left: Vec<MaskBlock>,
    /// Index of the first steady feature: from it to the end, values rarely change from one vector
    /// to the next.
    first_steady: usize,
    /// The values of the steady features in the last vector.
    last: Vec<f32>,
    /// The combined masks of the steady features.
    kept: Vec<MaskBlock>,
}

/// A search for a feature's interval, with its root at hand.
#[derive(Debug)]
struct RootedSearch<'p> {
    root: [f32; KEYS],
    /// The nodes from the second level on.
    below: &'p [[f32; KEYS]],
    levels: u32,
    row: u32,
}

/// The rows of all features.
#[derive(Debug)]
struct Rows<'p> {
    /// Number of blocks that are combined together.
    group: u32,
    blocks: RowBlocks<'p>,
}

#[derive(Debug)]
enum RowBlocks<'p> {
    Masks(&'p [MaskBlock]),
    /// The blocks that the plan's rows refer to by number.
    Numbers(Vec<&'p MaskBlock>),
}

impl<'p> ForestMasks<'p> {
    pub(super) fn new(masks: Masks<'p>, first_steady: usize) -> Self {
        let search = |&Search { root, levels, row }: &Search| {
            let [root, below @ ..] = &masks.keys[root as usize..] else {
                unreachable!("a search has a root");
            };
            RootedSearch { root: *root, below, levels, row }
        };
        let number = |&number: &u16| &masks.masks[usize::from(number)];
        let blocks = match masks.rows {
            [] => RowBlocks::Masks(masks.masks),
            numbers => RowBlocks::Numbers(numbers.iter().map(number).collect()),
        };
        Self {
            masks,
            searches: masks.searches.iter().map(search).collect(),
            rows: Rows { group: masks.group, blocks },
            found: vec![0; masks.searches.len()],
            left: vec![[0; 2]; masks.blocks as usize],
            first_steady,
            last: Vec::with_capacity(masks.searches.len() - first_steady),
            kept: vec![ALL; masks.blocks as usize],
        }
    }

    /// Returns the sum of `base` and a leaf of each tree.
    pub(super) fn sum(&mut self, base: f64, vector: &[f32]) -> f64 {
        let (moving, steady) = vector.split_at(self.first_steady);
        let Self { rows, searches, found, left, kept, .. } = self;
        let (for_moving, for_steady) = searches.split_at(self.first_steady);
        if !same_bits(steady, &self.last) {
            self.last.clear();
            self.last.extend_from_slice(steady);
            left.fill(ALL);
            rows.combine(for_steady, steady, found, left, kept);
        }
        rows.combine(for_moving, moving, found, kept, left);
        match self.masks.width {
            8 => self.sum_of(base, simd::leaves::<u8, 8, 16>),
            16 => self.sum_of(base, simd::leaves_16),
            32 => self.sum_of(base, simd::leaves::<u32, 32, 4>),
            _ => self.sum_of(base, simd::leaves::<u64, 64, 2>),
        }
    }

    /// Returns the sum of `base` and the leaf that is left of each tree; `leaves` finds the leaves
    /// of a block.
    #[inline]
    fn sum_of<const WIDTH: usize, const TREES: usize>(
        &self,
        base: f64,
        leaves: impl Fn(&MaskBlock, &[[f32; WIDTH]; TREES]) -> [f32; TREES],
    ) -> f64 {
        let trees = self.masks.leaves.as_chunks().0.as_chunks().0;
        let mut blocks = self.left.iter().zip(trees).map(|(mask, trees)| leaves(mask, trees));
        let mut sum = base;
        while let Some(block) = blocks.next() {
            if let [a, b] = block[..] {
                let [c, d] = blocks.next().map_or([0.0; 2], |block| [block[0], block[1]]);
                sum = add_four(sum, [a, b, c, d]);
            }
            sum = block.as_chunks().0.iter().fold(sum, |sum, four| add_four(sum, *four));
        }
        sum
    }
}

impl RootedSearch<'_> {
    /// Finds the row of the interval that x is in.
    #[inline(always)]
    fn find(&self, x: f32) -> usize {
        let mut last = not_below(x, &self.root);
        let mut node = 0;
        for _ in 1..self.levels {
            node = 9 * node + 1 + last;
            last = not_below(x, &self.below[node as usize - 1]);
        }
        self.row.wrapping_add(8 * node + last) as usize
    }
}

fn same_bits(one: &[f32], other: &[f32]) -> bool {
    bytes::equal(bytemuck::cast_slice(one), bytemuck::cast_slice(other))
}

impl Rows<'_> {
    /// Combines the rows of some features, which have these values, with the masks `with`, into
    /// `left`.
    #[inline]
    fn combine(
        &self,
        searches: &[RootedSearch],
        values: &[f32],
        found: &mut [usize],
        with: &[MaskBlock],
        left: &mut [MaskBlock],
    ) {
        match &self.blocks {
            RowBlocks::Masks(masks) => {
                combine_groups(masks, self.group, searches, values, found, with, left);
            }
            RowBlocks::Numbers(masks) => {
                combine_groups(masks, self.group, searches, values, found, with, left);
            }
        }
    }
}

/// Combines a group of blocks at a time.
#[inline]
fn combine_groups<M: Borrow<MaskBlock>>(
    rows: &[M],
    group: u32,
    searches: &[RootedSearch],
    values: &[f32],
    found: &mut [usize],
    with: &[MaskBlock],
    left: &mut [MaskBlock],
) {
    let combine = match group {
        1 => combine::<M, 1>,
        2 => combine::<M, 2>,
        3 => combine::<M, 3>,
        4 => combine::<M, 4>,
        5 => combine::<M, 5>,
        6 => combine::<M, 6>,
        7 => combine::<M, 7>,
        _ => combine::<M, 8>,
    };
    combine(rows, searches, values, found, with, left);
}

#[inline(never)]
fn combine<M: Borrow<MaskBlock>, const N: usize>(
    rows: &[M],
    searches: &[RootedSearch],
    values: &[f32],
    found: &mut [usize],
    with: &[MaskBlock],
    left: &mut [MaskBlock],
) {
    let rows = rows.as_chunks::<N>().0;
    let find = searches.iter().zip(values).map(|(search, x)| search.find(*x));
    let (with, left) = (with.as_chunks().0, left.as_chunks_mut().0);
    if let ([with], [left]) = (with, &mut *left) {
        return combine_group(rows, find, with, left);
    }
    found.iter_mut().zip(find).for_each(|(found, row)| *found = row);
    let (groups, found) = (with.len(), &found[..searches.len()]);
    for (group, (with, left)) in with.iter().zip(left).enumerate() {
        combine_group(rows, found.iter().map(|row| groups * row + group), with, left);
    }
}

#[inline(always)]
fn combine_group<M: Borrow<MaskBlock>, const N: usize>(
    rows: &[[M; N]],
    found: impl Iterator<Item = usize>,
    with: &[MaskBlock; N],
    left: &mut [MaskBlock; N],
) {
    let mut combined = with.map(Register::new);
    for row in found {
        for (combined, mask) in combined.iter_mut().zip(&rows[row]) {
            *combined = combined.and(mask.borrow());
        }
    }
    *left = combined.map(Register::block);
}
