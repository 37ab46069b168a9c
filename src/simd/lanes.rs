//! What wants SIMD: in WebAssembly's, and plainly. Both give the same.

pub use imp::{Block, leaves_16, not_below};

/// A block of masks, as it lies in the plan.
pub type Bytes = [u64; 2];

/// A mask of a tree's leaves.
pub trait Mask: bytemuck::AnyBitPattern {
    /// The position of its first bit; any if there is none.
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

/// Of each tree the leaf of its mask's first bit; any if there is none.
#[inline(always)]
pub fn leaves<M: Mask, const WIDTH: usize, const TREES: usize>(
    block: &Bytes,
    trees: &[[f32; WIDTH]; TREES],
) -> [f32; TREES] {
    let masks: &[M] = bytemuck::cast_slice(block);
    std::array::from_fn(|at| trees[at][masks[at].first() % WIDTH])
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod imp {
    use std::arch::wasm32::*;

    /// 128 bits.
    #[derive(Clone, Copy)]
    pub struct Block(v128);

    impl Block {
        #[inline(always)]
        pub fn new([low, high]: super::Bytes) -> Self {
            Self(u64x2(low, high))
        }

        #[inline(always)]
        pub fn and(self, &[low, high]: &super::Bytes) -> Self {
            Self(v128_and(self.0, u64x2(low, high)))
        }

        #[inline(always)]
        pub fn bytes(self) -> super::Bytes {
            [u64x2_extract_lane::<0>(self.0), u64x2_extract_lane::<1>(self.0)]
        }
    }

    /// Of each tree the leaf of its mask's first bit; any if there is none.
    #[inline(always)]
    pub fn leaves_16(&[low, high]: &super::Bytes, trees: &[[f32; 16]; 8]) -> [f32; 8] {
        // The last bit is set, so that there is one to find.
        let masks = v128_or(u64x2(low, high), u16x8_splat(1 << 15));
        // The bits below the first, four for each; the order keeps the compiler from masking them.
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

    /// How many keys x is not below; none if it is NaN.
    #[inline(always)]
    pub fn not_below(x: f32, keys: &[f32; 8]) -> u32 {
        let &[a, b, c, d, e, f, g, h] = keys;
        let x = f32x4_splat(x);
        let low = f32x4_ge(x, f32x4(a, b, c, d));
        let high = f32x4_ge(x, f32x4(e, f, g, h));
        i16x8_bitmask(i16x8_narrow_i32x4(low, high)).count_ones()
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod imp {
    /// 128 bits.
    #[derive(Clone, Copy)]
    pub struct Block(super::Bytes);

    impl Block {
        #[inline(always)]
        pub fn new(block: super::Bytes) -> Self {
            Self(block)
        }

        #[inline(always)]
        pub fn and(self, other: &super::Bytes) -> Self {
            Self([self.0[0] & other[0], self.0[1] & other[1]])
        }

        #[inline(always)]
        pub fn bytes(self) -> super::Bytes {
            self.0
        }
    }

    /// Of each tree the leaf of its mask's first bit; any if there is none.
    #[inline(always)]
    pub fn leaves_16(block: &super::Bytes, trees: &[[f32; 16]; 8]) -> [f32; 8] {
        super::leaves::<u16, 16, 8>(block, trees)
    }

    /// How many keys x is not below; none if it is NaN.
    #[inline(always)]
    pub fn not_below(x: f32, keys: &[f32; 8]) -> u32 {
        keys.iter().map(|key| u32::from(x >= *key)).sum()
    }
}
