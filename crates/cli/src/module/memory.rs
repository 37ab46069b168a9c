//! The memory that a broker leaves for history.

use anyhow::{Result, ensure};
use fraud_detector::shell::MIN_HISTORY;
use fraud_plan::compile::BESIDE_PLAN;

/// Memory that a stock broker gives an instance, as its setting is written.
pub const STOCK: &str = "2MiB";

/// Trees that are trained unless somebody says otherwise, and leaves of each.
pub const USUAL_TREES: [u32; 2] = [40, 16];

/// Bytes of a plan for each leaf of its trees, about: the shipped model and those of the walk have from 70 to 90.
const BYTES_A_LEAF: u64 = 96;

/// Returns the bytes that history has in an instance with this `data_transforms_per_function_memory_limit`, whose
/// model has `trees` of `leaves`: at least, and up to 128 KiB more.
pub fn of_history(limit: u64, [trees, leaves]: [u32; 2]) -> Result<u64> {
    let plan = BYTES_A_LEAF * u64::from(trees) * u64::from(leaves);
    let beside = (BESIDE_PLAN - MIN_HISTORY) as u64 + plan;
    let history = limit.saturating_sub(beside);
    ensure!(
        history >= MIN_HISTORY as u64,
        "--memory-limit {limit}: beside history, a module with {trees} trees of {leaves} leaves takes about \
         {beside} bytes, and history takes {MIN_HISTORY} at least"
    );
    Ok(history)
}
