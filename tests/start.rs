//! The start of the transform: its answers to variables and topics, its memory, its log line.

mod common;

use common::{Broker, deployment};
use fraud_detector::history::reported::Reported;
use fraud_detector::shell::{ERROR_HEADER, StartLine};
use transform_host::Limits;

/// Returns the one log line of a start with these variables and output topics.
fn refusal(variables: &[(&str, &str)], topics: &[&str]) -> String {
    let mut deployment = deployment();
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    deployment.environment = variables.iter().map(owned).collect();
    deployment.output_topics = topics.iter().map(|topic| topic.to_string()).collect();
    let log = Broker::with(deployment, Limits::stock()).err().expect("refused");
    assert_eq!(log.trim_end().lines().count(), 1, "one line: {log:?}");
    log.trim_end().to_owned()
}

#[test]
fn refusals() {
    let three = ["fraud", "valid", "unscorable"];
    for (variable, expect) in [
        (
            ("FRAUD_TRESHOLD", "0.5"),
            "unknown variable FRAUD_TRESHOLD; known are FRAUD_THRESHOLD, \
             FRAUD_MAX_RECORD, FRAUD_EMIT_FROM, FRAUD_EMIT_UNTIL, FRAUD_TOPICS, \
             FRAUD_HISTORY_EVERY, FRAUD_HISTORY_KEY",
        ),
        (
            ("FRAUD_THRESHOLD", "50%"),
            "FRAUD_THRESHOLD is \"50%\"; it must be a number from 0 to 1, for instance 0.5",
        ),
        (
            ("FRAUD_THRESHOLD", "nan"),
            "FRAUD_THRESHOLD is \"nan\"; it must be a number from 0 to 1, for instance 0.5",
        ),
        (
            ("FRAUD_MAX_RECORD", "1GiB"),
            "FRAUD_MAX_RECORD is \"1GiB\"; it must be a size from 1KiB to 32MiB, for instance 64KiB",
        ),
        (
            ("FRAUD_HISTORY_EVERY", "0"),
            "FRAUD_HISTORY_EVERY is \"0\"; it must be a number of events from 1 to 65535, for \
             instance 32",
        ),
        (
            ("FRAUD_HISTORY_KEY", "secret"),
            "FRAUD_HISTORY_KEY must be 32 hexadecimal digits, for instance from: openssl rand -hex 16",
        ),
        (("FRAUD_TOPICS", "fraud,valid"), "3 output topics, and FRAUD_TOPICS names the roles of 2"),
    ] {
        assert_eq!(refusal(&[variable], &three), format!("fraud-detector cannot start: {expect}"));
    }
    let expect = "fraud-detector cannot start: 5 output topics; it takes one, or two to four: fraud, \
                  valid and, if you want them, unscorable and history, in this order";
    assert_eq!(refusal(&[], &["a", "b", "c", "d", "e"]), expect);
}

#[test]
fn other_variables_are_not_ours() {
    let mut deployment = deployment();
    deployment.environment = vec![("TEAM".into(), "risk".into())];
    assert!(Broker::with(deployment, Limits::stock()).is_ok());
}

#[test]
fn the_threshold_can_be_set() {
    for (threshold, topic) in [("0", "fraud"), ("1", "valid")] {
        let mut deployment = deployment();
        deployment.environment = vec![("FRAUD_THRESHOLD".into(), threshold.into())];
        let mut broker = Broker::with(deployment, Limits::stock()).expect("starts");
        let written = broker.send(common::NOW, None, Some(common::GOOD.as_bytes()), &[]);
        assert_eq!(written.topic, topic);
        let value = String::from_utf8(written.value.expect("scored")).expect("text");
        assert!(value.contains(&format!("\"threshold\":{threshold},")), "{value}");
    }
}

#[test]
fn two_topics_do() {
    let mut deployment = deployment();
    deployment.output_topics.truncate(2);
    let mut broker = Broker::with(deployment, Limits::stock()).expect("starts");
    let written = broker.send(common::NOW, None, None, &[]);
    assert_eq!(written.topic, "fraud", "nothing suspicious slips into valid");
    assert_eq!(written.headers, [(ERROR_HEADER.into(), Some(b"no_value".to_vec()))]);
}

#[test]
fn a_record_limit_too_large_is_refused_in_one_line() {
    // The stock 2 MiB have room for records of the first three sizes, and not for the others.
    for (kibibytes, starts) in
        [(1, true), (64, true), (90, true), (150, false), (400, false), (32 << 10, false)]
    {
        let mut deployment = deployment();
        deployment.environment = vec![("FRAUD_MAX_RECORD".into(), format!("{kibibytes}KiB"))];
        let started = Broker::with(deployment, Limits::stock());
        assert_eq!(started.is_ok(), starts, "{kibibytes} KiB");
        if let Err(log) = started {
            let expect = format!("records of FRAUD_MAX_RECORD = {} bytes leave", kibibytes << 10);
            assert!(log.contains(&expect) && log.trim_end().lines().count() == 1, "{log}");
        }
    }
}

#[test]
fn records_outside_the_time_to_emit_for_are_remembered() {
    const FROM: i64 = common::NOW - 1000;
    let mut deployment = deployment();
    let variables = [("FRAUD_EMIT_FROM", FROM), ("FRAUD_EMIT_UNTIL", common::NOW)];
    deployment.environment =
        variables.map(|(name, time)| (name.to_owned(), time.to_string())).to_vec();
    let mut broker = Broker::with(deployment, Limits::stock()).expect("starts");
    let mut send = |timestamp| broker.send_any(timestamp, None, Some(common::GOOD.as_bytes()), &[]);
    for (timestamp, count) in
        [(FROM - 1, 0), (FROM, 1), (common::NOW - 1, 1), (common::NOW, 0), (common::NOW + 1, 0)]
    {
        assert_eq!(send(timestamp).len(), count, "{timestamp}");
    }
    // Without the broker's time; the sixth transaction, and so warm.
    let written = send(-1);
    assert_eq!(written.len(), 1);
    let value = String::from_utf8(written[0].value.clone().expect("scored")).expect("text");
    assert!(value.contains(r#""history":"warm""#), "{value}");
}

/// The old module stops where the new one begins, and the new one has learned as much until then.
#[test]
fn an_update_writes_every_record_once() {
    const SWITCH: i64 = common::NOW;
    let start = |variable: Option<&str>| {
        let mut deployment = deployment();
        let time = |name: &str| (name.to_owned(), "2018-04-02T00:00:00Z".to_owned());
        deployment.environment = variable.map(time).into_iter().collect();
        Broker::with(deployment, Limits::stock()).expect("starts")
    };
    let mut old = start(Some("FRAUD_EMIT_UNTIL"));
    let mut new = start(Some("FRAUD_EMIT_FROM"));
    let mut only = start(None);
    for minute in -100..100 {
        let timestamp = SWITCH + minute * 60_000;
        let record = common::GOOD.replacen("57.16", &format!("{}", 100 + minute), 1);
        let send =
            |broker: &mut Broker| broker.send_any(timestamp, None, Some(record.as_bytes()), &[]);
        let written = [send(&mut old), send(&mut new)].concat();
        assert_eq!(written, send(&mut only), "minute {minute}");
    }
}

#[test]
fn the_module_is_small() {
    assert!(common::module_bytes().len() <= 450_000);
}

/// The build warns of a model that cannot start in the stock memory limit. The least limit that this
/// model starts with, less its plan, is what any other takes beside its plan.
#[test]
fn what_a_start_takes_beside_the_plan() {
    let starts = |bytes: u64| {
        let limits = Limits::stock().with(|l| l.memory_bytes = bytes);
        Broker::with(deployment(), limits).is_ok()
    };
    let pages = (1..32).map(|page| page << 16);
    let least = pages.clone().find(|&bytes| starts(bytes)).expect("it starts in 2 MiB") as usize;
    let beside = least - common::plan_bytes().bytes().len();
    let bound = fraud_plan::compile::BESIDE_PLAN;
    assert!(
        (beside..beside + (128 << 10)).contains(&bound),
        "{beside} beside the plan, not {bound}"
    );
}

/// After as many customers once each, and 10,000 reported terminals, beside records of 64 KiB: at
/// least 95 in 100 are remembered.
#[test]
fn what_history_holds() {
    for (mebibytes, customers) in [(2, 30_000), (64, 1_200_000)] {
        let limits = Limits::stock().with(|l| l.memory_bytes = mebibytes << 20);
        let mut broker = Broker::with(deployment(), limits).expect("starts");
        let [room, terminals] = capacities(&mut broker)[..] else { panic!("two tables") };
        // A native detector with no more room, whose history can be looked into.
        let plan = common::plan_bytes();
        let bytes = (room + terminals) * 24;
        let mut detector = common::native(&plan, bytes + Reported::bytes(8192.max(bytes / 1024)));
        let tables = |detector: &fraud_detector::Detector| {
            detector.history().tables().iter().map(|table| table.len()).collect::<Vec<_>>()
        };
        assert!(detector.history().tables()[0].capacity() <= room);
        let mut check = |record: &str| {
            detector.observe(Some(record.as_bytes()), -1).expect("good");
        };
        for terminal in 0..10_000 {
            check(&format!(
                r#"{{"fraud_reports":[{{"transaction_id":{terminal},"terminal_id":{terminal},"reported_at":{}}}]}}"#,
                common::NOW + terminal
            ));
        }
        for customer in 0..customers {
            let record = common::GOOD.replacen("596", &customer.to_string(), 1);
            check(&record);
        }
        let lens = tables(&detector);
        assert!(lens[0] * 100 >= 95 * customers, "{lens:?} at {mebibytes} MiB, room for {room}");
        assert!(lens[1] * 100 >= 95 * 10_000, "{lens:?} at {mebibytes} MiB");
    }
}

/// The room in each table, as the start's log line says.
fn capacities(broker: &mut Broker) -> Vec<usize> {
    let logs = broker.vm.take_logs();
    let line = logs.iter().find_map(|line| StartLine::parse(&line.message));
    line.expect("the start's log line").capacities
}

/// Whatever memory the broker gives, the module starts, takes nearly all of it, and history grows
/// with it.
#[test]
fn any_memory_limit() {
    let mut last = 10_000;
    for mebibytes in [2, 3, 8, 64] {
        let limits = Limits::stock().with(|l| l.memory_bytes = mebibytes << 20);
        let mut broker = Broker::with(deployment(), limits).expect("starts");
        let peak = broker.vm.stats().peak_memory_bytes;
        assert!(peak * 100 >= 95 * (mebibytes << 20), "{peak} bytes at {mebibytes} MiB");
        let entities = capacities(&mut broker)[0];
        assert!(entities > last, "{entities} at {mebibytes} MiB");
        last = entities;
    }
}
