//! Why a module could not be loaded or stopped running.

use std::error::Error;
use std::fmt;

use wasmtime::Trap;

use crate::record::output::Output;

/// Why a module that passed deployment cannot be loaded. The broker reports its transform as
/// `unknown` and tries again every 30 seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// The engine refuses the module.
    Compile(String),
    /// The first exported memory has another name than `memory`.
    MemoryName(String),
    /// No memory is exported.
    NoMemory,
    /// The memory has 64-bit addresses.
    Memory64,
    /// An import that the broker does not provide, or not with this type.
    Link(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compile(message) | Self::Link(message) => f.write_str(message),
            Self::MemoryName(name) => write!(f, "invalid memory export name: {name:?}"),
            Self::NoMemory => f.write_str("wasm module missing memory export"),
            Self::Memory64 => f.write_str("invalid 64bit memory"),
        }
    }
}

impl Error for LoadError {}

/// Why a VM stopped. Its memory is gone; only a restart helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The instance could not be made: memory or table outside the limits.
    Instantiate(String),
    /// The module trapped (a Rust panic is `unreachable`).
    Trap {
        /// What WebAssembly calls it.
        kind: Trap,
    },
    /// One record, or the start, took more fuel than it may.
    OutOfFuel {
        /// The limit.
        fuel: u64,
    },
    /// The call stack is used up.
    StackOverflow {
        /// The limit.
        bytes: usize,
    },
    /// The module called `proc_exit`.
    Exit(i32),
    /// A host function refused its arguments, for instance a pointer outside the memory.
    Host(String),
    /// A start section, which runs before `_start`, asked for a batch. The broker waits for the
    /// batch inside instantiation and sends none before instantiation ends: for ever.
    BatchInStartSection,
    /// `_start` returned.
    Returned,
    /// The VM is not running: never started, or stopped by an earlier fault.
    NotRunning,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instantiate(message) => f.write_str(message),
            // It says "wasm trap" itself.
            Self::Trap { kind } => write!(f, "{kind}"),
            Self::OutOfFuel { fuel } => {
                write!(f, "wasm trap: all {fuel} fuel of one record consumed (code OUT_OF_FUEL)")
            }
            Self::StackOverflow { bytes } => {
                write!(f, "wasm trap: call stack of {bytes} bytes exhausted (code STACK_OVERFLOW)")
            }
            Self::Exit(code) => {
                write!(f, "failure executing host function: exited with code: {code}")
            }
            Self::Host(message) => write!(f, "failure executing host function: {message}"),
            Self::BatchInStartSection => f.write_str(
                "the module's start section reads a batch: the broker would wait in it for ever; \
                 read batches in _start",
            ),
            Self::Returned => f.write_str("vm has exited"),
            Self::NotRunning => f.write_str("vm is not running"),
        }
    }
}

impl Error for Fault {}

/// What a host function throws.
#[derive(Debug)]
pub(crate) enum HostError {
    OutOfBounds { ptr: u32, len: u64, size: usize },
    BufferTooSmall,
    NoMemory,
    TooMuchOutput,
    BatchInStartSection,
    Exit(i32),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { ptr, len, size } => {
                write!(f, "Out of bounds memory access in FFI: {ptr} + {len} >= {size}")
            }
            Self::BufferTooSmall => f.write_str("ffi::array buffer too small"),
            Self::NoMemory => f.write_str("Missing memory export"),
            Self::TooMuchOutput => {
                write!(f, "more than {} bytes written for one batch", Output::MAX_BYTES)
            }
            Self::BatchInStartSection => f.write_str("a batch is read in the start section"),
            Self::Exit(code) => write!(f, "exited with code: {code}"),
        }
    }
}

impl Error for HostError {}
