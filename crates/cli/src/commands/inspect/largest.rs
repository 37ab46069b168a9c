//! The largest record that a module survives.
//!
//! Every attempt is a new instance with a long history that sees records of growing sizes first,
//! because a module's memory depends on what came before. The size for any shape is then confirmed
//! with a full history.

use std::sync::Arc;

use serde::Serialize;
use transform_host::{BatchBuilder, Fault, Limits, Output};

use super::check::Check;
use crate::module::warm::{Warm, Warmer};

/// The place of most of a record's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One long text in a transaction.
    Value,
    /// Empty headers, 2 bytes each, beside a transaction.
    Headers,
    /// Empty headers beside a value that cannot be scored.
    BrokenHeaders,
}

/// Number of times that a size must get through in a row.
const REPEATS: usize = 5;

/// The largest records that a module survives: bytes of key, value and headers.
#[derive(Serialize)]
pub struct Largest {
    #[serde(rename = "value_bytes")]
    value: u64,
    #[serde(rename = "headers_bytes")]
    headers: u64,
    /// Size of a record of any shape, whatever came before.
    #[serde(rename = "any_bytes")]
    pub any: u64,
}

/// Step of the search, in bytes.
const STEP: u64 = 1 << 10;

/// Finds the largest records; tries the size `wanted` in any case.
pub fn search(warmer: &Warmer, limits: &Limits, wanted: u64) -> Largest {
    let largest = |shapes: &[Shape]| {
        let is_survived = |size| survives(warmer.long(), shapes, size).is_ok();
        // A record cannot be larger than memory.
        let (mut survived, mut too_large) = (0, limits.memory_bytes / STEP);
        while too_large - survived > 1 {
            let middle = (survived + too_large) / 2;
            if is_survived(middle * STEP) { survived = middle } else { too_large = middle }
        }
        let found = survived * STEP;
        let is_between = found < wanted && wanted < found + STEP;
        if is_between && is_survived(wanted) { wanted } else { found }
    };
    let value = largest(&[Shape::Value]);
    let headers = largest(&[Shape::Headers]).min(largest(&[Shape::BrokenHeaders]));
    let all = [Shape::Value, Shape::BrokenHeaders, Shape::Headers];
    let mut any = largest(&all).min(value).min(headers);
    while any > 0 && survives(warmer.full(), &all, any).is_err() {
        any = any.saturating_sub(STEP);
    }
    Largest { value, headers, any }
}

/// Feeds an instance with records of these shapes: of growing sizes, then of changing ones up to
/// `size`.
fn survives(vm: Result<Warm, Fault>, shapes: &[Shape], size: u64) -> Result<(), Fault> {
    let mut vm = vm?;
    let mut turn = shapes.iter().cycle();
    let mut feed = |size| feed(&mut vm, *turn.next().expect("at least one shape"), size);
    // The sizes grow by half, so that no buffer happens to have the right size already.
    let mut growing = 512;
    while growing < size {
        feed(growing)?;
        growing += growing / 2;
    }
    for _ in 0..REPEATS {
        for eighths in [8, 1, 8, 3, 7, 2, 6, 5, 4] {
            feed(size * eighths / 8)?;
        }
    }
    Ok(())
}

fn feed(warm: &mut Warm, shape: Shape, size: u64) -> Result<(), Fault> {
    let size = size as usize;
    let record = match shape {
        Shape::Value => warm.stranger().padded(size),
        Shape::Headers => warm.stranger(),
        Shape::BrokenHeaders => warm.stranger().broken(),
    };
    let headers = size.saturating_sub(record.bytes()) / 2;
    let mut batch = BatchBuilder::new(0);
    record.push(headers, &mut batch);
    warm.vm.process(&Arc::new(batch.build()), &mut Output::default())
}

impl Largest {
    /// Checks the sizes against the one that is wanted.
    pub fn checks(&self, wanted: u64) -> [Check; 3] {
        let check = |name, size| Check::bytes_at_least(name, size, wanted);
        [
            check("largest record, as one value", self.value),
            check("largest record, as headers", self.headers)
                .note("empty headers, 2 bytes each in the record and 16 or more in the SDK"),
            check("largest record, of any shape", self.any).note(
                "one after the other, with history full; a larger one may stall its partition",
            ),
        ]
    }
}
