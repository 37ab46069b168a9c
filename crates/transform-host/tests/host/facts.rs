//! Facts read from a module without running it.

use transform_host::{Facts, Provided};

use crate::support::*;

#[test]
fn facts_of_a_transform() {
    let bytes = wasm(&transform_with(
        r#"(import "env" "x" (func (param i64) (result f32 v128)))
           (import "redpanda_transform" "check_abi_version_1" (func (result i32)))"#,
        "(table 7 funcref)",
        "",
        IDENTITY,
    ));
    let facts = Facts::of(&bytes).expect("a module");
    assert_eq!(facts.size_bytes, bytes.len());
    assert_eq!((facts.memory_min_pages, facts.memory_max_pages), (Some(3), None));
    assert_eq!((facts.table_min, facts.functions), (Some(7), 4));
    let write =
        facts.imports.iter().find(|import| import.name == "write_record").expect("imported");
    assert_eq!((&*write.ty, &write.provided), ("(i32, i32) -> (i32)", &Provided::Yes));
    let [.., unknown, mistyped] = &facts.imports[..] else { panic!("{facts:?}") };
    assert_eq!((&*unknown.ty, &unknown.provided), ("(i64) -> (f32, v128)", &Provided::No));
    assert_eq!(mistyped.provided, Provided::OtherType("() -> ()".into()));
    let exports: Vec<_> = facts.exports.iter().map(|e| (&*e.name, e.kind)).collect();
    assert_eq!(exports, [("memory", "memory"), ("_start", "func")]);
}

#[test]
fn simd_is_found_wherever_it_is() {
    let cases = [
        ("(func (drop (i32.const 0xfd)))", false),
        ("(func (drop (i64.const -3)) (drop (f32.const 1)))", false),
        ("(func (drop (i32x4.extract_lane 0 (i32x4.splat (i32.const 1)))))", true),
        ("(func (local v128))", true),
        ("(func (param v128))", true),
        ("(global v128 (v128.const i64x2 0 0))", true),
    ];
    for (items, expected) in cases {
        let facts = Facts::of(&wasm(&format!("(module {items})"))).expect("a module");
        assert_eq!(facts.uses_simd, expected, "{items}");
    }
}

#[test]
fn limits_and_garbage() {
    let facts = Facts::of(&wasm("(module (memory 2 5))")).expect("a module");
    assert_eq!((facts.memory_min_pages, facts.memory_max_pages), (Some(2), Some(5)));
    assert!(Facts::of(b"garbage").is_err());
    assert!(Facts::of(&wasm("(component)")).is_err());
    let bytes = wasm(&transform(IDENTITY));
    for end in 0..bytes.len() {
        let _ = Facts::of(&bytes[..end]);
    }
}
