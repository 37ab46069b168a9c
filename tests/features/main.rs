//! The feature vectors against an oracle that keeps the whole list of events and evaluates the
//! documented formulas in double precision.

mod kinds;

use std::collections::HashMap;
use std::f64::consts::TAU;

use fraud_detector::{Detector, Observed, Settings};
use fraud_plan::{Decision, Plan, compile};
use proptest::prelude::*;

const SPEC: &str = include_str!("../specs/windows.toml");
const DAY: f64 = 86_400.0;
/// An expected value that any value meets: nothing is promised of values that have faded beyond
/// 32-bit floats.
const ANYTHING: f64 = f64::INFINITY;

/// A transaction with the values that windows remember of it; NaN is missing.
#[derive(Clone, Copy)]
struct Event {
    time: f64,
    amount: f64,
    tip: f64,
    to_mean: f64,
}

/// A value of an event.
type Of = fn(&Event) -> f64;

/// Computes the spec's features of `now` from the list of the customer's events before it.
fn oracle(events: &[Event], now: &Event) -> Vec<f64> {
    let Event { time, amount, tip, .. } = *now;
    let last = events.iter().map(|event| event.time).fold(f64::NAN, f64::max);
    let seen = if time < last { last } else { time };
    let decay = |event: &Event, half_life: f64| (-(seen - event.time) / half_life).exp2();
    // Of all events with a value: Σ decay, Σ value · decay.
    let sums = |value: Of, half_life| {
        let valued = events.iter().filter(|event| !value(event).is_nan());
        valued.fold([0.0; 2], |[count, sum], event| {
            let decay = decay(event, half_life);
            [count + decay, sum + value(event) * decay]
        })
    };
    let max = |value: Of, half_life| {
        let decayed = events.iter().map(|event| value(event) * decay(event, half_life));
        if events.is_empty() { f64::NAN } else { decayed.fold(0.0, f64::max) }
    };
    let running = |value: Of, clip: f64, prior: f64| {
        let mut mean = prior;
        // A prior is one event more.
        for (event, n) in events.iter().zip(if prior.is_nan() { 1.. } else { 2.. }) {
            let value = value(event);
            if mean.is_nan() {
                mean = value;
            } else if !value.is_nan() {
                let limit = if mean > 0.0 { clip * mean } else { f64::INFINITY };
                mean += (value.min(limit) - mean) / f64::from(n);
            }
        }
        mean
    };
    let ratio = |value: f64, divisor: f64| match divisor {
        ANYTHING => ANYTHING,
        _ if divisor > 0.0 && divisor < 1e-30 => ANYTHING,
        _ if divisor > 0.0 => value / divisor,
        _ => f64::NAN,
    };
    let (amounts, tips): (Of, Of) = (|event| event.amount, |event| event.tip);
    let half_hour = 1800.0;
    let [count, sum] = sums(amounts, DAY);
    let [tip_count, tip_sum] = sums(tips, DAY);
    let by_the_last = ((last - seen) / DAY).exp2();
    let faded = [tip_count, tip_sum].iter().any(|&sum| sum > 0.0 && sum < 1e-36 * by_the_last);
    let tip_mean = if faded { ANYTHING } else { tip_sum / tip_count };
    // 1970-01-01 was a Thursday.
    let clock = |offset: f64| (time + offset * 3600.0).rem_euclid(DAY) / 3600.0;
    let weekday = |offset: f64| ((time + offset * 3600.0) / DAY + 3.0).rem_euclid(7.0);
    vec![
        amount,
        ratio(amount, running(amounts, 2.5, NONE)),
        running(amounts, 2.5, NONE),
        running(amounts, f64::INFINITY, NONE),
        max(|event| event.to_mean, 7.0 * DAY),
        max(amounts, half_hour),
        count,
        sums(amounts, half_hour)[0],
        sum,
        sum / count,
        ratio(amount, sum / count),
        (events.len() as f64).min(4.0),
        seen - last,
        tip_sum,
        tip_mean,
        max(tips, DAY),
        running(tips, 3.0, NONE),
        ratio(tip, tip_mean),
        tip,
        if tip.is_nan() { tip } else { tip.clamp(-1.5, 6.0) },
        amount.ln_1p(),
        tip.ln_1p(),
        clock(0.0),
        (clock(-11.0) / 24.0 * TAU).sin(),
        weekday(5.5),
        (weekday(0.0) / 7.0 * TAU).cos(),
        f64::from(u8::from(weekday(5.5) >= 5.0)),
        f64::from(u8::from(clock(-11.0) < 6.0)),
        running(amounts, 2.5, 50.0),
        ratio(amount, running(amounts, 2.5, 50.0)),
        running(tips, f64::INFINITY, -1.0),
    ]
}

/// Transactions: customer, time, amount, tip (NaN: none).
fn check(stream: &[(u8, i64, f64, f64)]) {
    let program = compile::spec::parse(SPEC, "windows.toml").expect("the spec is right");
    let names: Vec<_> = program.features.iter().map(|feature| feature.name.clone()).collect();
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let mut detector = Detector::new(plan, &Settings::default()).with_history(1 << 20);
    let mut events: HashMap<u8, Vec<Event>> = HashMap::new();
    for &(customer, time, amount, tip) in stream {
        let written = if tip.is_nan() { "null".into() } else { tip.to_string() };
        let record = format!(
            r#"{{"customer_id":{customer},"timestamp":{time},"amount":{amount},"tip":{written}}}"#
        );
        detector.observe(Some(record.as_bytes()), -1).expect("a good record");
        let events = events.entry(customer).or_default();
        let mut event = Event { time: time as f64, amount, tip, to_mean: f64::NAN };
        let expect = oracle(events, &event);
        assert_eq!(names.len(), expect.len());
        for ((name, &found), &expect) in names.iter().zip(detector.vector()).zip(&expect) {
            // Around a zero of the sine, the angle's rounding shows.
            let least = if name.ends_with("sin") || name.ends_with("cos") { 2e-6 } else { 1e-30 };
            let close = (f64::from(found) - expect).abs() <= least + 2e-5 * expect.abs();
            let same = close || found.is_nan() && expect.is_nan() || expect == ANYTHING;
            assert!(same, "{name} is {found}, should be {expect}, in {stream:?}");
        }
        event.to_mean = expect[1];
        events.push(event);
    }
}

/// A fraud report in a record of its own.
fn report(id: i64, terminal: u8, time: i64, amount: f64) -> String {
    let amount = if amount.is_nan() { "null".into() } else { amount.to_string() };
    format!(
        r#"{{"fraud_reports":[{{"transaction_id":{id},"customer_id":1,"terminal_id":{terminal},"amount":{amount},"timestamp":{},"reported_at":{time}}}]}}"#,
        time - 604_800
    )
}

const REPORTS: &str = include_str!("../specs/reports.toml");

/// An event at a terminal.
#[derive(Clone, Copy, Debug)]
enum At {
    /// A transaction.
    Paid,
    /// A report of one of this amount; NaN: without.
    Reported(f64),
}
use At::{Paid, Reported};

/// Computes the spec's features at `time` from the list of reports (time, amount) in the order in
/// which they came.
fn reports_oracle(reports: &[(f64, f64)], time: f64) -> Vec<f64> {
    let last = reports.iter().map(|report| report.0).fold(f64::NAN, f64::max);
    let seen = if time < last { last } else { time };
    let decay = |report: f64| (-(seen - report) / (14.0 * DAY)).exp2();
    let valued = || reports.iter().filter(|report| !report.1.is_nan());
    let weights: f64 = valued().map(|report| decay(report.0)).sum();
    let mut mean = f64::NAN;
    for (&(_, amount), n) in reports.iter().zip(1..) {
        if mean.is_nan() {
            mean = amount;
        } else if !amount.is_nan() {
            mean += (amount - mean) / f64::from(n);
        }
    }
    // A report begins a streak, carries it on, or was made before it and belongs to it.
    let since_first = |gap: f64| {
        let (mut first, mut last) = (f64::NAN, f64::NAN);
        for &(made, _) in reports {
            let begins = last.is_nan() || made - last > gap;
            if begins || made < first && first - made <= gap {
                first = made;
            }
            last = last.max(made);
        }
        if reports.is_empty() || seen - last > gap {
            f64::NAN
        } else {
            (time - first).max(0.0) / DAY
        }
    };
    vec![
        reports.iter().map(|report| decay(report.0)).sum(),
        since_first(14.0 * DAY),
        (seen - last) / DAY,
        mean,
        if weights > 0.0 {
            valued().map(|report| report.1 * decay(report.0)).sum::<f64>() / weights
        } else {
            f64::NAN
        },
        since_first(2.0 * DAY),
    ]
}

fn check_reports(stream: &[(u8, i64, At)]) {
    let program = compile::spec::parse(REPORTS, "reports.toml").expect("the spec is right");
    let names: Vec<_> = program.features.iter().map(|feature| feature.name.clone()).collect();
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let mut detector = Detector::new(plan, &Settings::default()).with_history(1 << 20);
    let mut reports: HashMap<u8, Vec<(f64, f64)>> = HashMap::new();
    for (at, &(terminal, time, what)) in stream.iter().enumerate() {
        let known = reports.entry(terminal).or_default();
        if let Reported(amount) = what {
            // Twice: it counts once.
            for _ in 0..2 {
                let record = report(at as i64, terminal, time, amount);
                let observed = detector.observe(Some(record.as_bytes()), -1);
                assert_eq!(observed, Ok(Observed::Reports));
            }
            known.push((time as f64, amount));
            continue;
        }
        let record = format!(r#"{{"customer_id":1,"terminal_id":{terminal},"timestamp":{time}}}"#);
        detector.observe(Some(record.as_bytes()), -1).expect("a good record");
        let expect = reports_oracle(known, time as f64);
        assert_eq!(names.len(), expect.len());
        for ((name, &found), &expect) in names.iter().zip(detector.vector()).zip(&expect) {
            let close = (f64::from(found) - expect).abs() <= 1e-6 + 2e-5 * expect.abs();
            let same = close || found.is_nan() && expect.is_nan();
            assert!(same, "{name} is {found}, should be {expect}, in {stream:?}");
        }
    }
}

const START: i64 = 1_600_000_000;
const A_DAY: i64 = 86_400;
const NONE: f64 = f64::NAN;

#[test]
fn reports_one_by_one() {
    let check = |stream: &[(u8, i64, At)]| {
        let moved = stream.iter().map(|&(terminal, time, what)| (terminal, START + time, what));
        check_reports(&moved.collect::<Vec<_>>());
    };
    check(&[(1, 0, Paid)]);
    check(&[(1, 0, Reported(20.0)), (1, 0, Paid), (2, 0, Paid), (1, A_DAY, Paid)]);
    // A pause of fourteen days, and one of a second more.
    for pause in [14 * A_DAY, 14 * A_DAY + 1] {
        check(&[(1, 0, Reported(20.0)), (1, pause, Reported(4.0)), (1, 15 * A_DAY, Paid)]);
        check(&[(1, 0, Reported(20.0)), (1, pause, Paid), (1, 30 * A_DAY, Paid)]);
    }
    // A transaction that is late, and one before the streak.
    let two = [(1, 0, Reported(20.0)), (1, 2 * A_DAY, Reported(9.0))];
    check(&[two[0], two[1], (1, A_DAY, Paid), (1, -A_DAY, Paid)]);
    // A report that is late: within the streak, before it, too long before it.
    for late in [A_DAY, -A_DAY, -15 * A_DAY] {
        check(&[two[0], two[1], (1, late, Reported(1e9)), (1, 3 * A_DAY, Paid)]);
    }
    // Amounts of nothing, and none.
    check(&[(1, 0, Reported(NONE)), (1, 1, Paid), (1, 2, Reported(0.0)), (1, 3, Paid)]);
}

#[test]
fn one_by_one() {
    let check = |stream: &[(i64, f64, f64)]| {
        let moved = stream.iter().map(|&(time, amount, tip)| (1, START + time, amount, tip));
        check(&moved.collect::<Vec<_>>());
    };
    check(&[(0, 10.0, NONE)]);
    check(&[(0, 10.0, 1.0), (0, 30.0, 2.0), (60, 1e9, 1e9), (61, 1.0, 3.0), (62, 0.0, 0.0)]);
    check(&[(0, 5.0, -3.0), (9, 5.0, -0.5), (10, 5.0, NONE)]);
    check(&[(0, 0.0, 0.0), (0, 0.0, NONE), (5, 7.0, 4.0), (6, 7.0, 0.0)]);
    // Thirty idle days, and a year.
    check(&[
        (0, 10.0, 2.0),
        (30 * A_DAY, 10.0, NONE),
        (395 * A_DAY, 10.0, NONE),
        (396 * A_DAY, 1.0, 1.0),
    ]);
    // Late ones, by a second and by a month.
    check(&[(0, 10.0, 1.0), (-1, 99.0, 5.0), (-30 * A_DAY, 5.0, 9.0), (0, 1.0, NONE)]);
    // Every hour of a week.
    check(&(0..168).map(|hour| (hour * 3600, 1.0, NONE)).collect::<Vec<_>>());
}

/// Mostly forward in time, sometimes back, and every fourth step nowhere: repeated timestamps. Now
/// and then thirty days pass.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![30 => -90_000..200_000_i64, 10 => Just(0), 1 => Just(30 * A_DAY)]
}

fn amount() -> impl Strategy<Value = f64> {
    prop_oneof![
        20 => (0..200_000_u32).prop_map(|cents| f64::from(cents) / 100.0),
        1 => Just(0.0),
        1 => Just(1e9),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn generated_reports(
        steps in prop::collection::vec(
            (0..3_u8, step(), prop_oneof![
                2 => Just(Paid),
                2 => amount().prop_map(Reported),
                1 => Just(Reported(NONE)),
            ]),
            1..80,
        ),
    ) {
        let mut time = START;
        let stream = steps.into_iter().map(|(terminal, step, what)| {
            time += step;
            (terminal, time, what)
        });
        check_reports(&stream.collect::<Vec<_>>());
    }

    #[test]
    fn generated_streams(
        steps in prop::collection::vec(
            (0..4_u8, step(), amount(), prop_oneof![amount(), Just(NONE)]),
            1..120,
        ),
    ) {
        let mut time = START;
        let stream = steps.into_iter().map(|(customer, step, amount, tip)| {
            time += step;
            (customer, time, amount, tip)
        });
        check(&stream.collect::<Vec<_>>());
    }
}
