//! A ballast that takes up a part of a module's call stack.
//!
//! The limit of the stack belongs to an engine, and a module to the engine that compiled it. To
//! bisect the stack that a transform needs without compiling it at every step, a small function
//! recurses through a part of the stack before it calls `_start` on the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::{Engine, Error, Func, Instance, Module, Store};

use crate::vm::host::Host;

/// `(func $f (export "f") (param i32)
///    (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))) (else (call $s))))`
const RECURSE: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x08\x02\x60\0\0\x60\x01\x7f\0\
    \x02\x06\x01\0\x01s\0\0\
    \x03\x02\x01\x01\
    \x07\x05\x01\x01f\0\x01\
    \x0a\x13\x01\x11\0\x20\0\x04\x40\x20\0\x41\x01\x6b\x10\x01\x05\x10\0\x0b\x0b";

/// Calls `start` with about `bytes` of the stack taken up.
pub(crate) async fn call(store: &mut Store<Host>, start: Func, bytes: usize) -> Result<(), Error> {
    let module = Module::from_binary(store.engine(), RECURSE)?;
    let depth = bytes / frame_bytes(store.engine(), &module)?;
    let instance = Instance::new_async(&mut *store, &module, &[start.into()]).await?;
    let recurse = instance.get_typed_func::<u32, ()>(&mut *store, "f")?;
    recurse.call_async(store, depth as u32).await
}

/// Measures the stack that one level of the recursion takes: the distance between the frames of a
/// host function that is called at two depths.
fn frame_bytes(engine: &Engine, module: &Module) -> Result<usize, Error> {
    const LEVELS: u32 = 100;
    let mut store = Store::new(engine, ());
    store.set_fuel(1 << 20)?;
    let place = Arc::new(AtomicUsize::new(0));
    let seen = place.clone();
    let probe = Func::wrap(&mut store, move || {
        let here = 0u8;
        seen.store(std::ptr::from_ref(&here).addr(), Ordering::Relaxed);
    });
    let instance = Instance::new(&mut store, module, &[probe.into()])?;
    let recurse = instance.get_typed_func::<u32, ()>(&mut store, "f")?;
    recurse.call(&mut store, 0)?;
    let shallow = place.load(Ordering::Relaxed);
    recurse.call(&mut store, LEVELS)?;
    let deep = place.load(Ordering::Relaxed);
    Ok((shallow.abs_diff(deep) / LEVELS as usize).max(1))
}
