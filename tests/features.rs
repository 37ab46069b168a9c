//! The feature vectors against an oracle that keeps the whole list of events and evaluates the
//! documented formulas in double precision.

use std::collections::HashMap;

use fraud_detector::{Detector, Observed, Settings};
use fraud_plan::{Decision, Plan, compile};
use proptest::prelude::*;

const SPEC: &str = include_str!("specs/windows.toml");
const DAY: f64 = 86_400.0;

/// A transaction with the values that windows remember of it.
#[derive(Clone, Copy)]
struct Event {
    time: f64,
    amount: f64,
    to_mean: f64,
}

/// What the spec's features are, computed from the list of the customer's events.
fn oracle(events: &[Event], time: f64, amount: f64) -> Vec<f64> {
    let last = events.iter().map(|event| event.time).fold(f64::NAN, f64::max);
    let now = if time < last { last } else { time };
    let decay = |event: &Event, half_life: f64| (-(now - event.time) / half_life).exp2();
    let count = |half_life| events.iter().map(|event| decay(event, half_life)).sum::<f64>();
    let sum =
        |half_life| events.iter().map(|event| event.amount * decay(event, half_life)).sum::<f64>();
    let max = |value: fn(&Event) -> f64, half_life| {
        let decayed = events.iter().map(|event| value(event) * decay(event, half_life));
        if events.is_empty() { f64::NAN } else { decayed.fold(0.0, f64::max) }
    };
    let running = |clip: f64| {
        let (mut mean, mut n) = (f64::NAN, 0.0);
        for event in events {
            n += 1.0;
            if mean.is_nan() {
                mean = event.amount;
            } else {
                let limit = if mean > 0.0 { clip * mean } else { f64::INFINITY };
                mean += (event.amount.min(limit) - mean) / n;
            }
        }
        mean
    };
    let ratio = |divisor: f64| if divisor > 0.0 { amount / divisor } else { f64::NAN };
    let half_hour = 1800.0;
    vec![
        amount,
        ratio(running(2.5)),
        running(2.5),
        running(f64::INFINITY),
        max(|event| event.to_mean, 7.0 * DAY),
        max(|event| event.amount, half_hour),
        count(DAY),
        count(half_hour),
        sum(DAY),
        sum(DAY) / count(DAY),
        ratio(sum(DAY) / count(DAY)),
        (events.len() as f64).min(4.0),
        now - last,
    ]
}

fn check(stream: &[(u8, i64, f64)]) {
    let program = compile::spec::parse(SPEC, "windows.toml").expect("the spec is right");
    let names: Vec<_> = program.features.iter().map(|feature| feature.name.clone()).collect();
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let mut detector = Detector::new(plan, &Settings::default(), 1 << 20);
    let mut events: HashMap<u8, Vec<Event>> = HashMap::new();
    for &(customer, time, amount) in stream {
        let record =
            format!(r#"{{"customer_id":{customer},"timestamp":{time},"amount":{amount}}}"#);
        detector.observe(Some(record.as_bytes()), -1).expect("a good record");
        let events = events.entry(customer).or_default();
        let expect = oracle(events, time as f64, amount);
        for ((name, &found), &expect) in names.iter().zip(detector.vector()).zip(&expect) {
            let close = (f64::from(found) - expect).abs() <= 1e-30 + 2e-5 * expect.abs();
            let same = close || found.is_nan() && expect.is_nan();
            assert!(same, "{name} is {found}, should be {expect}, in {stream:?}");
        }
        // A ratio that there is not is not remembered either.
        let to_mean = if expect[1].is_nan() { 0.0 } else { expect[1] };
        events.push(Event { time: time as f64, amount, to_mean });
    }
}

/// A fraud report in a record of its own.
fn report(id: i64, terminal: u8, time: i64, amount: f64) -> String {
    format!(
        r#"{{"fraud_reports":[{{"transaction_id":{id},"customer_id":1,"terminal_id":{terminal},"amount":{amount},"timestamp":{},"reported_at":{time}}}]}}"#,
        time - 604_800
    )
}

const REPORTS: &str = include_str!("specs/reports.toml");

/// Reports and transactions at terminals; a report has an amount above 0.
fn check_reports(stream: &[(u8, i64, f64)]) {
    let program = compile::spec::parse(REPORTS, "reports.toml").expect("the spec is right");
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let mut detector = Detector::new(plan, &Settings::default(), 1 << 20);
    let mut reports: HashMap<u8, Vec<(f64, f64)>> = HashMap::new();
    for (at, &(terminal, time, amount)) in stream.iter().enumerate() {
        let now = time as f64;
        if amount > 0.0 {
            // Twice: it counts once.
            for _ in 0..2 {
                let record = report(at as i64, terminal, time, amount);
                let observed = detector.observe(Some(record.as_bytes()), -1);
                assert_eq!(observed, Ok(Observed::Reports));
            }
            reports.entry(terminal).or_default().push((now, amount));
            continue;
        }
        let record = format!(
            r#"{{"customer_id":1,"terminal_id":{terminal},"timestamp":{time},"amount":5}}"#
        );
        detector.observe(Some(record.as_bytes()), -1).expect("a good record");
        let known = reports.get(&terminal).map_or(&[][..], Vec::as_slice);
        let last = known.iter().map(|report| report.0).fold(f64::NAN, f64::max);
        let seen = if now < last { last } else { now };
        let count = known.iter().map(|report| (-(seen - report.0) / (14.0 * DAY)).exp2()).sum();
        // Going back from the last report, as long as no pause is longer than fourteen days.
        let mut times: Vec<f64> = known.iter().map(|report| report.0).collect();
        times.sort_by(|a, b| b.total_cmp(a));
        let streak = times.windows(2).take_while(|pair| pair[0] - pair[1] <= 14.0 * DAY).count();
        let first = times.get(streak).copied().unwrap_or(f64::NAN);
        let over = seen - last > 14.0 * DAY;
        let mean = known.iter().map(|report| report.1).sum::<f64>() / known.len() as f64;
        let expect = [
            count,
            match now < first {
                _ if over => f64::NAN,
                true => 0.0,
                false => (now - first) / DAY,
            },
            (seen - last) / DAY,
            mean,
        ];
        for (&found, expect) in detector.vector().iter().zip(expect) {
            let close = (f64::from(found) - expect).abs() <= 1e-6 + 2e-5 * expect.abs();
            let same = close || found.is_nan() && expect.is_nan();
            assert!(same, "{:?}, one should be {expect}, in {stream:?}", detector.vector());
        }
    }
}

#[test]
fn reports_one_by_one() {
    let day = 86_400;
    check_reports(&[(1, START, 0.0)]);
    check_reports(&[(1, START, 20.0), (1, START, 0.0), (2, START, 0.0), (1, START + day, 0.0)]);
    // A pause of fourteen days, and one of a second more.
    check_reports(&[(1, START, 20.0), (1, START + 14 * day, 40.0), (1, START + 15 * day, 0.0)]);
    check_reports(&[(1, START, 20.0), (1, START + 14 * day + 1, 4.0), (1, START + 15 * day, 0.0)]);
    check_reports(&[(1, START, 20.0), (1, START + 15 * day, 0.0)]);
    // A transaction that is late.
    check_reports(&[(1, START, 20.0), (1, START + 2 * day, 9.0), (1, START + day, 0.0)]);
}

const START: i64 = 1_600_000_000;

#[test]
fn one_by_one() {
    check(&[(1, START, 10.0)]);
    check(&[(1, START, 10.0), (2, START, 20.0), (1, START, 30.0), (1, START + 60, 1e9)]);
    check(&[(1, START, 0.0), (1, START, 0.0), (1, START + 5, 7.0), (1, START + 6, 7.0)]);
    // Thirty idle days, and a year.
    check(&[(1, START, 10.0), (1, START + 30 * 86_400, 10.0), (1, START + 395 * 86_400, 10.0)]);
    // Late ones, by a second and by a month.
    check(&[(1, START, 10.0), (1, START - 1, 99.0), (1, START - 2_592_000, 5.0), (1, START, 1.0)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn generated_reports(
        steps in prop::collection::vec((0..3_u8, 0..700_000_i64, 0..3_u8), 1..80),
    ) {
        let mut time = START;
        let mut stream = Vec::new();
        for (terminal, step, amount) in steps {
            time += step;
            stream.push((terminal, time, f64::from(amount) * 10.5));
        }
        check_reports(&stream);
    }

    #[test]
    fn generated_streams(
        steps in prop::collection::vec((0..4_u8, -90_000..200_000_i64, 0..200_000_u32), 1..120),
    ) {
        let mut time = START;
        let mut stream = Vec::new();
        for (customer, step, cents) in steps {
            // Every fourth step goes nowhere: repeated timestamps.
            time += if step % 4 == 0 { 0 } else { step };
            stream.push((customer, time, f64::from(cents) / 100.0));
        }
        check(&stream);
    }
}
