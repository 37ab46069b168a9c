//! A plan's sections: their table, and a way over arrays that serves reading and writing.

use bytemuck::{Pod, Zeroable};

use super::PlanError;

/// The multiple of bytes that each section lies on.
const ALIGNMENT: usize = 8;

/// One section in the table.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Entry {
    /// ASCII, filled up with zeros.
    name: [u8; 12],
    /// Bytes, without those that fill up its end.
    len: u32,
}

const _: () = assert!(size_of::<Entry>() == 16);

impl Entry {
    fn new(name: &str, len: usize) -> Self {
        let len = u32::try_from(len).expect("a plan is far smaller than 4 GiB");
        let mut entry = Self { name: [0; 12], len };
        entry.name[..name.len()].copy_from_slice(name.as_bytes());
        entry
    }

    /// Returns the section's bytes with those that fill up its end, `None` beyond what a target
    /// can address.
    fn padded(self) -> Option<usize> {
        (self.len as usize).checked_next_multiple_of(ALIGNMENT)
    }
}

/// A way over a model's arrays. [`Sections`] makes each array the section of its name, [`Writer`]
/// makes sections of them: so a shape names its arrays once, for both.
pub(crate) trait Arrays<'a> {
    /// Reads or writes the array that is called `name`, in at most 12 bytes of ASCII.
    fn array<T: Pod>(&mut self, name: &str, array: &mut &'a [T]) -> Result<(), PlanError>;
}

/// The sections of a plan that is read.
pub(super) struct Sections<'a> {
    table: &'a [Entry],
    bytes: &'a [u8],
}

impl<'a> Sections<'a> {
    /// Reads the table of `count` sections that `bytes` begin with; returns how many bytes table and
    /// sections take.
    pub(super) fn read(bytes: &'a [u8], count: u32) -> Result<(Self, usize), PlanError> {
        let size = (count as usize).checked_mul(size_of::<Entry>());
        let (table, rest) =
            (size.and_then(|size| bytes.split_at_checked(size))).ok_or(PlanError::Truncated)?;
        let table: &[Entry] = bytemuck::try_cast_slice(table).map_err(|_| PlanError::Truncated)?;
        let len = table.iter().try_fold(0_usize, |len, entry| len.checked_add(entry.padded()?));
        let sections = len.and_then(|len| rest.get(..len)).ok_or(PlanError::Truncated)?;
        Ok((Self { table, bytes: sections }, size_of_val(table) + sections.len()))
    }

    /// Finds a section by its name.
    #[inline(never)]
    pub(super) fn find(&self, name: &str) -> Option<&'a [u8]> {
        let mut rest = self.bytes;
        for entry in self.table {
            let (section, behind) = rest.split_at_checked(entry.padded()?)?;
            if entry.name == Entry::new(name, 0).name {
                return section.get(..entry.len as usize);
            }
            rest = behind;
        }
        None
    }
}

impl<'a> Arrays<'a> for Sections<'a> {
    fn array<T: Pod>(&mut self, name: &str, array: &mut &'a [T]) -> Result<(), PlanError> {
        let section = self.find(name).ok_or(PlanError::Broken("a section for each array"))?;
        *array = bytemuck::try_cast_slice(section).map_err(|_| PlanError::Truncated)?;
        Ok(())
    }
}

/// The sections of a plan that is written.
#[cfg(feature = "compile")]
#[derive(Default)]
pub(super) struct Writer {
    table: Vec<Entry>,
    bytes: Vec<u8>,
}

#[cfg(feature = "compile")]
impl Writer {
    /// Writes a section.
    pub(super) fn push(&mut self, name: &str, section: &[u8]) {
        self.table.push(Entry::new(name, section.len()));
        self.bytes.extend_from_slice(section);
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }

    /// Returns the number of sections.
    pub(super) fn count(&self) -> u32 {
        self.table.len() as u32
    }

    /// Returns the table and the sections.
    pub(super) fn finish(self) -> Vec<u8> {
        [bytemuck::cast_slice(&self.table), &self.bytes].concat()
    }
}

#[cfg(feature = "compile")]
impl<'a> Arrays<'a> for Writer {
    fn array<T: Pod>(&mut self, name: &str, array: &mut &'a [T]) -> Result<(), PlanError> {
        self.push(name, bytemuck::cast_slice(array));
        Ok(())
    }
}
