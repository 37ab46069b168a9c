//! The guest's memory, as every host function reads and writes it.

use wasmtime::{Caller, Extern};

use crate::fault::HostError;
use crate::vm::host::Host;

/// The guest's memory and the host's state, side by side.
#[inline]
pub(crate) fn split<'a>(
    caller: &'a mut Caller<'_, Host>,
) -> Result<(&'a mut [u8], &'a mut Host), HostError> {
    let memory = match caller.data().memory {
        Some(memory) => memory,
        None => match caller.get_export("memory") {
            Some(Extern::Memory(memory)) => memory,
            _ => return Err(HostError::NoMemory),
        },
    };
    Ok(memory.data_and_store_mut(caller))
}

/// The bounds check that the broker makes for every pointer before a function's body runs.
#[inline]
pub(crate) fn check(memory: &[u8], ptr: u32, len: u64) -> Result<usize, HostError> {
    if u64::from(ptr) + len > memory.len() as u64 {
        return Err(HostError::OutOfBounds { ptr, len, size: memory.len() });
    }
    Ok(ptr as usize)
}

/// A checked (pointer, length) pair.
#[inline]
pub(crate) fn slice(memory: &mut [u8], ptr: u32, len: u32) -> Result<&mut [u8], HostError> {
    let start = check(memory, ptr, u64::from(len))?;
    Ok(&mut memory[start..start + len as usize])
}

/// Stores a little-endian value at a checked position.
#[inline]
pub(crate) fn put<const N: usize>(memory: &mut [u8], at: usize, value: [u8; N]) {
    memory[at..at + N].copy_from_slice(&value);
}
