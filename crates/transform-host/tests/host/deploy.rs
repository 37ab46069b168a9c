//! The checks before a transform is stored, with the broker's codes and texts.

use transform_host::{
    Cluster, Deployment, FromOffset, Limits, Refusal, check_deployment, check_deployment_to,
};

use crate::support::*;

fn check(wasm: &[u8]) -> Result<(), Refusal> {
    check_deployment(wasm, &deployment(&["out"]), &Limits::stock())
}

const MARKER: &str = r#"(import "redpanda_transform" "check_abi_version_1" (func))"#;
const BODY: &str = r#"(memory (export "memory") 1) (func (export "_start"))"#;

#[test]
fn refusals_have_the_broker_s_codes_and_texts() {
    let topic = || "t".to_owned();
    let create = "Invalid create transform configuration";
    let cases = [
        (
            Refusal::Disabled,
            400,
            "data transforms disabled - use `rpk cluster config set data_transforms_enabled true` to enable",
        ),
        (Refusal::NegativeOffset(-1), 400, "Bad offset: expected value >= 0, got -1"),
        (Refusal::TimeOutOfRange(7), 400, "Bad offset: Timestamp value out of range (7)"),
        (Refusal::InvalidModule, 400, "invalid WebAssembly module"),
        (Refusal::MissingExports, 400, "invalid WebAssembly - missing required WASI functions"),
        (
            Refusal::MissingAbi,
            400,
            "Invalid WebAssembly - the binary is missing required transform functions. Check the broker support for the version of the Data Transforms SDK being used.",
        ),
        (
            Refusal::UnknownRegistryAbi,
            400,
            "Invalid WebAssembly - the binary is using an unsupported Schema Registry client. Does the broker support this version of the Data Transforms Schema Registry SDK?",
        ),
        (Refusal::TooLarge { bytes: 9, max: 8 }, 500, "Unexpected cluster error: Invalid request"),
        (Refusal::TooManyVariables(129), 400, "Invalid transform environment"),
        (Refusal::InvalidVariable("k".into()), 400, "Invalid transform environment"),
        (
            Refusal::TopicsChanged,
            400,
            "Invalid update to transform, topic configuration cannot change",
        ),
        (
            Refusal::TooManyTransforms { max: 10 },
            400,
            "The limit of transforms has been reached (10), more memory must be configured via data_transforms_per_core_memory_reservation",
        ),
        (Refusal::InvalidName, 400, create),
        (Refusal::NoSuchTopic(topic()), 400, "Topic does not exists"),
        (Refusal::OutputCount(9), 400, create),
        (Refusal::RepeatedOutput(topic()), 400, create),
        (Refusal::ProtectedOutput(topic()), 400, create),
        (Refusal::Cycle(topic()), 400, create),
    ];
    for (refusal, http, text) in cases {
        assert_eq!((refusal.http(), refusal.to_string()), (http, text.into()), "{refusal:?}");
    }
}

#[test]
fn modules() {
    let ok = Ok(());
    let sr = |version, ty| {
        format!(r#"(import "redpanda_schema_registry" "check_abi_version_{version}" (func {ty}))"#)
    };
    let import = |imports: &str| format!("(module {imports} {BODY})");
    let items = |items: &str| format!("(module {MARKER} {BODY} {items})");
    let long = "x".repeat(513);
    let cases = [
        (import(MARKER), ok.clone()),
        (import(&MARKER.replace("_1", "_2")), ok.clone()),
        (import(&MARKER.replace("_1", "_3")), Err(Refusal::MissingAbi)),
        (import(&MARKER.replace("(func)", "(func (param i32))")), Err(Refusal::MissingAbi)),
        (import(&MARKER.replace("redpanda_transform", "env")), Err(Refusal::MissingAbi)),
        (import(""), Err(Refusal::MissingAbi)),
        (import(&format!("{MARKER}{}", sr(0, ""))), ok.clone()),
        (import(&format!("{MARKER}{}", sr(1, ""))), Err(Refusal::UnknownRegistryAbi)),
        (import(&format!("{MARKER}{}", sr(0, "(param i32)"))), Err(Refusal::UnknownRegistryAbi)),
        // Which comes before a missing marker.
        (import(&sr(1, "")), Err(Refusal::UnknownRegistryAbi)),
        (format!("(module {MARKER} (func (export \"_start\")))"), Err(Refusal::MissingExports)),
        (format!("(module {MARKER} (memory (export \"memory\") 1))"), Err(Refusal::MissingExports)),
        (
            format!("(module {MARKER} (memory (export \"mem\") 1) (func (export \"_start\")))"),
            Err(Refusal::MissingExports),
        ),
        (
            format!(
                "(module {MARKER} (memory (export \"memory\") 1) (func (export \"_start\") (param i32)))"
            ),
            Err(Refusal::MissingExports),
        ),
        (
            format!(
                "(module {MARKER} (memory 1) (func (export \"memory\")) (func (export \"_start\")))"
            ),
            Err(Refusal::MissingExports),
        ),
        ("(module)".into(), Err(Refusal::MissingExports)),
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
        (items("(func (param v128))"), Err(Refusal::InvalidModule)),
        (items("(func (result v128) (v128.const i64x2 0 0))"), Err(Refusal::InvalidModule)),
        (items("(global v128 (v128.const i64x2 0 0))"), Err(Refusal::InvalidModule)),
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
        (items("(func $f) (global funcref (ref.func $f))"), Err(Refusal::InvalidModule)),
        (items("(global i32 (i32.add (i32.const 1) (i32.const 1)))"), Err(Refusal::InvalidModule)),
        (items("(tag)"), Err(Refusal::InvalidModule)),
        (items(&format!("(func (export \"{}\"))", &long[1..])), ok.clone()),
        (items(&format!("(func (export \"{long}\"))")), Err(Refusal::InvalidModule)),
        (
            import(&format!("{MARKER}(import \"env\" \"{long}\" (func))")),
            Err(Refusal::InvalidModule),
        ),
        (items(&format!("(func (param {}))", "i32 ".repeat(128))), ok.clone()),
        (items(&format!("(func (param {}))", "i32 ".repeat(129))), Err(Refusal::InvalidModule)),
        (items(&format!("(func (result {}) unreachable)", "i32 ".repeat(64))), ok.clone()),
        (
            items(&format!("(func (result {}) unreachable)", "i32 ".repeat(65))),
            Err(Refusal::InvalidModule),
        ),
        (items(&"(func)".repeat(21_000)), ok.clone()),
        (items(&"(func)".repeat(22_000)), Err(Refusal::InvalidModule)),
        (items("(table 1 funcref) (elem (i32.const 0) func)"), ok),
        (items("(type (struct))"), Err(Refusal::InvalidModule)),
    ];
    for (module, expected) in cases {
        assert_eq!(check(&wasm(&module)), expected, "{}", &module[..module.len().min(300)]);
    }
}

#[test]
fn garbage() {
    let good = wasm(&format!("(module {MARKER} {BODY})"));
    for bytes in [&b""[..], b"garbage", b"\0asm\x01\0\0", b"\0asm\x02\0\0\0", b"\0asm\x0d\0\x01\0"]
    {
        assert_eq!(check(bytes), Err(Refusal::InvalidModule), "{bytes:?}");
    }
    // Every truncation and every changed byte has an answer, and none panics.
    for end in 0..good.len() {
        let _ = check(&good[..end]);
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = good.clone();
            changed[end] = byte;
            let _ = check(&changed);
        }
    }
    // Function bodies are not looked at.
    let mut body = good.clone();
    let last = body.len() - 1;
    body[last] = 0xff;
    assert_eq!(check(&body), Ok(()));
    assert!(engine().compile(&body).is_err());
}

fn refusal(change: impl FnOnce(&mut Deployment)) -> Result<(), Refusal> {
    let mut deployment = deployment(&["out"]);
    change(&mut deployment);
    check_deployment(&wasm(&format!("(module {MARKER} {BODY})")), &deployment, &Limits::stock())
}

#[test]
fn size() {
    let mut module = wasm(&format!("(module {MARKER} {BODY})"));
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
    let max = 10 << 20;
    assert_eq!(check(&module), Err(Refusal::TooLarge { bytes: max + 2, max }));
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
        let invalid = || Err(Refusal::InvalidVariable(key.clone()));
        let expected = if valid { Ok(()) } else { invalid() };
        assert_eq!(result, expected, "{key:?}={value:?}");
    }
    let many = |count| {
        refusal(|d| d.environment = (0..count).map(|i| (format!("k{i}"), "v".into())).collect())
    };
    assert_eq!(many(128), Ok(()));
    assert_eq!(many(129), Err(Refusal::TooManyVariables(129)));
}

#[test]
fn names_and_topics() {
    let name = |name: &str| refusal(|d| d.name = name.into());
    assert_eq!(name(&"x".repeat(128)), Ok(()));
    for bad in [&"x".repeat(129), "", "a\tb"] {
        assert_eq!(name(bad), Err(Refusal::InvalidName), "{bad:?}");
    }
    let outputs = |topics: &[&str]| refusal(|d| d.output_topics = deployment(topics).output_topics);
    assert_eq!(outputs(&["a", "b", "c", "d", "e", "f", "g", "h"]), Ok(()));
    assert_eq!(
        outputs(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]),
        Err(Refusal::OutputCount(9))
    );
    assert_eq!(outputs(&[]), Err(Refusal::OutputCount(0)));
    assert_eq!(outputs(&["a", "b", "a"]), Err(Refusal::RepeatedOutput("a".into())));
    let protected = "__consumer_offsets";
    assert_eq!(outputs(&[protected]), Err(Refusal::ProtectedOutput(protected.into())));
    assert_eq!(outputs(&["payments"]), Err(Refusal::Cycle("payments".into())), "the input");
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
        assert_eq!(at(from), Err(Refusal::NegativeOffset(-1)));
    }
    let max = i64::MAX / 1_000_000;
    assert_eq!(at(FromOffset::Timestamp(max - 1)), Ok(()));
    assert_eq!(at(FromOffset::Timestamp(max)), Err(Refusal::TimeOutOfRange(max)));
}

#[test]
fn the_cluster_has_a_say() {
    let module = wasm(&format!("(module {MARKER} {BODY})"));
    let other = |name: &str, input: &str, output: &str| Deployment::new(name, input, [output]);
    let check = |cluster: &Cluster| {
        check_deployment_to(cluster, &module, &deployment(&["out"]), &Limits::stock())
    };
    let topics = |topics: &[&str]| Some(topics.iter().map(|&topic| topic.to_owned()).collect());
    let with = |transforms| Cluster::default().with(|c| c.transforms = transforms);

    let disabled = Cluster::default().with(|c| c.enabled = false);
    assert_eq!(check(&disabled), Err(Refusal::Disabled));
    assert_eq!(
        check(&Cluster::default().with(|c| c.topics = topics(&["payments", "out"]))),
        Ok(())
    );
    for (present, missing) in [("payments", "out"), ("out", "payments")] {
        let cluster = Cluster::default().with(|c| c.topics = topics(&[present]));
        assert_eq!(check(&cluster), Err(Refusal::NoSuchTopic(missing.into())));
    }

    // An update keeps its topics, and is not counted.
    let full: Vec<_> = (0..10).map(|i| other(&format!("t{i}"), "x", "y")).collect();
    assert_eq!(check(&with(full.clone())), Err(Refusal::TooManyTransforms { max: 10 }));
    let mut updated = full;
    updated[3] = deployment(&["out"]);
    assert_eq!(check(&with(updated)), Ok(()));
    for (input, output) in [("payments", "other"), ("other", "out")] {
        let changed = with(vec![other("score", input, output)]);
        assert_eq!(check(&changed), Err(Refusal::TopicsChanged), "{input} to {output}");
    }

    // out → a → payments.
    let cycle = vec![other("t1", "out", "a"), other("t2", "a", "payments")];
    assert_eq!(check(&with(cycle.clone())), Err(Refusal::Cycle("out".into())));
    assert_eq!(check(&with(cycle[..1].to_vec())), Ok(()));
}

#[test]
fn the_first_check_that_fails_answers() {
    let check = |wasm: &[u8], d: &Deployment| {
        check_deployment(wasm, d, &Limits::stock()).expect_err("refused")
    };
    let good = wasm(&format!("(module {MARKER} {BODY})"));
    let bad = Deployment::new("", "", [""; 0]).with(|d| {
        d.from_offset = FromOffset::Start(-1);
        d.environment = vec![("".into(), "".into())];
    });
    assert_eq!(check(b"x", &bad), Refusal::NegativeOffset(-1));
    let bad = bad.with(|d| d.from_offset = FromOffset::Now);
    assert_eq!(check(b"x", &bad), Refusal::InvalidModule);
    assert_eq!(check(&good, &bad), Refusal::InvalidVariable("".into()));
    let bad = bad.with(|d| d.environment.clear());
    assert_eq!(check(&good, &bad), Refusal::InvalidName);
}
