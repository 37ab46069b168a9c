//! Trees as masks of their leaves: find each feature's interval, combine the masks that it stands
//! for, and look up the leaf that is left of each tree. No branch depends on the data, but for one: what
//! was combined for the features that seldom change is kept.

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
    rows: Rows<'p>,
    /// Where each feature's row begins, counted in groups of blocks.
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
    root: [f32; KEYS],
    /// The nodes from the second level on.
    below: &'p [[f32; KEYS]],
    levels: u32,
    row: u32,
}

/// All rows, `group` blocks of which are combined together.
#[derive(Debug)]
struct Rows<'p> {
    group: u32,
    blocks: RowBlocks<'p>,
}

#[derive(Debug)]
enum RowBlocks<'p> {
    Masks(&'p [Bytes]),
    /// Where rows are numbers, the masks that they mean.
    Numbers(Vec<&'p Bytes>),
}

impl<'p> Engine<'p> {
    pub(super) fn new(masks: Masks<'p>, steady: usize) -> Self {
        let search = |&[root, levels, row]: &[u32; 3]| {
            let [root, below @ ..] = &masks.keys[root as usize..] else {
                unreachable!("a search has a root");
            };
            Search { root: *root, below, levels, row }
        };
        let number = |&number: &u16| &masks.masks[usize::from(number)];
        let blocks = match masks.rows {
            [] => RowBlocks::Masks(masks.masks),
            numbers => RowBlocks::Numbers(numbers.iter().map(number).collect()),
        };
        Self {
            masks,
            searches: masks.inputs.iter().map(search).collect(),
            rows: Rows { group: masks.group, blocks },
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
            self.find(self.steady, steady);
            self.left.fill(ALL);
            self.rows.combine(&self.found[..steady.len()], &self.left, &mut self.kept);
        }
        self.find(0, moving);
        self.rows.combine(&self.found[..moving.len()], &self.kept, &mut self.left);
        match self.masks.width {
            8 => self.sum_of(base, lanes::leaves::<u8, 8, 16>),
            16 => self.sum_of(base, lanes::leaves_16),
            32 => self.sum_of(base, lanes::leaves::<u32, 32, 4>),
            _ => self.sum_of(base, lanes::leaves::<u64, 64, 2>),
        }
    }

    /// Finds the rows of the features from `first` on, which have these values.
    #[inline]
    fn find(&mut self, first: usize, values: &[f32]) {
        let groups = (self.masks.blocks / self.masks.group) as usize;
        let searches = &self.searches[first..];
        for ((found, search), x) in self.found.iter_mut().zip(searches).zip(values) {
            *found = groups * search.find(*x);
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
    one.len() == other.len() && one.iter().zip(other).all(|(x, y)| x.to_bits() == y.to_bits())
}

impl Rows<'_> {
    /// Combines the rows that begin at these places, and other masks.
    #[inline]
    fn combine(&self, found: &[usize], with: &[Bytes], left: &mut [Bytes]) {
        match &self.blocks {
            RowBlocks::Masks(masks) => combine_groups(masks, self.group, found, with, left),
            RowBlocks::Numbers(masks) => combine_groups(masks, self.group, found, with, left),
        }
    }
}

/// Combines a group of blocks at a time.
#[inline]
fn combine_groups<M: Borrow<Bytes>>(
    rows: &[M],
    group: u32,
    found: &[usize],
    with: &[Bytes],
    left: &mut [Bytes],
) {
    match group {
        1 => combine::<M, 1>(rows, found, with, left),
        2 => combine::<M, 2>(rows, found, with, left),
        3 => combine::<M, 3>(rows, found, with, left),
        4 => combine::<M, 4>(rows, found, with, left),
        5 => combine::<M, 5>(rows, found, with, left),
        6 => combine::<M, 6>(rows, found, with, left),
        7 => combine::<M, 7>(rows, found, with, left),
        _ => combine::<M, 8>(rows, found, with, left),
    }
}

#[inline(never)]
fn combine<M: Borrow<Bytes>, const N: usize>(
    rows: &[M],
    found: &[usize],
    with: &[Bytes],
    left: &mut [Bytes],
) {
    let rows = rows.as_chunks::<N>().0;
    let groups = with.as_chunks::<N>().0.iter().zip(left.as_chunks_mut::<N>().0);
    for (group, (with, left)) in groups.enumerate() {
        let mut combined = with.map(Block::new);
        for row in found {
            for (combined, mask) in combined.iter_mut().zip(&rows[row + group]) {
                *combined = combined.and(mask.borrow());
            }
        }
        *left = combined.map(Block::bytes);
    }
}
