//! Inputs that people bring, each a few lines, and what is right.

mod place;

use place::{Place, text};
use serde_json::{Value, json};

/// The beginning of a spec with a customer and an amount.
const HEAD: &str = "version = 1\nentity = [{ name = \"customer\", path = \"CUSTOMER\" }]\n\
    feature = [{ name = \"amount\", kind = \"number\", of = \"amount\" }]\n";
const AMOUNT: &str = "number = [{ name = \"amount\", path = \"amount\" }]\n";
const ID_AND_TIME: &str = "transaction = { id = \"id\" }\ntime = { path = \"at\" }\n";

fn spec(customer: &str, more: &str) -> String {
    HEAD.replace("CUSTOMER", customer) + AMOUNT + more
}

/// Runs `fraud features` on these files; returns its answer and exit status.
fn features(spec: &str, input: impl AsRef<[u8]>, list: &str, labels: &str) -> (Value, i32) {
    let place = Place::new();
    place.write("spec.toml", spec);
    place.write("input", input);
    place.write("list", list);
    place.json(&format!("features --spec spec.toml --input input --output v.arrow {labels}"))
}

/// The counts of an answer.
fn counts<'a>(answer: &'a Value, keys: &[&str]) -> Vec<&'a Value> {
    keys.iter().map(|key| &answer[key]).collect()
}

/// Two records with the id 1 and 2, the customer `c` and the amount 10; their times are `times`.
fn two(times: [&str; 2]) -> String {
    let record = |(id, time): (u8, &str)| {
        format!("{{\"id\":\"{id}\",\"at\":{time},\"c\":\"x\",\"amount\":10}}\n")
    };
    (1..).zip(times).map(record).collect()
}

const USUAL: [&str; 2] = ["\"2020-01-01T00:00:00Z\"", "\"2020-01-01T00:01:00Z\""];

/// The kinds of lists: rows, frauds, listed frauds that are not found, transactions without a label.
#[test]
fn lists_of_frauds() {
    for (list, frauds, missing, without) in [
        ("id\n2\n", 1, 0, 0),
        ("anything\n2\n", 1, 0, 0),
        ("id,is_fraud\n1,0\n2,1\n", 1, 0, 0),
        ("id;is_fraud\n1;FALSE\n2;True\n", 1, 0, 0),
        ("is_fraud\tid\nn\t1\ny\t2\n", 1, 0, 0),
        ("id,is_fraud\n2,1\n", 1, 0, 1),
        ("id,is_fraud\n1,0\n2,0\n", 0, 0, 0),
        ("id\n2\n7\n8\n", 1, 2, 0),
        ("\u{feff}id\r\n2.0\r\n", 1, 0, 0),
        ("amount,id,kind\n10,2,stolen\n", 1, 0, 0),
        ("id,scenario,reported_at\n2,3,2020-01-09T00:00:00Z\n", 1, 0, 0),
    ] {
        let spec = spec("c", ID_AND_TIME);
        let (answer, status) = features(&spec, two(USUAL), list, "--frauds list");
        let keys = ["rows", "frauds", "frauds_not_found", "without_label"];
        let expect = [2, frauds, missing, without].map(Value::from);
        assert_eq!(status, 0, "{list}: {answer}");
        assert_eq!(counts(&answer, &keys), expect.iter().collect::<Vec<_>>(), "{list}: {answer}");
    }
}

/// Nobody is labelled by the number of a line.
#[test]
fn without_an_id_a_list_is_refused() {
    let place = Place::new();
    place.write("spec.toml", spec("c", "time = { path = \"at\" }\n"));
    place.write("input", two(USUAL).replace('}', ",\"bad\":\"N\"}"));
    place.write("list", "transaction_id\n2\n");
    let features = "features --spec spec.toml --input input --output v.arrow";
    place.refused(&format!("{features} --frauds list"), "add [transaction] with id =");
    let (answer, status) = place.json(&format!("{features} --label bad"));
    assert_eq!((status, &answer["frauds"]), (0, &json!(0)), "{answer}");
}

/// Without `[time]`, records arrive one a second, in every command; a counter of hours has a start.
#[test]
fn no_time_and_a_step_counter() {
    let step = |step: u8| {
        format!(
            "{{\"step\":{step},\"type\":\"PAYMENT\",\"amount\":9.5,\"nameOrig\":\"C{step}\",\"isFraud\":{}}}\n",
            step % 2
        )
    };
    let lines: String = (1..=4).map(step).collect();
    let counter = "time = { path = \"step\", step = \"1h\", start = \"2020-01-01T00:00:00Z\" }\n";
    for more in ["", counter] {
        let spec = spec("nameOrig", more);
        let (answer, status) = features(&spec, &lines, "", "--label isFraud");
        let keys = ["rows", "frauds", "out_of_order", "hint"];
        let expect = [json!(4), json!(2), json!(0), Value::Null];
        assert_eq!(status, 0, "{more}: {answer}");
        assert_eq!(counts(&answer, &keys), expect.iter().collect::<Vec<_>>(), "{more}: {answer}");
        let place = Place::new();
        place.write_module_of(include_str!("modules/identity.wat"), &spec);
        place.write("input", &lines);
        let run = "run --module module.wasm --input input --output o --label isFraud";
        let (answer, status) = place.json(run);
        let expect = [json!(4), json!(0), json!(2)];
        let keys = ["records", "lost", "frauds"];
        assert_eq!(status, 0, "{more}: {answer}");
        assert_eq!(counts(&answer, &keys), expect.iter().collect::<Vec<_>>(), "{more}: {answer}");
    }
}

/// A back-test of such records. The module's verdict is the member `Fraud` that they carry, made `fraud`.
#[test]
fn a_backtest_without_a_time() {
    const VERDICTS: &str = "(loop $bytes
        (if (i32.eq (i32.load8_u offset=128 (local.get $at)) (i32.const 70))
          (then (i32.store8 offset=128 (local.get $at) (i32.const 102))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $bytes (i32.lt_u (local.get $at) (local.get $len))))
        (local.set $at (i32.const 0))";
    let module = include_str!("modules/identity.wat")
        .replace("(local $len i32)", "(local $len i32) (local $at i32)")
        .replace("(drop (call $write", &format!("{VERDICTS} (drop (call $write"));
    let record = |at: u32| {
        let (score, is_fraud) = (f64::from(at % 10) / 10.0, at % 10 == 9);
        format!(
            "{{\"c\":\"x{at}\",\"amount\":1,\"bad\":{is_fraud},\"Fraud\":{{\"decision\":\"valid\",\"score\":{score},\"threshold\":0.5,\"model\":\"0\",\"history\":\"warm\"}}}}\n"
        )
    };
    let place = Place::new();
    place.write_module_of(&module, &spec("c", ""));
    place.write("input", (0..50).map(record).collect::<String>());
    let backtest = "backtest --module module.wasm --input input --label bad --alerts 5";
    let (answer, status) = place.json(backtest);
    let keys = ["transactions", "frauds", "lost", "from", "average_precision"];
    let expect = [json!(50), json!(5), json!(0), answer["to"].clone(), json!(1.0)];
    assert_eq!(status, 0, "{answer}");
    assert_eq!(counts(&answer, &keys), expect.iter().collect::<Vec<_>>(), "{answer}");
}

/// Rows that can be scored, of files of many kinds.
#[test]
fn kinds_of_files() {
    let reports = "reports = { path = \"fraud_reports\", time = \"reported_at\" }\n";
    let with_reports = format!("{ID_AND_TIME}{reports}");
    let lines = two(USUAL);
    let consumed = |value: Option<&str>, offset: u8| {
        let mut record = json!({ "topic": "t", "key": "x", "partition": 0, "offset": offset,
            "timestamp": 1_577_836_800_000_i64 });
        if let Some(value) = value {
            record["value"] = value.into();
        }
        format!("{record}\n")
    };
    let mut values = lines.lines();
    let dump = consumed(values.next(), 0) + &consumed(None, 1) + &consumed(values.next(), 2);
    for (input, rows, refused) in [
        (format!("\u{feff}{lines}"), 2, 0),
        (lines.replace('\n', "\r\n"), 2, 0),
        (lines.replace("10}", "10,\"fraud_reports\":null}"), 2, 0),
        (lines.replace("10}", "10,\"fraud_reports\":[]}"), 2, 0),
        (lines.replace("\"x\"", "596.0"), 2, 0),
        (format!("\n{lines}\n"), 2, 2),
        (dump, 2, 1),
        ("id,at,c,amount\n1,2020-01-01T00:00:00Z,x,10\n2,2020-01-01T00:01:00Z,x,\n".into(), 1, 1),
        ("id;at;c;amount\n1;2020-01-01 00:00:00Z;x;1e-05\n".into(), 1, 0),
        (
            "\"id\",\"at\",\"c\",\"amount\"\n\"1\",\"2020-01-01T00:00:00Z\",\"x, y\",\"7\"\n"
                .into(),
            1,
            0,
        ),
    ] {
        let (answer, status) =
            features(&spec("c", &with_reports), &input, "id\n1\n", "--frauds list");
        assert_eq!((status, &answer["rows"]), (0, &json!(rows)), "{input}: {answer}");
        let all = answer["unscorable"].as_object().expect("an object").values();
        let sum: u64 = all.map(|number| number.as_u64().expect("a count")).sum();
        assert_eq!(sum, refused, "{input}: {answer}");
    }
}

/// The hint at what a file is of which nothing can be scored.
#[test]
fn nothing_readable() {
    let seconds = two(["1577836800", "1577836860"]);
    for (input, expect) in [
        (seconds.into_bytes(), "looks like unit = \"seconds\""),
        (two(["1577836800000000", "1577836860000000"]).into_bytes(), "unit = \"microseconds\""),
        (
            two(["\"2020-01-01 00:00:00\"", "\"2020-01-01 00:00:09\""]).into_bytes(),
            "its utc_offset",
        ),
        (b"{\"meta\":{\"n\":1},\"rows\":[{\"id\":1}]}".to_vec(), "in the list rows"),
        (b"\xfe\xff\0{\0}".to_vec(), "UTF-16"),
        (b"Obj\x01\x04\x14".to_vec(), "Avro"),
    ] {
        let (answer, status) =
            features(&spec("c", ID_AND_TIME), &input, "id\n1\n", "--frauds list");
        let hint = answer["hint"].as_str().unwrap_or_default();
        assert!(status == 1 && hint.contains(expect), "{expect}: {answer}");
    }
    let place = Place::new();
    place.write("spec.toml", spec("c", ID_AND_TIME));
    place.write("list", "id\n1\n");
    place.write("cut.parquet", b"PAR1\0\0");
    let features = "features --spec spec.toml --frauds list --output v.arrow --input";
    place.refused(&format!("{features} ."), ". is a directory; give one of its files");
    place.refused(&format!("{features} cut.parquet"), "cannot read cut.parquet");
}

/// Parquet: typed columns, a label among them.
#[test]
fn parquet() {
    let place = Place::new();
    let us = "time = { path = \"us\" }\ntransaction = { id = \"id\" }\n";
    place.write("spec.toml", spec("card", us));
    place.write("input", include_bytes!("parquet/zstd.parquet"));
    let command = "features --spec spec.toml --input input --output v.arrow --label ok";
    let (answer, status) = place.json(command);
    assert_eq!(status, 0, "{answer}");
    let refused = json!({ "bad_time": { "records": 1, "line": 2, "field": "us",
            "value": "\"1969-12-31T23:59:59.999999Z\"" },
        "missing_field": { "records": 1, "line": 3, "field": "amount", "value": "null" } });
    assert_eq!((&answer["rows"], &answer["frauds"]), (&json!(1), &json!(1)), "{answer}");
    assert_eq!(answer["refused"], refused, "{answer}");
    let said = text(&place.fraud(command).stdout);
    assert!(said.contains("1 vectors of 1 features"), "{said}");
}

/// A file of all types has its own reports; others are made only where somebody says when.
#[test]
fn reports_told_by_their_type() {
    let place = Place::new();
    place.write(
        "typed.toml",
        r#"
        version = 1
        time = { path = "t", unit = "seconds" }
        transaction = { id = "id", known = 9 }
        entity = [{ name = "customer", path = "c" }]
        events = { field = "is", scored = ["sale"], reports = ["fraud"] }
        reports = {}
        feature = [{ name = "n", kind = "reports", entity = "customer", stat = "days_since_last" }]
        "#,
    );
    let line = |is: &str, id: u32, hour: u32| {
        format!(r#"{{"is":"{is}","id":{id},"c":5,"t":{}}}"#, 1_600_000_000 + hour * 3600) + "\n"
    };
    let sales = line("sale", 1, 0) + &line("sale", 2, 30);
    let last = line("sale", 3, 31);
    place.write("sales.jsonl", format!("{sales}{last}"));
    place.write("all.jsonl", format!("{sales}{}{last}", line("fraud", 1, 30)));
    place.write("frauds.csv", "id\n1\n");
    place.write("dated.csv", "id,reported_at\n1,2020-09-13T20:00:00Z\n");
    for (input, labels, reports) in [
        ("sales", "frauds.csv", 0),
        ("sales", "frauds.csv --report-delay 1d", 1),
        ("sales", "dated.csv", 1),
        ("all", "frauds.csv", 1),
        ("all", "frauds.csv --report-delay 1d", 2),
    ] {
        let features = format!(
            "features --spec typed.toml --input {input}.jsonl --frauds {labels} --output t.arrow"
        );
        let said = text(&place.fraud(&features).stdout);
        let warns =
            said.contains("the spec takes reports from records of type fraud, and the file");
        assert_eq!(warns, reports == 0, "{features}: {said}");
        let (answer, _) = place.json(&features);
        let found = counts(&answer, &["reports", "unscorable", "rows"]);
        assert_eq!(found, [&json!(reports), &json!({}), &json!(3)], "{features}");
    }
}
