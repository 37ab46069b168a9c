//! Every kernel in plain Rust.

use super::MaskBlock;

/// Bytes that [`first_special`] looks at.
pub const BLOCK: usize = 8;

/// Returns the position of the first byte that is special in a JSON text: a quote, a backslash, a
/// control character, or part of a character beyond ASCII.
#[inline(always)]
pub fn first_special(block: &[u8; BLOCK]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let block = u64::from_le_bytes(*block);
    // The highest bit of a byte is set where it is below the limit. A borrow may set it in a byte
    // above such a byte too, never in one below, so the first is right.
    let below = |block: u64, limit: u64| block.wrapping_sub(ONES * limit) & !block;
    let is = |byte: u8| below(block ^ (ONES * u64::from(byte)), 1);
    let special = (block | below(block, 0x20) | is(b'"') | is(b'\\')) & HIGH;
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

/// Compares a word with each word of a row; returns a bit for each position, set where they agree.
#[inline(always)]
pub fn positions_of(word: u32, row: &[u32; 16]) -> u16 {
    row.iter().rfold(0, |positions, other| positions << 1 | u16::from(*other == word))
}

/// 128 bits on which masks are combined.
#[derive(Clone, Copy)]
pub struct Register(MaskBlock);

impl Register {
    /// Takes a block of masks.
    #[inline(always)]
    pub fn new(masks: MaskBlock) -> Self {
        Self(masks)
    }

    /// Keeps the bits that are set in `other` too.
    #[inline(always)]
    pub fn and(self, other: &MaskBlock) -> Self {
        Self([self.0[0] & other[0], self.0[1] & other[1]])
    }

    /// Gives the masks back.
    #[inline(always)]
    pub fn block(self) -> MaskBlock {
        self.0
    }
}

/// A mask of a tree's leaves.
pub trait Mask: bytemuck::AnyBitPattern {
    /// Returns the position of its first bit.
    fn first(self) -> usize;
}

macro_rules! mask {
    ($($mask:ty),*) => {$(
        impl Mask for $mask {
            fn first(self) -> usize {
                self.trailing_zeros() as usize
            }
        }
    )*};
}

mask!(u8, u16, u32, u64);

/// Returns a leaf of each tree: the one at its mask's first bit; any leaf if the mask has no bit.
#[inline(always)]
pub fn leaves<M: Mask, const WIDTH: usize, const TREES: usize>(
    masks: &MaskBlock,
    trees: &[[f32; WIDTH]; TREES],
) -> [f32; TREES] {
    let masks: &[M] = bytemuck::cast_slice(masks);
    std::array::from_fn(|at| trees[at][masks[at].first() % WIDTH])
}

/// Returns [`leaves`] of trees with 16 leaves.
#[inline(always)]
pub fn leaves_16(masks: &MaskBlock, trees: &[[f32; 16]; 8]) -> [f32; 8] {
    leaves::<u16, 16, 8>(masks, trees)
}

/// Counts the keys that are at most x: none if x is NaN.
#[inline(always)]
pub fn not_below(x: f32, keys: &[f32; 8]) -> u32 {
    keys.iter().map(|key| u32::from(x >= *key)).sum()
}
