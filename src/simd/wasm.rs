//! The kernels of `scalar.rs` in WebAssembly's 128-bit SIMD: the same names, the same results.

use std::arch::wasm32::*;

use super::MaskBlock;

/// Bytes that [`first_special`] looks at.
pub const BLOCK: usize = 16;

/// Returns the position of the first byte that is special in a JSON text.
#[inline(always)]
pub fn first_special(block: &[u8; BLOCK]) -> Option<usize> {
    let block: v128 = bytemuck::cast(*block);
    // As signed numbers, bytes beyond ASCII are below the control characters.
    let special = v128_or(
        i8x16_lt(block, i8x16_splat(0x20)),
        v128_or(
            i8x16_eq(block, i8x16_splat(b'"' as i8)),
            i8x16_eq(block, i8x16_splat(b'\\' as i8)),
        ),
    );
    let positions = i8x16_bitmask(special);
    (positions != 0).then(|| positions.trailing_zeros() as usize)
}

/// Compares a word with each word of a row; returns a bit for each position, set where they agree.
#[inline(always)]
pub fn positions_of(word: u32, row: &[u32; 16]) -> u16 {
    let word = u32x4_splat(word);
    let &[a, b, c, d]: &[v128; 4] = &bytemuck::cast(*row);
    let [a, b, c, d] = [a, b, c, d].map(|words| u32x4_bitmask(u32x4_eq(words, word)));
    u16::from(a) | u16::from(b) << 4 | u16::from(c) << 8 | u16::from(d) << 12
}

/// 128 bits on which masks are combined.
#[derive(Clone, Copy)]
pub struct Register(v128);

impl Register {
    /// Takes a block of masks.
    #[inline(always)]
    pub fn new([low, high]: MaskBlock) -> Self {
        Self(u64x2(low, high))
    }

    /// Keeps the bits that are set in `other` too.
    #[inline(always)]
    pub fn and(self, &[low, high]: &MaskBlock) -> Self {
        Self(v128_and(self.0, u64x2(low, high)))
    }

    /// Gives the masks back.
    #[inline(always)]
    pub fn block(self) -> MaskBlock {
        [u64x2_extract_lane::<0>(self.0), u64x2_extract_lane::<1>(self.0)]
    }
}

/// Returns a leaf of each tree: the one at its mask's first bit; any leaf if the mask has no bit.
#[inline(always)]
pub fn leaves_16(&[low, high]: &MaskBlock, trees: &[[f32; 16]; 8]) -> [f32; 8] {
    // The last bit is set, so that there is one to find.
    let masks = v128_or(u64x2(low, high), u16x8_splat(1 << 15));
    // The bits below the first, each of them 4 bytes of leaves; the shift comes before the sum,
    // since the other order makes the compiler mask each lane again.
    let below = v128_andnot(i16x8_sub(masks, u16x8_splat(1)), masks);
    let offsets = u16x8_extadd_pairwise_u8x16(u8x16_shl(u8x16_popcnt(below), 2));
    let offsets = u16x8_add(offsets, u16x8(0, 64, 128, 192, 256, 320, 384, 448));
    let leaf = |offset: u16| {
        // SAFETY: at most 15 bits are below the first, so that lane n's offset in bytes is
        // 64 n + 4 · (0..=15): of one of tree n's 16 leaves.
        unsafe { trees.as_ptr().cast::<f32>().byte_add(usize::from(offset)).read() }
    };
    [
        leaf(u16x8_extract_lane::<0>(offsets)),
        leaf(u16x8_extract_lane::<1>(offsets)),
        leaf(u16x8_extract_lane::<2>(offsets)),
        leaf(u16x8_extract_lane::<3>(offsets)),
        leaf(u16x8_extract_lane::<4>(offsets)),
        leaf(u16x8_extract_lane::<5>(offsets)),
        leaf(u16x8_extract_lane::<6>(offsets)),
        leaf(u16x8_extract_lane::<7>(offsets)),
    ]
}

/// Counts the keys that are at most x: none if x is NaN.
#[inline(always)]
pub fn not_below(x: f32, keys: &[f32; 8]) -> u32 {
    let &[a, b, c, d, e, f, g, h] = keys;
    let x = f32x4_splat(x);
    let low = f32x4_ge(x, f32x4(a, b, c, d));
    let high = f32x4_ge(x, f32x4(e, f, g, h));
    i16x8_bitmask(i16x8_narrow_i32x4(low, high)).count_ones()
}
