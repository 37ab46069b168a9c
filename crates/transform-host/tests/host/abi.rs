//! `redpanda_transform`, function by function.

use std::sync::Arc;

use transform_host::{BatchBuilder, Fault, Output, Vm};

use crate::support::*;

#[test]
fn read_batch_header_fills_ten_fields() {
    let mut builder = BatchBuilder::new(0x0102_0304_0506_0708);
    builder.push(1000, None, Some(b"abc"), &[]).push(3000, None, None, &[]).header(|h| {
        h.partition_leader_epoch = 9;
        h.attributes = 0x10;
        h.last_offset_delta = 5;
        h.producer_id = 77;
        h.producer_epoch = 3;
        h.base_sequence = 42;
    });
    // The header's 56 bytes, then what the function returned.
    let record = "
        (i32.store (i32.const 56) (global.get $largest))
        (drop (call $put (i32.const 0) (i32.const 60)))";
    let mut output = Output::default();
    let mut vm = vm(&transform(record));
    vm.process(&Arc::new(builder.build()), &mut output).expect("runs");
    let mut expected = Vec::new();
    expected.extend(0x0102_0304_0506_0708i64.to_le_bytes());
    expected.extend(2i32.to_le_bytes());
    expected.extend(9i32.to_le_bytes());
    expected.extend([0x10, 0, 0, 0]);
    expected.extend(5i32.to_le_bytes());
    expected.extend(1000i64.to_le_bytes());
    expected.extend(3000i64.to_le_bytes());
    expected.extend(77i64.to_le_bytes());
    expected.extend([3, 0, 0, 0]);
    expected.extend(42i32.to_le_bytes());
    expected.extend(6i32.to_le_bytes()); // null key, length, three bytes, no headers
    let first = output.get(0).and_then(|r| r.value()).expect("a value");
    assert_eq!(first, expected);
}

#[test]
fn read_next_record_gives_the_record_as_it_was_encoded() {
    // attributes, timestamp and offset lie at 64, 72 and 80; the payload goes on as it is.
    let record = "(drop (call $put (i32.const 64) (i32.const 24)))
        (drop (call $write (i32.const 65536) (local.get $len)))";
    let mut builder = BatchBuilder::new(40);
    builder.push(-1, None, None, &[]).push(9, Some(b""), Some(b"v"), &[(b"h", Some(b""))]);
    let batch = Arc::new(builder.build());
    let mut output = Output::default();
    let mut vm = vm(&transform(record));
    vm.process(&batch, &mut output).expect("runs");
    for (i, (timestamp, offset)) in [(-1i64, 40i64), (9, 41)].into_iter().enumerate() {
        let fields = output.get(2 * i).and_then(|r| r.value()).expect("a value");
        assert_eq!(fields[0], 0);
        assert_eq!(fields[8..16], timestamp.to_le_bytes());
        assert_eq!(fields[16..24], offset.to_le_bytes());
        let payload = output.get(2 * i + 1).expect("written").payload;
        assert_eq!(payload, batch.get(i).expect("a record").payload);
    }
}

#[test]
fn a_buffer_that_is_too_small_leaves_the_record() {
    // Each turn reads with two bytes first, and says so.
    let text = transform("(drop (call $put (i32.const 72) (i32.const 8)))").replace(
        "(loop $records",
        "(loop $records
          (i32.store (i32.const 300) (call $read (i32.const 64) (i32.const 72) (i32.const 80)
            (i32.const 65536) (i32.const 2)))
          (drop (call $put (i32.const 300) (i32.const 4)))",
    );
    let values = process(&mut vm(&text), &[b"abc", b"abc"]).expect("runs");
    let reads: Vec<_> = values.iter().filter(|value| value.len() == 4).collect();
    assert_eq!(reads, [&(-2i32).to_le_bytes(), &(-2i32).to_le_bytes(), &(-1i32).to_le_bytes()]);
    assert_eq!(values.len(), 5);
}

#[test]
fn unread_records_end_with_the_batch() {
    let text = transform(IDENTITY).replace("(br $records)", "(br $done)");
    let mut vm = vm(&text);
    assert_eq!(process(&mut vm, &[b"a", b"b"]).expect("runs"), [b"a"]);
    assert_eq!(process(&mut vm, &[b"c", b"d"]).expect("runs"), [b"c"]);
}

#[test]
fn an_empty_batch_is_not_shown() {
    let mut vm = vm(&transform("unreachable"));
    let mut output = Output::default();
    assert_eq!(vm.process(&batch(&[]), &mut output), Ok(()));
    assert_eq!(vm.stats().batches, 0);
}

#[test]
fn outside_a_batch_nothing_is_read_or_written() {
    let start = "
        (i32.store (i32.const 300) (call $write (i32.const 0) (i32.const 3)))
        (i32.store (i32.const 304) (call $write_to (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 1)))
        (i32.store (i32.const 308) (call $read (i32.const 64) (i32.const 72) (i32.const 80)
          (i32.const 65536) (i32.const 9)))";
    let record = "(drop (call $put (i32.const 300) (i32.const 12)))";
    let mut vm = vm(&transform_with("", "", start, record));
    assert_eq!(process(&mut vm, &[b"v"]).expect("runs"), [[255; 12]]);
}

#[test]
fn write_record_returns_the_length_or_malformed() {
    let cases: &[(&[u8], i32)] = &[
        (&[1, 1, 0], 3),
        (&[2, b'k', 4, b'v', b'v', 2, 2, b'h', 1], 9),
        // Truncation reads as zeros.
        (&[], 0),
        (&[1], 1),
        (&[1, 2, b'v'], 3),
        (&[1, 1, 2], 3),
        (&[1, 1, 2, 2, b'h'], 5),
        (&[0x80], 1),
        // A length past the buffer, below −1, a negative count, bytes left over.
        (&[4, b'k'], -2),
        (&[1, 4, b'v'], -2),
        (&[3, 1, 0], -2),
        (&[1, 3, 0], -2),
        (&[1, 1, 1], -2),
        (&[1, 1, 2, 3, 1], -2),
        (&[1, 1, 2, 2, b'h', 3], -2),
        (&[1, 1, 0, 0], -2),
        // 2^63 − 1 headers, none of them there.
        (&[1, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], 12),
    ];
    for (payload, expected) in cases {
        let call = format!("(call $write (i32.const 300) (i32.const {}))", payload.len());
        assert_eq!(answer("", &data(300, payload), &call), *expected, "{payload:?}");
    }
}

/// `write_record_with_options` of this record and these options, to outputs `out` and `late`.
fn write_to(payload: &[u8], options: &[u8]) -> Result<(i32, Option<usize>), Fault> {
    let items = data(300, payload) + &data(400, options);
    let record = format!(
        "(i32.store (i32.const 200) (call $write_to (i32.const 300) (i32.const {}) (i32.const 400) (i32.const {})))
         (drop (call $put (i32.const 200) (i32.const 4)))",
        payload.len(),
        options.len()
    );
    let module = module(&transform_with("", &items, "", &record));
    let mut vm = Vm::new(&module, &deployment(&["out", "late"]));
    vm.start()?;
    let mut output = Output::default();
    vm.process(&batch(&[b"v"]), &mut output)?;
    let last = output.iter().last().and_then(|r| r.value()).expect("the answer");
    let topic = (output.len() == 2).then(|| output.get(0).expect("the record").topic);
    Ok((i32::from_le_bytes(last.try_into().expect("four bytes")), topic))
}

#[test]
fn write_record_with_options_routes_by_name() {
    let record = [1, 1, 0];
    let cases: [(&[u8], _); 9] = [
        (b"", (3, Some(0))),
        (b"\x01\x06out", (3, Some(0))),
        (b"\x01\x08late", (3, Some(1))),
        (b"\x01\x08LATE", (-3, None)),
        (b"\x01\x06oth", (-3, None)),
        (b"\x01", (-3, None)),          // the topic with an empty name
        (b"\x02\x06out", (-2, None)),   // another tag
        (b"\x01\x06out\0", (-2, None)), // trailing
        (b"\x01\x04out", (-2, None)),   // a shorter name and trailing
    ];
    for (options, expected) in cases {
        assert_eq!(write_to(&record, options), Ok(expected), "{options:?}");
    }
    let small = Fault::Host("ffi::array buffer too small".into());
    for options in [&b"\x01\x0aout"[..], b"\x01\x01", b"\x01\x03out"] {
        assert_eq!(write_to(&record, options), Err(small.clone()), "{options:?}");
    }
    // The record comes first.
    assert_eq!(write_to(&[3], b"\x01\x0aout"), Ok((-2, None)));
}

#[test]
fn eight_outputs() {
    let topics = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"];
    let names: String =
        (0..8).map(|i| data(400 + 4 * i, format!("\x01\x04t{i}").as_bytes())).collect();
    let writes: String = (0..8)
        .map(|i| {
            format!(
                "(drop (call $write_to (i32.const 65536) (local.get $len) (i32.const {}) (i32.const 4)))",
                400 + 4 * i
            )
        })
        .collect();
    let module = module(&transform_with("", &names, "", &writes));
    let mut vm = Vm::new(&module, &deployment(&topics));
    vm.start().expect("starts");
    let mut output = Output::default();
    vm.process(&batch(&[b"a", b"b"]), &mut output).expect("runs");
    let order: Vec<_> = output.iter().map(|r| r.topic).collect();
    assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(output.iter().skip(8).all(|r| r.value() == Some(b"b")));
}

#[test]
fn pointers_are_checked_before_the_body() {
    let end = 3 * 65536;
    let calls = [
        // Also where the answer would be −2 or −1.
        format!("(call $write (i32.const {}) (i32.const 2))", end - 1),
        "(call $write (i32.const 0) (i32.const -1))".into(),
        format!("(call $write_to (i32.const 0) (i32.const 3) (i32.const {end}) (i32.const 1))"),
        format!(
            "(call $read (i32.const {end}) (i32.const 72) (i32.const 80) (i32.const 0) (i32.const 0))"
        ),
        format!(
            "(call $read (i32.const 64) (i32.const {}) (i32.const 80) (i32.const 0) (i32.const 0))",
            end - 7
        ),
        format!(
            "(call $read (i32.const 64) (i32.const 72) (i32.const {}) (i32.const 0) (i32.const 0))",
            end - 7
        ),
        format!(
            "(call $read (i32.const 64) (i32.const 72) (i32.const 80) (i32.const {}) (i32.const 9))",
            end - 8
        ),
    ];
    for call in calls {
        let fault = fault(&format!("(drop {call})"));
        assert!(
            matches!(&fault, Fault::Host(why) if why.starts_with("Out of bounds")),
            "{call}: {fault}"
        );
    }
    // Nothing at the very end is in bounds.
    let call = format!("(call $write (i32.const {end}) (i32.const 0))");
    assert_eq!(answer("", "", &call), 0);
    // Every out-pointer of the header, one past where it may be.
    let widths = [8, 4, 4, 2, 4, 8, 8, 8, 2, 4];
    for (field, width) in widths.into_iter().enumerate() {
        let pointers = |at: usize| {
            let pointers = (0..10).map(|i| if i == field { end - at } else { 0 });
            pointers.map(|p| format!("(i32.const {p})")).collect::<String>()
        };
        let start = |at| format!("(drop (call $header {}))", pointers(at));
        let vm =
            |at| Vm::new(&module(&transform_with("", "", &start(at), "")), &deployment(&["out"]));
        assert_eq!(vm(width).start(), Ok(()), "{field}");
        assert!(matches!(vm(width - 1).start(), Err(Fault::Host(_))), "{field}");
    }
}

#[test]
fn both_markers_may_be_called() {
    let imports = r#"(import "redpanda_transform" "check_abi_version_1" (func $one))"#;
    let mut vm = vm(&transform_with(imports, "", "(call $one) (call $check)", IDENTITY));
    assert_eq!(process(&mut vm, &[b"v"]).expect("runs"), [b"v"]);
}
