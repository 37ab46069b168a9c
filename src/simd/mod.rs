//! The kernels: inner loops that look at many bytes, words or masks at once.
//!
//! - `mod.rs`: the door, behind which each target has its kernels, and their property tests
//! - `scalar`: every kernel in plain Rust: for native builds, and as the twin of the others
//! - `wasm`: the same kernels in WebAssembly's SIMD
//! - [`bytes`]: work on short texts, built on them
//!
//! **Invariant**: kernels of one name give the same bits, so native and WebAssembly give the same
//! verdicts. A kernel decides nothing; where its result is unspecified, callers do not look at it.
//!
//! **To add a kernel**: write it in `scalar.rs`, then in `wasm.rs` under the same name, and add it
//! to the list below and to the tests, which hold both to a definition that anyone can read. `cargo
//! native-test` tests the scalar kernels, `./scripts/test-wasm` both.

pub mod bytes;
#[allow(dead_code, reason = "with SIMD, some are for the tests alone")]
mod scalar;

cfg_select! {
    all(target_arch = "wasm32", target_feature = "simd128") => {
        mod wasm;
        use wasm as kernels;
    }
    _ => {
        use scalar as kernels;
    }
}

use kernels::{BLOCK, first_special};
pub use kernels::{Register, leaves_16, not_below, positions_of};
pub use scalar::leaves;

/// A block of a forest's masks, as it lies in the plan: 128 bits, a mask for each of its trees, the
/// first tree in the lowest bits.
pub type MaskBlock = [u64; 2];

#[cfg(test)]
mod tests {
    use super::MaskBlock;
    use super::bytes::is_special;
    use proptest::prelude::*;

    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![4 => 0x20..0x7f_u8, 1 => prop::sample::select(b"\"\\\x00\x1f\x80\xff".to_vec())]
    }

    fn number() -> impl Strategy<Value = f32> {
        let special = vec![0.0, -0.0, 1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        prop_oneof![prop::sample::select(special), any::<f32>()]
    }

    /// Trees of which each leaf tells where it is.
    fn trees() -> [[f32; 16]; 8] {
        let leaf = |tree, leaf| (16 * tree + leaf) as f32;
        std::array::from_fn(|tree| std::array::from_fn(|at| leaf(tree, at)))
    }

    /// Holds every kernel of a module to its definition.
    macro_rules! kernels {
        ($kernels:ident) => {
            mod $kernels {
                use super::super::$kernels::*;
                use super::*;

                proptest! {
                    #![proptest_config(crate::cases(2000))]

                    #[test]
                    fn first_special_byte(block in prop::array::uniform::<_, BLOCK>(byte())) {
                        let expect = block.iter().position(|byte| is_special(*byte));
                        prop_assert_eq!(first_special(&block), expect, "{:?}", block);
                    }

                    #[test]
                    fn positions_of_a_word(row: [u32; 16], near in 0..16_usize, word: u32) {
                        for word in [word, row[near]] {
                            let at = (0..16).filter(|at| row[*at] == word);
                            let expect: u16 = at.map(|at| 1 << at).sum();
                            prop_assert_eq!(positions_of(word, &row), expect, "{} {:?}", word, row);
                        }
                    }

                    #[test]
                    fn masks_combined(one: MaskBlock, other: MaskBlock) {
                        let expect = [one[0] & other[0], one[1] & other[1]];
                        prop_assert_eq!(Register::new(one).and(&other).block(), expect);
                        prop_assert_eq!(Register::new(one).block(), one);
                    }

                    #[test]
                    fn leaves_of_16(masks: [u16; 8], shift in 0..16_u32) {
                        // Many bits or few, but one at least.
                        let masks = masks.map(|mask| (mask >> shift).max(1 << shift));
                        let first = masks.map(|mask| mask.trailing_zeros() as usize);
                        let expect: [f32; 8] = std::array::from_fn(|tree| trees()[tree][first[tree]]);
                        let found = leaves_16(&bytemuck::cast(masks), &trees());
                        prop_assert_eq!(found, expect, "{:?}", masks);
                    }

                    #[test]
                    fn keys_not_above(x in number(), keys in prop::array::uniform8(number())) {
                        let expect = keys.iter().filter(|key| x >= **key).count() as u32;
                        prop_assert_eq!(not_below(x, &keys), expect, "{} {:?}", x, keys);
                    }
                }
            }
        };
    }

    kernels!(scalar);
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    kernels!(wasm);
}
