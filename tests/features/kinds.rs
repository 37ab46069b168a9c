//! The kinds of features beside numbers, times and windows of sums.

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
    terminal: u8,
    time: i64,
    amount: f64,
    balance: f64,
    /// Latitude and longitude.
    at: [f64; 2],
    shop: [f64; 2],
    /// The values as they are written in JSON.
    kind: Option<&'static str>,
    country: &'static str,
}

impl Payment {
    fn record(&self) -> String {
        let Self { customer, terminal, time, amount, shop, .. } = self;
        let [balance, latitude, longitude] = [self.balance, self.at[0], self.at[1]]
            .map(|number| if number.is_nan() { "null".into() } else { number.to_string() });
        let kind = self.kind.map_or(String::new(), |kind| format!(r#""kind":{kind}"#));
        format!(
            r#"{{"customer_id":{customer},"terminal_id":{terminal},"timestamp":{time},"amount":{amount},"balance":{balance},"at":{{"lat":{latitude},"lon":{longitude}}},"shop":{{"lat":{},"lon":{}}},"merchant":{{{kind}}},"country":{}}}"#,
            shop[0], shop[1], self.country
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

/// Numbers are read as 32-bit floats, which shows in a small difference of large ones.
fn read(number: f64) -> f64 {
    f64::from(number as f32)
}

/// Kilometres between two points on a sphere, by their angle in space.
fn kilometres(from: [f64; 2], to: [f64; 2]) -> f64 {
    let is_point =
        |[latitude, longitude]: [f64; 2]| latitude.abs() <= 90.0 && longitude.abs() <= 360.0;
    if !is_point(from) || !is_point(to) {
        return f64::NAN;
    }
    let vector = |point: [f64; 2]| {
        let [latitude, longitude] = point.map(|degrees| read(degrees).to_radians());
        [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
    };
    let ([a, b, c], [x, y, z]) = (vector(from), vector(to));
    let across = [b * z - c * y, c * x - a * z, a * y - b * x];
    let sine = across.iter().map(|part| part * part).sum::<f64>().sqrt();
    6371.0088 * sine.atan2(a * x + b * y + c * z)
}

/// Counts the different values of those that came at most `window` seconds before `now`: the fewest
/// and the most that may be counted, which differ where a time is a step from the window's edge.
fn different<T: PartialEq>(values: &[(i64, T)], now: i64, window: i64, cap: usize) -> [f64; 2] {
    let last = values.iter().map(|(time, _)| *time).fold(now, i64::max);
    let step = if window < 4095 { 0 } else { window / 4095 + 1 };
    [window - step, window + step].map(|window| {
        let mut known = Vec::new();
        for (_, value) in values.iter().filter(|(time, _)| last - time <= window) {
            if !known.contains(&value) {
                known.push(value);
            }
        }
        known.len().min(cap) as f64
    })
}

/// Computes the spec's features of `now` from the list of all events before: the least and
/// the most that each may be.
fn oracle(all: &[Payment], now: &Payment) -> Vec<[f64; 2]> {
    let events: Vec<_> = all.iter().filter(|event| event.customer == now.customer).collect();
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
    let latest = |events: &[&Payment]| events.iter().map(|event| event.time).max();
    let last = latest(&events).unwrap_or(now.time).max(now.time);
    let max = |value: &dyn Fn(usize) -> f64| {
        let decay = |at: usize| (-(last - events[at].time) as f64 / DAY).exp2();
        let decayed = (0..events.len()).map(|at| value(at) * decay(at));
        if events.is_empty() { f64::NAN } else { decayed.fold(0.0, f64::max) }
    };
    // Kilometres and kilometres an hour from the latest point before event number `at`.
    let from_last = |at: usize, now: &Payment| {
        let mut from: Option<&Payment> = None;
        for event in &events[..at] {
            let is_point = !kilometres(event.at, event.at).is_nan();
            if is_point && from.is_none_or(|from| event.time >= from.time) {
                from = Some(event);
            }
        }
        from.map_or([f64::NAN; 2], |from| {
            let distance = kilometres(from.at, now.at);
            let seconds = (now.time - from.time).abs().max(1);
            [distance, distance / seconds as f64 * 3600.0]
        })
    };
    let since_last = |at: usize, now: &Payment| {
        latest(&events[..at]).map_or(f64::NAN, |last| (now.time - last).max(0) as f64)
    };
    let ago = |count: usize| events.len().checked_sub(count);
    let [distance, speed] = from_last(events.len(), now);
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
        max(&|at| read(events[at].balance) - read(events[at].amount)),
        kilometres(now.at, now.shop),
        distance,
        speed,
        max(&|at| from_last(at, events[at])[1]),
    ]);
    let balance_ago = |count| ago(count).map_or(f64::NAN, |at| events[at].balance);
    vector.extend([1, 2, 3].map(balance_ago));
    vector.push(since_last(events.len(), now));
    vector.extend([1, 2].map(|count| ago(count).map_or(f64::NAN, |at| since_last(at, events[at]))));
    let mut vector: Vec<_> = vector.into_iter().map(|value| [value; 2]).collect();
    let terminals: Vec<_> = events.iter().map(|event| (event.time, event.terminal)).collect();
    let kinds = events.iter().filter_map(|event| Some((event.time, text(event.kind?))));
    let kinds: Vec<_> = kinds.collect();
    let of_terminal = all.iter().filter(|event| event.terminal == now.terminal);
    let customers: Vec<_> = of_terminal.map(|event| (event.time, event.customer)).collect();
    let day = A_DAY;
    vector.push(different(&terminals, now.time, day, 4));
    vector.push(different(&terminals, now.time, 3600, 8));
    vector.push(different(&kinds, last, 30 * day, 64));
    vector.push(different(&customers, now.time, day, 8));
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
    for (at, payment) in stream.iter().enumerate() {
        let record = payment.record();
        detector.observe(Some(record.as_bytes()), -1).expect(&record);
        let expect = oracle(&stream[..at], payment);
        assert_eq!(names.len(), expect.len());
        for ((name, &found), [least, most]) in names.iter().zip(detector.vector()).zip(expect) {
            let off = |limit: f64| 1e-6 + 2e-5 * limit.abs();
            let value = f64::from(found);
            let close = least - off(least) <= value && value <= most + off(most);
            let same = close || found.is_nan() && least.is_nan();
            let before = &stream[..at];
            assert!(
                same,
                "{name} is {found}, should be {least} to {most}, in {record} after {before:?}"
            );
        }
    }
}

const PAYMENT: Payment = Payment {
    customer: 1,
    terminal: 1,
    time: START,
    amount: 20.0,
    balance: 100.0,
    at: [48.1, 11.5],
    shop: [48.2, 11.6],
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
fn points_one_by_one() {
    let points = [
        [48.1, 11.5],
        [48.1, 11.5],
        [-33.9, 151.2],
        [90.0, 0.0],
        [-90.0, 0.0],
        [0.0, 180.0],
        [0.0, -180.0],
        [10.0, 370.0],
        [f64::NAN, 11.5],
        [48.1, f64::NAN],
        [91.0, 0.0],
        [48.100_01, 11.500_01],
    ];
    for step in [0, 1, 3600, -60, 40 * A_DAY] {
        let payments = (0..).zip(points);
        let payments = payments.map(|(at, point)| Payment {
            at: point,
            shop: [-48.1, -168.5],
            time: START + at * step,
            ..PAYMENT
        });
        check(&payments.collect::<Vec<_>>());
    }
}

#[test]
fn more_different_values_than_are_counted() {
    // Each second one of twelve terminals; then nothing for almost the window, and a little more.
    for pause in [0, A_DAY - 40, A_DAY + 40, 400 * A_DAY] {
        let payments = (0..24).map(|at| Payment {
            terminal: (at * 7 % 12) as u8,
            customer: 1 + u8::from(at % 5 == 0),
            time: START + at + if at < 12 { 0 } else { pause },
            ..PAYMENT
        });
        check(&payments.collect::<Vec<_>>());
    }
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

/// A card payment as public data sets have it, from end to end: text categories, coordinates of the card
/// holder and the merchant, a time without a zone.
#[test]
fn card_payments() {
    const SPEC: &str = r#"
        version = 1
        time = { path = "trans_date_trans_time", utc_offset = "+00:00" }
        entity = [
            { name = "card", path = "cc_num" },
            { name = "merchant", path = "merchant", scope = "instance" },
        ]
        number = [
            { name = "amount", path = "amt" },
            { name = "lat", path = "lat" },
            { name = "long", path = "long" },
            { name = "merch_lat", path = "merch_lat" },
            { name = "merch_long", path = "merch_long" },
        ]
        category = [{ name = "category", path = "category", values = ["gas_transport", "misc_net"] }]
        feature = [
            { name = "category", kind = "category", of = "category", as = "one_hot" },
            { name = "code", kind = "category", of = "category", as = "ordinal" },
            { name = "from_home", kind = "distance", from = ["lat", "long"], to = ["merch_lat", "merch_long"] },
            { name = "speed", kind = "distance", from = ["merch_lat", "merch_long"], entity = "card", as = "km_per_hour" },
            { name = "amounts", kind = "window", entity = "card", stat = "last", of = "amount", length = 2 },
            { name = "categories", kind = "window", entity = "card", stat = "distinct", of = "category", within = "90m" },
            { name = "merchants", kind = "window", entity = "card", stat = "distinct", of = "merchant", within = "1d" },
            { name = "more", kind = "combine", of = ["amount", "amounts.1"], as = "difference" },
        ]
    "#;
    let program = compile::spec::parse(SPEC, "spec").expect("the spec is right");
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let mut detector = Detector::new(plan, &Settings::default());
    // category, time, merchant, amount, merchant's place, and the features.
    let (none, misc, gas, other) = (f32::NAN, [0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]);
    let near = [31.060_889, -113.845_34];
    let payments = [
        (
            "misc_net",
            "01:20:46",
            "M107",
            28.19,
            near,
            misc,
            [73.289_87, none, none, none, 0.0, 0.0, none],
        ),
        (
            "gas_transport",
            "03:01:19",
            "M054",
            19.14,
            near,
            gas,
            [73.289_87, 0.0, 28.19, none, 0.0, 1.0, -9.05],
        ),
        (
            "travel",
            "04:01:19",
            "M107",
            1.0,
            [51.5, -0.1],
            other,
            [8813.262, 8795.778, 19.14, 28.19, 1.0, 2.0, -18.14],
        ),
        (
            "",
            "04:01:19",
            "M107",
            1.0,
            [51.5, -0.1],
            other,
            [8813.262, 0.0, 1.0, 19.14, 2.0, 2.0, 0.0],
        ),
    ];
    for (category, time, merchant, amount, [lat, long], of_category, others) in payments {
        let record = format!(
            r#"{{"trans_date_trans_time": "2019-01-01 {time}", "cc_num": 742201480119079509, "merchant": "fraud_{merchant} Ltd", "category": "{category}", "amt": {amount}, "gender": "F", "zip": 28654, "lat": 30.5609, "long": -113.3453, "merch_lat": {lat}, "merch_long": {long}, "is_fraud": 0}}"#
        );
        detector.observe(Some(record.as_bytes()), -1).expect(&record);
        let expect: Vec<f32> = of_category.into_iter().chain(others).collect();
        let same = |(&found, &expect): (&f32, &f32)| {
            (found - expect).abs() <= 1e-4 + 1e-6 * expect.abs()
                || found.is_nan() && expect.is_nan()
        };
        let found = detector.vector();
        assert_eq!(found.len(), expect.len());
        assert!(found.iter().zip(&expect).all(same), "{found:?}, should be {expect:?}: {record}");
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
    let degrees = |limit: f64| prop_oneof![9 => -limit..limit, 1 => Just(f64::NAN)];
    let at = [degrees(95.0), degrees(365.0)];
    (
        (0..3_u8, 0..12_u8),
        (amounts(), balance),
        (at, [-90.0..90.0, -180.0..180.0]),
        (kind, prop::sample::select(countries.to_vec())),
    )
        .prop_map(|((customer, terminal), (amount, balance), (at, shop), (kind, country))| {
            Payment { customer, terminal, time: 0, amount, balance, at, shop, kind, country }
        })
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
