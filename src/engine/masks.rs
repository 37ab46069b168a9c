//! Trees as masks of their leaves: find each feature's interval, combine the masks that it stands
//! for, and look up the leaf that is left of each tree. No branch depends on the data.

use fraud_plan::forest::Masks;

use super::add_four;
use super::lanes::{self, Block, not_below};

/// Where each feature's row begins, and the combined masks.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    rows: Vec<usize>,
    masks: Vec<[u64; 2]>,
}

impl Buffer {
    pub(super) fn new(masks: &Masks) -> Self {
        Self { rows: vec![0; masks.inputs.len()], masks: vec![[0; 2]; masks.blocks as usize] }
    }
}

/// `base` and a leaf of each tree.
pub(super) fn sum(masks: &Masks, base: f64, vector: &[f32], buffer: &mut Buffer) -> f64 {
    let blocks = masks.blocks as usize;
    for ((row, input), x) in buffer.rows.iter_mut().zip(masks.inputs).zip(vector) {
        *row = blocks * find(masks, *input, *x);
    }
    let combine = match masks.rows {
        [] => combine_groups::<false>,
        _ => combine_groups::<true>,
    };
    combine(masks, &buffer.rows, &mut buffer.masks);
    match masks.width {
        8 => sum_of(masks, base, buffer, lanes::leaves::<u8, 8, 16>),
        16 => sum_of(masks, base, buffer, lanes::leaves_16),
        32 => sum_of(masks, base, buffer, lanes::leaves::<u32, 32, 4>),
        _ => sum_of(masks, base, buffer, lanes::leaves::<u64, 64, 2>),
    }
}

/// The row of the interval that x lies in.
fn find(masks: &Masks, [root, levels, row]: [u32; 3], x: f32) -> usize {
    let mut node = 0;
    for _ in 1..levels {
        node = 9 * node + 1 + not_below(x, &masks.keys[(root + node) as usize]);
    }
    let last = not_below(x, &masks.keys[(root + node) as usize]);
    row.wrapping_add(8 * node + last) as usize
}

/// Combines the masks of the rows, a group of blocks at a time.
fn combine_groups<const IS_NUMBERS: bool>(masks: &Masks, rows: &[usize], to: &mut [[u64; 2]]) {
    match masks.group {
        1 => combine::<IS_NUMBERS, 1>(masks, rows, to),
        2 => combine::<IS_NUMBERS, 2>(masks, rows, to),
        3 => combine::<IS_NUMBERS, 3>(masks, rows, to),
        4 => combine::<IS_NUMBERS, 4>(masks, rows, to),
        5 => combine::<IS_NUMBERS, 5>(masks, rows, to),
        6 => combine::<IS_NUMBERS, 6>(masks, rows, to),
        7 => combine::<IS_NUMBERS, 7>(masks, rows, to),
        _ => combine::<IS_NUMBERS, 8>(masks, rows, to),
    }
}

fn combine<const IS_NUMBERS: bool, const N: usize>(
    masks: &Masks,
    rows: &[usize],
    combined: &mut [[u64; 2]],
) {
    for (group, combined) in combined.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let mut left = [Block::ONES; N];
        for row in rows {
            let at = row + group * N;
            if IS_NUMBERS {
                let numbers = masks.rows[at..].first_chunk::<N>().expect("whole rows");
                for (left, number) in left.iter_mut().zip(numbers) {
                    *left = left.and(&masks.masks[usize::from(*number)]);
                }
            } else {
                let row = masks.masks[at..].first_chunk::<N>().expect("whole rows");
                for (left, mask) in left.iter_mut().zip(row) {
                    *left = left.and(mask);
                }
            }
        }
        *combined = left.map(Block::bytes);
    }
}

/// `base` and the leaves of all trees; `leaves` gives a block's.
fn sum_of<const WIDTH: usize, const TREES: usize>(
    masks: &Masks,
    base: f64,
    buffer: &Buffer,
    leaves: impl Fn(&[u64; 2], &[[f32; WIDTH]; TREES]) -> [f32; TREES],
) -> f64 {
    let trees = masks.leaves.as_chunks().0.as_chunks().0;
    let mut blocks = buffer.masks.iter().zip(trees).map(|(mask, trees)| leaves(mask, trees));
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
