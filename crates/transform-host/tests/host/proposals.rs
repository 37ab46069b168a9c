//! The WebAssembly that loads: what the broker's wasmtime 25 takes, and nothing that came later.
//!
//! Every row was given to wasmparser 0.217, the parser of wasmtime 25.0, with that version's
//! default features: it takes `LOADS` and `EXTERNREF`, and refuses `REFUSED`. Deployment is
//! stricter in places; see `deploy`.

use transform_host::LoadError;

use crate::support::*;

const LOADS: &[&str] = &[
    // Sign extension, saturating conversions, multiple values, mutable globals.
    "(func (result i32) (i32.extend8_s (i32.const 1)))",
    "(func (result i32) (i32.trunc_sat_f32_s (f32.const 1)))",
    "(func (result i32 i64) (i32.const 1) (i64.const 2))",
    "(func (param i32) (result i32) (local.get 0) (block (param i32) (result i32)))",
    r#"(global (mut i32) (i32.const 1)) (export "g" (global 0))"#,
    // Bulk memory.
    "(func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
    "(func (memory.copy (i32.const 0) (i32.const 0) (i32.const 0)))",
    r#"(data $d "a")
       (func (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop $d))"#,
    // Reference types.
    "(table 1 funcref) (func $f) (elem declare func $f)
     (func (table.set (i32.const 0) (ref.func $f)))",
    "(table 1 funcref)
     (func (drop (table.grow (ref.null func) (i32.const 1))) (drop (table.size)))",
    "(table 1 funcref)
     (func (drop (table.get (i32.const 0))))
     (func (table.fill (i32.const 0) (ref.null func) (i32.const 1)))",
    "(table 1 funcref) (elem $e funcref (ref.null func))
     (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $e))",
    "(table 1 funcref) (table 1 funcref)
     (func (table.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 0)))",
    "(type $t (func)) (table 1 funcref) (table $u 1 funcref)
     (func (call_indirect $u (type $t) (i32.const 0)))",
    "(func (local funcref) (drop (ref.is_null (local.get 0))))",
    "(func (param funcref) (result funcref)
       (select (result funcref) (local.get 0) (local.get 0) (i32.const 1)))",
    "(global funcref (ref.null func))",
    // SIMD, relaxed SIMD, tail calls, several memories, constant expressions with arithmetic.
    "(func (drop (i32x4.splat (i32.const 1))))",
    "(func (param v128) (drop (i32x4.relaxed_trunc_f32x4_s (local.get 0))))",
    "(func $f (return_call $f))",
    "(type $t (func)) (table 1 funcref) (func (return_call_indirect (type $t) (i32.const 0)))",
    "(memory $m 1) (func (drop (i32.load $m (i32.const 0))))",
    "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
    r#"(data (i32.mul (i32.const 2) (i32.const 8)) "a")"#,
    "(table 1 funcref) (elem (i32.sub (i32.const 1) (i32.const 1)) funcref (ref.null func))",
];

const REFUSED: &[&str] = &[
    // Typed function references.
    "(type $t (func)) (func $f) (elem declare func $f) (func (call_ref $t (ref.func $f)))",
    "(type $t (func)) (func $f) (elem declare func $f) (func (return_call_ref $t (ref.func $f)))",
    "(func (param funcref) (block (br_on_null 0 (local.get 0)) (drop)))",
    "(func (param funcref)
       (drop (block (result (ref func)) (br_on_non_null 0 (local.get 0)) (unreachable))))",
    "(func (param funcref) (drop (ref.as_non_null (local.get 0))))",
    "(type $t (func)) (func (local (ref null $t)))",
    "(type $t (func)) (func (param (ref null $t)))",
    "(type $t (func)) (func (result (ref null $t)) (ref.null $t))",
    "(type $t (func)) (func (param (ref $t)))",
    "(type $t (func)) (global (ref null $t) (ref.null $t))",
    "(type $t (func)) (table 1 (ref null $t))",
    "(table 1 funcref (ref.null func))",
    // Garbage collection: its types, its instructions, and globals that name earlier globals.
    "(func (param anyref))",
    "(func (param eqref))",
    "(func (local i31ref))",
    "(func (local nullref))",
    "(func (local nullfuncref))",
    "(func (local nullexternref))",
    "(func (drop (ref.i31 (i32.const 1))))",
    "(func (drop (i31.get_s (ref.i31 (i32.const 1)))))",
    "(func (drop (ref.eq (ref.null eq) (ref.null eq))))",
    "(func (param anyref) (drop (ref.test (ref i31) (local.get 0))))",
    "(type (struct (field i32)))",
    "(type $s (struct)) (func (drop (struct.new $s)))",
    "(type (array i8))",
    "(type $a (array i8)) (func (drop (array.new_default $a (i32.const 1))))",
    "(rec (type (func)) (type (func)))",
    "(type (sub (func)))",
    "(global $a i32 (i32.const 1)) (global i32 (global.get $a))",
    // Exceptions.
    "(tag)",
    "(tag $e) (func (throw $e))",
    "(func (local exnref))",
    "(func (throw_ref (unreachable)))",
    "(tag $e) (func (block $l (try_table (catch $e $l))))",
    // Memories and tables of 64 bits, threads, pages of other sizes.
    "(memory i64 1)",
    "(table i64 1 funcref)",
    "(memory 1 1 shared)",
    "(func (result i32) (i32.atomic.load (i32.const 0)))",
    "(func (atomic.fence))",
    "(memory 1 (pagesize 1))",
    // Wide arithmetic, stack switching.
    "(func (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)) drop drop)",
    "(func (i64.mul_wide_s (i64.const 0) (i64.const 0)) drop drop)",
    "(type $f (func)) (type $c (cont $f))",
];

/// The one difference: the broker's engine takes these, this one has no garbage collector.
const EXTERNREF: &[&str] = &[
    "(func (param externref) (result externref) (local.get 0))",
    "(func (local externref) (drop (ref.is_null (local.get 0))))",
    "(func (drop (ref.null extern)))",
    "(table 1 externref)",
    "(global externref (ref.null extern))",
];

fn compile(items: &str) -> Result<(), LoadError> {
    let text = format!(r#"(module (memory (export "memory") 1) {items} (func (export "_start")))"#);
    engine().compile(&wasm(&text)).map(drop)
}

#[test]
fn what_the_broker_s_engine_takes_loads() {
    for items in LOADS {
        assert_eq!(compile(items), Ok(()), "{items}");
    }
}

#[test]
fn what_came_after_the_broker_s_engine_is_refused() {
    for items in REFUSED.iter().chain(EXTERNREF) {
        let refusal = compile(items);
        assert!(matches!(refusal, Err(LoadError::Compile(_))), "{items}: {refusal:?}");
    }
}
