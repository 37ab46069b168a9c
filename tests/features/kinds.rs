//! The kinds of features beside numbers, times and windows of sums.

use std::collections::HashMap;

use fraud_detector::{Detector, Settings};
use fraud_plan::{Decision, Plan, compile};
use proptest::prelude::*;

use super::{A_DAY, DAY, START, step};

const SPEC: &str = include_str!("../specs/kinds.toml");
const SPEC_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/specs/kinds.toml");

/// A transaction; NaN and `None` are missing.
#[derive(Clone, Debug)]
struct Payment {
    customer: u8,
    time: i64,
    amount: f64,
    balance: f64,
    /// The values as they are written in JSON.
    kind: Option<&'static str>,
    country: &'static str,
}

impl Payment {
    fn record(&self) -> String {
        let Self { customer, time, amount, .. } = self;
        let balance = if self.balance.is_nan() { "null".into() } else { self.balance.to_string() };
        let kind = self.kind.map_or(String::new(), |kind| format!(r#""kind":{kind}"#));
        format!(
            r#"{{"customer_id":{customer},"timestamp":{time},"amount":{amount},"balance":{balance},"merchant":{{{kind}}},"country":{}}}"#,
            self.country
        )
    }
}

/// Returns what a JSON text or integer means.
fn text(json: &str) -> String {
    match serde_json::from_str(json).expect("JSON") {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The documented hash of a category's value.
fn hash(text: &str) -> u64 {
    let mix = |mut hash: u64| {
        hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ hash >> 33
    };
    let mut padded = text.as_bytes().to_vec();
    // A word more than the whole ones, with what is left over, if only zeros.
    padded.resize((text.len() / 8 + 1) * 8, 0);
    let words = padded.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    mix(words.fold(0xcbf2_9ce4_8422_2325, |hash, word| mix(hash ^ word)) ^ text.len() as u64)
}

/// What the spec's features are of `now`, computed from the list of the customer's events before.
fn oracle(events: &[Payment], now: &Payment) -> Vec<f64> {
    // Numbers are read as 32-bit floats, which shows in a small difference of large ones.
    let read = |number: f64| f64::from(number as f32);
    let [amount, balance] = [now.amount, now.balance].map(read);
    let place = |values: &[&str], value: &str| values.iter().position(|&known| known == value);
    let code = |values: &[&str], value: &str| place(values, value).map_or(-1.0, |at| at as f64);
    let kind = now.kind.map(text);
    let of_kind = |form: &dyn Fn(&str) -> f64| kind.as_deref().map_or(f64::NAN, form);
    let kinds = ["grocery", "café", "5411", "a,b"];
    let one_hot = kinds.map(|wanted| of_kind(&|kind| f64::from(u8::from(kind == wanted))));
    let rates = [("grocery", 0.002), ("5411", 0.25), ("other, unlisted", -7.0)];
    let rate = |unknown: f64| {
        of_kind(&|kind| {
            rates.iter().find(|(value, _)| *value == kind).map_or(unknown, |(_, rate)| *rate)
        })
    };
    let last = events.iter().map(|event| event.time).max().unwrap_or(now.time).max(now.time);
    let decayed = |event: &Payment| {
        (read(event.balance) - read(event.amount)) * (-(last - event.time) as f64 / DAY).exp2()
    };
    let largest = events.iter().map(decayed).fold(0.0, f64::max);
    let mut vector = vec![of_kind(&|kind| code(&kinds, kind))];
    vector.extend(one_hot);
    vector.extend([
        of_kind(&|kind| ((u128::from(hash(kind) >> 32) * 1000) >> 32) as f64),
        rate(0.01),
        rate(f64::NAN),
        code(&["DE", "FR", "IT"], &text(now.country)),
        if balance == 0.0 { f64::NAN } else { amount / balance },
        balance - amount,
        amount * rate(0.01),
        if events.is_empty() { f64::NAN } else { largest },
    ]);
    vector
}

fn check(stream: &[Payment]) {
    let program = compile::spec::parse(SPEC, SPEC_FILE).expect("the spec is right");
    let names: Vec<_> = program.features.iter().map(|feature| feature.name.clone()).collect();
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    // As the broker has it: written and read again.
    let plan = plan.write();
    let plan = plan.read().expect("a plan");
    let mut detector = Detector::new(plan, &Settings::default()).with_history(1 << 20);
    let mut events: HashMap<u8, Vec<Payment>> = HashMap::new();
    for payment in stream {
        let record = payment.record();
        detector.observe(Some(record.as_bytes()), -1).expect(&record);
        let events = events.entry(payment.customer).or_default();
        let expect = oracle(events, payment);
        assert_eq!(names.len(), expect.len());
        for ((name, &found), &expect) in names.iter().zip(detector.vector()).zip(&expect) {
            let close = (f64::from(found) - expect).abs() <= 1e-30 + 2e-5 * expect.abs();
            let same = close || found.is_nan() && expect.is_nan();
            assert!(same, "{name} is {found}, should be {expect}, in {record} after {events:?}");
        }
        events.push(payment.clone());
    }
}

const PAYMENT: Payment = Payment {
    customer: 1,
    time: START,
    amount: 20.0,
    balance: 100.0,
    kind: Some(r#""grocery""#),
    country: r#""FR""#,
};

#[test]
fn one_by_one() {
    let kinds = [
        None,
        Some("null"),
        Some(r#""caf\u00e9""#),
        Some("5411"),
        Some(r#""5411""#),
        Some(r#""a,b""#),
        Some(r#""a""#),
        Some(r#""""#),
        Some(r#""other, unlisted""#),
        Some(r#""exactly8""#),
        Some("-12345678901234567"),
    ];
    let none = kinds.map(|kind| Payment { kind: kind.filter(|&kind| kind != "null"), ..PAYMENT });
    check(&none);
    let balances = [f64::NAN, 0.0, -5.0, 1e-30, 1e30];
    check(&balances.map(|balance| Payment { balance, ..PAYMENT }));
}

#[test]
fn a_category_of_another_type_or_absent_is_unscorable() {
    let program = compile::spec::parse(SPEC, SPEC_FILE).expect("the spec is right");
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let mut detector = Detector::new(plan, &Settings::default());
    let good = PAYMENT.record();
    for (country, code) in [
        (r#","country":{}"#, "wrong_type"),
        (r#","country":["FR"]"#, "wrong_type"),
        (r#","country":0.5"#, "wrong_type"),
        (r#","country":null"#, "missing_field"),
        ("", "missing_field"),
    ] {
        let record = good.replace(r#","country":"FR""#, country);
        let refusal = detector.observe(Some(record.as_bytes()), -1).expect_err(&record);
        assert_eq!(refusal.reason.code(), code, "{record}");
    }
}

fn payment() -> impl Strategy<Value = Payment> {
    let amounts = || {
        prop_oneof![
            20 => (0..200_000_u32).prop_map(|cents| f64::from(cents) / 100.0),
            1 => Just(0.0),
        ]
    };
    let kinds = [r#""grocery""#, r#""café""#, "5411", r#""a,b""#, r#""new""#, "77"];
    let countries = [r#""DE""#, r#""FR""#, r#""IT""#, r#""\u0049T""#, r#""XX""#, "1"];
    let kind = prop::option::weighted(0.9, prop::sample::select(kinds.to_vec()));
    let balance = prop_oneof![5 => amounts(), 1 => Just(f64::NAN)];
    (0..3_u8, amounts(), balance, kind, prop::sample::select(countries.to_vec())).prop_map(
        |(customer, amount, balance, kind, country)| Payment {
            customer,
            time: 0,
            amount,
            balance,
            kind,
            country,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn generated(steps in prop::collection::vec((step(), payment()), 1..80)) {
        let mut time = START + A_DAY;
        let stream = steps.into_iter().map(|(step, payment)| {
            time += step;
            Payment { time, ..payment }
        });
        check(&stream.collect::<Vec<_>>());
    }
}
