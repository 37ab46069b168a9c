//! `wasi_snapshot_preview1`: arguments, environment, clocks, logs, and stubs for the rest.

use wasmtime::{Caller, FuncType, Linker, Result, Val, ValType};

use crate::fault::HostError;
use crate::vm::guest::{check, put, slice, split};
use crate::vm::host::Host;
use crate::vm::stats::{Level, LogLine};

use super::WASI as MODULE;

const SUCCESS: i32 = 0;
const BAD_DESCRIPTOR: i32 = 8;
const INVALID: i32 = 16;
const NOT_IMPLEMENTED: i32 = 52;

/// Functions that only answer "not implemented" once their arguments are checked. A letter of the
/// shape is an argument: `d` and `q` are numbers of 32 and 64 bits, a digit is a pointer to that many
/// bytes, `a` is a pointer and a length in bytes, `v` is a pointer and a length in vectors of 8
/// bytes, `x` is a pointer that nobody checks.
const STUBS: &[(&str, &str)] = &[
    ("fd_advise", "dqqd"),
    ("fd_allocate", "dqq"),
    ("fd_close", "d"),
    ("fd_datasync", "d"),
    ("fd_fdstat_get", "dx"),
    ("fd_fdstat_set_flags", "dd"),
    ("fd_filestat_get", "dx"),
    ("fd_filestat_set_size", "dq"),
    ("fd_filestat_set_times", "dqqd"),
    ("fd_pread", "dvq4"),
    ("fd_prestat_dir_name", "d1d"),
    ("fd_pwrite", "dvq4"),
    ("fd_read", "dv4"),
    ("fd_readdir", "daq4"),
    ("fd_renumber", "dd"),
    ("fd_seek", "dqd8"),
    ("fd_sync", "d"),
    ("fd_tell", "d8"),
    ("path_create_directory", "da"),
    ("path_filestat_get", "ddax"),
    ("path_filestat_set_times", "ddaqqd"),
    ("path_link", "ddada"),
    ("path_open", "ddadqqd4"),
    ("path_readlink", "daa4"),
    ("path_remove_directory", "da"),
    ("path_rename", "dada"),
    ("path_symlink", "ada"),
    ("path_unlink_file", "da"),
    ("sock_accept", "dd4"),
    ("sock_recv", "dvd42"),
    ("sock_send", "dvd4"),
    ("sock_shutdown", "dd"),
];

/// Returns the types of a stub's arguments.
fn stub_params(shape: &str) -> impl Iterator<Item = ValType> {
    shape.chars().flat_map(|kind| match kind {
        'q' => vec![ValType::I64],
        'a' | 'v' => vec![ValType::I32; 2],
        _ => vec![ValType::I32],
    })
}

/// Checks the pointers among a stub's arguments.
fn check_stub(shape: &str, args: &[Val], memory: &[u8]) -> Result<(), HostError> {
    let mut args = args.iter().map(|arg| arg.i32().unwrap_or_default() as u32);
    let mut next = || args.next().unwrap_or_default();
    for kind in shape.chars() {
        let first = next();
        match kind {
            'a' => check(memory, first, u64::from(next()))?,
            'v' => check(memory, first, 8 * u64::from(next()))?,
            _ => match kind.to_digit(10) {
                Some(width) => check(memory, first, u64::from(width))?,
                None => 0,
            },
        };
    }
    Ok(())
}

/// Defines the functions of WASI.
pub(crate) fn link(linker: &mut Linker<Host>) -> Result<()> {
    for &(name, shape) in STUBS {
        let ty = FuncType::new(linker.engine(), stub_params(shape), [ValType::I32]);
        linker.func_new(MODULE, name, ty, move |mut caller, args, results| {
            check_stub(shape, args, split(&mut caller)?.0)?;
            results[0] = Val::I32(NOT_IMPLEMENTED);
            Ok(())
        })?;
    }
    linker.func_wrap(MODULE, "args_sizes_get", args_sizes_get)?;
    linker.func_wrap(MODULE, "args_get", args_get)?;
    linker.func_wrap(MODULE, "environ_sizes_get", environ_sizes_get)?;
    linker.func_wrap(MODULE, "environ_get", environ_get)?;
    linker.func_wrap(MODULE, "clock_res_get", clock_res_get)?;
    linker.func_wrap(MODULE, "clock_time_get", clock_time_get)?;
    linker.func_wrap(MODULE, "random_get", random_get)?;
    linker.func_wrap(MODULE, "fd_prestat_get", fd_prestat_get)?;
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "poll_oneoff", poll_oneoff)?;
    linker.func_wrap(MODULE, "sched_yield", sched_yield)?;
    linker.func_wrap(MODULE, "proc_exit", proc_exit)?;
    Ok(())
}

fn args_sizes_get(caller: Caller<'_, Host>, count: u32, size: u32) -> Result<i32> {
    strings_sizes(caller, count, size, |host| &host.identity.args)
}

fn args_get(caller: Caller<'_, Host>, pointers: u32, data: u32) -> Result<i32> {
    strings(caller, pointers, data, |host| &host.identity.args)
}

fn environ_sizes_get(caller: Caller<'_, Host>, count: u32, size: u32) -> Result<i32> {
    strings_sizes(caller, count, size, |host| &host.identity.environment)
}

fn environ_get(caller: Caller<'_, Host>, pointers: u32, data: u32) -> Result<i32> {
    strings(caller, pointers, data, |host| &host.identity.environment)
}

/// Stores how many strings there are, and their bytes.
fn strings_sizes(
    mut caller: Caller<'_, Host>,
    count: u32,
    size: u32,
    of: fn(&Host) -> &[Vec<u8>],
) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let (count, size) = (check(memory, count, 4)?, check(memory, size, 4)?);
    let strings = of(host);
    put(memory, count, (strings.len() as u32).to_le_bytes());
    put(memory, size, (strings.iter().map(Vec::len).sum::<usize>() as u32).to_le_bytes());
    Ok(SUCCESS)
}

/// Stores C strings and pointers to them. The broker checks these pointers inside the function, so
/// that out of bounds is an answer and not a trap.
fn strings(
    mut caller: Caller<'_, Host>,
    pointers: u32,
    data: u32,
    of: fn(&Host) -> &[Vec<u8>],
) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let strings = of(host);
    let size: usize = strings.iter().map(Vec::len).sum();
    let (Ok(mut pointer_at), Ok(mut at)) =
        (check(memory, pointers, 4 * strings.len() as u64), check(memory, data, size as u64))
    else {
        return Ok(INVALID);
    };
    for string in strings {
        put(memory, pointer_at, (at as u32).to_le_bytes());
        memory[at..at + string.len()].copy_from_slice(string);
        pointer_at += 4;
        at += string.len();
    }
    Ok(SUCCESS)
}

fn clock_res_get(mut caller: Caller<'_, Host>, id: u32, out: u32) -> Result<i32> {
    let (memory, _) = split(&mut caller)?;
    let at = check(memory, out, 8)?;
    if id > 3 {
        return Ok(INVALID);
    }
    put(memory, at, 1_000_000u64.to_le_bytes());
    Ok(SUCCESS)
}

/// Reads a clock: 0 shows the record's timestamp; the others count their readings, a millisecond
/// each.
fn clock_time_get(mut caller: Caller<'_, Host>, id: u32, _: u64, out: u32) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let at = check(memory, out, 8)?;
    let now = match id {
        0 => host.wall_ms.wrapping_mul(1_000_000) as u64,
        1..=3 => {
            let mut shared = host.shared();
            shared.monotonic_ms += 1;
            (shared.monotonic_ms - 1) * 1_000_000
        }
        _ => return Ok(INVALID),
    };
    put(memory, at, now.to_le_bytes());
    Ok(SUCCESS)
}

/// Fills a buffer with random bytes: on the broker each is 9.
fn random_get(mut caller: Caller<'_, Host>, ptr: u32, len: u32) -> Result<i32> {
    slice(split(&mut caller)?.0, ptr, len)?.fill(9);
    Ok(SUCCESS)
}

fn fd_prestat_get(mut caller: Caller<'_, Host>, fd: i32, _: u32) -> Result<i32> {
    split(&mut caller)?;
    Ok(if (0..3).contains(&fd) { NOT_IMPLEMENTED } else { BAD_DESCRIPTOR })
}

fn word(memory: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&memory[at..at + 4]);
    u32::from_le_bytes(word)
}

/// Logs one event: a call is one, however many lines and vectors it has.
fn fd_write(
    mut caller: Caller<'_, Host>,
    fd: i32,
    vectors: u32,
    count: u32,
    written: u32,
) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let vectors = check(memory, vectors, 8 * u64::from(count))?;
    let written = check(memory, written, 4)?;
    let level = match fd {
        1 => Level::Info,
        2 => Level::Warn,
        _ => return Ok(NOT_IMPLEMENTED),
    };
    // The message is cut to the limit, but every vector is checked and counted.
    let limit = host.limits.log_line_max_bytes;
    let mut message = Vec::new();
    let mut amount = 0u32;
    for at in (vectors..).step_by(8).take(count as usize) {
        let (ptr, len) = (word(memory, at), word(memory, at + 4));
        let start = check(memory, ptr, u64::from(len))?;
        let kept = (len as usize).min(limit - message.len());
        message.extend_from_slice(&memory[start..start + kept]);
        amount = amount.wrapping_add(len);
    }
    put(memory, written, amount.to_le_bytes());
    let mut shared = host.shared();
    let message = String::from_utf8(message)
        .ok()
        .filter(|m| !m.bytes().any(|b| (b < 0x20 && b != b'\n' && b != b'\t') || b == 0x7f))
        .filter(|m| shared.log_bytes + m.len() <= host.limits.log_buffer_bytes);
    match message {
        Some(message) => {
            // An empty message counts too, so that the list cannot grow without end.
            shared.log_bytes += message.len().max(1);
            shared.logs.push(LogLine { level, message });
        }
        None => shared.stats.logs_dropped += 1,
    }
    Ok(SUCCESS)
}

/// Completes every sleep at once. Nothing else can be waited for.
fn poll_oneoff(
    mut caller: Caller<'_, Host>,
    subscriptions: u32,
    events: u32,
    count: u32,
    out: u32,
) -> Result<i32> {
    let (memory, _) = split(&mut caller)?;
    let out = check(memory, out, 4)?;
    let mut from = check(memory, subscriptions, 48 * u64::from(count))?;
    let mut to = check(memory, events, 32 * u64::from(count))?;
    for _ in 0..count {
        let kind = memory[from + 8];
        memory.copy_within(from..from + 8, to);
        memory[to + 10] = kind;
        let error: u16 = match kind {
            0 => 0,
            1 | 2 => NOT_IMPLEMENTED as u16,
            _ => return Ok(NOT_IMPLEMENTED),
        };
        put(memory, to + 8, error.to_le_bytes());
        from += 48;
        to += 32;
    }
    put(memory, out, count.to_le_bytes());
    Ok(SUCCESS)
}

fn sched_yield(mut caller: Caller<'_, Host>) -> Result<i32> {
    split(&mut caller)?;
    Ok(SUCCESS)
}

/// Ends the VM, with every code.
fn proc_exit(mut caller: Caller<'_, Host>, code: i32) -> Result<()> {
    split(&mut caller)?;
    Err(HostError::Exit(code))?
}
