//! `redpanda_transform`: batches in, records out.

use std::future::poll_fn;
use std::task::Poll;

use wasmtime::{Caller, Linker, Result};

use crate::fault::HostError;
use crate::record::payload::{Payload, Reader, validate};
use crate::vm::guest::{check, put, slice, split};
use crate::vm::host::{Host, lock};

use super::TRANSFORM as MODULE;

const NO_BATCH: i32 = -1;
const INVALID_BUFFER: i32 = -2;
const UNKNOWN_TOPIC: i32 = -3;

/// Defines the functions of the transform ABI.
pub(crate) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(MODULE, "check_abi_version_1", check_abi_version)?;
    linker.func_wrap(MODULE, "check_abi_version_2", check_abi_version)?;
    linker.func_wrap_async(
        MODULE,
        "read_batch_header",
        |caller: Caller<'_, Host>, out: Fields| Box::new(read_batch_header(caller, out)),
    )?;
    linker.func_wrap(MODULE, "read_next_record", read_next_record)?;
    linker.func_wrap(MODULE, "write_record", write_record)?;
    linker.func_wrap(MODULE, "write_record_with_options", write_record_with_options)?;
    Ok(())
}

/// Does nothing: the import itself tells the deployment checks which version a module is for. Like
/// every host function it needs the memory.
fn check_abi_version(mut caller: Caller<'_, Host>) -> Result<()> {
    split(&mut caller)?;
    Ok(())
}

/// Out-pointers of `read_batch_header`, in order, and the widths of the fields there.
type Fields = (u32, u32, u32, u32, u32, u32, u32, u32, u32, u32);
const WIDTHS: [u64; 10] = [8, 4, 4, 2, 4, 8, 8, 8, 2, 4];

/// Ends the present batch, then waits for the next, which [`crate::Vm`] puts into the slot, and
/// stores its header. No other host function waits.
async fn read_batch_header(mut caller: Caller<'_, Host>, fields: Fields) -> Result<i32> {
    let (a, b, c, d, e, f, g, h, i, j) = fields;
    let mut at = [0; 10];
    let (memory, _) = split(&mut caller)?;
    for ((at, ptr), width) in at.iter_mut().zip([a, b, c, d, e, f, g, h, i, j]).zip(WIDTHS) {
        *at = check(memory, ptr, width)?;
    }
    let memory_bytes = memory.len();
    if caller.data().memory.is_none() {
        return Err(HostError::BatchInStartSection.into());
    }

    let left = caller.get_fuel()?;
    let host = caller.data_mut();
    let (first, fuel) = (host.batch.is_none(), host.fuel);
    host.meter.charge(left);
    host.end_batch(memory_bytes);
    if first {
        host.shared().stats.start_fuel = fuel - left;
    }
    let shared = host.shared.clone();
    let (batch, output) = poll_fn(|_| {
        let mut shared = lock(&shared);
        shared.waits = shared.input.is_none();
        shared.input.take().map_or(Poll::Pending, Poll::Ready)
    })
    .await;

    let (memory, host) = split(&mut caller)?;
    let header = batch.header();
    put(memory, at[0], header.base_offset.to_le_bytes());
    put(memory, at[1], (batch.len() as i32).to_le_bytes());
    put(memory, at[2], header.partition_leader_epoch.to_le_bytes());
    put(memory, at[3], header.attributes.to_le_bytes());
    put(memory, at[4], header.last_offset_delta.to_le_bytes());
    put(memory, at[5], header.base_timestamp.to_le_bytes());
    put(memory, at[6], header.max_timestamp.to_le_bytes());
    put(memory, at[7], header.producer_id.to_le_bytes());
    put(memory, at[8], header.producer_epoch.to_le_bytes());
    put(memory, at[9], header.base_sequence.to_le_bytes());
    host.wall_ms =
        if header.is_log_append_time() { header.max_timestamp } else { header.base_timestamp };
    let largest = batch.max_payload() as i32;
    host.meter.begin_batch(left);
    host.output = output;
    host.batch = Some(batch);
    host.next = 0;
    Ok(largest)
}

/// Copies the next record into the module's buffer, and gives the module the fuel for it.
fn read_next_record(
    mut caller: Caller<'_, Host>,
    attributes: u32,
    timestamp: u32,
    offset: u32,
    buffer: u32,
    buffer_len: u32,
) -> Result<i32> {
    let left = caller.get_fuel()?;
    let (memory, host) = split(&mut caller)?;
    let attributes = check(memory, attributes, 1)?;
    let timestamp = check(memory, timestamp, 8)?;
    let offset = check(memory, offset, 8)?;
    let buffer = check(memory, buffer, u64::from(buffer_len))?;
    if host.interrupter.is_set() {
        return Err(HostError::Interrupted.into());
    }
    let Some(record) = host.batch.as_deref().and_then(|batch| batch.get(host.next)) else {
        return Ok(NO_BATCH);
    };
    let payload = record.payload.bytes();
    if (buffer_len as usize) < payload.len() {
        return Ok(INVALID_BUFFER);
    }
    host.next += 1;
    host.wall_ms = record.timestamp;
    put(memory, attributes, [record.attributes]);
    put(memory, timestamp, record.timestamp.to_le_bytes());
    put(memory, offset, record.offset.to_le_bytes());
    memory[buffer..buffer + payload.len()].copy_from_slice(payload);
    let len = payload.len() as i32;
    let fuel = host.fuel;
    host.meter.charge(left);
    host.meter.begin_record(fuel);
    caller.set_fuel(fuel)?;
    Ok(len)
}

fn write_record(mut caller: Caller<'_, Host>, ptr: u32, len: u32) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let payload = slice(memory, ptr, len)?;
    Ok(write(host, payload, &[])?)
}

fn write_record_with_options(
    mut caller: Caller<'_, Host>,
    ptr: u32,
    len: u32,
    options: u32,
    options_len: u32,
) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let at = check(memory, ptr, u64::from(len))?;
    let options_at = check(memory, options, u64::from(options_len))?;
    let payload = &memory[at..at + len as usize];
    let options = &memory[options_at..options_at + options_len as usize];
    Ok(write(host, payload, options)?)
}

/// Adds a record to the output that the options name, by default the first. The record is checked
/// before the options, and neither outside a batch.
#[inline]
fn write(host: &mut Host, payload: &[u8], options: &[u8]) -> Result<i32, HostError> {
    if host.batch.is_none() {
        return Ok(NO_BATCH);
    }
    if validate(payload).is_err() {
        return Ok(INVALID_BUFFER);
    }
    let topic = match options {
        [] => 0,
        [1, rest @ ..] => {
            let mut rest = Reader(rest);
            let len = rest.varint();
            let name = rest.take(len).map_err(|_| HostError::BufferTooSmall)?;
            if !rest.0.is_empty() {
                return Ok(INVALID_BUFFER);
            }
            match host.identity.topics.iter().position(|topic| topic.as_bytes() == name) {
                Some(topic) => topic,
                None => return Ok(UNKNOWN_TOPIC),
            }
        }
        _ => return Ok(INVALID_BUFFER),
    };
    if host.output.push(topic, Payload::trusted(payload)) {
        Ok(payload.len() as i32)
    } else {
        Err(HostError::TooMuchOutput)
    }
}
