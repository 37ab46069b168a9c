//! The plan as bytes.
//!
//! ```text
//!  0  magic "fraudpl1"
//!  8  id: the first four bytes of the SHA-256 of everything from byte 12 on
//! 12  engine: u32 (0 none, 1 forest)
//! 16  features, base (f32), link, trees, nodes: u32 each
//! 36  length of the head: u32
//! 40  trees [u32; 2] each, nodes [u32; 2] each, leaves f32 each
//!     head: program and decision, in postcard's encoding
//! ```
//! Numbers are little-endian. The bytes lie on a multiple of 8.

use crate::decision::Decision;
use crate::forest::{Forest, Link};
use crate::program::Program;

const MAGIC: &[u8; 8] = b"fraudpl1";
const HEADER: usize = 40;

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
        let (trees, nodes, head) = (word(28) as usize, word(32) as usize, word(36) as usize);
        let mut at = HEADER;
        let mut take = |count: usize, width: usize| {
            let end = count.checked_mul(width).and_then(|n| n.checked_add(at));
            let section = bytes.get(at..end.ok_or(PlanError::Truncated)?);
            at += section.map_or(0, <[u8]>::len);
            section.ok_or(PlanError::Truncated)
        };
        let (tree_bytes, node_bytes) = (take(trees, 8)?, take(nodes, 8)?);
        let (leaf_bytes, head_bytes) = (take(nodes, 4)?, take(head, 1)?);
        let (program, decision) = postcard::from_bytes(head_bytes).map_err(|_| PlanError::Head)?;
        let cast = |_| PlanError::Truncated;
        let forest = match word(12) {
            0 => None,
            1 => Some(Forest {
                features: word(16),
                base: f32::from_bits(word(20)),
                link: match word(24) {
                    0 => Link::Identity,
                    1 => Link::Logistic,
                    _ => return Err(PlanError::Broken("a known link")),
                },
                trees: bytemuck::try_cast_slice(tree_bytes).map_err(cast)?,
                nodes: bytemuck::try_cast_slice(node_bytes).map_err(cast)?,
                leaves: bytemuck::try_cast_slice(leaf_bytes).map_err(cast)?,
            }),
            _ => return Err(PlanError::Broken("a known engine")),
        };
        let plan = Plan { id: word(8), program, decision, forest };
        match plan.fault() {
            Some(rule) => Err(PlanError::Broken(rule)),
            None => Ok(plan),
        }
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
        self.program.fault().or(forest.and_then(Forest::fault))
    }

    /// The bytes of this plan; its `id` is computed, not taken.
    #[cfg(feature = "compile")]
    pub fn write(&self) -> Vec<u8> {
        use sha2::{Digest, Sha256};

        let head = postcard::to_stdvec(&(&self.program, &self.decision))
            .expect("the program is plain data, which postcard always encodes");
        let mut bytes = Vec::from(MAGIC);
        let (trees, nodes) = self.forest.map_or((0, 0), |f| (f.trees.len(), f.nodes.len()));
        let engine = self.forest.map_or([0; 4], |forest| {
            [1, forest.features, forest.base.to_bits(), forest.link as u32]
        });
        let counts = [trees as u32, nodes as u32, head.len() as u32];
        for word in [0].into_iter().chain(engine).chain(counts) {
            bytes.extend(word.to_le_bytes());
        }
        if let Some(forest) = &self.forest {
            bytes.extend_from_slice(bytemuck::cast_slice(forest.trees));
            bytes.extend_from_slice(bytemuck::cast_slice(forest.nodes));
            bytes.extend_from_slice(bytemuck::cast_slice(forest.leaves));
        }
        bytes.extend_from_slice(&head);
        let digest = Sha256::digest(&bytes[12..]);
        let id = u32::from_be_bytes(digest[..4].try_into().expect("4 bytes"));
        bytes[8..12].copy_from_slice(&id.to_le_bytes());
        bytes
    }
}

#[cfg(all(test, feature = "compile"))]
mod tests {
    use proptest::prelude::*;

    use super::{Plan, PlanBytes};
    use crate::compile::{lower, spec};
    use crate::decision::Decision;

    /// A plan with a forest and every kind of feature.
    fn plan_bytes() -> Vec<u8> {
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
        let forest = lower(model, "lightgbm.onnx").unwrap();
        let plan = Plan {
            id: 0,
            program: spec::parse(spec, "spec").unwrap(),
            decision: Decision::default(),
            forest: Some(forest.as_forest()),
        };
        plan.write()
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
        let mut room = PlanBytes([0_u8; 1 << 14]);
        let bytes = plan_bytes();
        let room = &mut room.0[..bytes.len()];
        room.copy_from_slice(&bytes);
        let plan = Plan::read(room).unwrap();
        assert_eq!(plan.write(), bytes);
        assert_ne!(plan.id, 0);
        assert!(plan.forest.is_some());
    }

    #[test]
    fn cut_short_is_no_plan() {
        let bytes = plan_bytes();
        assert!(walk(&bytes));
        for len in 0..bytes.len() {
            assert!(!walk(&bytes[..len]), "{len} of {} bytes", bytes.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn damaged_never_panics(damage in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4)) {
            let mut bytes = plan_bytes();
            let len = bytes.len();
            // The header and the head are small: every other blow goes there.
            for (at, (place, byte)) in damage.into_iter().enumerate() {
                let place = usize::from(place);
                let at = match at {
                    0 => place % len,
                    1 => 8 + place % 32,
                    _ => len - 1 - place % 120,
                };
                bytes[at] = byte;
            }
            walk(&bytes);
        }
    }
}
