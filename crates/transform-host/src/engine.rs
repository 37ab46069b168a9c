//! The broker's settings of wasmtime: compiling and linking modules.

use std::sync::Arc;

use wasmtime::{
    Config, InstancePre, Linker, OperatorCost, OptLevel, VariableOperatorCost, WasmFeatures,
};

use crate::abi;
use crate::fault::{EngineError, LoadError};
use crate::limits::Limits;
use crate::vm::host::Host;
use crate::vm::memory::Heaps;

/// The WebAssembly that the broker's engine takes: the proposals that wasmtime 25 has on by default.
/// Proposals that later versions take by default (typed function references, garbage collection,
/// exceptions, 64-bit memories) does not load there, and so not here.
///
/// One is missing: the broker's engine takes `externref`, which needs a garbage collector here and
/// which a module gets from nowhere but `ref.null extern`.
const BROKER_FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::TAIL_CALL);

/// A compiler with the broker's settings.
///
/// One is enough for a program: it is [`Send`] and [`Sync`], and cheap to clone. Making it takes
/// milliseconds, compiling a module up to seconds.
#[derive(Clone)]
pub struct Engine {
    engine: wasmtime::Engine,
    limits: Arc<Limits>,
}

/// A compiled and linked module, from which any number of VMs start. It is [`Send`] and [`Sync`],
/// and cheap to clone.
#[derive(Clone)]
pub struct Module {
    pub(crate) instance: InstancePre<Host>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory_pages: (u64, Option<u64>),
}

impl Engine {
    /// Makes an engine for a cluster with these limits.
    ///
    /// # Errors
    /// If the stack limits cannot be had: the call stack must be larger than zero and no larger
    /// than the async stack.
    pub fn new(limits: &Limits) -> Result<Self, EngineError> {
        let mut config = Config::new();
        config
            .cranelift_opt_level(OptLevel::Speed)
            .consume_fuel(true)
            .wasm_features(WasmFeatures::all(), false)
            .wasm_features(BROKER_FEATURES, true)
            .operator_cost(operator_cost())
            .max_wasm_stack(limits.wasm_stack_bytes)
            .async_stack_size(limits.async_stack_bytes)
            .with_host_memory(Arc::new(Heaps(limits.reserved_memory())))
            .memory_reservation(0)
            .memory_guard_size(0)
            .memory_reservation_for_growth(0)
            .memory_init_cow(false)
            .native_unwind_info(false);
        let engine = wasmtime::Engine::new(&config).map_err(|why| {
            EngineError(format!(
                "no engine has a call stack of {} bytes on an async stack of {}: {why:#}",
                limits.wasm_stack_bytes, limits.async_stack_bytes
            ))
        })?;
        Ok(Self { engine, limits: Arc::new(limits.clone()) })
    }

    /// Compiles and links a module. The checks of a deployment are
    /// [`check_deployment`](crate::check_deployment)'s.
    ///
    /// # Errors
    /// If the broker's engine could not load the module; see [`LoadError`].
    pub fn compile(&self, wasm: &[u8]) -> Result<Module, LoadError> {
        let module = wasmtime::Module::from_binary(&self.engine, wasm)
            .map_err(|why| LoadError::Compile(format!("{why:#}")))?;
        let memory = module
            .exports()
            .find_map(|export| Some((export.name().to_owned(), export.ty().memory()?.clone())));
        let memory_pages = match memory {
            None => return Err(LoadError::NoMemory),
            Some((name, _)) if name != "memory" => return Err(LoadError::MemoryName(name)),
            Some((_, ty)) => (ty.minimum(), ty.maximum()),
        };
        let instance = self
            .linker()
            .instantiate_pre(&module)
            .map_err(|why| LoadError::Link(format!("{why:#}")))?;
        Ok(Module { instance, limits: self.limits.clone(), memory_pages })
    }

    pub(crate) fn linker(&self) -> Linker<Host> {
        let mut linker = Linker::new(&self.engine);
        abi::transform::link(&mut linker)
            .and_then(|()| abi::registry::link(&mut linker))
            .and_then(|()| abi::wasi::link(&mut linker))
            .expect("every host function is defined once");
        linker
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.engine
    }
}

/// Returns the fuel of each instruction, as the broker's wasmtime 25 counts it: the defaults of 48
/// also charge bulk instructions such as `memory.copy` by the byte or element.
fn operator_cost() -> OperatorCost {
    let variable = VariableOperatorCost {
        memory_copy_per_byte: 0,
        memory_fill_per_byte: 0,
        memory_init_per_byte: 0,
        memory_grow_per_page: 0,
        table_copy_per_element: 0,
        table_fill_per_element: 0,
        table_init_per_element: 0,
        table_grow_per_element: 0,
        array_copy_per_element: 0,
        array_fill_per_element: 0,
        array_new_data_per_element: 0,
        array_init_data_per_element: 0,
        array_new_elem_per_element: 0,
        array_init_elem_per_element: 0,
        array_new_default_per_element: 0,
        array_new_per_element: 0,
    };
    OperatorCost { variable, ..OperatorCost::new() }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("memory_pages", &self.memory_pages).finish_non_exhaustive()
    }
}
