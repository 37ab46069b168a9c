//! `redpanda_schema_registry`: its answers and their encoding.

use transform_host::{Schema, SchemaReference, SchemaRegistry, SchemaType};

use crate::support::*;

const IMPORTS: &str = r#"
  (import "redpanda_schema_registry" "check_abi_version_0" (func $sr))
  (import "redpanda_schema_registry" "get_schema_definition_len" (func $len (param i32 i32) (result i32)))
  (import "redpanda_schema_registry" "get_schema_definition" (func $get (param i32 i32 i32) (result i32)))
  (import "redpanda_schema_registry" "get_subject_schema_len" (func $sub_len (param i32 i32 i32 i32) (result i32)))
  (import "redpanda_schema_registry" "get_subject_schema" (func $sub_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "redpanda_schema_registry" "create_subject_schema" (func $create (param i32 i32 i32 i32 i32) (result i32)))
"#;

/// Subject `s` at 300, a schema to register at 400; `expression` leaves an i32.
/// Returns it, 40 bytes from 500, and the registry after it.
fn ask(
    registry: Option<SchemaRegistry>,
    schema: &[u8],
    expression: &str,
) -> (i32, Vec<u8>, Option<SchemaRegistry>) {
    let items = data(300, b"s") + &data(400, schema);
    let record = format!(
        "(i32.store (i32.const 200) {expression}) (drop (call $put (i32.const 200) (i32.const 4)))
         (drop (call $put (i32.const 500) (i32.const 40)))"
    );
    let mut vm = vm(&transform_with(IMPORTS, &items, "(call $sr)", &record));
    if let Some(registry) = registry {
        vm.set_registry(registry);
    }
    let values = process(&mut vm, &[b"v"]).expect("runs");
    let answer = i32::from_le_bytes(values[0][..].try_into().expect("four bytes"));
    (answer, values[1].clone(), vm.registry())
}

fn avro(definition: &str) -> Schema {
    Schema::new(SchemaType::Avro, definition)
}

/// Two versions of `s`, and `t`, which refers to the first.
fn three_schemas() -> SchemaRegistry {
    let mut registry = SchemaRegistry::default();
    let reference = SchemaReference { name: "n".into(), subject: "s".into(), version: 1 };
    assert_eq!(registry.create(b"s", avro("one")), 1);
    assert_eq!(registry.create(b"s", avro("two")), 2);
    let mut json = Schema::new(SchemaType::Json, "3");
    json.references.push(reference);
    assert_eq!(registry.create(b"t", json), 3);
    registry
}

#[test]
fn answers() {
    let all = "(i32.const 500) (i32.const 40)";
    let subject = "(i32.const 300) (i32.const 1)";
    let out = "(i32.const 500)";
    let cases: &[(String, i32, &[u8])] = &[
        (format!("(call $len (i32.const 1) {out})"), 0, &[6, 0, 0, 0]),
        (format!("(call $get (i32.const 1) {all})"), 6, &[0, 6, b'o', b'n', b'e', 0]),
        (format!("(call $get (i32.const 3) {all})"), 9, &[4, 2, b'3', 2, 2, b'n', 2, b's', 2]),
        ("(call $get (i32.const 1) (i32.const 500) (i32.const 5))".into(), -2, &[]),
        (format!("(call $len (i32.const 4) {out})"), -2, &[]),
        (format!("(call $get (i32.const 4) {all})"), -2, &[]),
        (format!("(call $sub_len {subject} (i32.const 1) {out})"), 0, &[8, 0, 0, 0]),
        (
            format!("(call $sub_get {subject} (i32.const 1) {all})"),
            8,
            &[2, 2, 0, 6, b'o', b'n', b'e', 0],
        ),
        (
            format!("(call $sub_get {subject} (i32.const -1) {all})"),
            8,
            &[4, 4, 0, 6, b't', b'w', b'o', 0],
        ),
        (format!("(call $sub_get {subject} (i32.const 3) {all})"), -2, &[]),
        (format!("(call $sub_len {subject} (i32.const 0) {out})"), -2, &[]),
        (format!("(call $sub_get {subject} (i32.const 1) (i32.const 500) (i32.const 7))"), -2, &[]),
        (format!("(call $sub_get (i32.const 299) (i32.const 1) (i32.const -1) {all})"), -2, &[]),
    ];
    for (expression, expected, bytes) in cases {
        let (answer, written, _) = ask(Some(three_schemas()), b"", expression);
        assert_eq!(answer, *expected, "{expression}");
        assert_eq!(written[..bytes.len()], **bytes, "{expression}");
        // A registry that is not enabled.
        assert_eq!(ask(None, b"", expression).0, -1, "{expression}");
    }
}

#[test]
fn one_id_for_a_schema_and_versions_of_its_own_for_a_subject() {
    let mut registry = SchemaRegistry::default();
    let json = Schema::new(SchemaType::Json, "one");
    let cases: &[(&[u8], Schema, i32)] = &[
        (b"s", avro("one"), 1),
        (b"s", avro("two"), 2),
        // Known under another subject: the same id, this subject's first version.
        (b"t", avro("two"), 2),
        // Known here: nothing new.
        (b"t", avro("two"), 2),
        (b"s", avro("one"), 1),
        (b"t", avro("one"), 1),
        // The same text in another language is another schema.
        (b"t", json, 3),
    ];
    for (subject, schema, id) in cases {
        assert_eq!(registry.create(subject, schema.clone()), *id, "{subject:?} {schema:?}");
    }
    let registered: Vec<_> =
        registry.schemas().iter().map(|s| (&s.subject[..], s.version, s.id)).collect();
    let expected: [(&[u8], i32, i32); 5] =
        [(b"s", 1, 1), (b"s", 2, 2), (b"t", 1, 2), (b"t", 2, 1), (b"t", 3, 3)];
    assert_eq!(registered, expected);
}

#[test]
fn a_module_registers_a_schema_that_another_subject_has() {
    let mut registry = SchemaRegistry::default();
    assert_eq!(registry.create(b"t", avro("one")), 1);
    let register = "(call $create (i32.const 300) (i32.const 1)
                      (i32.const 400) (i32.const 6) (i32.const 500))";
    let (answer, id, registry) = ask(Some(registry), b"\x00\x06one\x00", register);
    assert_eq!((answer, &id[..4]), (0, &[1, 0, 0, 0][..]));
    // Version 1 of `s`, with the id that `t` has given it.
    let read = "(call $sub_get (i32.const 300) (i32.const 1)
                  (i32.const -1) (i32.const 500) (i32.const 40))";
    let (answer, written, _) = ask(registry, b"", read);
    assert_eq!((answer, &written[..8]), (8, &b"\x02\x02\x00\x06one\x00"[..]));
}

fn create(schema: &[u8]) -> (i32, Vec<u8>, Option<SchemaRegistry>) {
    let call = format!(
        "(call $create (i32.const 300) (i32.const 1) (i32.const 400) (i32.const {}) (i32.const 500))",
        schema.len()
    );
    ask(Some(SchemaRegistry::default()), schema, &call)
}

#[test]
fn the_first_schema_gets_id_one() {
    let (answer, id, registry) = create(b"\x02\x06abc\x00");
    assert_eq!((answer, &id[..4]), (0, &[1, 0, 0, 0][..]));
    let registry = registry.expect("enabled");
    let stored = &registry.schemas()[0];
    assert_eq!((stored.id, stored.version, &stored.subject[..]), (1, 1, &b"s"[..]));
    assert_eq!(stored.schema.kind, SchemaType::Protobuf);
    // With a reference, and something after it that nobody reads.
    let (answer, _, registry) = create(b"\x04\x06abc\x02\x02n\x02t\x06rest");
    assert_eq!(answer, 0);
    let expected = SchemaReference { name: "n".into(), subject: "t".into(), version: 3 };
    assert_eq!(registry.expect("enabled").schemas()[0].schema.references, [expected]);
    // A known text keeps its id.
    let call = "(call $create (i32.const 300) (i32.const 1) (i32.const 400) (i32.const 6) (i32.const 500))";
    let (_, id, after) = ask(Some(three_schemas()), b"\x00\x06two\x00", call);
    assert_eq!(id[..4], [2, 0, 0, 0]);
    assert_eq!(after, Some(three_schemas()));
}

#[test]
fn schemas_that_cannot_be_read() {
    let cases: &[&[u8]] = &[
        b"\x06\x06abc\x00",   // an unknown language
        b"\x00\x0aabc",       // a text past the end
        b"\x00\x01",          // a negative length
        b"\x00\x00\x01",      // a negative number of references
        b"\x00\x00\x02\x04n", // a name past the end
        b"\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ];
    for schema in cases {
        let (answer, _, registry) = create(schema);
        assert_eq!(answer, -2, "{schema:?}");
        assert!(registry.expect("enabled").schemas().is_empty());
    }
    // Missing bytes read as zero: an empty Avro schema.
    assert_eq!(create(b"").0, 0);
}
