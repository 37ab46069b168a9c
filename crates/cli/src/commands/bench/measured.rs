//! Figures of one module.

use super::latency::Percentiles;
use super::modules::Kind;
use super::rounds::Cost;

/// One module's figures.
pub struct Measured {
    pub kind: Kind,
    pub cost: Cost,
    /// Only of the modules that do the whole work.
    pub latency: Option<Percentiles>,
    pub peak_memory: u64,
    pub module_bytes: u64,
    pub start_us: f64,
    pub start_fuel: u64,
}
