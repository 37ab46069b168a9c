//! The files that people have: kinds of files, reports among transactions, wrong dates, files that no
//! command can read.

mod place;

use flate2::Compression;
use flate2::write::GzEncoder;
use place::{Place, fraud_detector, text};
use serde_json::{Value, json};
use std::io::Write;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../model");

/// A customer, a terminal, an amount, reports.
const SPEC: &str = r#"
version = 1
time = { path = "timestamp" }
transaction = { id = "transaction_id" }
entity = [{ name = "customer", path = "customer_id" }, { name = "terminal", path = "terminal_id", scope = "instance" }]
number = [{ name = "amount", path = "amount" }]
reports = { path = "fraud_reports", time = "reported_at" }
feature = [
    { name = "amount", kind = "number", of = "amount" },
    { name = "count", kind = "window", entity = "customer", stat = "count", half_life = "1d" },
    { name = "reports", kind = "reports", entity = "terminal", stat = "count", half_life = "30d" },
]
"#;

fn place() -> Place {
    let place = Place::new();
    std::fs::copy(fraud_detector(), place.path("fraud-detector.wasm")).expect("writable");
    place.write("spec.toml", SPEC);
    place
}

fn transaction(id: u64, time: &str, customer: &str) -> String {
    format!(
        "{{\"transaction_id\":\"{id}\",\"timestamp\":\"{time}\",\"customer_id\":\"{customer}\",\
         \"terminal_id\":\"t\",\"amount\":10}}\n"
    )
}

/// Two transactions, and between them a report of the first.
fn with_report() -> String {
    let report = "{\"fraud_reports\":[{\"transaction_id\":\"1\",\"terminal_id\":\"t\",\"amount\":10,\
                  \"reported_at\":\"2020-01-01T00:01:00Z\"}]}\n";
    let [first, second] = [(1, "2020-01-01T00:00:00Z"), (2, "2020-01-01T00:02:00Z")]
        .map(|(id, time)| transaction(id, time, "a"));
    first + report + &second
}

const FEATURES: &str = "features --spec spec.toml --frauds f.csv --output v.arrow --input";

#[test]
fn report_records_are_no_rows() {
    let place = place();
    place.write("t.jsonl", with_report());
    place.write("f.csv", "transaction_id\n2\n");
    let (answer, status) = place.json(&format!("{FEATURES} t.jsonl"));
    assert_eq!(
        (status, &answer["rows"], &answer["reports"]),
        (0, &json!(2), &json!(1)),
        "{answer}"
    );
    let (answer, status) = place.json("run --input t.jsonl --output o --partitions 3");
    assert_eq!(status, 0, "{answer}");
    for (key, expect) in [("records", 2), ("lost", 0), ("reports", 1), ("report_records", 3)] {
        assert_eq!(answer[key], expect, "{key} {answer}");
    }
    let (answer, status) = place.json("backtest --input t.jsonl --frauds f.csv");
    assert_eq!(
        (status, &answer["lost"], &answer["transactions"]),
        (0, &json!(0), &json!(2)),
        "{answer}"
    );
}

/// A topic keyed by something else than the customer leaves each partition a part of the history.
#[test]
fn customers_on_several_partitions_are_told() {
    let place = place();
    place.write("f.csv", "transaction_id\n2\n");
    let records = [("a", 0), ("a", 1), ("b", 1), ("b", 1)].into_iter().zip(1..);
    let dump = records.map(|((customer, partition), id)| {
        let value = transaction(id, &format!("2020-01-01T00:0{id}:00Z"), customer);
        let record = json!({ "topic": "t", "key": id.to_string(), "value": value.trim_end(),
            "timestamp": 1_577_836_800_000_i64 + 60_000 * id as i64, "partition": partition,
            "offset": id });
        format!("{record}\n")
    });
    place.write("d.jsonl", dump.collect::<String>());
    place.write("t.jsonl", transaction(2, "2020-01-01T00:00:00Z", "a"));
    for command in ["run --output o", "backtest"] {
        let command = format!("{command} --frauds f.csv --input");
        let (answer, status) = place.json(&format!("{command} d.jsonl"));
        assert_eq!((status, &answer["spread_customers"]), (0, &json!(1)), "{command}: {answer}");
        let said = text(&place.fraud(&format!("{command} d.jsonl")).stdout);
        let expect = "1 of 2 customers (50.00%) are on more than one partition";
        assert!(said.contains(expect) && said.contains("key the topic by customer_id"), "{said}");
        let is_run = command.starts_with("run");
        assert_eq!(
            said.contains("4 of 4 verdicts (100.00%) are of a cold history"),
            is_run,
            "{said}"
        );
        let (answer, _) = place.json(&format!("{command} t.jsonl"));
        assert_eq!(answer["spread_customers"], Value::Null, "{command}: {answer}");
    }
}

/// A dump of the same: each record is replayed on its partition, a tombstone too.
#[test]
fn dumps_are_replayed_as_they_were() {
    let place = place();
    let lines = with_report();
    let values: Vec<&str> = lines.lines().collect();
    let record = |value: Option<&str>, partition: u32| {
        let mut record = json!({
            "topic": "transactions", "key": "a", "timestamp": 1_577_836_800_000_i64,
            "headers": [{"key": "trace", "value": "a1"}], "partition": partition, "offset": 0,
        });
        if let Some(value) = value {
            record["value"] = value.into();
        }
        record
    };
    let dump = [
        record(Some(values[0]), 5),
        record(None, 5),
        record(Some(values[1]), 5),
        record(Some(values[2]), 5),
    ];
    let line = |record: &Value| format!("{record}\n");
    let indented = |record: &Value| format!("{record:#}\n");
    for dump in [dump.iter().map(line).collect::<String>(), dump.iter().map(indented).collect()] {
        place.write("d.jsonl", dump);
        let (answer, status) = place.json("run --input d.jsonl --output o --partitions 4");
        assert_eq!(status, 0, "{answer}");
        for (key, expect) in [("records", 3), ("lost", 0), ("report_records", 1), ("partitions", 6)]
        {
            assert_eq!(answer[key], expect, "{key} {answer}");
        }
        assert_eq!(answer["unscorable"], json!({ "no_value": 1 }), "{answer}");
        let scored = ["fraud", "valid"].map(|topic| text(&place.read(&format!("o/{topic}.jsonl"))));
        assert_eq!(scored.concat().lines().count(), 2, "{scored:?}");
    }
}

#[test]
fn every_kind_of_file_gives_the_same_vectors() {
    let place = place();
    place.write("f.csv", "transaction_id\n2\n");
    let lines: String = (0..200)
        .map(|id| {
            let time = format!("2020-01-{:02}T00:{:02}:00Z", 1 + id / 60, id % 60);
            transaction(id, &time, if id % 3 == 0 { "a" } else { "b" })
        })
        .collect();
    place.write("plain", &lines);
    let (_, status) = place.json(&format!("{FEATURES} plain"));
    assert_eq!(status, 0);
    let expect = place.read("v.arrow");
    let gzip = |part: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part.as_bytes()).expect("a vector");
        encoder.finish().expect("a vector")
    };
    let (one, other) = lines.split_at(lines.len() / 3);
    place.write("gzip", [gzip(one), gzip(other)].concat());
    place.write("zstd", zstd::encode_all(lines.as_bytes(), 1).expect("a vector"));
    let mut table = "transaction_id;timestamp;customer_id;terminal_id;amount\n".to_owned();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| record[name].as_str().expect("text").to_owned();
        let names = ["transaction_id", "timestamp", "customer_id", "terminal_id"];
        table += &format!("{};10\n", names.map(text).join(";"));
    }
    place.write("table", &table);
    place.write("table.gz", gzip(&table));
    for file in ["gzip", "zstd", "table", "table.gz"] {
        let (answer, status) = place.json(&format!("{FEATURES} {file}"));
        assert_eq!((status, &answer["rows"]), (0, &json!(200)), "{file} {answer}");
        assert!(place.read("v.arrow") == expect, "{file}");
    }
    let output = place.fraud_with(&format!("{FEATURES} -"), &gzip(&lines));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(place.read("v.arrow") == expect, "standard input");
}

/// A record dated 2099 is unscorable, makes no other late, and makes no report known too early.
#[test]
fn a_wrong_date_moves_nothing() {
    let place = place();
    place.write("f.csv", "transaction_id\n3\n9\n");
    let mut lines: Vec<String> = (0..90)
        .map(|id| transaction(id, &format!("2020-02-{:02}T00:00:{:02}Z", 1 + id / 4, id % 4), "a"))
        .collect();
    let run = |lines: &[String]| {
        place.write("t.jsonl", lines.concat());
        let (features, status) = place.json(&format!("{FEATURES} t.jsonl"));
        assert_eq!(status, 0, "{features}");
        let (run, status) = place.json("run --input t.jsonl --output o --frauds f.csv");
        assert_eq!(status, 0, "{run}");
        let (reports, status) =
            place.json("reports --input t.jsonl --frauds f.csv --since 2020-01-01 --output r");
        assert_eq!(status, 0, "{reports}");
        let scored = ["valid", "fraud"].map(|topic| place.read(&format!("o/{topic}.jsonl")));
        (features, run, place.read("v.arrow"), scored, place.read("r"))
    };
    let expect = run(&lines);
    assert_eq!(expect.0["reports"], 2, "{}", expect.0);
    let backtest = || {
        let (answer, status) = place.json("backtest --input t.jsonl --frauds f.csv");
        assert_eq!(status, 0, "{answer}");
        ["from", "to", "days", "reports", "average_precision", "cold"]
            .map(|key| answer[key].clone())
    };
    let evaluated = backtest();
    for at in [0, 1, 40, 89, 90] {
        lines.insert(at, transaction(1000, "2099-01-01T00:00:00Z", "a"));
        let moved = run(&lines);
        if at % 40 == 0 {
            assert_eq!(backtest(), evaluated, "{at}: the backtests differ");
        }
        assert!(moved.2 == expect.2, "{at}: the vectors differ: {} {}", moved.0, expect.0);
        assert!(moved.3 == expect.3, "{at}: the verdicts differ: {}", moved.1);
        assert!(moved.4 == expect.4, "{at}: the reports differ");
        assert_eq!(moved.1["unscorable"], json!({ "bad_time": 1 }), "{at}");
        let refused = json!({ "records": 1, "line": at + 1, "field": "timestamp",
            "value": "\"2099-01-01T00:00:00Z\"" });
        assert_eq!(moved.1["refused"]["bad_time"], refused, "{at}: {}", moved.1);
        lines.remove(at);
    }
}

/// The decision that is made does not change with a record dated 2099, nor its baselines.
#[test]
fn a_wrong_date_moves_no_decision() {
    let place = Place::new();
    place.json("simulate --days 10 --customers 300 --output t.jsonl --frauds f.csv");
    let tune = || {
        let (answer, status) = place.json(&format!(
            "tune --spec {MODEL}/fraud.toml --model {MODEL}/fraud.onnx --input t.jsonl --frauds f.csv \
             --skip 2d --output d.toml"
        ));
        assert_eq!(status, 0, "{answer}");
        // All but what names the file by its hash.
        let keys = ["threshold", "expected", "transactions", "frauds", "days", "skipped", "from"];
        let decision = text(&place.read("d.toml"));
        let lines = decision.lines().filter(|line| !line.contains("sha256"));
        (keys.map(|key| answer[key].clone()), lines.collect::<Vec<_>>().join("\n"))
    };
    let expect = tune();
    let lines = text(&place.read("t.jsonl"));
    let wrong = transaction(99_999_999, "2099-01-01T00:00:00Z", "1");
    for at in [0, lines.len() / 3] {
        let at = at + if at == 0 { 0 } else { lines[at..].find('\n').expect("a line") + 1 };
        place.write("t.jsonl", [&lines[..at], &wrong, &lines[at..]].concat());
        assert_eq!(tune(), expect, "{at}");
    }
}

#[test]
fn reasons_have_their_first_record() {
    let place = place();
    place.write("f.csv", "transaction_id\n2\n");
    let lines = with_report() + "not JSON\n" + &with_report().replace(":10}", ":\"ten\"}");
    place.write("t.jsonl", lines);
    let (answer, status) = place.json(&format!("{FEATURES} t.jsonl"));
    assert_eq!(status, 0, "{answer}");
    let expect = json!({
        "invalid_json": { "records": 1, "line": 4, "field": null, "value": "not JSON" },
        "wrong_type": { "records": 2, "line": 5, "field": "amount", "value": "\"ten\"" },
    });
    assert_eq!(answer["refused"], expect, "{answer}");
    let said = text(&place.fraud(&format!("{FEATURES} t.jsonl")).stdout);
    assert!(
        said.contains("2 not scored: wrong_type, the first on line 5: amount is \"ten\""),
        "{said}"
    );
}

#[test]
fn a_file_that_cannot_be_read_gets_a_hint() {
    let place = place();
    place.write("f.csv", "transaction_id\n2\n");
    std::fs::write(place.path("decision.toml"), "").expect("writable");
    let seconds = with_report().replace("\"2020-01-01T00:00:00Z\"", "1577836800");
    for (content, expect) in [
        (&b"PARE\0\x15\x04"[..], "encrypted Parquet"),
        (b"Obj\x01\x04", "an Avro file"),
        (b"\xff\xfe{\0", "UTF-16"),
        (b"{\n \"id\": 1,\n \"rows\": [\n  {\n   \"a\": 1\n  }\n ]\n}\n", "in the list rows"),
        (b"[{\"a\":1}]", "JSON array"),
        (b"PK\x03\x04abc", "zip archive"),
        (b"BZh91AY", "bzip2"),
        (b"", "the file is empty"),
        (b"\0\x01\x02\x03", "binary"),
        (b"1,2\n3,4\n", "neither JSON objects nor CSV"),
        (b"{\"id\":1,\"sum\":2}\n", "the members id, sum"),
        (seconds.lines().next().expect("a line").as_bytes(), "the times at timestamp"),
    ] {
        place.write("t.jsonl", content);
        for command in [
            format!("{FEATURES} t.jsonl"),
            "run --input t.jsonl --output o".into(),
            "backtest --input t.jsonl --frauds f.csv".into(),
            "reports --input t.jsonl --frauds f.csv --since 2020-01-01 --output r".into(),
            format!(
                "tune --spec {MODEL}/fraud.toml --model {MODEL}/fraud.onnx --input t.jsonl --frauds f.csv --output d"
            ),
        ] {
            let (answer, status) = place.json(&command);
            let hint = answer["hint"].as_str().unwrap_or_default();
            assert!(status == 1 && hint.contains(expect), "{status} {command}: {answer}");
        }
    }
}

#[test]
fn a_file_out_of_order_is_told() {
    let place = place();
    place.write("f.csv", "transaction_id\n2\n");
    let times = ["2020-01-01T12:00:00Z", "2020-01-01T12:30:00Z", "2020-01-01T11:00:00Z"];
    let lines = times.iter().zip(1..).map(|(time, id)| transaction(id, time, "a"));
    place.write("t.jsonl", lines.collect::<String>());
    let (answer, status) = place.json(&format!("{FEATURES} t.jsonl"));
    assert_eq!((status, &answer["out_of_order"]), (0, &json!(1)), "{answer}");
    let said = text(&place.fraud(&format!("{FEATURES} t.jsonl")).stdout);
    assert!(said.contains("the first on line 3"), "{said}");
}

/// Labels in the records, as a list of all ids, and as a list of the frauds are the same labels.
#[test]
fn labels_from_a_column_and_from_lists() {
    let place = place();
    let times = |id: u64| format!("2020-01-0{}T00:00:00Z", 1 + id / 8);
    let lines: Vec<String> = (0..40)
        .map(|id| {
            let label = u8::from(id % 5 == 0);
            let plain = transaction(id, &times(id), "a");
            plain.replace("}\n", &format!(",\"meta\":{{\"is_fraud\":{label}}}}}\n"))
        })
        .collect();
    place.write("t.jsonl", lines.concat());
    let ids = |keep: &dyn Fn(u64) -> bool, row: &dyn Fn(u64) -> String| -> String {
        (0..40).filter(|id| keep(*id)).map(row).collect()
    };
    let is_fraud = |id: u64| id.is_multiple_of(5);
    place.write("f.csv", format!("reference\n{}", ids(&is_fraud, &|id| format!("{id}\n"))));
    let row = |id: u64| format!("{id},{}\n", u8::from(is_fraud(id)));
    place.write("all.csv", format!("transaction_id,is_fraud\n{}", ids(&|_| true, &row)));
    let labels = ["--label meta.is_fraud", "--frauds f.csv", "--frauds all.csv"];
    let mut vectors = Vec::new();
    for labels in labels {
        let features =
            "features --spec spec.toml --input t.jsonl --output v.arrow --report-delay 2d";
        let (answer, status) = place.json(&format!("{features} {labels}"));
        assert_eq!((status, &answer["rows"], &answer["frauds"]), (0, &json!(40), &json!(8)));
        assert_eq!(answer["reports"], 5, "{labels}: {answer}");
        vectors.push(place.read("v.arrow"));
        for command in ["run --output o", "backtest"] {
            let (answer, status) = place.json(&format!("{command} --input t.jsonl {labels}"));
            assert_eq!((status, &answer["frauds"]), (0, &json!(8)), "{command} {labels}: {answer}");
        }
    }
    assert!(vectors[0] == vectors[1] && vectors[1] == vectors[2], "other vectors by other labels");
}

#[test]
fn labels_that_cannot_be_read_are_named() {
    let place = place();
    let with = |label: &str| transaction(1, "2020-01-01T00:00:00Z", "a").replace("10}", label);
    place.write("t.jsonl", with("10,\"l\":0}") + &with("10,\"l\":7}"));
    place.write("none.jsonl", with("10}"));
    place.write("f.csv", "transaction_id\n9\n4\n1\n");
    let features = "features --spec spec.toml --output v.arrow";
    place.refused(
        &format!("{features} --input t.jsonl --label l"),
        "line 2: l is 7; a label is 1 or 0",
    );
    place.refused(&format!("{features} --input none.jsonl --label l"), "is the path right?");
    place.refused(&format!("{features} --input t.jsonl"), "--label PATH");
    place.refused(&format!("{features} --input t.jsonl --label /l"), "l");
    place.write("line.csv", "1\n4\n");
    place.write("id.csv", "a1\na2\n");
    place.write("a1.jsonl", with("10}").replace("\"1\"", "\"a1\""));
    place.write("kind.csv", "transaction_id,is_fraud\n1,stolen card\n");
    let no_id = |line: &&str| !["transaction =", "reports"].iter().any(|word| line.contains(word));
    place.write("no-id.toml", SPEC.lines().filter(no_id).collect::<Vec<_>>().join("\n"));
    place.write(
        "leak.toml",
        SPEC.replace("amount\", path = \"amount", "l\", path = \"l")
            .replace("of = \"amount", "of = \"l"),
    );
    for (arguments, expect) in [
        ("t.jsonl --frauds line.csv", "the first line has to name the columns, and it is 1"),
        ("a1.jsonl --frauds id.csv", "the first line of id.csv is a transaction's id, a1"),
        ("t.jsonl --frauds kind.csv", "kind.csv line 2: \"stolen card\" is no label"),
        ("t.jsonl --frauds f.csv --spec no-id.toml", "add [transaction] with id ="),
        ("t.jsonl --label l --spec leak.toml", "take l out of the spec"),
    ] {
        let features = features.replace("--spec spec.toml ", "");
        let spec = if arguments.contains("--spec") { "" } else { " --spec spec.toml" };
        place.refused(&format!("{features} --input {arguments}{spec}"), expect);
    }
    place.write("some.jsonl", with("10}") + &with("10,\"l\":\"yes\"}"));
    let (answer, status) =
        place.json("features --spec no-id.toml --output v.arrow --input some.jsonl --label l");
    let counts = [&answer["frauds"], &answer["without_label"], &answer["without_id"]];
    assert_eq!((status, counts), (0, [&json!(1), &json!(1), &json!(2)]), "{answer}");
    place.write("all.csv", "id,is_fraud\n1,0\n1,0\n9,1\n4,1\n7,1\n6,1\n");
    place.write(
        "two.jsonl",
        with("10}")
            + &with("10}").replace("\"1\"", "\"9\"")
            + &with("10}").replace("\"1\"", "\"2\""),
    );
    for command in [
        "run --output o",
        "backtest",
        "features --spec spec.toml --output v.arrow",
        "reports --since 2020-01-01 --output r",
    ] {
        let command = format!("{command} --input two.jsonl --frauds all.csv");
        let (answer, status) = place.json(&command);
        let counts = [&answer["frauds_not_found"], &answer["without_label"]];
        assert_eq!((status, counts), (0, [&json!(3), &json!(1)]), "{command}: {answer}");
        let said = text(&place.fraud(&command).stdout);
        for part in [
            "3 of the listed frauds are not among these transactions: 4, 7, 6\n",
            "1 rows of all.csv have an id that came before, the first of them 1\n",
            "1 transactions have no label and count as genuine\n",
        ] {
            assert!(said.contains(part), "{command}: {said}");
        }
    }
    let said = place.fraud(&format!("{features} --input none.jsonl --frauds f.csv"));
    let said = text(&said.stdout);
    assert!(
        said.contains("2 of the listed frauds are not among these transactions: 9, 4\n"),
        "{said}"
    );
}
