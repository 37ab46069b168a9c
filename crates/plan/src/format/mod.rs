//! The plan as bytes: a header, a table of sections, and the sections.
//!
//! ```text
//! header    Header, 16 bytes: magic, id, number of sections
//! table     Entry, 16 bytes for each section: its name and its length
//! sections  in the table's order, each on a multiple of 8, filled up with zeros
//! ```
//!
//! | section | content |
//! |---|---|
//! | `head` | program, decision and the scalars of the model, if there is one, in postcard's encoding |
//! | `trees`, `nodes`, `leaves` | the arrays of a [`Walk`] |
//! | `masks`, `keys`, `searches`, `leaves`, `rows` | the arrays of [`Masks`] |
//!
//! Numbers are little-endian. The bytes lie on a multiple of 8, so that arrays are cast in place;
//! [`PlanBytes`] holds a plan that is compiled in, [`PlanBuf`] any other. `sections` goes over a
//! model's arrays by one function of each shape, for reading and for writing.
//!
//! To change the format, change `MAGIC` with it: an id must not name two formats.

mod sections;
mod stored;
#[cfg(all(test, feature = "compile"))]
mod tests;

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

pub(crate) use self::sections::Arrays;
use self::sections::Sections;
#[cfg(feature = "compile")]
pub use self::stored::find_in;
pub use self::stored::{PlanBuf, PlanBytes};
use crate::decision::Decision;
use crate::forest::{Forest, Link, Masks, Trees, Walk};
use crate::program::Program;

const MAGIC: [u8; 8] = *b"fraudpl4";

/// A plan's first bytes.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    /// The first four bytes of the SHA-256 of everything behind this word, the first one highest:
    /// written in hex, it begins as the hash does.
    id: u32,
    /// Number of sections.
    sections: u32,
}

const _: () = assert!(size_of::<Header>() == 16);
/// The first byte that the id is a hash of.
#[cfg(feature = "compile")]
const HASHED_FROM: usize = std::mem::offset_of!(Header, sections);
const _: () = assert!(cfg!(target_endian = "little"), "numbers are cast, not converted");

/// The scalars of a model; its arrays have sections of their own.
#[derive(Serialize, Deserialize)]
struct ModelHead {
    features: u32,
    base: f32,
    link: Link,
    form: Form,
}

/// The form of a model's trees.
#[derive(Serialize, Deserialize)]
enum Form {
    Walk,
    Masks { width: u32, group: u32, blocks: u32 },
}

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
        let (mut sections, len) = Sections::read(rest, header.sections)?;
        let head = sections.find("head").ok_or(PlanError::Head)?;
        let (program, decision, model): (_, _, Option<ModelHead>) =
            postcard::from_bytes(head).map_err(|_| PlanError::Head)?;
        let forest = model.map(|head| forest(head, &mut sections)).transpose()?;
        let plan = Plan { id: header.id, program, decision, forest };
        match plan.fault() {
            Some(rule) => Err(PlanError::Broken(rule)),
            None => Ok((plan, size_of::<Header>() + len)),
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
        let mut trees = self.forest.map(|forest| forest.trees);
        let model = self.forest.map(|Forest { features, base, link, trees }| {
            let form = match trees {
                Trees::Walk(_) => Form::Walk,
                Trees::Masks(Masks { width, group, blocks, .. }) => {
                    Form::Masks { width, group, blocks }
                }
            };
            ModelHead { features, base, link, form }
        });
        let head = postcard::to_stdvec(&(&self.program, &self.decision, model))
            .expect("plain data, which postcard always encodes");
        let mut sections = sections::Writer::default();
        sections.push("head", &head);
        if let Some(trees) = &mut trees {
            trees.arrays(&mut sections).expect("writing does not fail");
        }
        let header = Header { magic: MAGIC, id: 0, sections: sections.count() };
        let mut bytes = [bytemuck::bytes_of(&header), &sections.finish()].concat();
        let id = id_of(&bytes);
        bytes[HASHED_FROM - size_of::<u32>()..HASHED_FROM].copy_from_slice(&id.to_le_bytes());
        PlanBuf::new(&bytes)
    }
}

/// Reads the arrays that a model's scalars announce.
fn forest<'a>(head: ModelHead, sections: &mut Sections<'a>) -> Result<Forest<'a>, PlanError> {
    let ModelHead { features, base, link, form } = head;
    let mut trees = match form {
        Form::Walk => Trees::Walk(Walk::default()),
        Form::Masks { width, group, blocks } => {
            Trees::Masks(Masks { width, group, blocks, ..Masks::default() })
        }
    };
    trees.arrays(sections)?;
    Ok(Forest { features, base, link, trees })
}

/// Computes the id of a plan's bytes.
#[cfg(feature = "compile")]
fn id_of(bytes: &[u8]) -> u32 {
    use sha2::{Digest, Sha256};

    let digest = Sha256::digest(&bytes[HASHED_FROM..]);
    u32::from_be_bytes(digest[..4].try_into().expect("4 bytes"))
}
