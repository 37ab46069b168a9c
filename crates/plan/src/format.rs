//! The plan as bytes.
//!
//! ```text
//!  0  magic "fraudpl1"
//!  8  id: the first four bytes of the SHA-256 of everything from byte 12 on
//! 12  engine: u32 (0 none, 1 a walk, 2 masks)
//! 16  features, base (f32), link: u32 each
//! 28  a walk: trees, nodes; masks: width, group, blocks, masks, keys, leaves, rows: u32 each
//! 56  zero: u32
//! 60  length of the head: u32
//! 64  a walk: trees [u32; 2] each, nodes [u32; 2] each, leaves f32 each
//!     masks: masks [u64; 2] each, keys [f32; 8] each, inputs [u32; 3] each, leaves f32 each,
//!     rows u16 each
//!     head: program and decision, in postcard's encoding
//! ```
//! Numbers are little-endian. The bytes lie on a multiple of 8.

use crate::decision::Decision;
use crate::forest::{Forest, Link, Masks, Trees, Walk};
use crate::program::Program;

const MAGIC: &[u8; 8] = b"fraudpl1";
const HEADER: usize = 64;

/// A plan's bytes on a multiple of eight, as [`Plan::read`] needs them.
#[repr(C, align(8))]
pub struct PlanBytes<T: ?Sized>(pub T);

/// A plan, its arrays where they lie in the bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<'a> {
    /// Names this plan: eight hex digits in every verdict.
    pub id: u32,
    /// What comes before the engine.
    pub program: Program,
    /// What comes after it.
    pub decision: Decision,
    /// The engine; without one a plan computes features only.
    pub forest: Option<Forest<'a>>,
}

/// Why bytes are no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// Another format, or none.
    Magic,
    /// Shorter than it says, or not on a multiple of eight bytes.
    Truncated,
    /// The program or decision cannot be decoded.
    Head,
    /// An array breaks a rule.
    Broken(&'static str),
}

impl std::fmt::Display for PlanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PlanError::Magic => write!(f, "not a plan of this version"),
            PlanError::Truncated => write!(f, "the plan is cut short or misaligned"),
            PlanError::Head => write!(f, "the plan's feature program cannot be decoded"),
            PlanError::Broken(rule) => write!(f, "the plan breaks a rule: {rule}"),
        }
    }
}

impl std::error::Error for PlanError {}

impl<'a> Plan<'a> {
    /// Reads a plan in place; checks everything that evaluating it relies on.
    pub fn read(bytes: &'a [u8]) -> Result<Self, PlanError> {
        let header = bytes.get(..HEADER).ok_or(PlanError::Truncated)?;
        if &header[..8] != MAGIC {
            return Err(PlanError::Magic);
        }
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("4 bytes"));
        let mut rest = Sections(&bytes[HEADER..]);
        let size = |at: usize| word(28 + 4 * at) as usize;
        let trees = match word(12) {
            0 => None,
            1 => Some(Trees::Walk(Walk {
                trees: rest.take(size(0))?,
                nodes: rest.take(size(1))?,
                leaves: rest.take(size(1))?,
            })),
            2 => Some(Trees::Masks(Masks {
                width: word(28),
                group: word(32),
                blocks: word(36),
                masks: rest.take(size(3))?,
                keys: rest.take(size(4))?,
                inputs: rest.take(word(16) as usize)?,
                leaves: rest.take(size(5))?,
                rows: rest.take(size(6))?,
            })),
            _ => return Err(PlanError::Broken("a known engine")),
        };
        let head = rest.take(word(60) as usize)?;
        let (program, decision) = postcard::from_bytes(head).map_err(|_| PlanError::Head)?;
        let link = match word(24) {
            0 => Link::Identity,
            1 => Link::Logistic,
            _ => return Err(PlanError::Broken("a known link")),
        };
        let forest = trees.map(|trees| Forest {
            features: word(16),
            base: f32::from_bits(word(20)),
            link,
            trees,
        });
        let plan = Plan { id: word(8), program, decision, forest };
        match plan.fault() {
            Some(rule) => Err(PlanError::Broken(rule)),
            None => Ok(plan),
        }
    }

    /// What becomes of the engine's sum; without an engine, nothing.
    pub fn link(&self) -> Link {
        self.forest.map_or(Link::Identity, |forest| forest.link)
    }

    fn fault(&self) -> Option<&'static str> {
        let forest = self.forest.as_ref();
        if forest.is_some_and(|forest| forest.features as usize != self.program.features.len()) {
            return Some("as many features as the model has inputs");
        }
        let baselines = self.decision.baselines.len();
        if baselines > 0 && baselines != self.program.features.len() {
            return Some("a baseline for each feature, or none");
        }
        let calibration = self.decision.calibration.fault();
        calibration.or(self.program.fault()).or(forest.and_then(Forest::fault))
    }

    /// The bytes of this plan; its `id` is computed, not taken.
    #[cfg(feature = "compile")]
    pub fn write(&self) -> Vec<u8> {
        use bytemuck::cast_slice as cast;
        use sha2::{Digest, Sha256};

        let head = postcard::to_stdvec(&(&self.program, &self.decision))
            .expect("the program is plain data, which postcard always encodes");
        let engine = self.forest.map_or([0; 4], |forest| {
            let kind = match forest.trees {
                Trees::Walk(_) => 1,
                Trees::Masks(_) => 2,
            };
            [kind, forest.features, forest.base.to_bits(), forest.link as u32]
        });
        let size = |len: usize| u32::try_from(len).expect("a plan is far smaller than 4 GiB");
        let (sizes, sections) = match self.forest.map(|forest| forest.trees) {
            None => ([0; 7], [&[][..]; 5]),
            Some(Trees::Walk(walk)) => (
                [size(walk.trees.len()), size(walk.nodes.len()), 0, 0, 0, 0, 0],
                [cast(walk.trees), cast(walk.nodes), cast(walk.leaves), &[], &[]],
            ),
            Some(Trees::Masks(masks)) => (
                [
                    masks.width,
                    masks.group,
                    masks.blocks,
                    size(masks.masks.len()),
                    size(masks.keys.len()),
                    size(masks.leaves.len()),
                    size(masks.rows.len()),
                ],
                [
                    cast(masks.masks),
                    cast(masks.keys),
                    cast(masks.inputs),
                    cast(masks.leaves),
                    cast(masks.rows),
                ],
            ),
        };
        let mut bytes = Vec::from(MAGIC);
        let words = [0].into_iter().chain(engine).chain(sizes).chain([0, size(head.len())]);
        for word in words {
            bytes.extend(word.to_le_bytes());
        }
        for section in sections {
            bytes.extend_from_slice(section);
        }
        bytes.extend_from_slice(&head);
        let digest = Sha256::digest(&bytes[12..]);
        let id = u32::from_be_bytes(digest[..4].try_into().expect("4 bytes"));
        bytes[8..12].copy_from_slice(&id.to_le_bytes());
        bytes
    }
}

/// What is left of a plan's bytes.
struct Sections<'a>(&'a [u8]);

impl<'a> Sections<'a> {
    fn take<T: bytemuck::AnyBitPattern>(&mut self, count: usize) -> Result<&'a [T], PlanError> {
        let len = count.checked_mul(size_of::<T>()).ok_or(PlanError::Truncated)?;
        let (section, rest) = self.0.split_at_checked(len).ok_or(PlanError::Truncated)?;
        self.0 = rest;
        bytemuck::try_cast_slice(section).map_err(|_| PlanError::Truncated)
    }
}

#[cfg(all(test, feature = "compile"))]
mod tests {
    use proptest::prelude::*;

    use super::{Plan, PlanBytes};
    use crate::compile::{MaskArrays, lower, spec};
    use crate::decision::Decision;

    /// Plans with every kind of feature, and each form of a forest.
    fn plans() -> [Vec<u8>; 3] {
        let spec = r#"
            version = 1
            entity = [{ name = "c", path = "c" }]
            number = [{ name = "n", path = "a.n", optional = true }]
            feature = [
                { name = "n", kind = "number", of = "n" },
                { name = "t", kind = "time", part = "hour" },
                { name = "m", kind = "window", entity = "c", stat = "mean", of = "n", half_life = "7d" },
                { name = "x", kind = "window", entity = "c", stat = "max", of = "m", half_life = "1d", ratio = true },
            ]
        "#;
        let model = include_bytes!("../tests/fixtures/lightgbm.onnx");
        let ensemble = lower(model, "lightgbm.onnx").unwrap();
        let [rows, numbers] = [1 << 14, 0]
            .map(|row_bytes| MaskArrays::within(&ensemble, row_bytes, 1 << 14).unwrap());
        let forests =
            [ensemble.as_forest(), rows.as_forest(&ensemble), numbers.as_forest(&ensemble)];
        forests.map(|forest| {
            let program = spec::parse(spec, "spec").unwrap();
            Plan { id: 0, program, decision: Decision::default(), forest: Some(forest) }.write()
        })
    }

    /// Reads bytes; a plan that comes of them can be walked. False if none does.
    fn walk(bytes: &[u8]) -> bool {
        let mut room = PlanBytes([0_u8; 1 << 14]);
        room.0[..bytes.len()].copy_from_slice(bytes);
        let Ok(plan) = Plan::read(&room.0[..bytes.len()]) else {
            return false;
        };
        let features = plan.program.features.len();
        let forest = plan.forest.filter(|_| features <= super::super::forest::MAX_FEATURES);
        for x in [f32::NAN, f32::MIN, -0.5, 0.0, 0.5, f32::MAX] {
            forest.map(|forest| forest.score(&vec![x; features]));
        }
        true
    }

    #[test]
    fn written_and_read() {
        for bytes in plans() {
            let mut room = PlanBytes([0_u8; 1 << 14]);
            let room = &mut room.0[..bytes.len()];
            room.copy_from_slice(&bytes);
            let plan = Plan::read(room).unwrap();
            assert_eq!(plan.write(), bytes);
            assert_ne!(plan.id, 0);
            assert!(plan.forest.is_some());
        }
    }

    #[test]
    fn cut_short_is_no_plan() {
        for bytes in plans() {
            assert!(walk(&bytes));
            for len in 0..bytes.len() {
                assert!(!walk(&bytes[..len]), "{len} of {} bytes", bytes.len());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn damaged_never_panics(
            form in 0..3_usize,
            damage in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = plans()[form].clone();
            let len = bytes.len();
            // The header and the head are small: every other blow goes there.
            for (at, (place, byte)) in damage.into_iter().enumerate() {
                let place = usize::from(place);
                let at = match at {
                    0 => place % len,
                    1 => 8 + place % 56,
                    _ => len - 1 - place % 120,
                };
                bytes[at] = byte;
            }
            walk(&bytes);
        }
    }
}
