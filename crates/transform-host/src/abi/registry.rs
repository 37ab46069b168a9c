//! `redpanda_schema_registry`: the functions of the schema registry, and the encoding of schemas.

use wasmtime::{Caller, Linker, Result};

use crate::record::payload::{Malformed, Reader, put_sized, put_varint};
use crate::registry::{Schema, SchemaReference, SchemaRegistry, SchemaType, SubjectSchema};
use crate::vm::guest::{check, put, slice, split};
use crate::vm::host::Host;

use super::REGISTRY as MODULE;

const SUCCESS: i32 = 0;
const DISABLED: i32 = -1;
const ERROR: i32 = -2;

fn encode(schema: &Schema) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, schema.kind as i64);
    put_sized(&mut out, Some(&schema.definition));
    put_varint(&mut out, schema.references.len() as i64);
    for reference in &schema.references {
        put_sized(&mut out, Some(reference.name.as_bytes()));
        put_sized(&mut out, Some(reference.subject.as_bytes()));
        put_varint(&mut out, i64::from(reference.version));
    }
    out
}

fn encode_version(found: &SubjectSchema) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, i64::from(found.id));
    put_varint(&mut out, i64::from(found.version));
    out.extend(encode(&found.schema));
    out
}

/// Reads a schema. Bytes after the references are ignored, as on the broker.
fn decode(bytes: &[u8]) -> Result<Schema, Malformed> {
    let mut reader = Reader(bytes);
    let kind = match reader.varint() {
        0 => SchemaType::Avro,
        1 => SchemaType::Protobuf,
        2 => SchemaType::Json,
        _ => return Err(Malformed),
    };
    let definition = sized(&mut reader)?.to_vec();
    let count = reader.varint();
    // The broker makes room for all references first, which fails with a count that is too large.
    if !(0..=1 << 20).contains(&count) {
        return Err(Malformed);
    }
    let mut references = Vec::new();
    for _ in 0..count {
        references.push(SchemaReference {
            name: String::from_utf8_lossy(sized(&mut reader)?).into_owned(),
            subject: String::from_utf8_lossy(sized(&mut reader)?).into_owned(),
            version: reader.varint() as i32,
        });
    }
    Ok(Schema { kind, definition, references })
}

fn sized<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let len = reader.varint();
    reader.take(len)
}

/// An encoded answer; `None` if the registry has no such schema.
type Answer = Option<Vec<u8>>;

fn definition(registry: &SchemaRegistry, id: i32) -> Answer {
    registry.by_id(id).map(|found| encode(&found.schema))
}

fn subject_schema(registry: &SchemaRegistry, subject: &[u8], version: i32) -> Answer {
    registry.by_version(subject, version).map(encode_version)
}

/// Stores the size of an answer.
fn put_len(
    host: &Host,
    memory: &mut [u8],
    at: usize,
    ask: impl Fn(&SchemaRegistry) -> Answer,
) -> i32 {
    match host.shared().registry.as_ref().map(ask) {
        None => DISABLED,
        Some(None) => ERROR,
        Some(Some(answer)) => {
            put(memory, at, (answer.len() as u32).to_le_bytes());
            SUCCESS
        }
    }
}

/// Copies an answer into a buffer that must hold it.
fn copy(host: &Host, buffer: &mut [u8], ask: impl Fn(&SchemaRegistry) -> Answer) -> i32 {
    match host.shared().registry.as_ref().map(ask) {
        None => DISABLED,
        Some(Some(answer)) if answer.len() <= buffer.len() => {
            buffer[..answer.len()].copy_from_slice(&answer);
            answer.len() as i32
        }
        Some(_) => ERROR,
    }
}

/// Defines the functions of the schema registry.
pub(crate) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(MODULE, "check_abi_version_0", check_abi_version)?;
    linker.func_wrap(MODULE, "get_schema_definition_len", get_schema_definition_len)?;
    linker.func_wrap(MODULE, "get_schema_definition", get_schema_definition)?;
    linker.func_wrap(MODULE, "get_subject_schema_len", get_subject_schema_len)?;
    linker.func_wrap(MODULE, "get_subject_schema", get_subject_schema)?;
    linker.func_wrap(MODULE, "create_subject_schema", create_subject_schema)?;
    Ok(())
}

/// Does nothing: the import itself tells the deployment checks which version a module is for.
fn check_abi_version(mut caller: Caller<'_, Host>) -> Result<()> {
    split(&mut caller)?;
    Ok(())
}

fn get_schema_definition_len(mut caller: Caller<'_, Host>, id: i32, out: u32) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let at = check(memory, out, 4)?;
    Ok(put_len(host, memory, at, |registry| definition(registry, id)))
}

fn get_schema_definition(
    mut caller: Caller<'_, Host>,
    id: i32,
    ptr: u32,
    size: u32,
) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let buffer = slice(memory, ptr, size)?;
    Ok(copy(host, buffer, |registry| definition(registry, id)))
}

fn get_subject_schema_len(
    mut caller: Caller<'_, Host>,
    subject: u32,
    size: u32,
    version: i32,
    out: u32,
) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let subject = slice(memory, subject, size)?.to_vec();
    let at = check(memory, out, 4)?;
    Ok(put_len(host, memory, at, |registry| subject_schema(registry, &subject, version)))
}

fn get_subject_schema(
    mut caller: Caller<'_, Host>,
    subject: u32,
    subject_size: u32,
    version: i32,
    ptr: u32,
    size: u32,
) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let subject = slice(memory, subject, subject_size)?.to_vec();
    let buffer = slice(memory, ptr, size)?;
    Ok(copy(host, buffer, |registry| subject_schema(registry, &subject, version)))
}

fn create_subject_schema(
    mut caller: Caller<'_, Host>,
    subject: u32,
    subject_size: u32,
    ptr: u32,
    size: u32,
    out: u32,
) -> Result<i32> {
    let (memory, host) = split(&mut caller)?;
    let subject = slice(memory, subject, subject_size)?.to_vec();
    let schema = decode(slice(memory, ptr, size)?);
    let at = check(memory, out, 4)?;
    let Some(registry) = &mut host.shared().registry else { return Ok(DISABLED) };
    let Ok(schema) = schema else { return Ok(ERROR) };
    put(memory, at, registry.create(&subject, schema).to_le_bytes());
    Ok(SUCCESS)
}
