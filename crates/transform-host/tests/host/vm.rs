//! One VM: what the broker's own engine tests check, and the limits.

use std::sync::Arc;

use transform_host::{
    BatchBuilder, BatchHeader, Engine, Fault, Level, Limits, LoadError, Output, TrapKind, Vm,
};

use crate::support::*;

#[test]
fn identity_keeps_every_byte() {
    let mut builder = BatchBuilder::new(5);
    let headers: [(&[u8], Option<&[u8]>); 2] = [(b"a", Some(b"1")), (b"b", None)];
    builder.push(10, Some(b"k"), Some(b"v"), &headers).push(11, None, None, &[]).push(
        12,
        Some(b""),
        Some(&[7; 5000]),
        &[],
    );
    let batch = Arc::new(builder.build());
    let mut vm = vm(&transform(IDENTITY));
    for _ in 0..2 {
        let mut output = Output::default();
        vm.process(&batch, &mut output).expect("runs");
        let before: Vec<_> = batch.iter().map(|r| r.payload).collect();
        let after: Vec<_> = output.iter().map(|r| r.payload).collect();
        assert_eq!(before, after);
        // Also after a restart.
        vm.stop();
        vm.start().expect("starts again");
    }
    assert_eq!((vm.stats().records, vm.stats().batches, vm.stats().restarts), (6, 2, 2));
}

#[test]
fn faults_name_their_cause() {
    let cases: &[(&str, Fault)] = &[
        ("unreachable", Fault::Trap(TrapKind::Unreachable)),
        ("(drop (i32.load (i32.const -4)))", Fault::Trap(TrapKind::MemoryOutOfBounds)),
        (
            "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
            Fault::Trap(TrapKind::IntegerDivisionByZero),
        ),
        ("(call $exit (i32.const 0))", Fault::Exit(0)),
        ("(call $exit (i32.const 7))", Fault::Exit(7)),
        ("(loop $l (br $l))", Fault::OutOfFuel { fuel: 6_000_000_000 }),
        ("(call $record (local.get $len))", Fault::StackOverflow { bytes: 65_536 }),
    ];
    for (record, expected) in cases {
        assert_eq!(fault(record), *expected, "{record}");
        assert_ne!(expected.to_string(), "");
    }
}

#[test]
fn limits_that_no_engine_has() {
    let limits = Limits::stock().with(|l| l.wasm_stack_bytes = 200_000);
    let error = Engine::new(&limits).expect_err("the stack is larger than the async stack");
    let text = error.to_string();
    assert!(text.contains("200000") && text.contains("126976"), "{text}");
}

#[test]
fn a_panic_in_start_fails_the_load() {
    let text = transform_with("", "", "unreachable", IDENTITY);
    let mut vm = Vm::new(&module(&text), &deployment(&["out"]));
    assert_eq!(vm.start(), Err(Fault::Trap(TrapKind::Unreachable)));
    assert!(!vm.is_running());
    assert_eq!(process(&mut vm, &[b"v"]), Err(Fault::NotRunning));
}

#[test]
fn start_that_returns_is_a_fault() {
    let text =
        format!(r#"(module {IMPORTS} (memory (export "memory") 1) (func (export "_start")))"#);
    let mut vm = Vm::new(&module(&text), &deployment(&["out"]));
    assert_eq!(vm.start(), Err(Fault::Returned));
}

#[test]
fn a_start_section_reads_no_batch() {
    let mut vm = Vm::new(&module(&starts_with(READS_A_BATCH)), &deployment(&["out"]));
    for _ in 0..2 {
        assert_eq!(vm.start(), Err(Fault::BatchInStartSection));
        assert!(!vm.is_running());
    }
    // Anything else it may do: here it logs, and the module runs.
    let logs = "(call $log (i32.const 1) (i32.const 300) (i32.const 2))";
    let mut vm = Vm::new(&module(&starts_with(logs)), &deployment(&["out"]));
    vm.start().expect("starts");
    assert_eq!(vm.take_logs()[0].message, "up");
    assert_eq!(process(&mut vm, &[b"v"]).expect("runs"), [b"v"]);
}

/// Traps on the value "!", counts records in its memory, and writes the count.
const COUNTER: &str = "
    (drop (call $write (i32.const 65536) (local.get $len)))
    (if (i32.eq (i32.load8_u (i32.const 65538)) (i32.const 33)) (then unreachable))
    (i32.store8 (i32.const 300) (i32.add (i32.load8_u (i32.const 300)) (i32.const 1)))
    (drop (call $put (i32.const 300) (i32.const 1)))";

#[test]
fn a_trap_keeps_what_was_written_and_a_restart_forgets_the_memory() {
    let mut vm = vm(&transform(COUNTER));
    assert_eq!(process(&mut vm, &[b"a", b"b"]).expect("runs")[3], [2]);
    let mut output = Output::default();
    let result = vm.process(&batch(&[b"c", b"!", b"d"]), &mut output);
    assert_eq!(result, Err(Fault::Trap(TrapKind::Unreachable)));
    let values: Vec<_> = output.iter().map(|r| r.value().expect("a value")).collect();
    assert_eq!(values, [&b"c"[..], &[3], b"!"]);
    assert_eq!(vm.process(&batch(&[b"a"]), &mut output), Err(Fault::NotRunning));
    assert!(output.is_empty());

    vm.start().expect("starts again");
    assert_eq!(process(&mut vm, &[b"a"]).expect("runs")[1], [1], "the memory is new");
    let stats = vm.stats();
    assert_eq!((stats.records, stats.batches, stats.restarts), (5, 2, 1));
}

#[test]
fn memory_grows_to_two_mebibytes_and_no_further() {
    let grow = |pages| answer("", "", &format!("(memory.grow (i32.const {pages}))"));
    assert_eq!(grow(1), 3);
    assert_eq!(grow(29), 3);
    assert_eq!(grow(30), -1);
    assert_eq!(grow(509), -1, "32 MiB");
    let mut vm = vm(&transform("(drop (memory.grow (i32.const 29)))"));
    assert_eq!(vm.stats().peak_memory_bytes, 3 << 16);
    process(&mut vm, &[b"v"]).expect("runs");
    assert_eq!(vm.stats().peak_memory_bytes, 2 << 20);
}

#[test]
fn memory_that_grows_keeps_its_content_and_is_zero_beyond() {
    let record = "
        (i32.store (i32.const 196604) (i32.const 7))
        (drop (memory.grow (i32.const 29)))
        (i32.store (i32.const 200) (i32.add (i32.load (i32.const 196604)) (i32.load (i32.const 2097148))))
        (i32.store (i32.const 2097148) (i32.const 100))
        (drop (call $put (i32.const 200) (i32.const 4)))";
    let mut vm = vm(&transform(record));
    for _ in 0..2 {
        assert_eq!(process(&mut vm, &[b"v"]).expect("runs"), [7u32.to_le_bytes()]);
        vm.start().expect("starts again, with a memory that is zero");
    }
}

#[test]
fn a_limit_that_the_machine_has_not() {
    let limits = Limits::stock().with(|l| l.memory_bytes = u64::MAX);
    let module = Engine::new(&limits)
        .expect("limits")
        .compile(&wasm(&transform(IDENTITY)))
        .expect("compiles");
    let Err(Fault::Instantiate(why)) = Vm::new(&module, &deployment(&["out"])).start() else {
        panic!("started");
    };
    assert!(why.contains("cannot map 18446744073709547520 bytes of memory"), "{why}");
}

/// The refusal of a module whose memory or table is `declaration`.
fn start_error(declaration: &str) -> String {
    let text =
        format!(r#"(module {IMPORTS} {declaration} (func (export "_start") (loop $l (br $l))))"#);
    match Vm::new(&module(&text), &deployment(&["out"])).start() {
        Err(Fault::Instantiate(why)) => why,
        other => panic!("{declaration}: {other:?}"),
    }
}

#[test]
fn what_an_instance_may_declare() {
    let cases = [
        (
            r#"(memory (export "memory") 33)"#,
            "memory minimum size of 33 pages exceeds memory limits",
        ),
        (
            r#"(memory (export "memory") 17 32)"#,
            "unable to allocate memory within requested bounds: [17, 32]",
        ),
        (r#"(memory (export "memory") 1) (table 20000 funcref)"#, "table"),
        (r#"(memory (export "memory") 1) (memory 1)"#, "memory count too high at 2"),
        (
            r#"(memory (export "memory") 1) (table 1 funcref) (table 1 funcref)"#,
            "table count too high at 2",
        ),
    ];
    for (declaration, expected) in cases {
        let why = start_error(declaration);
        assert!(why.contains(expected), "{declaration}: {why}");
    }
}

#[test]
fn a_table_grows_to_the_limit() {
    let grow = |count| {
        let items = "(table $t 1 funcref)";
        answer("", items, &format!("(table.grow $t (ref.null func) (i32.const {count}))"))
    };
    assert_eq!(grow(16_383), 1);
    assert_eq!(grow(16_384), -1);
}

#[test]
fn what_does_not_load() {
    let start = r#"(func (export "_start"))"#;
    let cases = [
        (format!("(module {start})"), LoadError::NoMemory),
        (
            format!(r#"(module (memory (export "mem") 1) {start})"#),
            LoadError::MemoryName("mem".into()),
        ),
        (
            // It is the first one exported that counts.
            format!(
                r#"(module (memory $m (export "mem") 1) (export "memory" (memory $m)) {start})"#
            ),
            LoadError::MemoryName("mem".into()),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(load_error(&text), expected, "{text}");
    }
    let import = |import: &str| {
        load_error(&format!(r#"(module {import} (memory (export "memory") 1) {start})"#))
    };
    let unknown = [
        r#"(import "env" "x" (func))"#,
        r#"(import "wasi_snapshot_preview1" "proc_raise" (func (param i32) (result i32)))"#,
        r#"(import "redpanda_transform" "write_record" (func (param i64 i32) (result i32)))"#,
    ];
    for text in unknown {
        let why = import(text);
        assert!(matches!(why, LoadError::Link(_)), "{text}: {why:?}");
    }
    assert!(matches!(engine().compile(b"\0asm"), Err(LoadError::Compile(_))));
}

#[test]
fn fuel_is_one_record_s_and_not_the_batch_s() {
    // About four million fuel a record, of six.
    let work = "(local $i i32) (local.set $i (i32.const 800000))
        (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))";
    let limits = Limits::stock().with(|l| l.runtime_limit_ms = 3);
    let module =
        Engine::new(&limits).expect("limits").compile(&wasm(&transform(work))).expect("compiles");
    let mut vm = Vm::new(&module, &deployment(&["out"]));
    vm.start().expect("starts");
    process(&mut vm, &[&b"v"[..]; 5]).expect("every record gets new fuel");
    let stats = vm.stats();
    let range = 3_000_000..6_000_000;
    assert!(range.contains(&stats.record_fuel_max), "{stats:?}");
    assert!((15_000_000..30_000_000).contains(&stats.record_fuel), "{stats:?}");
    assert!((1..1000).contains(&stats.start_fuel), "{stats:?}");

    let limits = Limits::stock().with(|l| l.runtime_limit_ms = 1);
    let module =
        Engine::new(&limits).expect("limits").compile(&wasm(&transform(work))).expect("compiles");
    let mut vm = Vm::new(&module, &deployment(&["out"]));
    vm.start().expect("starts");
    assert_eq!(process(&mut vm, &[b"v"]), Err(Fault::OutOfFuel { fuel: 2_000_000 }));
}

/// Fuel of a record in a module with these items, without that of a record for which nothing is done.
fn fuel_of(items: &str, record: &str) -> u64 {
    let fuel = |record| {
        let mut vm = vm(&transform_with("", items, "", record));
        process(&mut vm, &[b"v"]).expect("runs");
        vm.stats().record_fuel
    };
    fuel(record) - fuel("")
}

#[test]
fn a_bulk_instruction_takes_one_fuel_whatever_its_length() {
    let items = r#"(table $t 4000 10000 funcref) (data $d "abcd")
        (elem $e funcref (ref.null func) (ref.null func) (ref.null func) (ref.null func))"#;
    for (instruction, lengths) in [
        ("(memory.copy (i32.const 256) (i32.const 4096) (i32.const N))", [0, 1, 60_000]),
        ("(memory.fill (i32.const 256) (i32.const 0) (i32.const N))", [0, 1, 60_000]),
        ("(memory.init $d (i32.const 256) (i32.const 0) (i32.const N))", [0, 1, 4]),
        ("(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const N))", [0, 1, 4000]),
        ("(table.fill $t (i32.const 0) (ref.null func) (i32.const N))", [0, 1, 4000]),
        ("(table.init $t $e (i32.const 0) (i32.const 0) (i32.const N))", [0, 1, 4]),
    ] {
        for length in lengths {
            let instruction = instruction.replace('N', &length.to_string());
            // Its three operands take one each.
            assert_eq!(fuel_of(items, &instruction), 4, "{instruction}");
        }
    }
    for length in [0, 1, 5000] {
        let grow = format!("(drop (table.grow $t (ref.null func) (i32.const {length})))");
        assert_eq!(fuel_of(items, &grow), 3, "{grow}");
    }
}

#[test]
fn the_stack_can_be_narrowed_without_compiling_again() {
    let items = "(func $deep (param i32) (if (local.get 0) (then
        (call $deep (i32.sub (local.get 0) (i32.const 1))))))";
    let module = module(&transform_with("", items, "", "(call $deep (i32.const 500))"));
    let works = |bytes| {
        let mut vm = Vm::new(&module, &deployment(&["out"]));
        vm.set_stack_limit(bytes);
        vm.start().is_ok() && process(&mut vm, &[b"v"]).is_ok()
    };
    assert!(works(65_536));
    assert!(works(40_960));
    assert!(!works(4_096));
    // Near enough to bisect by: the need lies between, and more is never worse.
    let need = (1..=64).find(|kib| works(kib << 10)).expect("64 KiB are enough");
    assert!((8..40).contains(&need), "{need} KiB");
    assert!((need..=64).all(|kib| works(kib << 10)));
}

#[test]
fn the_log_is_bounded_and_empties_when_taken() {
    let mut vm = vm(&transform("(call $log (i32.const 1) (i32.const 1000) (i32.const 1000))"));
    let spaces = "(memory.fill (i32.const 1000) (i32.const 32) (i32.const 1000))";
    let mut full = Vm::new(
        &module(&transform_with(
            "",
            "",
            spaces,
            "(call $log (i32.const 1) (i32.const 1000) (i32.const 1000))",
        )),
        &deployment(&["out"]),
    );
    full.start().expect("starts");
    process(&mut full, &[&b"v"[..]; 600]).expect("runs");
    assert_eq!((full.take_logs().len(), full.stats().logs_dropped), (512, 88));
    process(&mut full, &[b"v"]).expect("runs");
    assert_eq!(full.take_logs()[0].level, Level::Info);
    process(&mut vm, &[b"v"]).expect("runs");
    assert_eq!(
        (vm.take_logs().len(), vm.stats().logs_dropped),
        (0, 1),
        "zeros are control characters"
    );
}

#[test]
fn log_append_time_replaces_every_timestamp() {
    let mut builder = BatchBuilder::new(0);
    builder.push(5, None, None, &[]).push(6, None, None, &[]).header(|header| {
        header.attributes = BatchHeader::LOG_APPEND_TIME;
        header.max_timestamp = 77;
    });
    let mut vm = vm(&transform("(drop (call $put (i32.const 72) (i32.const 8)))"));
    let mut output = Output::default();
    vm.process(&Arc::new(builder.build()), &mut output).expect("runs");
    for record in output.iter() {
        assert_eq!(record.value(), Some(&77i64.to_le_bytes()[..]));
    }
}
