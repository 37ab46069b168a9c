//! A schema registry in memory.

/// The language of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
    /// The subject under which it is registered.
    pub subject: String,
    /// Its version there.
    pub version: i32,
}

/// A schema's text and what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// The language.
    pub kind: SchemaType,
    /// The text; its validity is not checked.
    pub definition: Vec<u8>,
    /// The references.
    pub references: Vec<SchemaReference>,
}

impl Schema {
    /// Makes a schema that refers to no other.
    pub fn new(kind: SchemaType, definition: impl Into<Vec<u8>>) -> Self {
        Self { kind, definition: definition.into(), references: Vec::new() }
    }
}

/// A schema under the subject and version that it was registered as.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubjectSchema {
    /// From 1; a schema has one id in all subjects.
    pub id: i32,
    /// The subject.
    pub subject: Vec<u8>,
    /// From 1 in each subject.
    pub version: i32,
    /// The schema.
    pub schema: Schema,
}

/// A schema registry in memory. Like the broker's, it gives equal schemas one id and every subject
/// versions of its own; unlike it, it checks neither validity nor compatibility.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaRegistry {
    schemas: Vec<SubjectSchema>,
}

impl SchemaRegistry {
    /// Returns everything that is registered, in the order of registration.
    pub fn schemas(&self) -> &[SubjectSchema] {
        &self.schemas
    }

    /// Registers a schema under a subject and returns its id. A schema that is known there stays
    /// as it is; one that is known elsewhere (text, language and references) keeps its id and
    /// becomes the subject's next version.
    pub fn create(&mut self, subject: &[u8], schema: Schema) -> i32 {
        let known = || self.schemas.iter().filter(|s| s.schema == schema);
        if let Some(known) = known().find(|s| s.subject == subject) {
            return known.id;
        }
        let newest = self.schemas.iter().map(|s| s.id).max().unwrap_or(0);
        let id = known().next().map_or(newest + 1, |s| s.id);
        let version = self.latest(subject).map_or(0, |latest| latest.version) + 1;
        self.schemas.push(SubjectSchema { id, subject: subject.to_vec(), version, schema });
        id
    }

    /// Returns the schema with this id.
    pub(crate) fn by_id(&self, id: i32) -> Option<&SubjectSchema> {
        self.schemas.iter().find(|s| s.id == id)
    }

    /// Returns a version of a subject; −1 is the latest.
    pub(crate) fn by_version(&self, subject: &[u8], version: i32) -> Option<&SubjectSchema> {
        match version {
            -1 => self.latest(subject),
            _ => self.schemas.iter().find(|s| s.subject == subject && s.version == version),
        }
    }

    fn latest(&self, subject: &[u8]) -> Option<&SubjectSchema> {
        self.schemas.iter().filter(|s| s.subject == subject).max_by_key(|s| s.version)
    }
}
