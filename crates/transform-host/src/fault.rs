//! The errors of engines, modules and VMs.

use std::error::Error;
use std::fmt;

use crate::record::output::Output;

/// The error of limits for which no engine can be made, such as a call stack larger than the async
/// stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError(pub(crate) String);

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for EngineError {}

/// The reason why a module cannot be loaded. The broker finds it only after deployment: it reports
/// the transform as `unknown` and tries again every 30 seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// The engine refuses the module.
    Compile(String),
    /// The first exported memory has another name than `memory`.
    MemoryName(String),
    /// No memory is exported.
    NoMemory,
    /// The broker does not provide an import, or not with its type.
    Link(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compile(message) | Self::Link(message) => f.write_str(message),
            Self::MemoryName(name) => write!(f, "invalid memory export name: {name:?}"),
            Self::NoMemory => f.write_str("wasm module missing memory export"),
        }
    }
}

impl Error for LoadError {}

/// The reason why a VM ended. Its memory is gone, and only a restart helps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The module could not be instantiated, for instance because its memory or table is outside the
    /// limits.
    Instantiate(String),
    /// The module trapped; a Rust panic is [`TrapKind::Unreachable`].
    Trap(TrapKind),
    /// A record or the start took more fuel than it may.
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
    /// A start section, which runs before `_start`, asked for a batch. The broker would wait for ever:
    /// it sends no batch before the module is instantiated.
    BatchInStartSection,
    /// `_start` returned.
    Returned,
    /// An [`Interrupter`](crate::Interrupter) ended the call.
    Interrupted,
    /// The VM is not running: it was never started, or was stopped or ended by a fault.
    NotRunning,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instantiate(message) => f.write_str(message),
            Self::Trap(kind) => write!(f, "wasm trap: {kind}"),
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
            Self::Interrupted => f.write_str("vm was interrupted"),
            Self::NotRunning => f.write_str("vm is not running"),
        }
    }
}

impl Error for Fault {}

/// A kind of trap: the instruction that could not be executed. Fuel and call stack have faults of
/// their own, [`Fault::OutOfFuel`] and [`Fault::StackOverflow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrapKind {
    /// The instruction `unreachable`, in which a Rust panic ends.
    Unreachable,
    /// A load, a store or a copy outside the memory.
    MemoryOutOfBounds,
    /// An access outside the table.
    TableOutOfBounds,
    /// An indirect call to an empty element of the table.
    IndirectCallToNull,
    /// An indirect call to a function of another type.
    BadSignature,
    /// The smallest integer divided by −1.
    IntegerOverflow,
    /// An integer divided by zero.
    IntegerDivisionByZero,
    /// A float converted to an integer that cannot hold it.
    BadConversionToInteger,
    /// A trap that no instruction of the broker's WebAssembly has.
    Other,
}

impl fmt::Display for TrapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "wasm `unreachable` instruction executed",
            Self::MemoryOutOfBounds => "out of bounds memory access",
            Self::TableOutOfBounds => "undefined element: out of bounds table access",
            Self::IndirectCallToNull => "uninitialized element",
            Self::BadSignature => "indirect call type mismatch",
            Self::IntegerOverflow => "integer overflow",
            Self::IntegerDivisionByZero => "integer divide by zero",
            Self::BadConversionToInteger => "invalid conversion to integer",
            Self::Other => "an instruction that the broker's engine does not have",
        })
    }
}

impl From<wasmtime::Trap> for TrapKind {
    fn from(trap: wasmtime::Trap) -> Self {
        use wasmtime::Trap;
        match trap {
            Trap::UnreachableCodeReached => Self::Unreachable,
            Trap::MemoryOutOfBounds => Self::MemoryOutOfBounds,
            Trap::TableOutOfBounds => Self::TableOutOfBounds,
            Trap::IndirectCallToNull => Self::IndirectCallToNull,
            Trap::BadSignature => Self::BadSignature,
            Trap::IntegerOverflow => Self::IntegerOverflow,
            Trap::IntegerDivisionByZero => Self::IntegerDivisionByZero,
            Trap::BadConversionToInteger => Self::BadConversionToInteger,
            _ => Self::Other,
        }
    }
}

/// The error with which a host function ends the VM.
#[derive(Debug)]
pub(crate) enum HostError {
    OutOfBounds { ptr: u32, len: u64, size: usize },
    BufferTooSmall,
    NoMemory,
    TooMuchOutput,
    BatchInStartSection,
    Interrupted,
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
            Self::Interrupted => f.write_str("interrupted"),
            Self::Exit(code) => write!(f, "exited with code: {code}"),
        }
    }
}

impl Error for HostError {}

#[cfg(test)]
mod tests {
    use wasmtime::Trap;

    use super::*;

    #[test]
    fn traps_keep_the_engine_s_texts() {
        for trap in [
            Trap::UnreachableCodeReached,
            Trap::MemoryOutOfBounds,
            Trap::TableOutOfBounds,
            Trap::IndirectCallToNull,
            Trap::BadSignature,
            Trap::IntegerOverflow,
            Trap::IntegerDivisionByZero,
            Trap::BadConversionToInteger,
        ] {
            let fault = Fault::Trap(trap.into());
            assert_eq!(fault.to_string(), trap.to_string(), "{fault:?}");
        }
    }
}
