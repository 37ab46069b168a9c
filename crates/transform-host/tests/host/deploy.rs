//! The checks before a transform is stored, with the broker's codes and texts.

use transform_host::{
    Cluster, Deployment, FromOffset, Limits, Refusal, check_deployment, check_deployment_to,
};

use crate::support::*;

const INVALID: &str = "invalid WebAssembly module";
const NO_WASI: &str = "invalid WebAssembly - missing required WASI functions";
const NO_ABI: &str = "Invalid WebAssembly - the binary is missing required transform functions. Check the broker support for the version of the Data Transforms SDK being used.";
const OLD_REGISTRY: &str = "Invalid WebAssembly - the binary is using an unsupported Schema Registry client. Does the broker support this version of the Data Transforms Schema Registry SDK?";

fn text(wasm: &[u8]) -> Result<(), String> {
    check_deployment(wasm, &deployment(&["out"]), &Limits::stock()).map_err(|refusal| {
        assert_eq!(refusal.http, 400);
        refusal.text
    })
}

const MARKER: &str = r#"(import "redpanda_transform" "check_abi_version_1" (func))"#;
const BODY: &str = r#"(memory (export "memory") 1) (func (export "_start"))"#;

#[test]
fn modules() {
    let ok = Ok(());
    let no = |text: &str| Err(text.to_owned());
    let sr = |version, ty| {
        format!(r#"(import "redpanda_schema_registry" "check_abi_version_{version}" (func {ty}))"#)
    };
    let import = |imports: &str| format!("(module {imports} {BODY})");
    let items = |items: &str| format!("(module {MARKER} {BODY} {items})");
    let long = "x".repeat(513);
    let cases = [
        (import(MARKER), ok.clone()),
        (import(&MARKER.replace("_1", "_2")), ok.clone()),
        (import(&MARKER.replace("_1", "_3")), no(NO_ABI)),
        (import(&MARKER.replace("(func)", "(func (param i32))")), no(NO_ABI)),
        (import(&MARKER.replace("redpanda_transform", "env")), no(NO_ABI)),
        (import(""), no(NO_ABI)),
        (import(&format!("{MARKER}{}", sr(0, ""))), ok.clone()),
        (import(&format!("{MARKER}{}", sr(1, ""))), no(OLD_REGISTRY)),
        (import(&format!("{MARKER}{}", sr(0, "(param i32)"))), no(OLD_REGISTRY)),
        // Which comes before a missing marker.
        (import(&sr(1, "")), no(OLD_REGISTRY)),
        (format!("(module {MARKER} (func (export \"_start\")))"), no(NO_WASI)),
        (format!("(module {MARKER} (memory (export \"memory\") 1))"), no(NO_WASI)),
        (
            format!("(module {MARKER} (memory (export \"mem\") 1) (func (export \"_start\")))"),
            no(NO_WASI),
        ),
        (
            format!(
                "(module {MARKER} (memory (export \"memory\") 1) (func (export \"_start\") (param i32)))"
            ),
            no(NO_WASI),
        ),
        (
            format!(
                "(module {MARKER} (memory 1) (func (export \"memory\")) (func (export \"_start\")))"
            ),
            no(NO_WASI),
        ),
        ("(module)".into(), no(NO_WASI)),
        // Deployed, and never started.
        (import(&format!("{MARKER}(import \"env\" \"nobody\" (func))")), ok.clone()),
        (
            format!(
                "(module {MARKER} (memory (export \"memory\") 1 2) (func (export \"_start\")))"
            ),
            ok.clone(),
        ),
        (
            format!("(module {MARKER} (memory (export \"memory\") 33) (func (export \"_start\")))"),
            ok.clone(),
        ),
        // Vectors belong inside functions.
        (items("(func (local v128) (drop (i32x4.splat (i32.const 1))))"), ok.clone()),
        (items("(func (param v128))"), no(INVALID)),
        (items("(func (result v128) (v128.const i64x2 0 0))"), no(INVALID)),
        (items("(global v128 (v128.const i64x2 0 0))"), no(INVALID)),
        // Initialisers of one simple instruction.
        (
            items(
                "(global i32 (i32.const 5)) (global i64 (i64.const -5)) (global f32 (f32.const 1)) (global f64 (f64.const 1))",
            ),
            ok.clone(),
        ),
        (
            items("(global externref (ref.null extern)) (global $g (mut i32) (i32.const 1))"),
            ok.clone(),
        ),
        (items("(func $f) (global funcref (ref.func $f))"), no(INVALID)),
        (items("(global i32 (i32.add (i32.const 1) (i32.const 1)))"), no(INVALID)),
        (items("(tag)"), no(INVALID)),
        (items(&format!("(func (export \"{}\"))", &long[1..])), ok.clone()),
        (items(&format!("(func (export \"{long}\"))")), no(INVALID)),
        (import(&format!("{MARKER}(import \"env\" \"{long}\" (func))")), no(INVALID)),
        (items(&format!("(func (param {}))", "i32 ".repeat(128))), ok.clone()),
        (items(&format!("(func (param {}))", "i32 ".repeat(129))), no(INVALID)),
        (items(&format!("(func (result {}) unreachable)", "i32 ".repeat(64))), ok.clone()),
        (items(&format!("(func (result {}) unreachable)", "i32 ".repeat(65))), no(INVALID)),
        (items(&"(func)".repeat(21_000)), ok.clone()),
        (items(&"(func)".repeat(22_000)), no(INVALID)),
        (items("(table 1 funcref) (elem (i32.const 0) func)"), ok),
        (items("(type (struct))"), no(INVALID)),
    ];
    for (module, expected) in cases {
        assert_eq!(text(&wasm(&module)), expected, "{}", &module[..module.len().min(300)]);
    }
}

#[test]
fn garbage() {
    let good = wasm(&format!("(module {MARKER} {BODY})"));
    for bytes in [&b""[..], b"garbage", b"\0asm\x01\0\0", b"\0asm\x02\0\0\0", b"\0asm\x0d\0\x01\0"]
    {
        assert_eq!(text(bytes), Err(INVALID.into()), "{bytes:?}");
    }
    // Every truncation and every changed byte has an answer, and none panics.
    for end in 0..good.len() {
        let _ = text(&good[..end]);
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = good.clone();
            changed[end] = byte;
            let _ = text(&changed);
        }
    }
    // Function bodies are not looked at.
    let mut body = good.clone();
    let last = body.len() - 1;
    body[last] = 0xff;
    assert_eq!(text(&body), Ok(()));
    assert!(engine().compile(&body).is_err());
}

fn refusal(change: impl FnOnce(&mut Deployment)) -> Result<(), Refusal> {
    let mut deployment = deployment(&["out"]);
    change(&mut deployment);
    check_deployment(&wasm(&format!("(module {MARKER} {BODY})")), &deployment, &Limits::stock())
}

fn no(text: &str) -> Result<(), Refusal> {
    Err(Refusal { http: 400, text: text.into() })
}

#[test]
fn size() {
    let mut module = wasm(&format!("(module {MARKER} {BODY})"));
    let check = |module: &[u8]| check_deployment(module, &deployment(&["out"]), &Limits::stock());
    // One custom section up to the limit.
    let fill = (10 << 20) - 101 - module.len() - 6;
    module.push(0);
    let mut rest = fill;
    for i in 0..5 {
        module.push((rest & 0x7f) as u8 | if i < 4 { 0x80 } else { 0 });
        rest >>= 7;
    }
    module.push(0);
    module.resize(module.len() + fill - 1, 0);
    assert_eq!(check(&module), Ok(()));
    assert_eq!(module.len(), (10 << 20) - 101);
    module.extend([0, 0]);
    let text = "Unexpected cluster error: Invalid request".into();
    assert_eq!(check(&module), Err(Refusal { http: 500, text }));
}

#[test]
fn environment() {
    let text = |len| "x".repeat(len);
    let cases = [
        (text(1), text(1), true),
        (text(128), text(2048), true),
        (text(129), text(1), false),
        (text(1), text(2049), false),
        (text(0), text(1), false),
        (text(1), text(0), false),
        ("a=b".into(), text(1), false),
        ("a".into(), "b=c".into(), true),
        ("REDPANDA_X".into(), text(1), false),
        ("REDPANDA".into(), text(1), true),
        ("a\n".into(), text(1), false),
        ("a".into(), "\u{7f}".into(), false),
        ("é".into(), "é".into(), true),
    ];
    for (key, value, valid) in cases {
        let result = refusal(|d| d.environment.push((key.clone(), value.clone())));
        let expected = if valid { Ok(()) } else { no("Invalid transform environment") };
        assert_eq!(result, expected, "{key:?}={value:?}");
    }
    let many = |count| {
        refusal(|d| d.environment = (0..count).map(|i| (format!("k{i}"), "v".into())).collect())
    };
    assert_eq!(many(128), Ok(()));
    assert_eq!(many(129), no("Invalid transform environment"));
}

#[test]
fn names_and_topics() {
    let invalid = no("Invalid create transform configuration");
    assert_eq!(refusal(|d| d.name = "x".repeat(128)), Ok(()));
    assert_eq!(refusal(|d| d.name = "x".repeat(129)), invalid);
    assert_eq!(refusal(|d| d.name.clear()), invalid);
    assert_eq!(refusal(|d| d.name = "a\tb".into()), invalid);
    let outputs = |topics: &[&str]| refusal(|d| d.output_topics = deployment(topics).output_topics);
    assert_eq!(outputs(&["a", "b", "c", "d", "e", "f", "g", "h"]), Ok(()));
    assert_eq!(outputs(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]), invalid);
    assert_eq!(outputs(&[]), invalid);
    assert_eq!(outputs(&["a", "b", "a"]), invalid);
    assert_eq!(outputs(&["__consumer_offsets"]), invalid);
    assert_eq!(outputs(&["payments"]), invalid, "the input");
}

#[test]
fn offsets() {
    let at = |from| refusal(|d| d.from_offset = from);
    for from in
        [FromOffset::Now, FromOffset::Timestamp(0), FromOffset::Start(0), FromOffset::End(9)]
    {
        assert_eq!(at(from), Ok(()));
    }
    for from in [FromOffset::Timestamp(-1), FromOffset::Start(-1), FromOffset::End(-1)] {
        assert_eq!(at(from), no("Bad offset: expected value >= 0, got -1"));
    }
    let max = i64::MAX / 1_000_000;
    assert_eq!(at(FromOffset::Timestamp(max - 1)), Ok(()));
    assert_eq!(
        at(FromOffset::Timestamp(max)),
        no("Bad offset: Timestamp value out of range (9223372036854)")
    );
}

#[test]
fn the_cluster_has_a_say() {
    let module = wasm(&format!("(module {MARKER} {BODY})"));
    let other = |name: &str, input: &str, output: &str| Deployment {
        name: name.into(),
        input_topic: input.into(),
        output_topics: vec![output.into()],
        ..Deployment::default()
    };
    let check = |cluster: &Cluster| {
        check_deployment_to(cluster, &module, &deployment(&["out"]), &Limits::stock())
    };
    let topics = |topics: &[&str]| Some(topics.iter().map(|&topic| topic.to_owned()).collect());
    let with = |transforms| Cluster { transforms, ..Cluster::default() };

    let disabled = Cluster { enabled: false, ..Cluster::default() };
    let text = "data transforms disabled - use `rpk cluster config set data_transforms_enabled true` to enable";
    assert_eq!(check(&disabled), no(text));
    assert_eq!(
        check(&Cluster { topics: topics(&["payments", "out"]), ..Cluster::default() }),
        Ok(())
    );
    for missing in [&["payments"], &["out"]] {
        let cluster = Cluster { topics: topics(missing), ..Cluster::default() };
        assert_eq!(check(&cluster), no("Topic does not exists"));
    }

    // An update keeps its topics, and is not counted.
    let full: Vec<_> = (0..10).map(|i| other(&format!("t{i}"), "x", "y")).collect();
    let text = "The limit of transforms has been reached (10), more memory must be configured via data_transforms_per_core_memory_reservation";
    assert_eq!(check(&with(full.clone())), no(text));
    let mut updated = full;
    updated[3] = deployment(&["out"]);
    assert_eq!(check(&with(updated)), Ok(()));
    let text = "Invalid update to transform, topic configuration cannot change";
    assert_eq!(check(&with(vec![other("score", "payments", "other")])), no(text));
    assert_eq!(check(&with(vec![other("score", "other", "out")])), no(text));

    // out → a → payments.
    let cycle = vec![other("t1", "out", "a"), other("t2", "a", "payments")];
    assert_eq!(check(&with(cycle.clone())), no("Invalid create transform configuration"));
    assert_eq!(check(&with(cycle[..1].to_vec())), Ok(()));
}

#[test]
fn the_first_check_that_fails_answers() {
    let bad = Deployment {
        from_offset: FromOffset::Start(-1),
        environment: vec![("".into(), "".into())],
        ..Deployment::default()
    };
    let check = |wasm: &[u8], d: &Deployment| {
        check_deployment(wasm, d, &Limits::stock()).expect_err("refused").text
    };
    let good = wasm(&format!("(module {MARKER} {BODY})"));
    assert_eq!(check(b"x", &bad), "Bad offset: expected value >= 0, got -1");
    let bad = Deployment { from_offset: FromOffset::Now, ..bad };
    assert_eq!(check(b"x", &bad), INVALID);
    assert_eq!(check(&good, &bad), "Invalid transform environment");
    let bad = Deployment { environment: Vec::new(), ..bad };
    assert_eq!(check(&good, &bad), "Invalid create transform configuration");
}
