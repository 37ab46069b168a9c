//! What a module says about itself, read without running it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use wasmparser::{ExternalKind, FuncType, Parser, Payload, TypeRef, ValType};
use wasmtime::Store;

use crate::engine::Engine;
use crate::limits::Limits;
use crate::vm::host::{Host, Identity};

use super::Deployment;

/// What the broker has for an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provided {
    /// A function of exactly this type.
    Yes,
    /// A function of another type, given here; the module will not load.
    OtherType(String),
    /// Nothing; the module will not load.
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
    /// A function's type as `(i32, i32) -> (i32)`, or another kind of item.
    pub ty: String,
    /// What the broker has for it.
    pub provided: Provided,
}

/// An export of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Export {
    /// Its name.
    pub name: String,
    /// `func`, `memory`, `table`, `global` or `tag`.
    pub kind: &'static str,
}

/// A module's static facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// Size of the module in bytes.
    pub size_bytes: usize,
    /// The first memory's initial size in pages of 64 KiB.
    pub memory_min_pages: Option<u64>,
    /// Its declared maximum; with any, the broker deploys the module and never starts it.
    pub memory_max_pages: Option<u64>,
    /// Elements of the first table.
    pub table_min: Option<u64>,
    /// Function types.
    pub types: usize,
    /// Functions with a body.
    pub functions: usize,
    /// Whether any instruction, local, global or function type uses `v128`.
    pub uses_simd: bool,
    /// The imports, in order.
    pub imports: Vec<Import>,
    /// The exports, in order.
    pub exports: Vec<Export>,
}

/// The bytes are not a WebAssembly module.
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
    /// Reads a module. What is read is not validated; compiling it does that.
    pub fn of(wasm: &[u8]) -> Result<Self, NotAModule> {
        let mut facts = Self { size_bytes: wasm.len(), ..Self::default() };
        let mut types: Vec<Option<FuncType>> = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { encoding: wasmparser::Encoding::Component, .. } => {
                    return Err(NotAModule("it is a component".into()));
                }
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group?.into_types() {
                            types.push(match ty.composite_type.inner {
                                wasmparser::CompositeInnerType::Func(ty) => Some(ty),
                                _ => None,
                            });
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        facts.add_import(import.module, import.name, import.ty, &types);
                    }
                }
                Payload::FunctionSection(section) => facts.functions = section.count() as usize,
                Payload::TableSection(section) => {
                    if let Some(table) = section.into_iter().next() {
                        facts.table_min = Some(table?.ty.initial);
                    }
                }
                Payload::MemorySection(section) => {
                    if let Some(memory) = section.into_iter().next() {
                        let memory = memory?;
                        facts.memory_min_pages = Some(memory.initial);
                        facts.memory_max_pages = memory.maximum;
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        facts.uses_simd |= global?.ty.content_type == ValType::V128;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        facts.exports.push(Export {
                            name: export.name.to_owned(),
                            kind: kind_name(export.kind),
                        });
                    }
                }
                Payload::CodeSectionEntry(body) if !facts.uses_simd => {
                    facts.uses_simd = body_uses_simd(&body)?;
                }
                _ => {}
            }
        }
        facts.types = types.len();
        facts.uses_simd |= types
            .iter()
            .flatten()
            .any(|ty| ty.params().iter().chain(ty.results()).any(|&v| v == ValType::V128));
        Ok(facts)
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

fn signature<T: fmt::Display>(
    params: impl Iterator<Item = T>,
    results: impl Iterator<Item = T>,
) -> String {
    let list = |types: Vec<String>| types.join(", ");
    let (params, results): (Vec<_>, Vec<_>) =
        (params.map(|t| t.to_string()).collect(), results.map(|t| t.to_string()).collect());
    format!("({}) -> ({})", list(params), list(results))
}

/// SIMD instructions are those behind the prefix byte 0xfd.
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

/// Every function the broker provides, with its type.
pub(crate) fn provided() -> &'static BTreeMap<(String, String), String> {
    static PROVIDED: OnceLock<BTreeMap<(String, String), String>> = OnceLock::new();
    PROVIDED.get_or_init(|| {
        let limits = Limits::stock();
        let engine = Engine::new(&limits).expect("stock limits can be had");
        let identity = Identity::of(&Deployment::new("", "", [""; 0]));
        let host = Host::new(limits.into(), identity.into(), Default::default());
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
