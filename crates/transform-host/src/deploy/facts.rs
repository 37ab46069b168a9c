//! Facts about a module, read without running it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use wasmparser::{CompositeInnerType, ExternalKind, FuncType, Parser, Payload, TypeRef, ValType};
use wasmtime::Store;

use crate::engine::Engine;
use crate::limits::Limits;
use crate::vm::host::{Host, Identity};

use super::Deployment;

/// The broker's answer to an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provided {
    /// The broker has a function of exactly this type.
    Yes,
    /// The broker's function has this other type; the module will not load.
    OtherType(String),
    /// The broker has no such function; the module will not load.
    No,
}

/// An import of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Import {
    /// Module name.
    pub module: String,
    /// Item name.
    pub name: String,
    /// The type of a function, such as `(i32, i32) -> (i32)`, or the kind of another item.
    pub ty: String,
    /// The broker's answer.
    pub provided: Provided,
}

/// An export of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Export {
    /// The name.
    pub name: String,
    /// `func`, `memory`, `table`, `global` or `tag`.
    pub kind: &'static str,
}

/// Returns the content of a module's first custom section of this name; the broker ignores all of
/// them. `None` if there is none, or the bytes are no module as far as they have to be read.
pub fn custom_section<'m>(wasm: &'m [u8], name: &str) -> Option<&'m [u8]> {
    let payloads = Parser::new(0).parse_all(wasm).map_while(Result::ok);
    let mut sections = payloads.filter_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == name => Some(section.data()),
        _ => None,
    });
    sections.next()
}

/// A module's static facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// Size of the module in bytes.
    pub size_bytes: usize,
    /// Initial size of the first memory, in pages of 64 KiB.
    pub memory_min_pages: Option<u64>,
    /// Declared maximum of the first memory. A module with one is deployed and never starts.
    pub memory_max_pages: Option<u64>,
    /// Initial elements of the first table.
    pub table_min: Option<u64>,
    /// Function types.
    pub types: usize,
    /// Functions, without those imported.
    pub functions: usize,
    /// Set when an instruction, a local, a global or a function type uses `v128`.
    pub uses_simd: bool,
    /// The imports, in order.
    pub imports: Vec<Import>,
    /// The exports, in order.
    pub exports: Vec<Export>,
}

/// The error of bytes that are not a WebAssembly module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAModule(String);

impl fmt::Display for NotAModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a WebAssembly module: {}", self.0)
    }
}

impl std::error::Error for NotAModule {}

impl From<wasmparser::BinaryReaderError> for NotAModule {
    fn from(why: wasmparser::BinaryReaderError) -> Self {
        Self(why.to_string())
    }
}

impl Facts {
    /// Reads a module, without validating it; [`Engine::compile`](crate::Engine::compile) does that.
    ///
    /// # Errors
    /// If the bytes are not a WebAssembly module as far as they have to be read.
    pub fn of(wasm: &[u8]) -> Result<Self, NotAModule> {
        let mut facts = Self { size_bytes: wasm.len(), ..Self::default() };
        let mut types = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            facts.add(payload?, &mut types)?;
        }
        facts.types = types.len();
        facts.uses_simd |= types
            .iter()
            .flatten()
            .any(|ty| ty.params().iter().chain(ty.results()).any(|&v| v == ValType::V128));
        Ok(facts)
    }

    /// Adds the facts of one section. `types` are the function types so far, which imports refer to.
    fn add(
        &mut self,
        payload: Payload<'_>,
        types: &mut Vec<Option<FuncType>>,
    ) -> Result<(), NotAModule> {
        match payload {
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => {
                return Err(NotAModule("it is a component".into()));
            }
            Payload::TypeSection(section) => {
                for group in section {
                    types.extend(group?.into_types().map(|ty| match ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(ty),
                        _ => None,
                    }));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    self.add_import(import.module, import.name, import.ty, types);
                }
            }
            Payload::FunctionSection(section) => self.functions = section.count() as usize,
            Payload::TableSection(section) => {
                if let Some(table) = section.into_iter().next() {
                    self.table_min = Some(table?.ty.initial);
                }
            }
            Payload::MemorySection(section) => {
                if let Some(memory) = section.into_iter().next() {
                    let memory = memory?;
                    self.memory_min_pages = Some(memory.initial);
                    self.memory_max_pages = memory.maximum;
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.uses_simd |= global?.ty.content_type == ValType::V128;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let (name, kind) = (export.name.to_owned(), kind_name(export.kind));
                    self.exports.push(Export { name, kind });
                }
            }
            Payload::CodeSectionEntry(body) if !self.uses_simd => {
                self.uses_simd = body_uses_simd(&body)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn add_import(&mut self, module: &str, name: &str, ty: TypeRef, types: &[Option<FuncType>]) {
        let (ty, provided) = match ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                let ty = types.get(index as usize).cloned().flatten();
                let ty = ty.map_or("unknown type".into(), |ty| {
                    signature(ty.params().iter(), ty.results().iter())
                });
                let provided = match provided().get(&(module.into(), name.into())) {
                    Some(ours) if *ours == ty => Provided::Yes,
                    Some(ours) => Provided::OtherType(ours.clone()),
                    None => Provided::No,
                };
                (ty, provided)
            }
            TypeRef::Memory(memory) => {
                self.memory_min_pages.get_or_insert(memory.initial);
                ("memory".into(), Provided::No)
            }
            TypeRef::Table(_) => ("table".into(), Provided::No),
            TypeRef::Global(_) => ("global".into(), Provided::No),
            TypeRef::Tag(_) => ("tag".into(), Provided::No),
        };
        self.imports.push(Import { module: module.into(), name: name.into(), ty, provided });
    }
}

fn kind_name(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "func",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}

/// Writes a function's type as [`Import::ty`] has it.
fn signature<T: fmt::Display>(
    params: impl Iterator<Item = T>,
    results: impl Iterator<Item = T>,
) -> String {
    let list = |types: Vec<String>| types.join(", ");
    let (params, results): (Vec<_>, Vec<_>) =
        (params.map(|t| t.to_string()).collect(), results.map(|t| t.to_string()).collect());
    format!("({}) -> ({})", list(params), list(results))
}

/// Returns whether a body has a SIMD local or instruction, whose first byte is 0xfd.
fn body_uses_simd(body: &wasmparser::FunctionBody<'_>) -> Result<bool, NotAModule> {
    for local in body.get_locals_reader()? {
        if local?.1 == ValType::V128 {
            return Ok(true);
        }
    }
    let bytes = body.as_bytes();
    let start = body.range().start;
    for operator in body.get_operators_reader()?.into_iter_with_offsets() {
        let (_, offset) = operator?;
        if bytes.get(offset - start) == Some(&0xfd) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns every function that the broker provides, with its type.
pub(crate) fn provided() -> &'static BTreeMap<(String, String), String> {
    static PROVIDED: OnceLock<BTreeMap<(String, String), String>> = OnceLock::new();
    PROVIDED.get_or_init(|| {
        let limits = Limits::stock();
        let engine = Engine::new(&limits).expect("stock limits can be had");
        let identity = Identity::of(&Deployment::new("", "", [""; 0]));
        let host =
            Host::new(limits.into(), identity.into(), Default::default(), Default::default());
        let mut store = Store::new(engine.wasmtime(), host);
        let linker = engine.linker();
        let items: Vec<_> = linker.iter(&mut store).collect();
        let functions = items.into_iter().filter_map(|(module, name, item)| {
            let ty = item.into_func()?.ty(&store);
            Some(((module.to_owned(), name.to_owned()), signature(ty.params(), ty.results())))
        });
        functions.collect()
    })
}
