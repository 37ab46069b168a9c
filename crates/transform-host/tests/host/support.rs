//! Small modules in WebAssembly text, and the way to run them.
use std::sync::{Arc, OnceLock};

use transform_host::{
    Batch, BatchBuilder, Deployment, Engine, Fault, Limits, LoadError, Module, Output, Vm,
};

/// Returns the stock engine, made once for all tests.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&Limits::stock()).expect("stock limits"))
}

pub fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

pub fn module(text: &str) -> Module {
    engine().compile(&wasm(text)).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

pub fn load_error(text: &str) -> LoadError {
    engine().compile(&wasm(text)).expect_err("loads")
}

pub fn deployment(outputs: &[&str]) -> Deployment {
    Deployment::new("score", "payments", outputs.iter().copied())
}

/// All imports of the transform ABI, and the imports of WASI that the tests use.
pub const IMPORTS: &str = r#"
  (import "redpanda_transform" "check_abi_version_2" (func $check))
  (import "redpanda_transform" "read_batch_header"
    (func $header (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "redpanda_transform" "read_next_record" (func $read (param i32 i32 i32 i32 i32) (result i32)))
  (import "redpanda_transform" "write_record" (func $write (param i32 i32) (result i32)))
  (import "redpanda_transform" "write_record_with_options"
    (func $write_to (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
"#;

/// Returns a transform that runs `start` once and `record` for each record.
///
/// The payload is at 65,536 (`$len` bytes of it), attributes at 64, timestamp at 72, offset at 80,
/// the batch header's ten fields at 0, 8, 12, 16, 20, 24, 32, 40, 48 and 52; 256..65,536 is free.
/// Helpers: `$put` writes `$len` bytes at an address as a value with a null key, `$log` prints.
pub fn transform_with(imports: &str, items: &str, start: &str, record: &str) -> String {
    format!(
        r#"(module {IMPORTS} {imports}
  (memory (export "memory") 3)
  (global $largest (mut i32) (i32.const 0))
  (func $log (param $fd i32) (param $at i32) (param $len i32)
    (i32.store (i32.const 96) (local.get $at))
    (i32.store (i32.const 100) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 96) (i32.const 1) (i32.const 104))))
  ;; One to 63 bytes as the value of a record, to the first output.
  (func $put (param $at i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 128) (i32.const 1))
    (i32.store8 (i32.const 129) (i32.shl (local.get $len) (i32.const 1)))
    (memory.copy (i32.const 130) (local.get $at) (local.get $len))
    (i32.store8 (i32.add (i32.const 130) (local.get $len)) (i32.const 0))
    (call $write (i32.const 128) (i32.add (local.get $len) (i32.const 3))))
  {items}
  (func $record (param $len i32) {record})
  (func (export "_start") (local $len i32)
    {start}
    (loop $batches
      (global.set $largest (call $header (i32.const 0) (i32.const 8) (i32.const 12) (i32.const 16)
        (i32.const 20) (i32.const 24) (i32.const 32) (i32.const 40) (i32.const 48) (i32.const 52)))
      (block $done (loop $records
        (local.set $len
          (call $read (i32.const 64) (i32.const 72) (i32.const 80) (i32.const 65536) (i32.const 131072)))
        (br_if $done (i32.lt_s (local.get $len) (i32.const 0)))
        (call $record (local.get $len))
        (br $records)))
      (br $batches))))"#
    )
}

pub fn transform(record: &str) -> String {
    transform_with("", "", "", record)
}

/// The identity with a start section of these instructions; "up" is at 300.
pub fn starts_with(instructions: &str) -> String {
    let section = format!("(func $before {instructions}) (start $before)");
    transform_with("", &(data(300, b"up") + &section), "", IDENTITY)
}

/// Asks for a batch.
pub const READS_A_BATCH: &str = "
    (drop (call $header (i32.const 0) (i32.const 8) (i32.const 12) (i32.const 16)
      (i32.const 20) (i32.const 24) (i32.const 32) (i32.const 40) (i32.const 48) (i32.const 52)))";

pub const IDENTITY: &str = "(drop (call $write (i32.const 65536) (local.get $len)))";

pub fn batch(values: &[&[u8]]) -> Arc<Batch> {
    let mut builder = BatchBuilder::new(100);
    for (value, time) in values.iter().zip(1_700_000_000_000..) {
        builder.push(time, None, Some(value), &[]);
    }
    Arc::new(builder.build())
}

/// Starts a VM of a module with one output.
pub fn vm(text: &str) -> Vm {
    let mut vm = Vm::new(&module(text), &deployment(&["out"]));
    vm.start().unwrap_or_else(|why| panic!("{why}\n{text}"));
    vm
}

/// Returns the values written for one batch of these values.
pub fn process(vm: &mut Vm, values: &[&[u8]]) -> Result<Vec<Vec<u8>>, Fault> {
    let mut output = Output::default();
    vm.process(&batch(values), &mut output)?;
    Ok(output.iter().map(|r| r.value().unwrap_or(b"(null)").to_vec()).collect())
}

/// Returns the values that a transform with this body writes for one record of `value`.
pub fn run(record: &str, value: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    process(&mut vm(&transform(record)), &[value])
}

/// Returns the number that a transform with these items computes for its only record.
pub fn answer(imports: &str, items: &str, expression: &str) -> i32 {
    let record = format!(
        "(i32.store (i32.const 200) {expression}) (drop (call $put (i32.const 200) (i32.const 4)))"
    );
    let values = process(&mut vm(&transform_with(imports, items, "", &record)), &[b"v"]);
    let values = values.unwrap_or_else(|why| panic!("{why}: {expression}"));
    let last = values.last().expect("an answer");
    i32::from_le_bytes(last[..].try_into().expect("four bytes"))
}

/// Returns the fault in which these instructions end.
pub fn fault(instructions: &str) -> Fault {
    run(instructions, b"v").expect_err(instructions)
}

/// Returns a data segment of the text format.
pub fn data(at: u32, bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(data (i32.const {at}) \"{escaped}\")")
}
