//! The module's memory, as the host functions read and write it.
//!
//! The broker checks a pointer before a function's body runs, so that a bad one traps even where
//! the body would answer with an error code. Host functions therefore check all of their pointers
//! before anything else.

use wasmtime::{Caller, Extern};

use crate::fault::HostError;
use crate::vm::host::Host;

/// Returns the module's memory and the host's state, side by side.
///
/// # Errors
/// If the module exports no memory called `memory`.
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

/// Checks that `len` bytes at `ptr` are in the memory, and returns `ptr` as an index.
#[inline]
pub(crate) fn check(memory: &[u8], ptr: u32, len: u64) -> Result<usize, HostError> {
    if u64::from(ptr) + len > memory.len() as u64 {
        return Err(HostError::OutOfBounds { ptr, len, size: memory.len() });
    }
    Ok(ptr as usize)
}

/// Returns the bytes that a pointer and a length name, after the check.
#[inline]
pub(crate) fn slice(memory: &mut [u8], ptr: u32, len: u32) -> Result<&mut [u8], HostError> {
    let start = check(memory, ptr, u64::from(len))?;
    Ok(&mut memory[start..start + len as usize])
}

/// Stores the bytes of a value at an index that was checked.
#[inline]
pub(crate) fn put<const N: usize>(memory: &mut [u8], at: usize, value: [u8; N]) {
    memory[at..at + N].copy_from_slice(&value);
}
