//! Records go into the compiled module, one at a time, and come out exactly once. `reasons.rs` has
//! the odd ones, a test each.

mod common;

use common::{Broker, GOOD, NOW, check, native, plan_bytes, topic_and_value, unsplice, with};

#[test]
fn bytes_that_are_no_text() {
    let mut broker = Broker::start();
    check(&mut broker, NOW, None, "no_value");
    check(&mut broker, NOW, Some(b"\0"), "schema_framed");
    check(&mut broker, NOW, Some(b"\0\0\0\0\x01{}"), "schema_framed");
    for byte in 1..=255_u8 {
        let expect = match byte {
            0x80.. => "invalid_utf8",
            b'0'..=b'9' => "not_an_object",
            _ => "invalid_json",
        };
        check(&mut broker, NOW, Some(&[byte]), expect);
    }
    let skipped = GOOD.replacen("3156", "31@6", 1);
    let at = skipped.find('@').expect("put there");
    let mut bytes = skipped.into_bytes();
    for byte in [0x80, 0xff, 0xc0, 0xed] {
        bytes[at] = byte;
        check(&mut broker, NOW, Some(&bytes), "invalid_utf8");
    }
}

#[test]
fn truncated_at_every_byte() {
    let mut broker = Broker::start();
    for end in 0..GOOD.len() {
        check(&mut broker, NOW, Some(&GOOD.as_bytes()[..end]), "invalid_json");
    }
}

#[test]
fn the_brokers_time() {
    let mut broker = Broker::start();
    let timeless = with(r#""timestamp":"2018-04-01T00:00:31Z","#, "");
    for (timestamp, record, expect) in [
        (NOW, &timeless, "scored"),
        (-1, &timeless, "bad_time"),
        (0, &timeless, "bad_time"),
        (i64::MAX, &timeless, "bad_time"),
        (i64::MIN, &timeless, "bad_time"),
        // Without a time of the broker's there is nothing to compare with.
        (-1, &GOOD.to_owned(), "scored"),
        (0, &GOOD.to_owned(), "bad_time"),
        (i64::MAX, &GOOD.to_owned(), "scored"),
    ] {
        check(&mut broker, timestamp, Some(record.as_bytes()), expect);
    }
}

#[test]
fn an_unscorable_record_names_the_field() {
    let mut broker = Broker::start();
    let report = |terminal: &str| {
        format!(
            r#"{{"fraud_reports":[{{"transaction_id":1,{terminal}"reported_at":1522540831000}}]}}"#
        )
    };
    for (record, expect) in [
        (with("57.16", "true"), "wrong_type amount"),
        (with("57.16", "1e99"), "not_finite amount"),
        (with(r#""596""#, "null"), "missing_field customer_id"),
        (with("}", r#","amount":1}"#), "duplicate_field amount"),
        (with("}", r#","fraud":1}"#), "verdict_present fraud"),
        (with("2018-04-01", "1918-04-01"), "bad_time timestamp"),
        (report(r#""terminal_id":5.5,"#), "bad_report fraud_reports.terminal_id"),
        (report(""), "bad_report fraud_reports.terminal_id"),
        (r#"{"fraud_reports":7}"#.to_owned(), "bad_report fraud_reports"),
        ("[]".to_owned(), "not_an_object"),
        ("{".to_owned(), "invalid_json"),
    ] {
        let written = broker.send(NOW, None, Some(record.as_bytes()), &[]);
        let values = written.headers.iter().map(|(_, value)| value.as_deref().unwrap_or_default());
        let found = String::from_utf8(values.collect::<Vec<_>>().join(&b' ')).expect("text");
        assert_eq!(found, expect, "{record}");
    }
}

#[test]
fn unscorable_records_touch_no_history() {
    let (mut one, mut other) = (Broker::start(), Broker::start());
    for _ in 0..3 {
        other.send(NOW, None, Some(with("57.16", "1e99").as_bytes()), &[]);
        other.send(NOW, None, Some(with("}", r#","fraud":1}"#).as_bytes()), &[]);
        let records = [&mut one, &mut other].map(|b| b.send(NOW, None, Some(GOOD.as_bytes()), &[]));
        assert_eq!(records[0], records[1]);
    }
}

/// Sends records that bring good reports, which are remembered and not written.
fn report(broker: &mut Broker, value: &str) {
    assert_eq!(broker.send_any(NOW, None, Some(value.as_bytes()), &[]), [], "{value}");
}

#[test]
fn good_reports_are_not_written() {
    let mut broker = Broker::start();
    let one = r#"{"transaction_id":9,"terminal_id":"3156","amount":5,"reported_at":"2018-04-01T00:00:31Z"}"#;
    let bare = r#"{"transaction_id":"8","terminal_id":3156,"reported_at":1522540831000}"#;
    let before = broker.send(NOW, None, Some(GOOD.as_bytes()), &[]);
    report(&mut broker, r#"{"fraud_reports":[]}"#);
    report(&mut broker, &format!(r#"{{"fraud_reports":[{one}]}}"#));
    report(
        &mut broker,
        &format!(r#"{{"note":"x","fraud_reports":[{bare}, {one}],"timestamp":0}}"#),
    );
    let after = broker.send(NOW, None, Some(GOOD.as_bytes()), &[]);
    let score = |written: &common::Written| {
        let (_, verdict) = unsplice(written.value.as_deref().expect("scored"));
        let verdict: serde_json::Value = serde_json::from_str(&verdict).expect("a JSON verdict");
        verdict["score"].as_f64().expect("a number")
    };
    assert!(
        score(&after) > score(&before),
        "{after:?} is at a reported terminal, {before:?} not yet"
    );
}

#[test]
fn flagged_records_say_why() {
    let mut broker = Broker::start();
    for (amount, expect) in [("57.16", false), ("9999", true)] {
        let written = broker.send(NOW, None, Some(with("57.16", amount).as_bytes()), &[]);
        assert_eq!(written.topic == "fraud", expect, "{written:?}");
        let (_, verdict) = unsplice(&written.value.expect("scored"));
        let verdict: serde_json::Value = serde_json::from_str(&verdict).expect("a JSON verdict");
        let first = verdict["reasons"][0].as_str();
        assert_eq!(first, expect.then_some("amount"), "{verdict}");
        assert!(verdict["reasons"].as_array().is_none_or(|reasons| reasons.len() <= 3));
    }
}

/// Whatever the module says when it fails, it says nothing of the record.
#[test]
fn no_log_line_or_fault_shows_a_record() {
    let mut broker = Broker::start();
    let huge = GOOD.replacen("}", &format!(r#","x":"{}"}}"#, "SECRET".repeat(200_000)), 1);
    let header: common::Header = (b"SECRET-header", Some(b"SECRET"));
    let fault = broker.fail(NOW, Some(b"SECRET-key"), Some(huge.as_bytes()), &[header]);
    let logs = broker.vm.take_logs();
    assert!(!logs.is_empty(), "the module says that it has started, and how it ends");
    assert!(!fault.contains("SECRET") && !fault.contains("596"), "{fault}");
    for line in logs {
        assert!(!line.message.contains("SECRET") && !line.message.contains("596"), "{line:?}");
    }
}

#[test]
fn the_same_customer_whatever_the_id_is_written_like() {
    let mut broker = Broker::start();
    let ids = [r#""596""#, "596", r#""5\u00396""#, r#""\u0035\u0039\u0036""#, "596"];
    for (seen, id) in ids.into_iter().enumerate() {
        let record = with(r#""596""#, id);
        let written = broker.send(NOW, None, Some(record.as_bytes()), &[]);
        let (_, verdict) = unsplice(&written.value.expect("scored"));
        assert!(verdict.contains(r#""history":"cold""#), "{seen} events before: {verdict}");
    }
    let written = broker.send(NOW, None, Some(GOOD.as_bytes()), &[]);
    let (_, verdict) = unsplice(&written.value.expect("scored"));
    assert!(verdict.contains(r#""history":"warm""#), "five events before: {verdict}");
}

/// 100,000 records of the simulator, every tenth with a byte changed: natively and in the module,
/// the same bytes go to the same topic.
#[test]
fn native_and_wasm_give_the_same_bytes() {
    let config = fraud_simulator::Config {
        days: 30,
        customers: 1_800,
        terminals: 2_000,
        ..fraud_simulator::Config::default()
    };
    let simulation = fraud_simulator::simulate(&config);
    assert!(simulation.transactions.len() > 100_000);
    let plan = plan_bytes();
    let mut native = native(&plan, 1 << 20);
    let mut broker = Broker::start();
    let mut record = Vec::new();
    for (at, transaction) in simulation.transactions.iter().take(100_000).enumerate() {
        record.clear();
        fraud_simulator::write_transaction(transaction, &mut record).expect("a vector takes all");
        if at % 10 == 0 {
            let position = at / 10 * 31 % record.len();
            record[position] = record[position].wrapping_add((at / 10) as u8);
        }
        let timestamp = transaction.seconds * 1000;
        let written = broker.send(timestamp, None, Some(&record), &[]);
        let expect = topic_and_value(&mut native, Some(&record), timestamp);
        let text = |value: &Option<Vec<u8>>| {
            value.as_deref().map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let found = (written.topic, text(&written.value));
        assert_eq!(found, (expect.0, text(&expect.1)), "record {at}");
    }
}

/// The module looks at 16 bytes at a time where native code looks at 8: at every place in a block and
/// every distance from the record's end, it sees the same.
#[test]
fn native_and_wasm_find_the_same_ends_of_texts() {
    let plan = plan_bytes();
    let mut native = native(&plan, 1 << 20);
    let mut broker = Broker::start();
    for (length, pad) in (0..36).flat_map(|length| [0, 1, 6, 11].map(|pad| (length, pad))) {
        for special in ["\\\"", "\\u0041", "é", "\"", "\u{1f}", "\\"] {
            for at in 0..=length {
                let mut text = "~".repeat(length);
                text.insert_str(at, special);
                let end = format!(r#","{}":"{text}"}}"#, "p".repeat(pad));
                let record = with("}", &end);
                let written = broker.send(NOW, None, Some(record.as_bytes()), &[]);
                let expect = topic_and_value(&mut native, Some(record.as_bytes()), NOW);
                assert_eq!((written.topic, written.value), expect, "{record}");
                let valid = serde_json::from_str::<serde::de::IgnoredAny>(&record).is_ok();
                assert_eq!(expect.0 != "unscorable", valid, "{record}");
            }
        }
    }
}
