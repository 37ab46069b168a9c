//! Samples of many shapes, and the roles that are found in them. All records are invented.

use std::fmt::Write as _;
use std::io::Write as _;

use fraud_simulator::{Format, Population, World};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::check::{self, Tried};
use super::demand;
use super::propose::{Proposal, propose};
use super::roles::Roles;
use super::sample::Sample;
use super::{Asked, fit, parse_path};

/// The outcome of a sample.
struct Came {
    /// `role path`, a line each, in the order of paths.
    roles: String,
    left_out: Vec<String>,
    unsure: String,
    proposal: Proposal,
    tried: Tried,
}

fn came_of(text: &str, asked: &Asked) -> Came {
    try_of(text, asked).expect("roles")
}

/// Proposes a spec, unless the sample has nothing to score.
fn try_of(text: &str, asked: &Asked) -> anyhow::Result<Came> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("writable");
    let sample = Sample::read(file.path(), 2_000).expect("records");
    let mut roles = Roles::find(&sample, asked)?;
    let has_labels = roles.label.is_some() || asked.frauds.is_some();
    let mut proposal = propose(&mut roles, "sample", sample.records, has_labels);
    let program = check::compile(&proposal)?;
    let demand = demand::count(file.path(), &program, None)?;
    fit(&mut proposal, &demand, 1 << 20)?;
    let tried =
        check::check(&proposal, &sample).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
    let mut found: Vec<_> =
        roles.found.iter().map(|found| format!("{} {}\n", found.role, found.path)).collect();
    found.sort();
    Ok(Came {
        roles: found.concat(),
        left_out: roles.left_out.into_iter().map(|left| left.path).collect(),
        unsure: roles.doubts.into_iter().map(|doubt| doubt.what + "\n").collect(),
        proposal,
        tried,
    })
}

/// Checks the roles in a sample, a line each, and how many of its records are scored, pass on, are reports, and
/// are refused.
#[track_caller]
fn check(text: &str, roles: &str, counts: [u64; 4]) -> Came {
    let came = came_of(text, &Asked::default());
    let roles: Vec<&str> = roles.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(came.roles.lines().collect::<Vec<_>>(), roles, "{text}\n{}", came.proposal.text);
    let tried = &came.tried;
    let found = [tried.scored, tried.passed, tried.reports, tried.refused.records()];
    assert_eq!(found, counts, "{text}\n{}\n{}", came.proposal.text, tried.refused);
    came
}

/// Fails unless the spec has all of these parts.
#[track_caller]
fn has(came: &Came, parts: &[&str]) {
    for part in parts {
        assert!(came.proposal.text.contains(part), "no {part:?} in\n{}", came.proposal.text);
    }
}

/// Numbers that look drawn and are the same every time.
fn drawn(seed: usize) -> usize {
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) ^ (seed >> 3)
}

/// Returns one of these.
fn pick<T: Copy>(of: &[T], at: usize) -> T {
    of[at % of.len()]
}

/// Writes a record for each number.
fn lines(count: usize, record: impl Fn(usize) -> Value) -> String {
    (0..count).fold(String::new(), |mut text, at| {
        let _ = writeln!(text, "{}", record(at));
        text
    })
}

#[test]
fn flat_records_and_their_reports() {
    let one = r#"{"transaction_id":"1","timestamp":"2018-04-01T03:18:44Z","customer_id":"c","terminal_id":"t","amount":22.14"#;
    let roles = "amount amount\nentity terminal_id\nid transaction_id\npartition key customer_id\ntime timestamp";
    let plain =
        check(&format!("{one}}}\n{}}}\n", one.replace("\"1\"", "\"2\"")), roles, [2, 0, 0, 0]);
    has(
        &plain,
        &[
            "[time]\npath = \"timestamp\"\n\n",
            "id = \"transaction_id\"\n\n",
            "scope = \"instance\"",
        ],
    );
    check(&format!("\u{feff}{one}}}\n"), roles, [1, 0, 0, 0]);
    for none in ["null", "[]"] {
        check(&format!("{one},\"fraud_reports\":{none}}}\n"), roles, [1, 0, 0, 0]);
    }
    let report = r#"{"fraud_reports":[{"transaction_id":"1","terminal_id":"t","amount":10,"reported_at":"2020-01-01T00:01:00Z"}]}"#;
    let with_report = check(
        &format!("{one}}}\n{report}\n"),
        &roles.replace("id t", "fraud reports fraud_reports\nid t"),
        [1, 0, 1, 0],
    );
    has(
        &with_report,
        &[
            "[reports]\npath = \"fraud_reports\"\ntime = \"reported_at\"\n",
            "terminal_id_reports_7d",
        ],
    );
    let named_fraud = report.replace("fraud_reports", "fraud");
    let named_fraud = came_of(&format!("{one}}}\n{named_fraud}\n"), &Asked::default());
    has(&named_fraud, &["verdict = \"fraud_verdict\"", "[reports]\npath = \"fraud\"\n"]);
    let floats = r#"{"transaction_id":1.0,"timestamp":"2018-04-01T03:18:44Z","customer_id":596.0,"terminal_id":1e3,"amount":2}"#;
    check(
        &format!("{floats}\n{}\n", floats.replace(".0", "").replace("1e3", "\"1000\"")),
        roles,
        [2, 0, 0, 0],
    );
    let dump = format!(
        r#"{{"topic":"t","key":"c","value":{},"timestamp":1522552724000,"partition":0,"offset":0}}"#,
        json!(format!("{one}}}"))
    );
    let tombstone = r#"{"topic":"t","key":"c","timestamp":1522552725000,"partition":0,"offset":1}"#;
    check(&format!("{dump}\n{tombstone}\n"), roles, [1, 0, 0, 0]);
}

#[test]
fn numbers_in_text() {
    let amounts = |amounts: &[&str]| {
        lines(
            amounts.len(),
            |at| json!({"id": at, "at": "2018-04-01T03:18:44Z", "card": "c", "amount": amounts[at]}),
        )
    };
    for (given, keys, refused) in [
        (&["221.14", "7"][..], "form = \"text\"\n\n", 0),
        (&["1,234.50", "7.00"], "form = \"text\"\ngrouping = \",\"\n\n", 0),
        (&["1.234,50", "7,00"], "form = \"text\"\npoint = \",\"\ngrouping = \".\"\n\n", 0),
        (&["7,00", "12,50"], "form = \"text\"\npoint = \",\"\n\n", 0),
        (&["000000001050", "000000000700"], "form = \"text\"\ndecimals = 2\n\n", 0),
        (&["B54=", "AQ=="], "form = \"base64\"\ndecimals = 2\n\n", 0),
        (
            &["221.14", "1,234.50", "000000001050", "B54="],
            "form = \"text\"\ngrouping = \",\"\n\n",
            1,
        ),
    ] {
        let roles = "amount amount\nid id\npartition key card\ntime at";
        let count = given.len() as u64;
        has(&check(&amounts(given), roles, [count - refused, 0, 0, refused]), &[keys]);
    }
}

#[test]
fn every_way_to_write_a_time() {
    let times = |time: &dyn Fn(usize) -> Value| {
        lines(
            40,
            |at| json!({"when": time(at), "card": format!("c{}", at % 7), "amount": drawn(at) % 999, "signup_date": "2011-01-01T00:00:00Z"}),
        )
    };
    let second = |at: usize| 1_546_301_153 + 600 * at as u64;
    for (time, keys) in [
        (&(|at| json!(second(at))) as &dyn Fn(usize) -> Value, "unit = \"seconds\"\n"),
        (&|at| json!(second(at) as f64 + 0.25), "unit = \"seconds\"\n"),
        (&|at| json!(second(at) * 1_000), "unit = \"milliseconds\"\n"),
        (&|at| json!(format!("{}000000", second(at))), "unit = \"microseconds\"\n"),
        (&|at| json!(second(at) * 1_000_000_000), "unit = \"nanoseconds\"\n"),
        (&|at| json!(format!("2019-01-01T00:{at:02}:53+01:00")), "path = \"when\"\n\n"),
        (&|at| json!(format!("2019-01-01 00:{at:02}:53")), "utc_offset = \"+00:00\"\n"),
        (&|at| json!([2019, 1, 1, 0, at, 53]), "unit = \"parts\"\nutc_offset = \"+00:00\"\n"),
    ] {
        let came =
            check(&times(time), "amount amount\npartition key card\ntime when", [40, 0, 0, 0]);
        has(&came, &["[time]\npath = \"when\"\n", keys]);
    }
    let none = times(&|_| json!("01.02.2019"));
    let came = check(&none, "amount amount\npartition key card", [40, 0, 0, 0]);
    assert!(came.unsure.contains("no member looks like the time"), "{}", came.unsure);
}

#[test]
fn of_two_times_the_event_counts() {
    let record = |at: usize| {
        let second = 1_700_000_000 + 60 * at + drawn(at) % 50;
        json!({"loaded_at": 1_700_090_000 + 60 * at, "transaction_time": second, "acct": drawn(at) % 9, "amount": 1.5})
    };
    let roles = "amount amount\npartition key acct\ntime transaction_time";
    let came = check(&lines(60, record), &roles.replace("amount amount\n", ""), [60, 0, 0, 0]);
    assert!(came.left_out.contains(&"loaded_at".to_owned()), "{:?}", came.left_out);
}

#[test]
fn changes_of_a_table() {
    let change = |at: usize| {
        let op = pick(&["c", "c", "r", "u", "d"], at);
        let row = json!({"id": 1000 + at, "card_id": drawn(at) % 7, "merchant_id": drawn(at + 99) % 5, "amount": 19.5 + at as f64,
            "status": pick(&["AUTHORISED", "DECLINED"], drawn(at)), "created_at": 1_714_000_000_000_000_u64 + 60_000_000 * at as u64});
        let [before, after] = if op == "d" { [row, Value::Null] } else { [Value::Null, row] };
        let source = json!({"version": "2.7.0.Final", "ts_ms": 1_714_000_000_000_u64, "db": "pay"});
        json!({"schema": {"type": "struct", "fields": []}, "payload": {"before": before, "after": after, "source": source,
            "op": op, "ts_ms": 1_714_000_000_142_u64 + 60_000 * at as u64, "transaction": null}})
    };
    let roles = "amount payload.after.amount\ncategory payload.after.status\nentity payload.after.merchant_id\n\
                 event type payload.op\nid payload.after.id\npartition key payload.after.card_id\ntime payload.after.created_at";
    let came = check(&(lines(60, change) + "null\n"), roles, [24, 36, 0, 0]);
    has(&came, &["scored = [\"c\"]\n", "unit = \"microseconds\"\n"]);
}

/// Payment events as a provider sends them.
fn event(kind: &str, at: usize, object: Value) -> Value {
    json!({"id": format!("evt_{at:03}"), "object": "event", "created": 1_764_030_000 + 60 * at, "type": kind, "livemode": true, "data": {"object": object}})
}

fn charge(at: usize) -> Value {
    let customer = if at % 4 == 3 { Value::Null } else { json!(format!("cus_{}", drawn(at) % 6)) };
    json!({"id": format!("ch_{at:03}"), "object": "charge", "amount": 500 + drawn(at) % 4000, "amount_refunded": 0, "customer": customer,
        "currency": pick(&["usd", "eur", "jpy"], at), "created": 1_764_030_000 + 60 * at, "outcome": {"risk_score": drawn(at) % 99},
        "payment_method_details": {"type": "card", "card": {"fingerprint": format!("fp_{}", drawn(at) % 8), "country": "GB", "exp_year": 2029}}})
}

#[test]
fn events_of_a_payment_provider() {
    let mut text = String::new();
    for at in 0..40 {
        text += &format!("{}\n", event("charge.succeeded", at, charge(at)));
        match at {
            // The same once more, a refund, a payout, and two disputes.
            7 => text += &format!("{}\n", event("charge.succeeded", at, charge(at))),
            9 => text += &format!("{}\n", event("charge.refunded", 100, charge(at))),
            12 => {
                text += &format!(
                    "{}\n",
                    event(
                        "payout.paid",
                        101,
                        json!({"id": "po_1", "object": "payout", "amount": 9_000})
                    )
                )
            }
            20 | 30 => {
                let dispute = json!({"id": format!("dp_{at}"), "object": "dispute", "amount": 2997, "charge": format!("ch_{at:03}"),
                    "created": 1_764_030_000 + 60 * at, "reason": "fraudulent"});
                text += &format!("{}\n", event("charge.dispute.created", 100 + at, dispute));
            }
            _ => {}
        }
    }
    let came = check(
        &text,
        "amount data.object.amount
         category data.object.currency
         entity data.object.customer
         event type type
         id data.object.id
         number data.object.outcome.risk_score
         partition key data.object.payment_method_details.card.fingerprint
         time created",
        [41, 2, 2, 0],
    );
    has(
        &came,
        &[
            "scored = [\"charge.succeeded\"]\nreports = [\"charge.dispute.created\"]\n",
            "known = 256",
            "[reports]\nid = \"data.object.charge\"\n",
            "currency = \"data.object.currency\"\n",
            "path = \"data.object.customer\"\noptional = true\nscope = \"instance\"\nexpected = ",
        ],
    );
}

#[test]
fn notifications_in_arrays() {
    let notification = |at: usize| {
        let code =
            pick(&["AUTHORISATION", "AUTHORISATION", "AUTHORISATION", "REFUND", "CHARGEBACK"], at);
        let own = json!({"eventCode": code, "eventDate": format!("2024-03-0{}T10:{:02}:00+01:00", 1 + at / 50, at % 50), "pspReference": format!("PSP{at:05}"),
            "originalReference": format!("PSP{:05}", at.saturating_sub(4)), "merchantAccountCode": "Shop", "amount": {"currency": "EUR", "value": 1000 + drawn(at) % 500},
            "additionalData": {"shopperReference": format!("s{}", drawn(at) % 11), "shopperIP": format!("10.0.0.{}", drawn(at + 7) % 40), "expiryDate": "3/2030"},
            "success": "true"});
        json!({"live": "true", "notificationItems": [{"NotificationRequestItem": own}]})
    };
    let at = "notificationItems[0].NotificationRequestItem";
    let roles = format!(
        "amount {at}.amount.value\nentity {at}.additionalData.shopperIP\nevent type {at}.eventCode\nid {at}.pspReference\n\
         partition key {at}.additionalData.shopperReference\ntime {at}.eventDate"
    );
    let came = check(&lines(100, notification), &roles, [60, 20, 20, 0]);
    has(
        &came,
        &[
            "reports = [\"CHARGEBACK\"]",
            "others = \"scored\"",
            &format!("id = \"{at}.originalReference\""),
        ],
    );
}

#[test]
fn messages_of_card_networks() {
    let message = |at: usize| {
        json!({"mti": pick(&["0100", "0100", "0200", "0400"], at), "pan": format!("40000000{:08}", drawn(at) % 23), "stan": format!("{at:06}"),
            "rrn": format!("{:012}", 700_000 + at), "amount": format!("{:012}", 100 + drawn(at) % 90_000), "mcc": pick(&[5411, 5812, 4111], drawn(at)),
            "terminal_id": format!("T{}", drawn(at + 5) % 17), "card_acceptor_id": format!("M{}", drawn(at + 9) % 9),
            "transmission": 1_700_000_000_000_u64 + 1000 * at as u64, "currency": "978"})
    };
    let came = check(
        &lines(120, message),
        "amount amount
         category mcc
         entity card_acceptor_id
         entity terminal_id
         event type mti
         id rrn
         partition key pan
         time transmission",
        [90, 30, 0, 0],
    );
    has(&came, &["scored = [\"0100\",\"0200\"]", "passed = [\"0400\"]", "decimals = 2"]);
}

#[test]
fn transfers_with_steps_and_balances() {
    let transfer = |at: usize| {
        let before = 1000.5 + (drawn(at) % 90_000) as f64;
        let fraud = u8::from(at % 37 == 5);
        json!({"step": 1 + at / 30, "type": pick(&["PAYMENT", "CASH_OUT", "TRANSFER"], drawn(at)), "amount": 0.5 + (drawn(at + 1) % 900) as f64,
            "nameOrig": format!("C{}", drawn(at) % 61), "oldbalanceOrg": before, "newbalanceOrig": before - 7.0,
            "nameDest": format!("M{}", drawn(at + 2) % 9), "oldbalanceDest": before + 3.0, "newbalanceDest": before * 2.0,
            "isFraud": fraud, "isFlaggedFraud": fraud})
    };
    let came = check(
        &lines(300, transfer),
        "amount amount
         balance oldbalanceDest
         balance oldbalanceOrg
         category type
         entity nameDest
         label isFraud
         partition key nameOrig
         time step",
        [300, 0, 0, 0],
    );
    assert_eq!(came.left_out, ["isFlaggedFraud"]);
    has(
        &came,
        &[
            "step = \"1h\"\nstart = \"",
            "of = [\"newbalance_orig\", \"oldbalance_org\"]",
            "of = [\"newbalance_dest\", \"oldbalance_dest\"]",
        ],
    );
}

#[test]
fn card_payments_of_persons_with_coordinates() {
    let payment = |at: usize| {
        let person = drawn(at) % 21;
        json!({"trans_date_trans_time": format!("2019-01-0{} 0{}:05:{:02}", 1 + at / 60, at % 60 / 10, at % 60), "cc_num": 4_000_000_000_000_000_u64 + 7 * person as u64,
            "merchant": format!("shop {}", drawn(at + 1) % 44), "category": pick(&["travel", "home", "food"], drawn(at + 2)), "amt": 1.5 + (drawn(at) % 99) as f64,
            "first": format!("F{person}"), "last": format!("L{person}"), "street": format!("{person} Elm"), "email": format!("p{person}@x.org"), "gender": pick(&["F", "M"], person),
            "zip": 28_654 + person, "lat": 33.5 + person as f64 / 9.0, "long": -104.4 + person as f64 / 9.0, "city_pop": 3_000 + 17 * person, "dob": format!("19{}-01-01", 50 + person),
            "trans_num": format!("{:032x}", at * 7_919), "merch_lat": 33.0 + (drawn(at + 3) % 99) as f64 / 50.0, "merch_long": -104.0 - (drawn(at + 4) % 99) as f64 / 50.0,
            "is_fraud": u8::from(at % 41 == 3), "chargeback_at": if at % 41 == 3 { json!("2019-03-01T00:00:00Z") } else { Value::Null }})
    };
    let came = check(
        &lines(300, payment),
        "amount amt
         category category
         category gender
         category zip
         entity merchant
         id trans_num
         label is_fraud
         number city_pop
         partition key cc_num
         point lat, long
         point merch_lat, merch_long
         time trans_date_trans_time",
        [300, 0, 0, 0],
    );
    assert_eq!(came.left_out, ["chargeback_at", "dob", "email", "first", "last", "street"]);
    has(
        &came,
        &[
            "from = [\"merch_lat\", \"merch_long\"]\nto = [\"lat\", \"long\"]\n",
            "values = \"zip.txt\"",
        ],
    );
    assert!(came.unsure.contains("names no zone"), "{}", came.unsure);
}

/// A public data set of components: nobody to remember.
#[test]
fn components_without_anybody() {
    let record = |at: usize| {
        let mut record = json!({"Time": at as f64 * 3.0, "Amount": 1.25 * (drawn(at) % 900) as f64, "Class": u8::from(at % 90 == 7)});
        for component in 1..=28 {
            record[format!("V{component}")] = json!(drawn(at * 29 + component) as f64 / 7e6 - 1.0);
        }
        record
    };
    let came = came_of(&lines(400, record), &Asked::default());
    has(
        &came,
        &[
            "step = \"1s\"",
            "name = \"nobody\"\npath = \"no_such_member\"\noptional = true\n",
            "of = \"v_28\"",
        ],
    );
    assert_eq!(
        (came.tried.scored, came.tried.refused.records()),
        (400, 0),
        "{}",
        came.tried.refused
    );
    assert!(
        came.roles.contains("label Class\n") && came.unsure.contains("who pays"),
        "{}{}",
        came.roles,
        came.unsure
    );
}

/// A public data set of 434 columns, most of them empty.
#[test]
fn very_wide_records() {
    let record = |at: usize| {
        let mut record = json!({"TransactionID": 2_987_000 + at, "isFraud": u8::from(at % 30 == 4), "TransactionDT": 86_400 + 40 * at, "TransactionAmt": 9.5 + (drawn(at) % 400) as f64,
            "ProductCD": pick(&["W", "C", "R"], at), "card1": 1_000 + drawn(at) % 170, "card4": pick(&["visa", "mastercard"], at), "P_emaildomain": pick(&["a.com", "b.com", "c.org"], drawn(at)),
            "DeviceInfo": format!("device {}", drawn(at) % 77), "M4": pick(&["M0", "M1", ""], at)});
        for column in 1..=424 {
            let is_there = !(at + column).is_multiple_of(column % 9 + 2);
            record[format!("V{column}")] =
                if is_there { json!(drawn(at * 431 + column) % 50) } else { Value::Null };
        }
        record
    };
    let came = came_of(&lines(600, record), &Asked::default());
    assert_eq!(
        (came.tried.scored, came.tried.refused.records()),
        (600, 0),
        "{}",
        came.tried.refused
    );
    for role in [
        "id TransactionID",
        "label isFraud",
        "time TransactionDT",
        "amount TransactionAmt",
        "partition key card1",
        "category ProductCD",
    ] {
        assert!(came.roles.contains(&format!("{role}\n")), "no {role} in {}", came.roles);
    }
    assert!((40..=80).contains(&came.proposal.features), "{} features", came.proposal.features);
    assert!(came.left_out.len() > 350, "{:?}", came.left_out);
}

#[test]
fn flags_settle_what_is_not_sure() {
    let record = |at: usize| json!({"a": at, "b": format!("x{}", drawn(at) % 30), "c": format!("y{}", drawn(at + 1) % 30), "d": 1_700_000_000 + at, "e": u8::from(at % 20 == 3), "sum": 1.5});
    let path = |text: &str| parse_path(text).ok();
    let asked =
        Asked { label: path("e"), key: path("c"), id: path("a"), time: path("d"), frauds: None };
    let came = came_of(&lines(200, record), &asked);
    for role in ["label e", "partition key c", "id a", "time d"] {
        assert!(came.roles.contains(&format!("{role}\n")), "no {role} in {}", came.roles);
    }
}

#[test]
fn worlds_of_the_simulator() {
    for (world, format, features) in [
        (
            World::Cards,
            Format::JsonLines,
            &[
                "as = \"km_per_hour\"",
                "stat = \"distinct\"\nof = \"shop\"",
                "name = \"knows_shop\"",
                "name = \"share_in_category\"",
                "to = [\"home_lat\", \"home_lon\"]",
                "utc_offset = \"+00:00\"",
                "name = \"category_code\"",
            ][..],
        ),
        (
            World::Transfers,
            Format::Csv,
            &[
                "name = \"knows_payee\"",
                "stat = \"distinct\"\nof = \"payee\"",
                "stat = \"distinct\"\nof = \"payer\"",
                "of = [\"sum\", \"payer_before\"]",
                "of = [\"payer_after\", \"payer_before\"]",
                "step = \"1h\"",
                "name = \"is_kind\"",
            ],
        ),
        (
            World::Charges,
            Format::JsonLines,
            &[
                "stat = \"distinct\"\nof = \"customer\"",
                "stat = \"distinct\"\nof = \"fingerprint\"",
                "name = \"knows_customer\"",
                "name = \"total_minor_to_mean_in_currency\"",
                "currency = \"data.object.currency\"",
                "reports = [\"dispute.opened\"]",
                "known = 256",
            ],
        ),
    ] {
        let population = Population { start_date: 17_622, days: 40, customers: 150, seed: 3 };
        let (mut records, mut frauds) = (Vec::new(), Vec::new());
        world
            .write(&population, format, &mut records, &mut frauds)
            .expect("a Vec takes everything");
        let came = came_of(std::str::from_utf8(&records).expect("UTF-8"), &Asked::default());
        has(&came, features);
        assert_eq!(came.tried.refused.records(), 0, "{world:?}: {}", came.tried.refused);
        assert!(came.tried.scored > 1_000, "{world:?}: {}", came.tried.scored);
    }
}

/// Any value of JSON, mostly of the kinds that records have.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..40_u32).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (0..500_u32).prop_map(|cents| json!(f64::from(cents) / 100.0)),
        "[A-C]{1,2}".prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9]{1,3}[.,][0-9]{2}".prop_map(Value::from),
        (0..99_u32).prop_map(|at| format!("2024-01-01T00:{:02}:00Z", at % 60).into()),
        (0..99_u32).prop_map(|at| json!(1_700_000_000 + at)),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_name(), inner), 0..4)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// Names that have roles, that collide, and that need quotes.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "amount", "card", "Card", "shop", "type", "op", "id", "time", "step", "is_fraud", "fraud", "lat", "lon", "shop_lat", "shop_lon",
            "currency", "events", "since_last", "old_balance", "new_balance", "fraud_reports", "status", "payload", "after", "before", "mti", "a.b",
        ]).prop_map(str::to_owned),
        1 => ".{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the records are, what is proposed compiles. Rows share a shape, and some have another.
    #[test]
    fn what_is_written_compiles(
        names in prop::collection::vec(any_name(), 1..12),
        rows in prop::collection::vec(prop::collection::vec(any_value(), 12), 1..30),
        others in prop::collection::vec(prop::collection::vec((any_name(), any_value()), 0..6), 0..4),
    ) {
        let shaped = rows.into_iter().map(|row| names.iter().cloned().zip(row).collect::<Map<_, _>>());
        let others = others.into_iter().map(|members| members.into_iter().collect());
        let all: Vec<Value> = shaped.chain(others).map(Value::from).collect();
        match try_of(&lines(all.len(), |at| all[at].clone()), &Asked::default()) {
            Ok(came) => prop_assert!(came.proposal.features > 0),
            Err(error) => prop_assert!(error.to_string().contains("of the sample") || error.to_string().contains("only reports"), "{error:#}"),
        }
    }

    /// Records of one shape and clean types are all scored.
    #[test]
    fn clean_records_are_scored(
        names in prop::collection::btree_set(any_name().prop_filter("a name", |name| !name.is_empty()), 1..10),
        kinds in prop::collection::vec(0..7_usize, 10),
        seed in any::<u32>(),
    ) {
        let value = |kind: usize, draw: usize| match kind {
            0 => json!(draw % 50),
            1 => json!(draw as f64 / 64.0),
            2 => json!(format!("t{}", draw % 9)),
            3 => json!(draw.is_multiple_of(2)),
            4 => json!(1_700_000_000 + draw % 1_000),
            5 => if draw.is_multiple_of(3) { Value::Null } else { json!(format!("u{draw}")) },
            _ => json!(format!("{}.{:02}", draw % 1000, draw % 100)),
        };
        let record = |at: usize| {
            let members = names.iter().zip(&kinds).enumerate();
            let of = |member: usize, kind: usize| value(kind, drawn(seed as usize + 101 * at + member) % 100_000);
            Value::from(members.map(|(member, (name, kind))| (name.clone(), of(member, *kind))).collect::<Map<_, _>>())
        };
        let came = came_of(&lines(60, record), &Asked::default());
        prop_assert_eq!(came.tried.refused.records(), 0, "{}\n{}", came.tried.refused, came.proposal.text);
    }
}
