//! `redpanda_schema_registry`: a registry in memory, and the encoding of its answers.

use wasmtime::{Caller, Linker, Result};

use crate::host::{Host, check, put, slice, split};
use crate::payload::{Malformed, Reader, put_sized, put_varint};

pub(crate) const MODULE: &str = "redpanda_schema_registry";

const SUCCESS: i32 = 0;
const DISABLED: i32 = -1;
const ERROR: i32 = -2;

/// The language of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaType {
    /// Encoded as 0.
    Avro,
    /// Encoded as 1.
    Protobuf,
    /// Encoded as 2.
    Json,
}

/// A schema that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaReference {
    /// The name in the referring schema.
    pub name: String,
    /// Where it is registered.
    pub subject: String,
    /// Its version there.
    pub version: i32,
}

/// A schema's text and what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The language.
    pub kind: SchemaType,
    /// The text; its validity is not checked.
    pub definition: Vec<u8>,
    /// The references.
    pub references: Vec<SchemaReference>,
}

/// A schema under the subject and version that it was registered as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectSchema {
    /// Unique in the registry, from 1.
    pub id: i32,
    /// The subject.
    pub subject: Vec<u8>,
    /// From 1 in each subject.
    pub version: i32,
    /// The schema.
    pub schema: Schema,
}

/// A schema registry in memory, after the broker's own test double.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaRegistry {
    schemas: Vec<SubjectSchema>,
}

impl SchemaRegistry {
    /// Everything that is registered, by id.
    pub fn schemas(&self) -> &[SubjectSchema] {
        &self.schemas
    }

    /// Registers a schema and returns its id; a known text keeps the id it has.
    pub fn create(&mut self, subject: &[u8], schema: Schema) -> i32 {
        let known = self.schemas.iter().find(|s| s.schema.definition == schema.definition);
        if let Some(known) = known {
            return known.id;
        }
        let id = self.schemas.len() as i32 + 1;
        let version = self.latest(subject).map_or(0, |latest| latest.version) + 1;
        self.schemas.push(SubjectSchema { id, subject: subject.to_vec(), version, schema });
        id
    }

    fn latest(&self, subject: &[u8]) -> Option<&SubjectSchema> {
        self.schemas.iter().filter(|s| s.subject == subject).max_by_key(|s| s.version)
    }

    fn definition(&self, id: i32) -> Option<Vec<u8>> {
        let found = self.schemas.iter().find(|s| s.id == id)?;
        Some(encode(&found.schema))
    }

    /// Version −1 is the latest.
    fn subject_schema(&self, subject: &[u8], version: i32) -> Option<Vec<u8>> {
        let found = match version {
            -1 => self.latest(subject),
            _ => self.schemas.iter().find(|s| s.subject == subject && s.version == version),
        }?;
        let mut out = Vec::new();
        put_varint(&mut out, i64::from(found.id));
        put_varint(&mut out, i64::from(found.version));
        out.extend(encode(&found.schema));
        Some(out)
    }
}

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

/// What is left over after the references is ignored, as on the broker.
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
    // The broker makes room for them first, so a count that cannot be had is an error.
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

type Answer = Option<Vec<u8>>;

/// The size of an answer, to an out-pointer.
fn len(host: &Host, memory: &mut [u8], at: usize, ask: impl Fn(&SchemaRegistry) -> Answer) -> i32 {
    match host.shared().registry.as_ref().map(ask) {
        None => DISABLED,
        Some(None) => ERROR,
        Some(Some(answer)) => {
            put(memory, at, (answer.len() as u32).to_le_bytes());
            SUCCESS
        }
    }
}

/// An answer, to a buffer that must hold it.
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

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(MODULE, "check_abi_version_0", |mut caller: Caller<'_, Host>| {
        split(&mut caller)?;
        Ok(())
    })?;
    linker.func_wrap(
        MODULE,
        "get_schema_definition_len",
        |mut caller: Caller<'_, Host>, id: i32, out: u32| {
            let (memory, host) = split(&mut caller)?;
            let at = check(memory, out, 4)?;
            Ok(len(host, memory, at, |registry| registry.definition(id)))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "get_schema_definition",
        |mut caller: Caller<'_, Host>, id: i32, ptr: u32, size: u32| {
            let (memory, host) = split(&mut caller)?;
            let buffer = slice(memory, ptr, size)?;
            Ok(copy(host, buffer, |registry| registry.definition(id)))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "get_subject_schema_len",
        |mut caller: Caller<'_, Host>, subject: u32, size: u32, version: i32, out: u32| {
            let (memory, host) = split(&mut caller)?;
            let subject = slice(memory, subject, size)?.to_vec();
            let at = check(memory, out, 4)?;
            Ok(len(host, memory, at, |registry| registry.subject_schema(&subject, version)))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "get_subject_schema",
        |mut caller: Caller<'_, Host>, subject: u32, n: u32, version: i32, ptr: u32, size: u32| {
            let (memory, host) = split(&mut caller)?;
            let subject = slice(memory, subject, n)?.to_vec();
            let buffer = slice(memory, ptr, size)?;
            Ok(copy(host, buffer, |registry| registry.subject_schema(&subject, version)))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "create_subject_schema",
        |mut caller: Caller<'_, Host>, subject: u32, n: u32, ptr: u32, size: u32, out: u32| {
            let (memory, host) = split(&mut caller)?;
            let subject = slice(memory, subject, n)?.to_vec();
            let schema = decode(slice(memory, ptr, size)?);
            let at = check(memory, out, 4)?;
            let Some(registry) = &mut host.shared().registry else { return Ok(DISABLED) };
            let Ok(schema) = schema else { return Ok(ERROR) };
            put(memory, at, registry.create(&subject, schema).to_le_bytes());
            Ok(SUCCESS)
        },
    )?;
    Ok(())
}
