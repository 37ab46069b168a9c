//! The places of a plan's bytes: in the program, in memory, in a compiled module.

use super::{Plan, PlanError};

/// A plan's bytes on a multiple of eight, as [`Plan::read`] needs them; for `include_bytes!`.
#[repr(C, align(8))]
pub struct PlanBytes<T: ?Sized>(pub T);

/// A copy of a plan's bytes, on a multiple of eight; for plans that are compiled, received or found
/// at run time.
#[derive(Clone, PartialEq, Eq)]
pub struct PlanBuf {
    words: Vec<u64>,
    len: usize,
}

impl PlanBuf {
    /// Copies bytes, whether or not they are a plan.
    pub fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0; bytes.len().div_ceil(size_of::<u64>())];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    /// Reads the plan; its arrays stay where they are.
    pub fn read(&self) -> Result<Plan<'_>, PlanError> {
        Plan::read(self.bytes())
    }
}

impl std::fmt::Debug for PlanBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlanBuf({} bytes)", self.len)
    }
}

/// Finds the plan that is compiled into a module. Commands use it to say which model a `.wasm` holds,
/// and whether its feature program is the one of a spec at hand.
///
/// The module carries the plan as one constant, so its bytes lie in the file as they were written: a
/// plan begins at the magic, is valid, and has its own hash as its id. `None` if there is no such
/// place: another module, or one whose data a tool has cut up. If there are several, this is the
/// first.
#[cfg(feature = "compile")]
pub fn find_in(module: &[u8]) -> Option<PlanBuf> {
    let places = (0..module.len()).filter(|&at| module[at..].starts_with(&super::MAGIC));
    places.map(|at| PlanBuf::new(&module[at..])).find_map(|found| {
        let (plan, len) = Plan::read_first(found.bytes()).ok()?;
        let bytes = &found.bytes()[..len];
        (super::id_of(bytes) == plan.id).then(|| PlanBuf::new(bytes))
    })
}
