//! The functions that a module can import: the transform ABI, the schema registry, WASI.

pub(crate) mod registry;
pub(crate) mod transform;
pub(crate) mod wasi;

/// Name of the module that the transform ABI is imported from.
pub(crate) const TRANSFORM: &str = "redpanda_transform";
/// Name of the module that the schema registry's functions are imported from.
pub(crate) const REGISTRY: &str = "redpanda_schema_registry";
/// Name of the module that WASI's functions are imported from.
pub(crate) const WASI: &str = "wasi_snapshot_preview1";
