//! The functions that a module can import: the transform ABI, the schema registry, WASI.

pub(crate) mod registry;
pub(crate) mod transform;
pub(crate) mod wasi;

use wasmtime::{Linker, Result};

use crate::host::Host;

/// Defines every import the broker provides.
pub(crate) fn link(linker: &mut Linker<Host>) -> Result<()> {
    transform::link(linker)?;
    registry::link(linker)?;
    wasi::link(linker)
}
