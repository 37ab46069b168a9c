//! The plan as bytes: a header of 64 bytes, the engine's arrays, and the head.
//!
//! The header is `Header`, which the reader and the writer share. After it come, without a gap:
//!
//! ```text
//! a walk:  trees (Tree, 8 bytes each), nodes (Node, 8), leaves (f32)
//! masks:   masks ([u64; 2]), keys ([f32; 8]), searches (Search, 12), leaves (f32), rows (u16)
//! head:    the program and the decision, in postcard's encoding
//! ```
//!
//! Numbers are little-endian. The bytes lie on a multiple of 8, so that arrays are cast in place;
//! [`PlanBytes`] holds a plan that is compiled in, [`PlanBuf`] any other.
//!
//! To change the format, change `MAGIC` with it: an id must not name two formats.

mod stored;
#[cfg(all(test, feature = "compile"))]
mod tests;

use bytemuck::{Pod, Zeroable};

#[cfg(feature = "compile")]
pub use self::stored::find_in;
pub use self::stored::{PlanBuf, PlanBytes};
use crate::decision::Decision;
use crate::forest::{Forest, Link, Masks, Trees, Walk};
use crate::program::Program;

const MAGIC: [u8; 8] = *b"fraudpl2";

/// A plan's first bytes.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    /// The first four bytes of the SHA-256 of everything behind this word, the first one highest:
    /// written in hex, it begins as the hash does.
    id: u32,
    /// 0 none, 1 a walk, 2 masks.
    engine: u32,
    /// Number of inputs of the engine, 0 without one; so are `base` and `link`.
    features: u32,
    base: f32,
    /// The number of a [`Link`].
    link: u32,
    /// [`WalkSizes`] or [`MaskSizes`], as `engine` says; zeros without one.
    sizes: [u32; 7],
    zero: u32,
    /// Bytes of the head.
    head: u32,
}

/// Lengths of a walk's arrays; there is a leaf for each node.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct WalkSizes {
    trees: u32,
    nodes: u32,
    zero: [u32; 5],
}

/// The scalars of [`Masks`], and the lengths of its arrays; there is a search for each feature.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MaskSizes {
    width: u32,
    group: u32,
    blocks: u32,
    masks: u32,
    keys: u32,
    leaves: u32,
    rows: u32,
}

const _: () = assert!(size_of::<Header>() == 64);
/// The first byte that the id is a hash of.
#[cfg(feature = "compile")]
const HASHED_FROM: usize = std::mem::offset_of!(Header, engine);
const _: () = assert!(cfg!(target_endian = "little"), "numbers are cast, not converted");

/// A plan that was read; its arrays stay where they lie in the bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<'a> {
    /// The name of this plan: in hex, the eight digits in every verdict.
    pub id: u32,
    /// The feature program.
    pub program: Program,
    /// The decision on the engine's output.
    pub decision: Decision,
    /// The engine; without one a plan computes features only.
    pub forest: Option<Forest<'a>>,
}

/// The reason why bytes are no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// The bytes begin with another magic: another format, or none.
    Magic,
    /// The bytes are fewer than the header says, or do not lie on a multiple of eight.
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
    /// Reads a plan in place; checks everything that evaluating it relies on. Bytes behind the plan
    /// are left alone.
    pub fn read(bytes: &'a [u8]) -> Result<Self, PlanError> {
        Self::read_first(bytes).map(|(plan, _)| plan)
    }

    /// Reads the plan that bytes begin with; returns how many it takes.
    fn read_first(bytes: &'a [u8]) -> Result<(Self, usize), PlanError> {
        let (header, rest) =
            bytes.split_at_checked(size_of::<Header>()).ok_or(PlanError::Truncated)?;
        let header: Header = bytemuck::pod_read_unaligned(header);
        if header.magic != MAGIC {
            return Err(PlanError::Magic);
        }
        let mut sections = Sections(rest);
        let trees = match header.engine {
            0 => None,
            1 => {
                let sizes: WalkSizes = bytemuck::must_cast(header.sizes);
                Some(Trees::Walk(Walk {
                    trees: sections.take(sizes.trees)?,
                    nodes: sections.take(sizes.nodes)?,
                    leaves: sections.take(sizes.nodes)?,
                }))
            }
            2 => {
                let sizes: MaskSizes = bytemuck::must_cast(header.sizes);
                Some(Trees::Masks(Masks {
                    width: sizes.width,
                    group: sizes.group,
                    blocks: sizes.blocks,
                    masks: sections.take(sizes.masks)?,
                    keys: sections.take(sizes.keys)?,
                    searches: sections.take(header.features)?,
                    leaves: sections.take(sizes.leaves)?,
                    rows: sections.take(sizes.rows)?,
                }))
            }
            _ => return Err(PlanError::Broken("a known engine")),
        };
        let head = sections.take(header.head)?;
        let (program, decision) = postcard::from_bytes(head).map_err(|_| PlanError::Head)?;
        let link = match header.link {
            0 => Link::Identity,
            1 => Link::Logistic,
            _ => return Err(PlanError::Broken("a known link")),
        };
        let Header { id, features, base, .. } = header;
        let forest = trees.map(|trees| Forest { features, base, link, trees });
        let plan = Plan { id, program, decision, forest };
        match plan.fault() {
            Some(rule) => Err(PlanError::Broken(rule)),
            None => Ok((plan, bytes.len() - sections.0.len())),
        }
    }

    /// Returns the function that makes the output of the engine's sum; the identity without an engine.
    pub fn link(&self) -> Link {
        self.forest.map_or(Link::Identity, |forest| forest.link)
    }

    /// Returns the rule that the plan breaks, if it breaks one.
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

    /// Writes the bytes of this plan, whose `id` is computed from them: the one given is not read.
    #[cfg(feature = "compile")]
    pub fn write(&self) -> PlanBuf {
        use bytemuck::{bytes_of, cast_slice, must_cast};

        let head = postcard::to_stdvec(&(&self.program, &self.decision))
            .expect("the program is plain data, which postcard always encodes");
        let size = |len: usize| u32::try_from(len).expect("a plan is far smaller than 4 GiB");
        let mut header = Header { magic: MAGIC, head: size(head.len()), ..Header::zeroed() };
        let mut sections = [&[][..]; 5];
        if let Some(forest) = self.forest {
            header.features = forest.features;
            header.base = forest.base;
            header.link = forest.link as u32;
            (header.engine, header.sizes, sections) = match forest.trees {
                Trees::Walk(Walk { trees, nodes, leaves }) => {
                    let (trees_len, nodes_len) = (size(trees.len()), size(nodes.len()));
                    let sizes = WalkSizes { trees: trees_len, nodes: nodes_len, zero: [0; 5] };
                    (
                        1,
                        must_cast(sizes),
                        [cast_slice(trees), cast_slice(nodes), cast_slice(leaves), &[], &[]],
                    )
                }
                Trees::Masks(Masks {
                    width,
                    group,
                    blocks,
                    searches,
                    keys,
                    rows,
                    masks,
                    leaves,
                }) => {
                    let sizes = MaskSizes {
                        width,
                        group,
                        blocks,
                        masks: size(masks.len()),
                        keys: size(keys.len()),
                        leaves: size(leaves.len()),
                        rows: size(rows.len()),
                    };
                    let sections = [
                        cast_slice(masks),
                        cast_slice(keys),
                        cast_slice(searches),
                        cast_slice(leaves),
                        cast_slice(rows),
                    ];
                    (2, must_cast(sizes), sections)
                }
            };
        }
        let mut bytes = [bytes_of(&header), &sections.concat(), &head].concat();
        let id = id_of(&bytes);
        bytes[HASHED_FROM - size_of::<u32>()..HASHED_FROM].copy_from_slice(&id.to_le_bytes());
        PlanBuf::new(&bytes)
    }
}

/// Computes the id of a plan's bytes.
#[cfg(feature = "compile")]
fn id_of(bytes: &[u8]) -> u32 {
    use sha2::{Digest, Sha256};

    let digest = Sha256::digest(&bytes[HASHED_FROM..]);
    u32::from_be_bytes(digest[..4].try_into().expect("4 bytes"))
}

/// The bytes of a plan that are still to be read.
struct Sections<'a>(&'a [u8]);

impl<'a> Sections<'a> {
    /// Takes an array of `count` elements.
    fn take<T: bytemuck::AnyBitPattern>(&mut self, count: u32) -> Result<&'a [T], PlanError> {
        let len = (count as usize).checked_mul(size_of::<T>()).ok_or(PlanError::Truncated)?;
        let (section, rest) = self.0.split_at_checked(len).ok_or(PlanError::Truncated)?;
        self.0 = rest;
        bytemuck::try_cast_slice(section).map_err(|_| PlanError::Truncated)
    }
}
