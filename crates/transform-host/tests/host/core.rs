//! One core: several partitions, commits, backoff, output batches, on a clock that does not run.

use transform_host::{
    Batch, BatchBuilder, Core, CoreOptions, Deployment, FromOffset, Limits, State,
};

use crate::support::*;

/// A batch at the core's present time.
fn batch_of(core: &Core, values: &[&str]) -> Batch {
    let mut builder = BatchBuilder::new(0);
    for value in values {
        builder.push(core.now_ms(), None, Some(value.as_bytes()), &[]);
    }
    builder.build()
}

fn produce(core: &mut Core, partition: usize, values: &[&str]) {
    let batch = batch_of(core, values);
    core.produce(partition, batch);
}

fn from_start() -> Deployment {
    Deployment { from_offset: FromOffset::Start(0), ..deployment(&["out"]) }
}

fn core(record: &str, options: CoreOptions) -> Core {
    let mut core = Core::new(options);
    core.deploy(Ok(module(&transform(record))), &from_start());
    core
}

fn values(core: &Core, topic: usize) -> Vec<String> {
    let values = core.values(topic).into_iter();
    values.map(|value| String::from_utf8_lossy(&value).into_owned()).collect()
}

fn states(core: &Core) -> Vec<State> {
    core.status().iter().map(|line| line.state).collect()
}

fn committed(core: &Core) -> Vec<Option<i64>> {
    core.status().iter().map(|line| line.committed[0]).collect()
}

/// Traps on the value "!".
const TRAPS: &str = "
    (drop (call $write (i32.const 65536) (local.get $len)))
    (if (i32.eq (i32.load8_u (i32.const 65538)) (i32.const 33)) (then unreachable))";

/// Writes how many records this memory has seen, as one digit; "!" traps before.
const COUNTS: &str = "
    (if (i32.eq (i32.load8_u (i32.const 65538)) (i32.const 33)) (then unreachable))
    (i32.store8 (i32.const 300) (i32.add (i32.load8_u (i32.const 300)) (i32.const 1)))
    (i32.store8 (i32.const 301) (i32.add (i32.load8_u (i32.const 300)) (i32.const 48)))
    (drop (call $put (i32.const 301) (i32.const 1)))";

#[test]
fn records_go_through_and_are_committed() {
    let mut core = core(IDENTITY, CoreOptions::default());
    produce(&mut core, 0, &["a", "b"]);
    produce(&mut core, 0, &["c"]);
    assert_eq!(states(&core), [State::Inactive]);
    // A start waits one commit interval before it reads.
    core.advance(2_999);
    assert_eq!((states(&core), values(&core, 0).len()), (vec![State::Inactive], 0));
    core.advance(1);
    assert_eq!(
        (states(&core), values(&core, 0)),
        (vec![State::Running], vec!["a".into(), "b".into(), "c".into()])
    );
    assert_eq!(committed(&core), [None], "marked, not kept yet");
    assert!(core.run_until_idle(10_000));
    assert_eq!(committed(&core), [Some(2)]);
    // A read that found nothing waits a second for the next.
    produce(&mut core, 0, &["d"]);
    core.advance(1_000);
    assert_eq!(values(&core, 0).len(), 4);
    assert_eq!(core.status()[0].lag, 0);
}

#[test]
fn a_batch_that_writes_nothing_still_commits() {
    let mut core = core("", CoreOptions::default());
    produce(&mut core, 0, &["a", "b"]);
    assert!(core.run_until_idle(10_000));
    assert_eq!((committed(&core), values(&core, 0).len()), (vec![Some(1)], 0));
}

#[test]
fn what_is_committed_is_not_written_again() {
    let mut core = core(IDENTITY, CoreOptions::default());
    produce(&mut core, 0, &["a"]);
    assert!(core.run_until_idle(10_000));
    core.crash();
    core.leave(0);
    core.join(0);
    core.pause();
    core.resume();
    core.deploy(Ok(module(&transform(IDENTITY))), &from_start());
    produce(&mut core, 0, &["b"]);
    assert!(core.run_until_idle(60_000));
    assert_eq!(values(&core, 0), ["a", "b"]);
}

#[test]
fn a_crash_repeats_what_was_not_committed_yet() {
    let mut core = core(IDENTITY, CoreOptions::default());
    produce(&mut core, 0, &["a"]);
    assert!(core.run_until_idle(10_000));
    produce(&mut core, 0, &["b"]);
    core.advance(1_500);
    assert_eq!(values(&core, 0), ["a", "b"]);
    core.crash();
    assert!(core.run_until_idle(10_000));
    assert_eq!(values(&core, 0), ["a", "b", "b"]);
}

#[test]
fn a_record_that_traps_stalls_its_partition_with_growing_pauses() {
    let mut core = core(TRAPS, CoreOptions::default());
    produce(&mut core, 0, &["good"]);
    produce(&mut core, 0, &["before", "!", "after"]);
    produce(&mut core, 0, &["next"]);
    core.advance(3_000);
    assert_eq!(states(&core), [State::Errored]);
    assert!(core.status()[0].error.as_deref().is_some_and(|why| why.contains("unreachable")));
    // The batch before is written once, what the failed batch wrote every time.
    assert_eq!(values(&core, 0), ["good", "before", "!"]);
    let mut expected = 3;
    for pause in [1, 2, 4, 8, 16, 30, 30] {
        core.advance(pause * 1000 - 1);
        assert_eq!(states(&core), [State::Errored], "{pause}");
        core.advance(1);
        assert_eq!(states(&core), [State::Inactive], "{pause}");
        core.advance(3_000);
        expected += 2;
        assert_eq!((states(&core), values(&core, 0).len()), (vec![State::Errored], expected));
    }
    assert_eq!(committed(&core), [Some(0)]);
    // A new version without the fault goes on from there.
    core.deploy(Ok(module(&transform(IDENTITY))), &from_start());
    assert!(core.run_until_idle(10_000));
    assert_eq!(values(&core, 0)[expected..], ["before", "!", "after", "next"]);
}

#[test]
fn more_than_ten_good_seconds_reset_the_pause() {
    let mut core = core(TRAPS, CoreOptions::default());
    core.advance(9_000);
    produce(&mut core, 0, &["!"]);
    core.advance(1_000);
    assert_eq!(states(&core), [State::Errored]);
    core.advance(1_000 + 3_000);
    assert_eq!(states(&core), [State::Errored], "failed a second time");
    core.advance(1_999);
    assert_eq!(states(&core), [State::Errored]);
    core.advance(1);
    assert_eq!(states(&core), [State::Inactive], "after two seconds");
}

#[test]
fn one_memory_for_all_partitions() {
    let mut core = core(COUNTS, CoreOptions { partitions: 3, ..CoreOptions::default() });
    for partition in 0..3 {
        produce(&mut core, partition, &["x"]);
    }
    assert!(core.run_until_idle(10_000));
    let mut seen = values(&core, 0);
    seen.sort();
    assert_eq!(seen, ["1", "2", "3"]);

    // A trap on one partition wipes the memory of all; only that partition replays.
    produce(&mut core, 1, &["!"]);
    core.advance(1_000);
    assert_eq!(states(&core), [State::Running, State::Errored, State::Running]);
    produce(&mut core, 0, &["x"]);
    core.advance(1_000);
    assert_eq!(values(&core, 0).last().map(String::as_str), Some("1"));

    // The VM lives as long as any partition uses it.
    core.leave(0);
    core.leave(1);
    core.join(0);
    core.advance(5_000);
    produce(&mut core, 0, &["x"]);
    core.advance(1_000);
    assert_eq!(values(&core, 0).last().map(String::as_str), Some("2"));
    assert_eq!(states(&core), [State::Running, State::Unknown, State::Running]);
    core.leave(0);
    core.leave(2);
    core.join(0);
    core.advance(5_000);
    produce(&mut core, 0, &["x"]);
    core.advance(1_000);
    assert_eq!(values(&core, 0).last().map(String::as_str), Some("1"));
}

#[test]
fn a_single_partition_starts_twice_after_a_trap() {
    let starts = |partitions| {
        let mut core = Core::new(CoreOptions { partitions, ..CoreOptions::default() });
        let start = "(call $log (i32.const 1) (i32.const 300) (i32.const 2))";
        let module = module(&transform_with("", &data(300, b"up"), start, TRAPS));
        core.deploy(Ok(module), &from_start());
        produce(&mut core, 0, &["!"]);
        core.advance(4_500);
        core.logs().len()
    };
    assert_eq!(starts(1), 3);
    assert_eq!(starts(2), 2);
}

#[test]
fn partitions_map_by_remainder_and_keys_do_not_matter() {
    let options = CoreOptions { partitions: 5, output_partitions: 2, ..CoreOptions::default() };
    let mut core = core(IDENTITY, options);
    for partition in 0..5 {
        produce(&mut core, partition, &[["0", "1", "2", "3", "4"][partition]]);
    }
    assert!(core.run_until_idle(10_000));
    let partition = |p: usize| {
        let batches = core.output(0)[p].iter().flat_map(|batch| batch.records.iter());
        let mut values: Vec<_> = batches.map(|r| r.value().expect("a value")[0] as char).collect();
        values.sort();
        values
    };
    assert_eq!(partition(0), ['0', '2', '4']);
    assert_eq!(partition(1), ['1', '3']);
}

#[test]
fn what_queues_during_a_write_becomes_one_batch() {
    let options =
        CoreOptions { write_latency_ms: 10, record_micros: 1_000, ..CoreOptions::default() };
    let mut core = core(IDENTITY, options);
    for _ in 0..30 {
        produce(&mut core, 0, &["x"]);
    }
    assert!(core.run_until_idle(10_000));
    let batches = &core.output(0)[0];
    let lens: Vec<_> = batches.iter().map(|batch| batch.records.len()).collect();
    // At 1 ms the first leaves; at 11, 21 and 31 ms whatever has come since.
    assert_eq!(lens, [1, 9, 10, 10]);
    assert!(batches.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp));
}

#[test]
fn an_output_batch_over_the_topic_s_limit_fails_and_replays_into_the_same_memory() {
    let options = CoreOptions {
        partitions: 2,
        write_latency_ms: 10,
        record_micros: 1_000,
        max_message_bytes: 100,
        ..CoreOptions::default()
    };
    // The second partition keeps the VM alive.
    let mut core = core(COUNTS, options);
    for _ in 0..9 {
        produce(&mut core, 0, &["x"]);
    }
    core.advance(3_000);
    core.advance(30);
    assert_eq!(states(&core)[0], State::Errored);
    assert!(core.status()[0].error.as_deref().is_some_and(|why| why.contains("Invalid request")));
    assert_eq!(values(&core, 0), ["1"]);
    core.advance(4_020);
    // It resumed after the first record; the memory has seen all nine.
    assert_eq!(values(&core, 0), ["1", ":"]);
    assert_eq!(core.stats().restarts, 0);
}

#[test]
fn among_several_outputs_one_that_fails_stands_still() {
    let items = data(400, b"\x01\x08late");
    // Both outputs, the second with a value of a hundred bytes and more.
    let record = "(drop (call $write (i32.const 65536) (local.get $len)))
        (drop (call $write_to (i32.const 1000) (i32.const 204) (i32.const 400) (i32.const 6)))";
    let big = data(1000, &[&[1u8, 0x90, 3][..], &[b'x'; 200], &[0]].concat());
    let mut core = Core::new(CoreOptions { max_message_bytes: 200, ..CoreOptions::default() });
    let both = Deployment { from_offset: FromOffset::Start(0), ..deployment(&["out", "late"]) };
    core.deploy(Ok(module(&transform_with("", &(items + &big), "", record))), &both);
    produce(&mut core, 0, &["a"]);
    core.advance(10_000);
    produce(&mut core, 0, &["b"]);
    core.advance(10_000);
    // The processor is as good as new, the second output has stopped for good.
    let status = &core.status()[0];
    assert_eq!((status.state, &status.committed[..]), (State::Running, &[Some(1), Some(-1)][..]));
    assert!(status.error.is_some());
    assert_eq!((values(&core, 0).len(), values(&core, 1).len()), (2, 0));

    // Started again, the first output is not written twice, although both are transformed.
    core.deploy(Ok(module(&transform_with("", "", "", IDENTITY))), &both);
    produce(&mut core, 0, &["c"]);
    core.advance(10_000);
    assert_eq!(values(&core, 0), ["a", "b", "c"]);
}

#[test]
fn a_full_write_buffer_stops_the_module() {
    let limits = Limits { write_buffer_bytes: 500, ..Limits::stock() };
    let engine = transform_host::Engine::new(&limits);
    let options = CoreOptions { write_latency_ms: 1_000_000, ..CoreOptions::default() };
    let mut core = Core::new(options);
    core.deploy(engine.compile(&wasm(&transform(IDENTITY))), &from_start());
    let value = "x".repeat(97);
    for _ in 0..50 {
        produce(&mut core, 0, &[&value]);
    }
    core.advance(60_000);
    // One batch of 101 bytes is being written, five wait: the last goes over.
    assert_eq!(core.stats().records, 6);
}

#[test]
fn a_fault_in_start_is_an_error_that_is_tried_again() {
    let mut core = Core::new(CoreOptions::default());
    core.deploy(Ok(module(&transform_with("", "", "unreachable", ""))), &from_start());
    assert_eq!(states(&core), [State::Errored]);
    core.advance(1_000);
    core.advance(1_999);
    assert_eq!(core.stats().restarts, 1);
    core.advance(1);
    assert_eq!(core.stats().restarts, 2);
}

#[test]
fn a_module_that_does_not_load_is_unknown() {
    let mut core = Core::new(CoreOptions::default());
    let imports = r#"(import "env" "x" (func))"#;
    let module = engine().compile(&wasm(&transform_with(imports, "", "", "")));
    core.deploy(module, &from_start());
    produce(&mut core, 0, &["x"]);
    core.advance(120_000);
    assert_eq!(states(&core), [State::Unknown]);
    assert!(core.status()[0].error.as_deref().is_some_and(|why| why.contains("env")));
}

#[test]
fn pause_and_delete() {
    let mut core = core(COUNTS, CoreOptions::default());
    produce(&mut core, 0, &["x"]);
    assert!(core.run_until_idle(10_000));
    core.pause();
    assert_eq!(states(&core), [State::Inactive]);
    produce(&mut core, 0, &["x"]);
    core.advance(10_000);
    assert_eq!(values(&core, 0), ["1"]);
    core.resume();
    assert!(core.run_until_idle(10_000));
    assert_eq!(values(&core, 0), ["1", "1"], "the memory is new, the offset is not");
    // Deleting forgets the offsets, and only new records count.
    core.delete();
    assert!(core.status().is_empty());
    core.advance(1);
    core.deploy(Ok(module(&transform(COUNTS))), &deployment(&["out"]));
    produce(&mut core, 0, &["x"]);
    assert!(core.run_until_idle(10_000));
    assert_eq!(values(&core, 0), ["1", "1", "1"]);
}

#[test]
fn lag_is_what_is_not_committed() {
    let options = CoreOptions { write_latency_ms: 100, ..CoreOptions::default() };
    let mut core = core(IDENTITY, options);
    produce(&mut core, 0, &["a", "b"]);
    assert!(core.run_until_idle(10_000));
    core.pause();
    produce(&mut core, 0, &["c", "d", "e"]);
    core.resume();
    core.advance(3_050);
    assert_eq!(core.status()[0].lag, 3);
    core.advance(100);
    assert_eq!(core.status()[0].lag, 0);
}
