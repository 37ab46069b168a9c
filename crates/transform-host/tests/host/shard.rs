//! One shard: several partitions, commits, backoff, output batches, on a clock that does not run.

use transform_host::{
    Batch, BatchBuilder, BrokerVersion, Deployment, FromOffset, Limits, Shard, ShardOptions, State,
};

use crate::support::*;

/// A batch at the shard's present time.
fn batch_of(shard: &Shard, values: &[&str]) -> Batch {
    let mut builder = BatchBuilder::new(0);
    for value in values {
        builder.push(shard.now_ms(), None, Some(value.as_bytes()), &[]);
    }
    builder.build()
}

fn produce(shard: &mut Shard, partition: usize, values: &[&str]) {
    let batch = batch_of(shard, values);
    shard.produce(partition, batch);
}

fn from_start() -> Deployment {
    deployment(&["out"]).with(|d| d.from_offset = FromOffset::Start(0))
}

fn shard(record: &str, options: ShardOptions) -> Shard {
    let mut shard = Shard::new(options);
    shard.deploy(Ok(module(&transform(record))), &from_start());
    shard
}

fn values(shard: &Shard, topic: usize) -> Vec<String> {
    let values = shard.values(topic).into_iter();
    values.map(|value| String::from_utf8_lossy(&value).into_owned()).collect()
}

fn states(shard: &Shard) -> Vec<State> {
    shard.status().iter().map(|line| line.state).collect()
}

fn committed(shard: &Shard) -> Vec<Option<i64>> {
    shard.status().iter().map(|line| line.committed[0]).collect()
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
    let mut shard = shard(IDENTITY, ShardOptions::default());
    produce(&mut shard, 0, &["a", "b"]);
    produce(&mut shard, 0, &["c"]);
    assert_eq!(states(&shard), [State::Inactive]);
    // A start waits one commit interval before it reads.
    shard.advance(2_999);
    assert_eq!((states(&shard), values(&shard, 0).len()), (vec![State::Inactive], 0));
    shard.advance(1);
    assert_eq!(
        (states(&shard), values(&shard, 0)),
        (vec![State::Running], vec!["a".into(), "b".into(), "c".into()])
    );
    assert_eq!(committed(&shard), [None], "marked, not kept yet");
    assert!(shard.run_until_idle(10_000));
    assert_eq!(committed(&shard), [Some(2)]);
    // A read that found nothing waits a second for the next.
    produce(&mut shard, 0, &["d"]);
    shard.advance(1_000);
    assert_eq!(values(&shard, 0).len(), 4);
    assert_eq!(shard.status()[0].lag, 0);
}

#[test]
fn a_batch_that_writes_nothing_still_commits() {
    let mut shard = shard("", ShardOptions::default());
    produce(&mut shard, 0, &["a", "b"]);
    assert!(shard.run_until_idle(10_000));
    assert_eq!((committed(&shard), values(&shard, 0).len()), (vec![Some(1)], 0));
}

#[test]
fn what_is_committed_is_not_written_again() {
    let mut shard = shard(IDENTITY, ShardOptions::default());
    produce(&mut shard, 0, &["a"]);
    assert!(shard.run_until_idle(10_000));
    shard.crash();
    shard.leave(0);
    shard.join(0);
    shard.pause();
    shard.resume();
    shard.deploy(Ok(module(&transform(IDENTITY))), &from_start());
    produce(&mut shard, 0, &["b"]);
    assert!(shard.run_until_idle(60_000));
    assert_eq!(values(&shard, 0), ["a", "b"]);
}

#[test]
fn a_crash_repeats_what_was_not_committed_yet() {
    let mut shard = shard(IDENTITY, ShardOptions::default());
    produce(&mut shard, 0, &["a"]);
    assert!(shard.run_until_idle(10_000));
    produce(&mut shard, 0, &["b"]);
    shard.advance(1_500);
    assert_eq!(values(&shard, 0), ["a", "b"]);
    shard.crash();
    assert!(shard.run_until_idle(10_000));
    assert_eq!(values(&shard, 0), ["a", "b", "b"]);
}

#[test]
fn a_record_that_traps_stalls_its_partition_with_growing_pauses() {
    let mut shard = shard(TRAPS, ShardOptions::default());
    produce(&mut shard, 0, &["good"]);
    produce(&mut shard, 0, &["before", "!", "after"]);
    produce(&mut shard, 0, &["next"]);
    shard.advance(3_000);
    assert_eq!(states(&shard), [State::Errored]);
    assert!(shard.status()[0].error.as_deref().is_some_and(|why| why.contains("unreachable")));
    // The batch before is written once, what the failed batch wrote every time.
    assert_eq!(values(&shard, 0), ["good", "before", "!"]);
    let mut expected = 3;
    for pause in [1, 2, 4, 8, 16, 30, 30] {
        shard.advance(pause * 1000 - 1);
        assert_eq!(states(&shard), [State::Errored], "{pause}");
        shard.advance(1);
        assert_eq!(states(&shard), [State::Inactive], "{pause}");
        shard.advance(3_000);
        expected += 2;
        assert_eq!((states(&shard), values(&shard, 0).len()), (vec![State::Errored], expected));
    }
    assert_eq!(committed(&shard), [Some(0)]);
    // A new version without the fault goes on from there.
    shard.deploy(Ok(module(&transform(IDENTITY))), &from_start());
    assert!(shard.run_until_idle(10_000));
    assert_eq!(values(&shard, 0)[expected..], ["before", "!", "after", "next"]);
}

#[test]
fn the_status_names_the_record_that_stalls_a_partition() {
    let mut shard = shard(TRAPS, ShardOptions::default());
    produce(&mut shard, 0, &["good", "good"]);
    produce(&mut shard, 0, &["before", "!", "after"]);
    shard.advance(3_000 + 1_000 + 3_000);
    let poison = shard.status()[0].poison.expect("a record");
    assert_eq!((poison.offset, poison.tries), (3, 2));
    shard.deploy(Ok(module(&transform(IDENTITY))), &from_start());
    assert!(shard.run_until_idle(10_000));
    assert_eq!(shard.status()[0].poison, None);
}

#[test]
fn more_than_ten_good_seconds_reset_the_pause() {
    let mut shard = shard(TRAPS, ShardOptions::default());
    shard.advance(9_000);
    produce(&mut shard, 0, &["!"]);
    shard.advance(1_000);
    assert_eq!(states(&shard), [State::Errored]);
    shard.advance(1_000 + 3_000);
    assert_eq!(states(&shard), [State::Errored], "failed a second time");
    shard.advance(1_999);
    assert_eq!(states(&shard), [State::Errored]);
    shard.advance(1);
    assert_eq!(states(&shard), [State::Inactive], "after two seconds");
}

#[test]
fn one_memory_for_all_partitions() {
    let mut shard = shard(COUNTS, ShardOptions::default().with(|o| o.partitions = 3));
    for partition in 0..3 {
        produce(&mut shard, partition, &["x"]);
    }
    assert!(shard.run_until_idle(10_000));
    let mut seen = values(&shard, 0);
    seen.sort();
    assert_eq!(seen, ["1", "2", "3"]);

    // A trap on one partition wipes the memory of all; only that partition replays.
    produce(&mut shard, 1, &["!"]);
    shard.advance(1_000);
    assert_eq!(states(&shard), [State::Running, State::Errored, State::Running]);
    produce(&mut shard, 0, &["x"]);
    shard.advance(1_000);
    assert_eq!(values(&shard, 0).last().map(String::as_str), Some("1"));

    // The VM lives as long as any partition uses it.
    shard.leave(0);
    shard.leave(1);
    shard.join(0);
    shard.advance(5_000);
    produce(&mut shard, 0, &["x"]);
    shard.advance(1_000);
    assert_eq!(values(&shard, 0).last().map(String::as_str), Some("2"));
    assert_eq!(states(&shard), [State::Running, State::Unknown, State::Running]);
    shard.leave(0);
    shard.leave(2);
    shard.join(0);
    shard.advance(5_000);
    produce(&mut shard, 0, &["x"]);
    shard.advance(1_000);
    assert_eq!(values(&shard, 0).last().map(String::as_str), Some("1"));
}

#[test]
fn a_single_partition_starts_twice_after_a_trap() {
    let starts = |partitions| {
        let mut shard = Shard::new(ShardOptions::default().with(|o| o.partitions = partitions));
        let start = "(call $log (i32.const 1) (i32.const 300) (i32.const 2))";
        let module = module(&transform_with("", &data(300, b"up"), start, TRAPS));
        shard.deploy(Ok(module), &from_start());
        produce(&mut shard, 0, &["!"]);
        shard.advance(4_500);
        shard.logs().len()
    };
    assert_eq!(starts(1), 3);
    assert_eq!(starts(2), 2);
}

#[test]
fn partitions_map_by_remainder_and_keys_do_not_matter() {
    let options = ShardOptions::default().with(|o| {
        o.partitions = 5;
        o.output_partitions = 2;
    });
    let mut shard = shard(IDENTITY, options);
    for partition in 0..5 {
        produce(&mut shard, partition, &[["0", "1", "2", "3", "4"][partition]]);
    }
    assert!(shard.run_until_idle(10_000));
    let partition = |p: usize| {
        let batches = shard.output(0)[p].iter().flat_map(|batch| batch.records.iter());
        let mut values: Vec<_> = batches.map(|r| r.value().expect("a value")[0] as char).collect();
        values.sort();
        values
    };
    assert_eq!(partition(0), ['0', '2', '4']);
    assert_eq!(partition(1), ['1', '3']);
}

#[test]
fn partitions_take_turns_in_the_vm() {
    let options = ShardOptions::default().with(|o| {
        o.partitions = 3;
        o.output_partitions = 3;
        o.record_micros = 1_000;
    });
    let mut shard = shard(IDENTITY, options);
    for partition in 0..3 {
        (0..20).for_each(|_| produce(&mut shard, partition, &["x"]));
    }
    shard.advance(3_000 + 30);
    let lens: Vec<_> = shard.output(0).iter().map(Vec::len).collect();
    assert_eq!(lens, [10, 10, 10]);
}

#[test]
fn what_queues_during_a_write_becomes_one_batch() {
    let options = ShardOptions::default().with(|o| {
        o.write_latency_ms = 10;
        o.record_micros = 1_000;
    });
    let mut shard = shard(IDENTITY, options);
    for _ in 0..30 {
        produce(&mut shard, 0, &["x"]);
    }
    assert!(shard.run_until_idle(10_000));
    let batches = &shard.output(0)[0];
    let lens: Vec<_> = batches.iter().map(|batch| batch.records.len()).collect();
    // At 1 ms the first leaves; at 11, 21 and 31 ms whatever has come since.
    assert_eq!(lens, [1, 9, 10, 10]);
    assert!(batches.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp));
}

#[test]
fn an_output_batch_over_the_topic_s_limit_fails_and_replays_into_the_same_memory() {
    let options = ShardOptions::default().with(|o| {
        o.partitions = 2;
        o.write_latency_ms = 10;
        o.record_micros = 1_000;
        o.max_message_bytes = 100;
    });
    // The second partition keeps the VM alive.
    let mut shard = shard(COUNTS, options);
    for _ in 0..9 {
        produce(&mut shard, 0, &["x"]);
    }
    shard.advance(3_000);
    shard.advance(30);
    assert_eq!(states(&shard)[0], State::Errored);
    assert!(shard.status()[0].error.as_deref().is_some_and(|why| why.contains("Invalid request")));
    assert_eq!(values(&shard, 0), ["1"]);
    shard.advance(4_020);
    // It resumed after the first record; the memory has seen all nine.
    assert_eq!(values(&shard, 0), ["1", ":"]);
    assert_eq!(shard.stats().restarts, 0);
}

#[test]
fn catching_up_makes_one_large_batch_or_several_of_a_mebibyte() {
    let late = |broker, max_message_bytes| {
        let options = ShardOptions::default().with(|o| {
            o.broker = broker;
            o.max_message_bytes = max_message_bytes;
            o.write_latency_ms = 50;
            o.record_micros = 1_000;
        });
        let mut shard = shard(IDENTITY, options);
        for _ in 0..26 {
            produce(&mut shard, 0, &[&"x".repeat(100_000)]);
        }
        // Reading starts at 3 s; the first write ends at 51 ms, with everything else queued.
        shard.advance(3_210);
        let lens: Vec<_> = shard.output(0)[0].iter().map(|batch| batch.records.len()).collect();
        (lens, states(&shard)[0])
    };
    use BrokerVersion::{V24_3, V25_1, V26_1_11};
    let stock = 1 << 20;
    let cases = [
        // Two and a half megabytes: refused, or taken by a topic that allows them.
        (V24_3, stock, vec![1], State::Errored),
        (V24_3, 3_000_000, vec![1, 25], State::Running),
        // Ten of a hundred thousand bytes and some are the most below a mebibyte.
        (V25_1, stock, vec![1, 10, 10, 5], State::Running),
        (V26_1_11, stock, vec![1, 10, 10, 5], State::Running),
        (V26_1_11, 3_000_000, vec![1, 10, 10, 5], State::Running),
        // It is the broker's mebibyte, not the topic's limit.
        (V26_1_11, 500_000, vec![1], State::Errored),
    ];
    for (broker, max, lens, state) in cases {
        assert_eq!(late(broker, max), (lens, state), "{broker:?}, max.message.bytes {max}");
    }
    assert_eq!(ShardOptions::default().broker, V26_1_11, "the newest unless set");
}

#[test]
fn an_offset_is_committed_with_the_last_of_its_batches() {
    let options = ShardOptions::default().with(|o| {
        o.write_latency_ms = 1_000;
        o.record_micros = 1_000;
    });
    let mut shard = shard(IDENTITY, options);
    for _ in 0..26 {
        produce(&mut shard, 0, &[&"x".repeat(100_000)]);
    }
    // One record by 4 s, ten by 5 s; the other ten and five are under way when the broker dies.
    shard.advance(5_500);
    assert_eq!(values(&shard, 0).len(), 11);
    shard.advance(2_400);
    assert_eq!((committed(&shard), values(&shard, 0).len()), (vec![Some(0)], 26));
    shard.crash();
    assert!(shard.run_until_idle(60_000));
    assert_eq!((committed(&shard), values(&shard, 0).len()), (vec![Some(25)], 26 + 25));
}

/// Both outputs, the second with a value of two hundred bytes, which its topic refuses.
fn with_a_second_output_that_fails(broker: BrokerVersion) -> (Shard, Deployment) {
    let items = data(400, b"\x01\x08late");
    let record = "(drop (call $write (i32.const 65536) (local.get $len)))
        (drop (call $write_to (i32.const 1000) (i32.const 204) (i32.const 400) (i32.const 6)))";
    let big = data(1000, &[&[1u8, 0x90, 3][..], &[b'x'; 200], &[0]].concat());
    let options = ShardOptions::default().with(|o| {
        o.broker = broker;
        o.max_message_bytes = 200;
    });
    let mut shard = Shard::new(options);
    let both = deployment(&["out", "late"]).with(|d| d.from_offset = FromOffset::Start(0));
    shard.deploy(Ok(module(&transform_with("", &(items + &big), "", record))), &both);
    produce(&mut shard, 0, &["a"]);
    shard.advance(10_000);
    produce(&mut shard, 0, &["b"]);
    (shard, both)
}

#[test]
fn before_26_1_11_one_output_of_several_that_fails_stands_still() {
    for broker in [BrokerVersion::V24_3, BrokerVersion::V25_1] {
        let (mut shard, both) = with_a_second_output_that_fails(broker);
        shard.advance(10_000);
        // The processor is as good as new, the second output has stopped for good.
        let status = &shard.status()[0];
        assert_eq!(
            (status.state, &status.committed[..]),
            (State::Running, &[Some(1), Some(-1)][..]),
            "{broker:?}"
        );
        assert!(status.error.is_some());
        assert_eq!((values(&shard, 0).len(), values(&shard, 1).len()), (2, 0));

        // Started again, the first output is not written twice, although both are transformed.
        shard.deploy(Ok(module(&transform_with("", "", "", IDENTITY))), &both);
        produce(&mut shard, 0, &["c"]);
        shard.advance(10_000);
        assert_eq!(values(&shard, 0), ["a", "b", "c"]);
    }
}

#[test]
fn since_26_1_11_one_output_of_several_that_fails_restarts_the_processor() {
    let (mut shard, both) = with_a_second_output_that_fails(BrokerVersion::V26_1_11);
    let mut seen = Vec::new();
    for _ in 0..60 {
        shard.advance(1_000);
        seen.push(states(&shard)[0]);
    }
    // Never at work for long: errored during the pauses, inactive when it starts again.
    let errored = seen.iter().filter(|&&state| state == State::Errored).count();
    assert!(errored > 40 && !seen.contains(&State::Running), "{seen:?}");
    assert!(shard.status()[0].error.as_deref().is_some_and(|why| why.contains("Invalid request")));
    // The first output, whose topic takes everything, waits for the second; it gets nothing twice.
    assert_eq!((values(&shard, 0), values(&shard, 1).len()), (vec!["a".into()], 0));
    assert_eq!(shard.status()[0].committed, [Some(0), Some(-1)]);

    // Only a module that writes what the topic takes ends that.
    shard.deploy(Ok(module(&transform_with("", "", "", IDENTITY))), &both);
    assert!(shard.run_until_idle(10_000));
    assert_eq!((states(&shard), values(&shard, 0).len()), (vec![State::Running], 2), "a and b");
}

#[test]
fn a_full_write_buffer_stops_the_module() {
    let limits = Limits::stock().with(|l| l.write_buffer_bytes = 500);
    let engine = transform_host::Engine::new(&limits).expect("limits");
    let options = ShardOptions::default().with(|o| o.write_latency_ms = 1_000_000);
    let mut shard = Shard::new(options);
    shard.deploy(engine.compile(&wasm(&transform(IDENTITY))), &from_start());
    let value = "x".repeat(97);
    for _ in 0..50 {
        produce(&mut shard, 0, &[&value]);
    }
    shard.advance(60_000);
    // One batch of 101 bytes is being written, five wait: the last goes over.
    assert_eq!(shard.stats().records, 6);
}

#[test]
fn a_fault_in_start_is_an_error_that_is_tried_again() {
    let mut shard = Shard::new(ShardOptions::default());
    shard.deploy(Ok(module(&transform_with("", "", "unreachable", ""))), &from_start());
    assert_eq!(states(&shard), [State::Errored]);
    shard.advance(1_000);
    shard.advance(1_999);
    assert_eq!(shard.stats().restarts, 1);
    shard.advance(1);
    assert_eq!(shard.stats().restarts, 2);
}

#[test]
fn a_start_section_that_reads_a_batch_is_inactive_for_ever() {
    let mut shard = Shard::new(ShardOptions::default().with(|o| o.partitions = 2));
    shard.deploy(Ok(module(&starts_with(READS_A_BATCH))), &from_start());
    produce(&mut shard, 0, &["x"]);
    assert!(!shard.run_until_idle(3_600_000));
    shard.advance(3_600_000);
    assert_eq!(states(&shard), [State::Inactive; 2]);
    for line in shard.status() {
        let why = line.error.expect("an error");
        assert!(why.contains("start section"), "{why}");
    }
    assert_eq!((shard.stats().restarts, values(&shard, 0).len()), (0, 0), "nothing is tried again");
    // Only here is there a way on: the broker's would wait for the first VM.
    shard.deploy(Ok(module(&transform(IDENTITY))), &from_start());
    assert!(shard.run_until_idle(10_000));
    assert_eq!(values(&shard, 0), ["x"]);
}

#[test]
fn a_module_that_does_not_load_is_unknown() {
    let mut shard = Shard::new(ShardOptions::default());
    let imports = r#"(import "env" "x" (func))"#;
    let module = engine().compile(&wasm(&transform_with(imports, "", "", "")));
    shard.deploy(module, &from_start());
    produce(&mut shard, 0, &["x"]);
    shard.advance(120_000);
    assert_eq!(states(&shard), [State::Unknown]);
    assert!(shard.status()[0].error.as_deref().is_some_and(|why| why.contains("env")));
}

#[test]
fn pause_and_delete() {
    let mut shard = shard(COUNTS, ShardOptions::default());
    produce(&mut shard, 0, &["x"]);
    assert!(shard.run_until_idle(10_000));
    shard.pause();
    assert_eq!(states(&shard), [State::Inactive]);
    produce(&mut shard, 0, &["x"]);
    shard.advance(10_000);
    assert_eq!(values(&shard, 0), ["1"]);
    shard.resume();
    assert!(shard.run_until_idle(10_000));
    assert_eq!(values(&shard, 0), ["1", "1"], "the memory is new, the offset is not");
    // Deleting forgets the offsets, and only new records count.
    shard.delete();
    assert!(shard.status().is_empty());
    shard.advance(1);
    shard.deploy(Ok(module(&transform(COUNTS))), &deployment(&["out"]));
    produce(&mut shard, 0, &["x"]);
    assert!(shard.run_until_idle(10_000));
    assert_eq!(values(&shard, 0), ["1", "1", "1"]);
}

#[test]
fn lag_is_what_is_not_committed() {
    let options = ShardOptions::default().with(|o| o.write_latency_ms = 100);
    let mut shard = shard(IDENTITY, options);
    produce(&mut shard, 0, &["a", "b"]);
    assert!(shard.run_until_idle(10_000));
    shard.pause();
    produce(&mut shard, 0, &["c", "d", "e"]);
    shard.resume();
    shard.advance(3_050);
    assert_eq!(shard.status()[0].lag, 3);
    shard.advance(100);
    assert_eq!(shard.status()[0].lag, 0);
}
