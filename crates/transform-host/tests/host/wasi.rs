//! `wasi_snapshot_preview1`: what answers, and what only says no.

use std::sync::Arc;

use transform_host::{BatchBuilder, BatchHeader, Facts, Level, LogLine, Output, Provided, Vm};

use crate::support::*;

fn import(name: &str, params: &str) -> String {
    let params = if params.is_empty() { String::new() } else { format!("(param {params})") };
    format!(r#"(import "wasi_snapshot_preview1" "{name}" (func $f {params} (result i32)))"#)
}

#[test]
fn stubs_say_not_implemented() {
    let stubs = [
        ("fd_advise", "i32 i64 i64 i32"),
        ("fd_allocate", "i32 i64 i64"),
        ("fd_close", "i32"),
        ("fd_datasync", "i32"),
        ("fd_fdstat_get", "i32 i32"),
        ("fd_fdstat_set_flags", "i32 i32"),
        ("fd_filestat_get", "i32 i32"),
        ("fd_filestat_set_size", "i32 i64"),
        ("fd_filestat_set_times", "i32 i64 i64 i32"),
        ("fd_pread", "i32 i32 i32 i64 i32"),
        ("fd_prestat_dir_name", "i32 i32 i32"),
        ("fd_pwrite", "i32 i32 i32 i64 i32"),
        ("fd_read", "i32 i32 i32 i32"),
        ("fd_readdir", "i32 i32 i32 i64 i32"),
        ("fd_renumber", "i32 i32"),
        ("fd_seek", "i32 i64 i32 i32"),
        ("fd_sync", "i32"),
        ("fd_tell", "i32 i32"),
        ("path_create_directory", "i32 i32 i32"),
        ("path_filestat_get", "i32 i32 i32 i32 i32"),
        ("path_filestat_set_times", "i32 i32 i32 i32 i64 i64 i32"),
        ("path_link", "i32 i32 i32 i32 i32 i32 i32"),
        ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
        ("path_readlink", "i32 i32 i32 i32 i32 i32"),
        ("path_remove_directory", "i32 i32 i32"),
        ("path_rename", "i32 i32 i32 i32 i32 i32"),
        ("path_symlink", "i32 i32 i32 i32 i32"),
        ("path_unlink_file", "i32 i32 i32"),
        ("sock_accept", "i32 i32 i32"),
        ("sock_recv", "i32 i32 i32 i32 i32 i32"),
        ("sock_send", "i32 i32 i32 i32 i32"),
        ("sock_shutdown", "i32 i32"),
    ];
    for (name, params) in stubs {
        let zeros = params.split(' ').map(|ty| format!("({ty}.const 0)")).collect::<String>();
        assert_eq!(answer(&import(name, params), "", &format!("(call $f {zeros})")), 52, "{name}");
    }
    // With the functions that have an answer there are 44.
    let rest = [
        ("args_get", "i32 i32"),
        ("args_sizes_get", "i32 i32"),
        ("environ_get", "i32 i32"),
        ("environ_sizes_get", "i32 i32"),
        ("clock_res_get", "i32 i32"),
        ("clock_time_get", "i32 i64 i32"),
        ("fd_prestat_get", "i32 i32"),
        ("fd_write", "i32 i32 i32 i32"),
        ("poll_oneoff", "i32 i32 i32 i32"),
        ("random_get", "i32 i32"),
        ("sched_yield", ""),
    ];
    assert_eq!(stubs.len() + rest.len() + 1, 44, "and proc_exit");
    for (name, params) in rest {
        let facts =
            Facts::of(&wasm(&format!("(module {})", import(name, params)))).expect("a module");
        assert_eq!(facts.imports[0].provided, Provided::Yes, "{name}");
    }
}

#[test]
fn stubs_check_their_pointers() {
    let end = 3 * 65536;
    let cases = [
        (
            "fd_read",
            "i32 i32 i32 i32",
            format!("(i32.const 0) (i32.const {}) (i32.const 1) (i32.const 0)", end - 7),
        ),
        ("fd_tell", "i32 i32", format!("(i32.const 0) (i32.const {})", end - 7)),
        (
            "path_create_directory",
            "i32 i32 i32",
            format!("(i32.const 0) (i32.const {end}) (i32.const 1)"),
        ),
    ];
    for (name, params, args) in cases {
        let record = format!("(drop (call $f {args}))");
        let mut vm = vm(&transform_with(&import(name, params), "", "", &record));
        assert!(process(&mut vm, &[b"v"]).is_err(), "{name}");
    }
    // Untyped pointers are not looked at.
    assert_eq!(
        answer(&import("fd_fdstat_get", "i32 i32"), "", "(call $f (i32.const 0) (i32.const -1))"),
        52
    );
}

#[test]
fn fd_prestat_get_tells_standard_streams_from_others() {
    let call = |fd| {
        let call = format!("(call $f (i32.const {fd}) (i32.const -1))");
        answer(&import("fd_prestat_get", "i32 i32"), "", &call)
    };
    assert_eq!([-1, 0, 1, 2, 3, 100].map(call), [8, 52, 52, 52, 8, 8]);
}

/// The strings behind `<name>_sizes_get` and `<name>_get`, sorted.
fn strings(name: &str, vm: impl Fn(&str) -> Vm) -> Vec<String> {
    let imports = format!(
        r#"(import "wasi_snapshot_preview1" "{name}_sizes_get" (func $sizes (param i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "{name}_get" (func $get (param i32 i32) (result i32)))
           "#
    );
    let record = "
        (drop (call $sizes (i32.const 300) (i32.const 304)))
        (drop (call $get (i32.const 400) (i32.const 1000)))
        (i32.store8 (i32.const 998) (i32.const 1))
        (i32.store8 (i32.const 999) (i32.const 0x80))
        (drop (call $put (i32.const 300) (i32.const 8)))
        (drop (call $put (i32.load (i32.const 400)) (i32.const 60)))
        (drop (call $put (i32.const 1000) (i32.const 60)))
        (drop (call $put (i32.const 1060) (i32.const 60)))";
    let values =
        process(&mut vm(&transform_with(&imports, "", "", record)), &[b"v"]).expect("runs");
    let word = |at: usize| u32::from_le_bytes(values[0][at..at + 4].try_into().expect("four"));
    let (count, size) = (word(0), word(4));
    assert_eq!(values[1], values[2], "the first pointer is the first string");
    let mut bytes = values[2].clone();
    bytes.extend(&values[3]);
    bytes.truncate(size as usize);
    let text = String::from_utf8(bytes).expect("text");
    let mut strings: Vec<_> = text.split_terminator('\0').map(str::to_owned).collect();
    assert_eq!(strings.len() as u32, count);
    strings.sort();
    strings
}

#[test]
fn the_only_argument_is_the_name() {
    assert_eq!(strings("args", vm), ["score"]);
}

#[test]
fn the_environment_is_the_user_s_and_the_topics() {
    let expected = ["REDPANDA_INPUT_TOPIC=payments", "REDPANDA_OUTPUT_TOPIC_0=out"];
    assert_eq!(strings("environ", vm), expected);
    let full = |text: &str| {
        let mut deployment = deployment(&["a", "b"]);
        deployment.environment.push(("MODE".into(), "x=y".into()));
        let mut vm = Vm::new(&module(text), &deployment);
        vm.start().expect("starts");
        vm
    };
    assert_eq!(
        strings("environ", full),
        [
            "MODE=x=y",
            "REDPANDA_INPUT_TOPIC=payments",
            "REDPANDA_OUTPUT_TOPIC_0=a",
            "REDPANDA_OUTPUT_TOPIC_1=b"
        ]
    );
}

#[test]
fn strings_out_of_bounds_are_an_answer() {
    for (name, pointers, data) in [("args_get", -1, 0), ("environ_get", 0, 196_600)] {
        let call = format!("(call $f (i32.const {pointers}) (i32.const {data}))");
        assert_eq!(answer(&import(name, "i32 i32"), "", &call), 16, "{name}");
    }
}

#[test]
fn the_wall_clock_is_the_record_s() {
    let read = "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 300)))
        (drop (call $put (i32.const 300) (i32.const 8)))";
    let start = "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 400)))
        (if (i64.ne (i64.load (i32.const 400)) (i64.const 0)) (then unreachable))";
    // Once between the header and the first record, then in each record.
    let text = transform_with("", "", start, read)
        .replace("(block $done", &format!("{read} (block $done"));
    let mut vm = vm(&text);
    let mut times = |change: fn(&mut BatchHeader)| {
        let mut builder = BatchBuilder::new(0);
        builder.push(20, None, None, &[]).push(30, None, None, &[]).header(change);
        let mut output = Output::default();
        vm.process(&Arc::new(builder.build()), &mut output).expect("runs");
        let nanos = |value: &[u8]| i64::from_le_bytes(value.try_into().expect("eight bytes"));
        output.iter().filter_map(|r| r.value()).map(nanos).collect::<Vec<_>>()
    };
    assert_eq!(times(|_| {}), [20_000_000, 20_000_000, 30_000_000]);
    let append = times(|h| {
        h.attributes = BatchHeader::LOG_APPEND_TIME;
        h.max_timestamp = 99;
    });
    assert_eq!(append, [99_000_000; 3]);
}

#[test]
fn other_clocks_count_reads_over_restarts() {
    let record = "
        (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 300)))
        (drop (call $clock (i32.const 2) (i64.const 0) (i32.const 308)))
        (drop (call $clock (i32.const 3) (i64.const 0) (i32.const 316)))
        (drop (call $put (i32.const 300) (i32.const 24)))";
    let mut vm = vm(&transform(record));
    let bytes =
        |ms: [u64; 3]| ms.iter().flat_map(|ms| (ms * 1_000_000).to_le_bytes()).collect::<Vec<_>>();
    assert_eq!(process(&mut vm, &[b"v"]).expect("runs"), [bytes([0, 1, 2])]);
    vm.start().expect("starts again");
    assert_eq!(process(&mut vm, &[b"v"]).expect("runs"), [bytes([3, 4, 5])]);
    assert_eq!(answer("", "", "(call $clock (i32.const 4) (i64.const 0) (i32.const 300))"), 16);
}

#[test]
fn the_resolution_is_a_millisecond() {
    let imports = import("clock_res_get", "i32 i32");
    for (id, expected) in [(0, 0), (1, 0), (2, 0), (3, 0), (4, 16)] {
        let call = format!("(call $f (i32.const {id}) (i32.const 300))");
        assert_eq!(answer(&imports, "", &call), expected, "{id}");
    }
    let call = "(call $f (i32.const 0) (i32.const 300)) (i32.add (i32.load (i32.const 300)))";
    assert_eq!(answer(&imports, "", call), 1_000_000);
}

#[test]
fn random_is_nine() {
    let call = "(call $f (i32.const 300) (i32.const 4)) (i32.add (i32.load (i32.const 300)))";
    assert_eq!(answer(&import("random_get", "i32 i32"), "", call), 0x0909_0909);
}

#[test]
fn yielding_works() {
    assert_eq!(answer(&import("sched_yield", ""), "", "(call $f)"), 0);
}

/// The log lines of a transform that prints these bytes once to this descriptor.
fn logged(fd: u32, message: &[u8]) -> Vec<LogLine> {
    let record =
        format!("(call $log (i32.const {fd}) (i32.const 300) (i32.const {}))", message.len());
    let mut vm = vm(&transform_with("", &data(300, message), "", &record));
    process(&mut vm, &[b"v"]).expect("runs");
    vm.take_logs()
}

#[test]
fn a_log_line_is_what_was_printed() {
    for (fd, level) in [(1, Level::Info), (2, Level::Warn)] {
        let expected = LogLine { level, message: "héllo\n\tworld\n".into() };
        assert_eq!(logged(fd, "héllo\n\tworld\n".as_bytes()), [expected]);
    }
    assert_eq!(logged(1, b"")[0].message, "");
    assert_eq!(logged(3, b"text"), []);
}

#[test]
fn a_log_line_is_cut_then_checked() {
    let kept = |message: &[u8]| logged(1, message).first().map(|line| line.message.len());
    let cases: &[(Vec<u8>, Option<usize>)] = &[
        (vec![b'x'; 1024], Some(1024)),
        (vec![b'x'; 5000], Some(1024)),
        (b"a\rb".to_vec(), None),
        (b"a\0".to_vec(), None),
        (b"\x7f".to_vec(), None),
        (b"\xff".to_vec(), None),
        // Bytes that are cut away may be anything, but no character may be cut in two.
        ([vec![b'x'; 1024], b"\x01\xff".to_vec()].concat(), Some(1024)),
        ([vec![b'x'; 1023], "é".into()].concat(), None),
        // C1 control characters are none here.
        ("\u{85}".into(), Some(2)),
    ];
    for (message, expected) in cases {
        assert_eq!(kept(message), *expected, "{:?}", String::from_utf8_lossy(message));
    }
}

#[test]
fn fd_write_joins_its_vectors_and_counts_all() {
    let vectors =
        [300u32, 3, 303, 2, 0, 0].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let items = data(300, b"foobar") + &data(400, &vectors);
    let record = "
        (i32.store (i32.const 200) (call $fd_write (i32.const 1) (i32.const 400) (i32.const 3) (i32.const 204)))
        (drop (call $put (i32.const 200) (i32.const 8)))";
    let mut vm = vm(&transform_with("", &items, "", record));
    assert_eq!(process(&mut vm, &[b"v"]).expect("runs"), [[0, 0, 0, 0, 5, 0, 0, 0]]);
    assert_eq!(vm.take_logs()[0].message, "fooba");
    assert_eq!(
        answer("", "", "(call $fd_write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))"),
        52
    );
    // A vector that points outside.
    fault(
        "(i32.store (i32.const 400) (i32.const -1)) (i32.store (i32.const 404) (i32.const 9))
        (drop (call $fd_write (i32.const 1) (i32.const 400) (i32.const 1) (i32.const 500)))",
    );
}

#[test]
fn sleeping_takes_no_time() {
    // Two subscriptions of 48 bytes: userdata 7 for a clock, 8 for a descriptor.
    let mut subscriptions = vec![0u8; 96];
    subscriptions[0] = 7;
    subscriptions[48] = 8;
    subscriptions[48 + 8] = 1;
    let items = data(1000, &subscriptions);
    let record = "
        (i32.store (i32.const 300) (call $f (i32.const 1000) (i32.const 2000) (i32.const 2) (i32.const 304)))
        (drop (call $put (i32.const 300) (i32.const 8)))
        (drop (call $put (i32.const 2000) (i32.const 11)))
        (drop (call $put (i32.const 2032) (i32.const 11)))";
    let imports = import("poll_oneoff", "i32 i32 i32 i32");
    let mut vm = vm(&transform_with(&imports, &items, "", record));
    let values = process(&mut vm, &[b"v"]).expect("runs");
    assert_eq!(values[0], [0, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(values[1], [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(values[2], [8, 0, 0, 0, 0, 0, 0, 0, 52, 0, 1]);
    // An unknown kind.
    subscriptions[8] = 3;
    let call = "(call $f (i32.const 1000) (i32.const 2000) (i32.const 1) (i32.const 304))";
    assert_eq!(answer(&imports, &data(1000, &subscriptions), call), 52);
}
