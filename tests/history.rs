//! History beyond a restart: a detector that was restored against one that has seen all events, the
//! laws of taking records of the changelog, and the module on its topics.

mod common;

use common::{Broker, GOOD, NOW, deployment};
use fraud_detector::history::changelog::{Refused, Topic};
use fraud_detector::shell::{ERROR_HEADER, HISTORY_HEADER, StartLine};
use fraud_detector::{Detector, Settings};
use fraud_plan::{Decision, Plan, Program, compile};
use proptest::prelude::*;
use transform_host::Limits;

const WINDOWS: &str = include_str!("specs/windows.toml");
const REPORTS: &str = include_str!("specs/reports.toml");
const START: i64 = 1_600_000_000;

type Written = (Vec<u8>, Vec<u8>);

fn program(spec: &str) -> Program {
    compile::spec::parse(spec, "a spec").expect("the spec is right")
}

/// A detector that writes a changelog with these settings.
fn detector(spec: &str, settings: &Settings) -> Detector<'static> {
    let plan = Plan { id: 0, program: program(spec), decision: Decision::default(), forest: None };
    Detector::new(plan, settings).with_history(1 << 20)
}

fn every(history_every: u32) -> Settings {
    Settings { history_every, ..Settings::default() }
}

/// Observes a record, and adds what it changed to the topic.
fn observe(detector: &mut Detector, record: &str, topic: &mut Vec<Written>) {
    let outcome = detector.score(Some(record.as_bytes()), -1, &mut Vec::new());
    detector.find_changes(outcome, -1);
    while let Some((key, value)) = detector.next_change(record.as_bytes(), -1) {
        topic.push((key.to_vec(), value.to_vec()));
    }
}

/// The records that a restore publishes of a topic.
fn published(spec: &str, topic: &[Written]) -> Vec<Written> {
    let mut partition = Topic::new(&program(spec), None);
    for (key, value) in topic {
        partition.add(key, value).expect("a record of the changelog");
    }
    let mut published = Vec::new();
    partition.restore(&mut |key, value| published.push((key.to_vec(), value.to_vec())));
    published
}

fn restore(detector: &mut Detector, published: &[Written]) {
    for (key, value) in published {
        assert_eq!(detector.restore(Some(key), Some(value), -1), Ok(()));
    }
}

fn bits(detector: &Detector) -> Vec<u32> {
    detector.vector().iter().map(|value| value.to_bits()).collect()
}

/// A customer's or terminal's number, seconds since the event before, an amount, a tip.
type Step = (u8, i64, f64, Option<f64>);

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let amount = || (1..200_000_u32).prop_map(|cents| f64::from(cents) / 100.0);
    prop::collection::vec((0..4_u8, 1..200_000_i64, amount(), prop::option::of(amount())), 3..most)
}

/// Transactions of `windows.toml`.
fn transactions(steps: &[Step], with_tips: bool) -> Vec<String> {
    let mut time = START;
    let record = |&(customer, step, amount, tip): &Step| {
        time += step;
        let tip = match (with_tips, tip) {
            (true, Some(tip)) => tip.to_string(),
            (true, None) => "null".into(),
            (false, _) => amount.to_string(),
        };
        format!(r#"{{"customer_id":{customer},"timestamp":{time},"amount":{amount},"tip":{tip}}}"#)
    };
    steps.iter().map(record).collect()
}

/// Transactions and reports of `reports.toml`.
fn with_reports(steps: &[Step]) -> Vec<String> {
    let mut time = START;
    let record = |(at, &(terminal, step, amount, tip)): (usize, &Step)| {
        time += step;
        match tip {
            Some(_) => format!(
                r#"{{"fraud_reports":[{{"transaction_id":{at},"customer_id":1,"terminal_id":{terminal},"amount":{amount},"timestamp":{time},"reported_at":{time}}}]}}"#
            ),
            None => format!(r#"{{"customer_id":1,"terminal_id":{terminal},"timestamp":{time}}}"#),
        }
    };
    steps.iter().enumerate().map(record).collect()
}

/// Whether the features are the same to a float's rounding, but those that are not promised.
fn assert_close(found: &Detector, expect: &Detector, not: &[&str], context: &str) {
    let names = found.plan().program.features.iter().map(|feature| feature.name.as_str());
    for ((name, &found), &expect) in names.zip(found.vector()).zip(expect.vector()) {
        let close = (found - expect).abs() <= 1e-4 * expect.abs().max(1e-3);
        let same = close || found.is_nan() && expect.is_nan() || not.contains(&name);
        assert!(same, "{name} is {found}, should be {expect}: {context}");
    }
}

/// The feature of a value that itself hangs on what was known when it was remembered.
const OF_HISTORY: [&str; 1] = ["peak_to_mean_7d"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// With every event in the changelog, nothing is lost: not a bit, over several restarts.
    #[test]
    fn restored_before_it_goes_on(steps in steps(60), at in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        for (spec, records) in
            [(WINDOWS, transactions(&steps, true)), (REPORTS, with_reports(&steps))]
        {
            let mut restarts: Vec<usize> = at.iter().map(|at| at.index(records.len())).collect();
            restarts.sort_unstable();
            let (mut undisturbed, mut topic) = (detector(spec, &every(1)), Vec::new());
            let mut restarted = detector(spec, &every(1));
            for (at, record) in records.iter().enumerate() {
                if restarts.contains(&at) {
                    restarted = detector(spec, &every(1));
                    restore(&mut restarted, &published(spec, &topic));
                }
                observe(&mut undisturbed, record, &mut Vec::new());
                observe(&mut restarted, record, &mut topic);
                if !record.contains("fraud_reports") {
                    let (found, expect) = (bits(&restarted), bits(&undisturbed));
                    prop_assert_eq!(found, expect, "{} of {:?}", at, records);
                }
            }
        }
    }

    /// Adds what came since the start to what was known before; a second restore changes nothing.
    #[test]
    fn restored_while_traffic_flows(steps in steps(60), first in any::<prop::sample::Index>(), second in any::<prop::sample::Index>()) {
        for (spec, records, not) in [
            (WINDOWS, transactions(&steps, false), &OF_HISTORY[..]),
            (REPORTS, with_reports(&steps), &[]),
        ] {
            let spec = spec.replace("clip = 2.5\n", "").replace("clip = 3.0\n", "");
            let [first, second] = [first, second].map(|at| at.index(records.len()));
            let (restart, restored) = (first.min(second), first.max(second));
            let (mut undisturbed, mut topic) = (detector(&spec, &every(1)), Vec::new());
            let mut restarted = detector(&spec, &every(1));
            for (at, record) in records.iter().enumerate() {
                if at == restart {
                    restarted = detector(&spec, &every(1));
                }
                if at == restored {
                    // Its own records are in the topic already.
                    let published = published(&spec, &topic);
                    restore(&mut restarted, &published);
                    restore(&mut restarted, &published);
                    let reversed: Vec<_> = published.into_iter().rev().collect();
                    restore(&mut restarted, &reversed);
                }
                observe(&mut undisturbed, record, &mut Vec::new());
                observe(&mut restarted, record, &mut topic);
                if at >= restored && !record.contains("fraud_reports") {
                    let context = format!("{at} of {records:?}, {restart} {restored}");
                    assert_close(&restarted, &undisturbed, not, &context);
                }
            }
        }
    }

    /// A topic that is older than what is known changes nothing.
    #[test]
    fn a_stale_topic(steps in steps(60), stale in any::<prop::sample::Index>()) {
        let records = transactions(&steps, true);
        let (mut first, mut topic) = (detector(WINDOWS, &every(1)), Vec::new());
        records.iter().for_each(|record| observe(&mut first, record, &mut topic));
        let fresh = || {
            let mut fresh = detector(WINDOWS, &every(1));
            restore(&mut fresh, &published(WINDOWS, &topic));
            fresh
        };
        let stale = published(WINDOWS, &topic[..stale.index(topic.len())]);
        let (mut expect, mut found) = (fresh(), fresh());
        restore(&mut found, &stale);
        // A newer topic after the stale one is as good as without it.
        let mut late = detector(WINDOWS, &every(1));
        restore(&mut late, &stale);
        restore(&mut late, &published(WINDOWS, &topic));
        for customer in 0..4 {
            let probe = transactions(&[(customer, 10_000_000, 5.0, None)], true).remove(0);
            for detector in [&mut expect, &mut found, &mut late] {
                observe(detector, &probe, &mut Vec::new());
            }
            prop_assert_eq!(bits(&found), bits(&expect));
            prop_assert_eq!(bits(&late), bits(&expect));
        }
    }

    /// No bytes are a record by chance, and what is refused is not remembered.
    #[test]
    fn any_bytes(key in prop::collection::vec(any::<u8>(), 0..40), value in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut detector = detector(REPORTS, &every(1));
        prop_assert!(detector.restore(Some(&key), Some(&value), -1).is_err());
        prop_assert!(detector.history().tables().iter().all(|table| table.is_empty()));
    }
}

/// An instance with a topic of history, and these variables.
fn broker(topics: &[&str], variables: &[(&str, &str)]) -> Broker {
    let mut deployment = deployment();
    deployment.output_topics = topics.iter().map(|topic| topic.to_string()).collect();
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    deployment.environment = variables.iter().map(owned).collect();
    Broker::with(deployment, Limits::stock()).expect("starts")
}

const FOUR: [&str; 4] = ["fraud", "valid", "unscorable", "history"];

/// Sends transactions of one customer; what came to the topic of history, each time.
fn history_of(broker: &mut Broker, count: usize) -> Vec<Vec<Written>> {
    let send = |_| {
        let written = broker.send_any(NOW, None, Some(GOOD.as_bytes()), &[]);
        let (history, scored): (Vec<_>, Vec<_>) =
            written.into_iter().partition(|written| written.topic == "history");
        assert_eq!(scored.len(), 1, "every transaction leaves once");
        let both = |written: common::Written| {
            assert!(written.headers.is_empty());
            (written.key.expect("a key"), written.value.expect("a value"))
        };
        history.into_iter().map(both).collect()
    };
    (0..count).map(send).collect()
}

/// Publishes a record of history on the input; what came of it.
fn publish(broker: &mut Broker, key: &[u8], value: &[u8]) -> Vec<common::Written> {
    let mark = (HISTORY_HEADER.as_bytes(), None);
    broker.send_any(NOW, Some(key), Some(value), &[mark])
}

fn shipped() -> Program {
    compile::spec::parse(include_str!("../model/fraud.toml"), "fraud.toml")
        .expect("the shipped spec")
}

/// The records that a restore publishes of the module's topic.
fn published_of(topic: &[Written], key: Option<[u64; 2]>) -> Vec<Written> {
    let mut partition = Topic::new(&shipped(), key);
    topic.iter().for_each(|(key, value)| partition.add(key, value).expect("its own"));
    let mut published = Vec::new();
    partition.restore(&mut |key, value| published.push((key.to_vec(), value.to_vec())));
    published
}

#[test]
fn the_module_writes_at_the_first_at_warm_and_at_every_thirty_second() {
    let mut broker = broker(&FOUR, &[]);
    let written = history_of(&mut broker, 66);
    let counts: Vec<usize> = (written.iter().zip(1..))
        .filter(|(written, _)| !written.is_empty())
        .map(|(_, at)| at)
        .collect();
    assert_eq!(counts, [1, 5, 32, 64]);
    assert!(written.concat().iter().all(|(key, _)| key[0] == b'P' && key == &written[0][0].0));
}

#[test]
fn the_module_goes_on_where_it_stopped() {
    let mut first = broker(&FOUR, &[("FRAUD_HISTORY_EVERY", "1")]);
    let report = |id: usize| {
        format!(
            r#"{{"fraud_reports":[{{"transaction_id":{id},"terminal_id":"3156","reported_at":{NOW}}}]}}"#
        )
    };
    let mut topic = history_of(&mut first, 7).concat();
    for id in 0..2 {
        // Twice, as on two partitions of the instance: each has a history of its own.
        for _ in 0..2 {
            let written = first.send_any(NOW, None, Some(report(id).as_bytes()), &[]);
            assert_eq!(written.len(), 2, "the terminal and the report's id");
            topic.extend(written.into_iter().map(|w| (w.key.unwrap(), w.value.unwrap())));
        }
    }
    let published = published_of(&topic, None);
    assert_eq!(published.len(), 4, "a customer, a terminal and two reports");
    let mut second = broker(&FOUR, &[("FRAUD_HISTORY_EVERY", "1")]);
    for (key, value) in [&published[..], &published[..]].concat() {
        assert_eq!(publish(&mut second, &key, &value), [], "it is remembered, and not written");
    }
    // A report that was known stays known.
    second.send_any(NOW, None, Some(report(1).as_bytes()), &[]);
    for _ in 0..3 {
        let [found, expect] = [&mut second, &mut first]
            .map(|broker| broker.send_any(NOW, None, Some(GOOD.as_bytes()), &[]));
        assert_eq!(found[0], expect[0]);
        let value =
            String::from_utf8_lossy(found[0].value.as_deref().expect("scored")).into_owned();
        assert!(value.contains(r#""history":"warm""#), "{value}");
        assert_eq!(found[1].key.as_ref().map(|key| key[0]), Some(b'H'), "whole");
    }
    let log: String = second.vm.take_logs().into_iter().map(|line| line.message).collect();
    let tables = StartLine::parse(log.lines().next().expect("a line")).expect("the start").tables;
    assert_eq!(tables.len(), 2, "{log}");
}

#[test]
fn what_is_no_history_is_refused_with_a_reason() {
    let mut signing = broker(&FOUR, &[("FRAUD_HISTORY_KEY", KEY)]);
    let signed = history_of(&mut signing, 1).concat().remove(0);
    let mut plain = broker(&FOUR, &[]);
    let unsigned = history_of(&mut plain, 1).concat().remove(0);
    let other = [&unsigned.0[..1], b"AAAA", &unsigned.0[5..]].concat();
    let mut forged = signed.1.clone();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    for (what, signs, key, value, expect) in [
        ("its own", false, &unsigned.0[..], &unsigned.1[..], None),
        ("with a signature that nobody asks for", false, &signed.0, &signed.1, None),
        ("its own, signed", true, &signed.0, &signed.1, None),
        ("nothing", false, b"", b"", Some(Refused::Malformed)),
        ("too short", false, &unsigned.0, &unsigned.1[..8], Some(Refused::Malformed)),
        ("of another table", false, &other, &unsigned.1, Some(Refused::OtherTable)),
        ("not signed", true, &unsigned.0, &unsigned.1, Some(Refused::NotSigned)),
        ("forged", true, &signed.0, &forged, Some(Refused::NotSigned)),
        (
            "of another entity",
            true,
            &[&signed.0[..8], b"AAA", &signed.0[11..]].concat(),
            &signed.1,
            Some(Refused::NotSigned),
        ),
    ] {
        let variables: &[(&str, &str)] = if signs { &[("FRAUD_HISTORY_KEY", KEY)] } else { &[] };
        let mut broker = broker(&FOUR, variables);
        let written = publish(&mut broker, key, value);
        let Some(expect) = expect else {
            assert_eq!(written, [], "{what}");
            continue;
        };
        let [written] = &written[..] else { panic!("{what}: {written:?}") };
        assert_eq!((written.topic.as_str(), written.value.as_deref()), ("unscorable", Some(value)));
        let error = (ERROR_HEADER.as_bytes().to_vec(), Some(expect.code().as_bytes().to_vec()));
        assert_eq!(written.headers.last(), Some(&error), "{what}");
        // Nothing of it was remembered: the customer's next transaction is the first.
        assert_eq!(history_of(&mut broker, 1).concat().len(), 1, "{what}");
    }
}

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

#[test]
fn a_transaction_with_the_mark_is_a_transaction() {
    let mut broker = broker(&FOUR, &[]);
    let written = publish(&mut broker, b"", GOOD.as_bytes());
    assert_eq!(written.len(), 2);
    assert!(written[0].value.as_deref().is_some_and(|value| value.len() > GOOD.len()));
}

#[test]
fn topics_by_their_roles() {
    for (topics, roles, expect) in [
        (&["all"][..], None, &["all"][..]),
        (&["all", "log"], Some("scored,history"), &["all", "log"]),
        (&["log", "b", "a"], Some("history,valid,fraud"), &["b", "log"]),
        (&FOUR, None, &["valid", "history"]),
    ] {
        let variables: Vec<_> = roles.map(|roles| ("FRAUD_TOPICS", roles)).into_iter().collect();
        let mut broker = broker(topics, &variables);
        let record = common::with("57.16", "1.0");
        let written = broker.send_any(NOW, None, Some(record.as_bytes()), &[]);
        let found: Vec<&str> = written.iter().map(|written| written.topic.as_str()).collect();
        assert_eq!(found, expect, "{roles:?}");
    }
}
