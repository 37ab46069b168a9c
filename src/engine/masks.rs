//! Trees as masks of their leaves: find each feature's interval, combine the masks that it stands
//! for, and look up the leaf that is left of each tree. No branch depends on the data.

use std::borrow::Borrow;

use fraud_plan::forest::{KEYS, Masks};

use super::add_four;
use super::lanes::{self, Block, Bytes, not_below};

/// No leaf is excluded.
const ALL: Bytes = [u64::MAX; 2];

/// The masks with all that can be looked up before there is a vector, and buffers.
#[derive(Debug)]
pub(super) struct Engine<'p> {
    masks: Masks<'p>,
    searches: Vec<Search<'p>>,
    /// Where rows are numbers, the masks that they mean.
    rows: Vec<&'p Bytes>,
    /// Where each feature's row begins.
    found: Vec<usize>,
    /// The combined masks.
    left: Vec<Bytes>,
    /// From this feature on, a vector is most often as the last one was.
    steady: usize,
    /// The values of the steady features in the last vector, and their combined masks.
    last: Vec<f32>,
    kept: Vec<Bytes>,
}

/// How a feature's interval is found.
#[derive(Debug)]
struct Search<'p> {
    /// The nodes, the root first.
    keys: &'p [[f32; KEYS]],
    levels: u32,
    row: u32,
}

impl<'p> Engine<'p> {
    pub(super) fn new(masks: Masks<'p>, steady: usize) -> Self {
        let search = |&[root, levels, row]: &[u32; 3]| {
            let keys = masks.keys.get(root as usize..).unwrap_or_default();
            Search { keys, levels, row }
        };
        Self {
            masks,
            searches: masks.inputs.iter().map(search).collect(),
            rows: masks.rows.iter().map(|&number| &masks.masks[usize::from(number)]).collect(),
            found: vec![0; masks.inputs.len()],
            left: vec![[0; 2]; masks.blocks as usize],
            steady,
            last: Vec::with_capacity(masks.inputs.len() - steady),
            kept: vec![ALL; masks.blocks as usize],
        }
    }

    /// `base` and a leaf of each tree.
    pub(super) fn sum(&mut self, base: f64, vector: &[f32]) -> f64 {
        let (moving, steady) = vector.split_at(self.steady);
        if !same_bits(steady, &self.last) {
            self.last.clear();
            self.last.extend_from_slice(steady);
            self.left.fill(ALL);
            self.combine(self.steady, steady);
            self.kept.copy_from_slice(&self.left);
        }
        self.left.copy_from_slice(&self.kept);
        self.combine(0, moving);
        match self.masks.width {
            8 => self.sum_of(base, lanes::leaves::<u8, 8, 16>),
            16 => self.sum_of(base, lanes::leaves_16),
            32 => self.sum_of(base, lanes::leaves::<u32, 32, 4>),
            _ => self.sum_of(base, lanes::leaves::<u64, 64, 2>),
        }
    }

    /// Combines what is left with the masks of the features from `first` on that have these values.
    #[inline]
    fn combine(&mut self, first: usize, values: &[f32]) {
        let blocks = self.masks.blocks as usize;
        let found = &mut self.found[..values.len()];
        for ((found, search), x) in found.iter_mut().zip(&self.searches[first..]).zip(values) {
            *found = blocks * search.find(*x);
        }
        let group = self.masks.group;
        match self.masks.rows {
            [] => combine_groups(self.masks.masks, group, found, &mut self.left),
            _ => combine_groups(&self.rows, group, found, &mut self.left),
        }
    }

    /// `base` and the leaves of all trees; `leaves` gives a block's.
    #[inline]
    fn sum_of<const WIDTH: usize, const TREES: usize>(
        &self,
        base: f64,
        leaves: impl Fn(&Bytes, &[[f32; WIDTH]; TREES]) -> [f32; TREES],
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

impl Search<'_> {
    /// The row of the interval that x lies in.
    #[inline]
    fn find(&self, x: f32) -> usize {
        let mut node = 0;
        if self.levels > 1 {
            node = 1 + not_below(x, &self.keys[0]);
            for _ in 2..self.levels {
                node = 9 * node + 1 + not_below(x, &self.keys[node as usize]);
            }
        }
        let last = not_below(x, &self.keys[node as usize]);
        self.row.wrapping_add(8 * node + last) as usize
    }
}

fn same_bits(one: &[f32], other: &[f32]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(x, y)| x.to_bits() == y.to_bits())
}

/// Combines the masks of the rows, a group of blocks at a time.
#[inline]
fn combine_groups<M: Borrow<Bytes>>(rows: &[M], group: u32, found: &[usize], left: &mut [Bytes]) {
    match group {
        1 => combine::<M, 1>(rows, found, left),
        2 => combine::<M, 2>(rows, found, left),
        3 => combine::<M, 3>(rows, found, left),
        4 => combine::<M, 4>(rows, found, left),
        5 => combine::<M, 5>(rows, found, left),
        6 => combine::<M, 6>(rows, found, left),
        7 => combine::<M, 7>(rows, found, left),
        _ => combine::<M, 8>(rows, found, left),
    }
}

#[inline(never)]
fn combine<M: Borrow<Bytes>, const N: usize>(rows: &[M], found: &[usize], left: &mut [Bytes]) {
    for (group, left) in left.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let mut combined = left.map(Block::new);
        for row in found {
            let row = rows[row + group * N..].first_chunk::<N>().expect("whole rows");
            for (combined, mask) in combined.iter_mut().zip(row) {
                *combined = combined.and(mask.borrow());
            }
        }
        *left = combined.map(Block::bytes);
    }
}
