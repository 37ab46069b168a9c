//! Kinds of record, by specs of several kinds: a transaction to be scored or only to be remembered, a
//! fraud report, or neither. Natively, since the compiled module has one spec.

use fraud_detector::verdict::Verdict;
use fraud_detector::{Detector, Outcome, Settings, Unscored};
use fraud_plan::{Decision, Plan, PlanBuf, compile};
use fraud_simulator::{Config, simulate, write_transaction};

mod common;

/// A broker's time, 2025-11-25T00:00:00Z.
const NOW: i64 = 1_764_028_800_000;

/// Sends records to a detector of this spec, and tells what became of each: the features of a
/// transaction, or a word.
#[track_caller]
fn kinds(spec: &str, records: &[&str]) -> Vec<String> {
    let program = compile::spec::parse(spec, "spec").unwrap_or_else(|error| panic!("{error}"));
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let mut detector = Detector::new(plan, &Settings::default()).with_history(1 << 20);
    records.iter().map(|record| kind(&mut detector, Some(record), NOW)).collect()
}

fn kind(detector: &mut Detector, record: Option<&str>, now: i64) -> String {
    use fraud_detector::Observed;
    match detector.observe(record.map(str::as_bytes), now) {
        Ok(Observed::Transaction { duplicate, .. }) => {
            let mark = if duplicate { "again" } else { "scored" };
            format!("{mark} {:?}", detector.vector())
        }
        Ok(Observed::Reports) => "reports".into(),
        Ok(Observed::Unscored(why)) => why.code().into(),
        Err(refusal) => refusal.reason.code().into(),
    }
}

const CHARGES: &str = r#"
version = 1
time = { path = "data.object.created", unit = "seconds" }
transaction = { id = "data.object.id", known = 100 }
entity = [
    { name = "card", path = "data.object.card.fingerprint" },
    { name = "customer", path = "data.object.customer", optional = true, scope = "instance" },
    { name = "pair", of = ["card", "customer"] },
]
number = [{ name = "amount", path = "data.object.amount" }]
events = { field = "type", scored = ["charge.succeeded"], reports = ["charge.dispute.created"] }
reports = { id = "data.object.charge" }
feature = [
    { name = "card", kind = "window", entity = "card", stat = "events" },
    { name = "customer", kind = "window", entity = "customer", stat = "events" },
    { name = "pair", kind = "window", entity = "pair", stat = "count", half_life = "30d" },
    { name = "reports", kind = "reports", entity = "card", stat = "days_since_last" },
]
"#;

fn charge(kind: &str, id: &str, customer: &str, card: &str) -> String {
    format!(
        r#"{{"id":"evt","type":"{kind}","data":{{"object":{{"id":"{id}","amount":2997,"customer":{customer},"created":1764028800,"card":{{"fingerprint":"{card}"}}}}}}}}"#
    )
}

#[test]
fn event_types_are_told_apart() {
    let paid = |id, customer| charge("charge.succeeded", id, customer, "f");
    let first = paid("ch_1", r#""a""#);
    let dispute = r#"{"type":"charge.dispute.created","data":{"object":{"id":"dp_1","amount":2997,"charge":"ch_1","created":1764028800,"reason":"fraudulent"}}}"#;
    let payout =
        r#"{"type":"payout.paid","data":{"object":{"id":"po_1","created":"?","amount":true}}}"#;
    let records = [
        &first[..],
        // The same event once more, then its refund.
        &first,
        &charge("charge.refunded", "ch_1", r#""a""#, "f"),
        // A guest has no customer, and an empty one is none.
        &paid("ch_2", "null"),
        &paid("ch_3", r#""""#),
        payout,
        // The dispute names its charge alone.
        dispute,
        dispute,
        &paid("ch_4", r#""a""#),
        r#"{"data":{}}"#,
        r#"{"type":"charge.succeeded","data":{}}"#,
        "{",
    ];
    let nan = f32::NAN;
    let scored = |features: [f32; 4]| format!("scored {features:?}");
    let expect = [
        &scored([0.0, 0.0, 0.0, nan]),
        "again [1.0, 1.0, 1.0, NaN]",
        "passed",
        &scored([1.0, nan, nan, nan]),
        &scored([2.0, nan, nan, nan]),
        "passed",
        "reports",
        "reports",
        &scored([3.0, 1.0, 1.0, 0.0]),
        "passed",
        "missing_field",
        "invalid_json",
    ];
    assert_eq!(kinds(CHARGES, &records), expect);
}

const CHANGES: &str = r#"
version = 1
time = { path = "payload.ts_ms" }
entity = [{ name = "card", path = "payload.after.card_id" }]
number = [{ name = "amount", path = "payload.after.amount" }]
events = { field = "payload.op", scored = ["c"], remembered = ["r"], unscored = "unscorable" }
feature = [{ name = "events", kind = "window", entity = "card", stat = "events" }]
"#;

/// One payment that is read from a snapshot, created, changed and deleted counts twice: as the snapshot's
/// and as the one that was created.
#[test]
fn changes_of_a_table() {
    let row = r#"{"id":1,"card_id":7,"amount":19.5,"status":"AUTHORISED"}"#;
    let change = |op: &str, before: &str, after: &str| {
        format!(
            r#"{{"schema":{{}},"payload":{{"before":{before},"after":{after},"op":"{op}","ts_ms":1764028800000}}}}"#
        )
    };
    let [read, created, updated, deleted] = [
        change("r", "null", row),
        change("c", "null", row),
        change("u", row, row),
        change("d", row, "null"),
    ];
    let truncated = r#"{"schema":{},"payload":{"op":"t","ts_ms":1764028800000}}"#;
    let records = [&read[..], &created, &updated, &deleted, truncated, &created];
    let expect = ["remembered", "scored [1.0]", "passed", "passed", "passed", "scored [2.0]"];
    assert_eq!(kinds(CHANGES, &records), expect);

    // A tombstone is one of the others; without [events] it cannot be scored.
    for (spec, expect) in [
        (CHANGES.to_owned(), Some(Outcome::Unscored(Unscored::Passed))),
        (CHANGES.replace("scored = [\"c\"]", "others = \"scored\""), None),
        (
            CHANGES
                .lines()
                .filter(|line| !line.starts_with("events"))
                .collect::<Vec<_>>()
                .join("\n"),
            None,
        ),
    ] {
        let program = compile::spec::parse(&spec, "spec").expect("a valid spec");
        let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
        let mut detector = Detector::new(plan, &Settings::default());
        let outcome = detector.score(None, NOW, &mut Vec::new());
        match expect {
            Some(expect) => assert_eq!(outcome, expect, "{spec}"),
            None => assert!(matches!(outcome, Outcome::Unscorable(_)), "{outcome:?}: {spec}"),
        }
    }
}

/// Records of one layout that only their types tell apart: what one lacks, the next lacks too.
#[test]
fn a_type_is_looked_at_in_every_record() {
    let record =
        |kind: &str| format!(r#"{{"type":"{kind}","data":{{"object":{{"id":"x","amount":1}}}}}}"#);
    let whole = |kind: &str| charge(kind, "y", "1", "f");
    let (passed, paid) = (record("else"), record("charge.succeeded"));
    let records = [passed.clone(), passed, paid.clone(), paid];
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    assert_eq!(kinds(CHARGES, &records), ["passed", "passed", "missing_field", "missing_field"]);
    let (passed, paid) = (whole("else"), whole("charge.succeeded"));
    let records = kinds(CHARGES, &[&passed, &passed, &paid, &paid, &passed]);
    let words: Vec<&str> = records.iter().map(|record| record.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["passed", "passed", "scored", "again", "passed"]);
}

const REPORTS: &str = r#"
version = 1
time = { path = "timestamp" }
transaction = { id = "transaction_id" }
entity = [{ name = "customer", path = "customer_id" }, { name = "terminal", path = "terminal_id" }]
number = [{ name = "amount", path = "amount" }]
reports = { path = "fraud_reports", time = "reported_at" }
feature = [{ name = "reported", kind = "reports", entity = "terminal", stat = "count", half_life = "30d" }]
"#;

#[test]
fn reports_in_their_shapes() {
    let paid = |rest: &str| {
        format!(
            r#"{{"transaction_id":"1","timestamp":"2025-11-25T00:00:00Z","customer_id":"c","terminal_id":"t","amount":22.14{rest}}}"#
        )
    };
    let report = |id: u32| {
        format!(
            r#"{{"transaction_id":{id},"terminal_id":"t","reported_at":"2025-11-25T00:00:00Z"}}"#
        )
    };
    let brings = |reports: &str| format!(r#"{{"fraud_reports":{reports}}}"#);
    let (one, two) = (report(1), report(2));
    let records = [
        // Null and an empty list on a transaction are no reports.
        paid(r#","fraud_reports":null"#),
        paid(r#","fraud_reports":[]"#),
        paid(r#","fraud_reports":[]"#),
        // One object is one report.
        brings(&one),
        brings(&one),
        paid(""),
        brings(&format!("[{two}]")),
        brings("[]"),
        brings(&format!("[{one},null]")),
        paid(""),
        // A transaction's columns may be there, and empty.
        format!(r#"{{"customer_id":null,"amount":null,"fraud_reports":{}}}"#, report(3)),
        paid(""),
        // Not both at once, nor something else.
        paid(&format!(r#","fraud_reports":{one}"#)),
        brings("5"),
        brings(&format!("[[{one}]]")),
        format!(r#"{{"fraud_reports":{one},"fraud_reports":[{one}]}}"#),
        brings("null"),
    ];
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let expect = [
        "scored [0.0]",
        "scored [0.0]",
        "scored [0.0]",
        "reports",
        "reports",
        "scored [1.0]",
        "reports",
        "reports",
        "bad_report",
        "scored [2.0]",
        "reports",
        "scored [3.0]",
        "bad_report",
        "bad_report",
        "bad_report",
        "bad_report",
        "bad_report",
    ];
    assert_eq!(kinds(REPORTS, &records), expect);
}

/// A record ahead of the broker counts as the broker's time, up to the spec's limit.
#[test]
fn no_clock_runs_ahead_of_the_brokers() {
    let spec = |ahead: &str| {
        format!(
            r#"
version = 1
time = {{ path = "at", unit = "seconds"{ahead} }}
entity = [{{ name = "c", path = "c" }}]
number = [{{ name = "n", path = "n", optional = true }}]
feature = [{{ name = "since", kind = "window", entity = "c", stat = "since_last" }}]
"#
        )
    };
    let at = |ahead: i64| format!(r#"{{"at":{},"c":1}}"#, NOW / 1000 + ahead);
    for (ahead, limit) in [("", 600), (", max_ahead = \"1d\"", 86_400), (", max_ahead = \"1s\"", 1)]
    {
        let records = [at(0), at(limit), at(limit + 1), at(0)];
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let expect = ["scored [NaN]", "scored [0.0]", "bad_time", "scored [0.0]"];
        assert_eq!(kinds(&spec(ahead), &records), expect, "{limit}");
    }
    // A minute later by the broker's clock, one minute has passed.
    let program = compile::spec::parse(&spec(""), "spec").expect("a valid spec");
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
    let mut detector = Detector::new(plan, &Settings::default());
    kind(&mut detector, Some(&at(500)), NOW);
    assert_eq!(kind(&mut detector, Some(&at(60)), NOW + 60_000), "scored [60.0]");
}

/// The shipped model's verdicts on a stream in which each transaction comes so many times, by a spec that
/// knows so many transactions.
fn verdicts(plan: &PlanBuf, times: usize, known: u32) -> Vec<Verdict> {
    let config = Config { days: 20, customers: 1_000, terminals: 1_000, ..Config::default() };
    let mut plan = plan.read().expect("a compiled plan is right");
    plan.program.known = known;
    let mut detector = Detector::new(plan, &Settings::default()).with_history(8 << 20);
    let (mut record, mut scored, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
    for transaction in simulate(&config).transactions {
        record.clear();
        write_transaction(&transaction, &mut record).expect("memory");
        for _ in 0..times {
            scored.clear();
            let millis = transaction.seconds * 1000;
            let Outcome::Scored(verdict) = detector.score(Some(&record), millis, &mut scored)
            else {
                panic!("simulated transactions are good");
            };
            let says_so = scored.windows(16).any(|part| part == br#""duplicate":true"#);
            assert_eq!(says_so, verdict.duplicate);
            verdicts.push(verdict);
        }
    }
    verdicts
}

#[test]
fn a_stream_that_is_delivered_twice_raises_no_more_alerts() {
    let alerts = |verdicts: &[Verdict]| verdicts.iter().filter(|verdict| verdict.fraud).count();
    let plan = common::plan_bytes();
    let once = verdicts(&plan, 1, 0);
    assert!(alerts(&once) > 100, "{}", alerts(&once));
    let twice = verdicts(&plan, 2, 8_192);
    let (first, second): (Vec<_>, Vec<_>) = twice.chunks(2).map(|both| (both[0], both[1])).unzip();
    assert!(first.iter().all(|verdict| !verdict.duplicate));
    assert!(second.iter().all(|verdict| verdict.duplicate));
    let scores = |verdicts: &[Verdict]| -> Vec<f32> { verdicts.iter().map(|v| v.score).collect() };
    assert!(scores(&first) == scores(&once), "no duplicate counts in history");
    assert!(scores(&second) == scores(&once), "each is answered as the first time");
    // Unknown, they would.
    let unknown = alerts(&verdicts(&plan, 2, 0));
    assert!(
        unknown.abs_diff(2 * alerts(&once)) > alerts(&once) / 50,
        "{unknown} {}",
        alerts(&once)
    );
}
