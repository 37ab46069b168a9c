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
        let plan = Plan {
            id: word(8),
            program,
            decision,
            forest,
        };
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
        self.program.fault().or(forest.and_then(Forest::fault))
    }

    /// The bytes of this plan; its `id` is computed, not taken.
    #[cfg(feature = "compile")]
    pub fn write(&self) -> Vec<u8> {
        use sha2::{Digest, Sha256};

        let head = postcard::to_stdvec(&(&self.program, &self.decision))
            .expect("the program is plain data, which postcard always encodes");
        let mut bytes = Vec::from(MAGIC);
        let (trees, nodes) = self
            .forest
            .map_or((0, 0), |f| (f.trees.len(), f.nodes.len()));
        let engine = self.forest.map_or([0; 4], |forest| {
            [
                1,
                forest.features,
                forest.base.to_bits(),
                forest.link as u32,
            ]
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
