//! The built `fraud` command as a user meets it.

mod page;
mod place;

use std::fs;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type, UInt8Type};
use arrow_ipc::reader::FileReader;
use place::{Place, fraud_detector, lines, text};
use serde_json::Value;

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spec.toml");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../model");
const IDENTITY: &str = include_str!("modules/identity.wat");

#[test]
fn equal_seeds_give_equal_files() {
    let place = Place::new();
    let simulate = "simulate --days 2 --customers 300 --terminals 500 --frauds f.csv";
    let (first, status) = place.json(&format!("{simulate} --seed 7 --output a.jsonl"));
    assert_eq!(status, 0);
    place.json(&format!("{simulate} --seed 7 --output b.jsonl"));
    assert_eq!(place.read("a.jsonl"), place.read("b.jsonl"));
    assert_eq!(first["transactions"], lines(&place.read("a.jsonl")).len());
    assert_eq!(first["frauds"], lines(&place.read("f.csv")).len() - 1);

    place.json(&format!("{simulate} --seed 7 --output c.jsonl.zst"));
    let plain = zstd::decode_all(&place.read("c.jsonl.zst")[..]).expect("valid zstd");
    assert_eq!(plain, place.read("a.jsonl"));

    place.json(&format!("{simulate} --seed 8 --output d.jsonl --start 2021-12-31"));
    let other = text(&place.read("d.jsonl"));
    assert!(other.contains("2021-12-31T") && other.contains("2022-01-01T"));
}

#[test]
fn a_preset_shifts_the_frauds() {
    let place = Place::new();
    let [usual, shifted] = ["default", "shifted"].map(|preset| {
        let simulate = "simulate --days 10 --output t.jsonl.zst --frauds f.csv --preset";
        place.json(&format!("{simulate} {preset}")).0
    });
    assert_eq!(usual["transactions"], shifted["transactions"]);
    let frauds = |report: &Value, scenario: &str| report["scenarios"][scenario].as_u64();
    // Hardly any purchase costs more than 330, and half as many again are compromised.
    assert!(frauds(&usual, "1") > Some(10) && frauds(&shifted, "1") < Some(3), "{shifted}");
    for scenario in ["2", "3"] {
        assert!(frauds(&shifted, scenario) > frauds(&usual, scenario), "{usual} {shifted}");
    }
}

#[test]
fn other_worlds_have_other_shapes() {
    let place = Place::new();
    for (world, file, begins) in [
        ("cards", "c.jsonl", r#"{"local_time": "2018-04-01 0"#),
        ("cards", "c.csv", "local_time,reference,card_no,shop,category,paid,"),
        ("transfers", "t.csv.zst", "hour,reference,kind,sum,payer,payer_before,"),
        ("charges", "e.jsonl", r#"{"event_id":"ev_"#),
    ] {
        let simulate = format!("simulate --world {world} --customers 300 --frauds f.csv");
        let (report, status) = place.json(&format!("{simulate} --output {file}"));
        assert_eq!(status, 0, "{report}");
        let mut bytes = place.read(file);
        if file.ends_with(".zst") {
            bytes = zstd::decode_all(&bytes[..]).expect("valid zstd");
        }
        assert!(text(&bytes).starts_with(begins), "{file}: {}", &text(&bytes)[..200]);
        let names = usize::from(file.contains(".csv"));
        assert_eq!(report["records"], lines(&bytes).len() - names, "{file}");
        assert_eq!(report["frauds"], lines(&place.read("f.csv")).len() - 1, "{file}");
    }
}

#[test]
fn features_of_simulated_transactions() {
    let place = Place::new();
    let (simulated, _) = place.json("simulate --days 3 --output t.jsonl.zst --frauds f.csv");
    let features =
        format!("features --spec {SPEC} --input t.jsonl.zst --frauds f.csv --output t.arrow");
    let (report, status) = place.json(&features);
    assert_eq!((status, &report["rows"]), (0, &simulated["transactions"]));
    assert_eq!((&report["frauds"], &report["frauds_not_found"]), (&simulated["frauds"], &0.into()));

    let file = fs::File::open(place.path("t.arrow")).expect("written");
    let reader = FileReader::try_new(file, None).expect("an Arrow file");
    let names: Vec<_> = reader.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["transaction_id", "timestamp", "label", "scenario", "amount", "since_last"]);
    let (mut rows, mut frauds, mut first) = (0, 0, 0);
    for batch in reader {
        let batch = batch.expect("a readable batch");
        let ids = batch.column(0).as_string::<i32>();
        let times = batch.column(1).as_primitive::<Int64Type>();
        let labels = batch.column(2).as_primitive::<UInt8Type>();
        let scenarios = batch.column(3).as_primitive::<UInt8Type>();
        let since_last = batch.column(5).as_primitive::<Float32Type>();
        for row in 0..batch.num_rows() {
            assert_eq!(ids.value(row), rows.to_string());
            assert!(times.value(row) >= 1_522_540_800_000);
            assert_eq!(labels.value(row), u8::from(scenarios.value(row) > 0));
            frauds += u64::from(labels.value(row));
            first += u64::from(since_last.value(row).is_nan());
            rows += 1;
        }
    }
    assert_eq!((report["rows"].as_u64(), report["frauds"].as_u64()), (Some(rows), Some(frauds)));
    // A customer's first transaction has none before it.
    assert!((1..5000).contains(&first), "{first}");

    let before = place.read("t.arrow");
    place.json(&features);
    assert_eq!(before, place.read("t.arrow"));
}

const WITH_PRIOR: &str = r#"
version = 1
time = { path = "timestamp", unit = "seconds" }
entity = [{ name = "customer", path = "customer_id" }, { name = "terminal", path = "terminal_id" }]
number = [{ name = "amount", path = "amount" }]
transaction = { id = "transaction_id" }
reports = { path = "fraud_reports", time = "reported_at" }
feature = [
    { name = "mean", kind = "window", entity = "customer", stat = "mean", of = "amount", prior = 50.0 },
    { name = "last", kind = "window", entity = "customer", stat = "since_last" },
    { name = "report", kind = "reports", entity = "terminal", stat = "days_since_last" },
]
"#;

/// There is a transaction an hour for three days; the first is a fraud, reported an hour later.
#[test]
fn features_after_a_wipe_are_those_of_a_start() {
    let place = Place::new();
    place.write("spec.toml", WITH_PRIOR);
    let record = |hour| {
        let time = 1_600_000_000 + 3600 * hour;
        format!(
            r#"{{"transaction_id":"{hour}","timestamp":{time},"customer_id":1,"terminal_id":1,"amount":10}}"#
        ) + "\n"
    };
    place.write("t.jsonl", (0..72).map(record).collect::<String>());
    place.write("f.csv", "transaction_id\n0\n");
    let features = "features --spec spec.toml --input t.jsonl --frauds f.csv --report-delay 1h --output t.arrow";
    let run = |options: &str| {
        let (report, status) = place.json(&format!("{features}{options}"));
        assert_eq!((status, &report["rows"]), (0, &72.into()));
        let file = fs::File::open(place.path("t.arrow")).expect("written");
        let mut reader = FileReader::try_new(file, None).expect("an Arrow file");
        let batch = reader.next().expect("one batch").expect("a readable batch");
        let column = |at: usize| batch.column(at).as_primitive::<Float32Type>().values().to_vec();
        let [mean, last, report_age] = [4, 5, 6].map(column);
        let hours = |is_so: &dyn Fn(usize) -> bool| (0..72).filter(|&hour| is_so(hour)).collect();
        let unknown: [Vec<usize>; 2] =
            [hours(&|hour| last[hour].is_nan()), hours(&|hour| report_age[hour].is_nan())];
        assert_eq!(hours(&|hour| mean[hour] == 50.0), unknown[0], "the prior");
        (report["wipes"].as_u64().expect("a count"), unknown)
    };
    assert_eq!(run(""), (0, [vec![0], vec![0]]));
    let no_report = [0].into_iter().chain(24..72).collect();
    assert_eq!(run(" --restart-every 1d"), (2, [vec![0, 24, 48], no_report]));

    // Each wipe forgets customers, reports or both.
    let (wipes, [customers, reports]) = run(" --wipe-every 6h --seed 3");
    assert!((6..24).contains(&wipes), "{wipes}");
    assert!((2..=wipes as usize).contains(&customers.len()), "{customers:?}");
    assert!((2..72).contains(&reports.len()), "{reports:?}");
    assert_eq!(run(" --wipe-every 6h --seed 3").1, [customers.clone(), reports]);
    assert_ne!(run(" --wipe-every 6h --seed 4").1[0], customers);
    place.refused(&format!("{features} --wipe-every 1d --restart-every 1d"), "cannot be used with");
    place.refused(&format!("{features} --restart-every 0s"), "above 0");
}

const MIXED: &str = r#"{"transaction_id":"a","timestamp":"2020-01-01T00:00:00Z","customer_id":1,"amount":2}
not JSON
{"transaction_id":7,"timestamp":"2020-01-01T00:00:01Z","customer_id":"1","amount":3}
{"timestamp":"2020-01-01T00:00:03Z","customer_id":"1","amount":4}
{"timestamp":"2020-01-01T00:00:04Z","customer_id":"1"}
"#;

#[test]
fn features_of_mixed_lines() {
    let place = Place::new();
    place.write("t.jsonl", MIXED);
    place.write("f.csv", "scenario,transaction_id\n3,7\n1,4\n2,nobody\n1,\n");
    let features =
        format!("features --spec {SPEC} --input t.jsonl --frauds f.csv --output t.arrow");
    let (report, status) = place.json(&features);
    assert_eq!(status, 0);
    assert_eq!((&report["rows"], &report["frauds"]), (&3.into(), &1.into()), "{report}");
    assert_eq!((&report["frauds_not_found"], &report["without_id"]), (&3.into(), &1.into()));
    assert_eq!(report["unscorable"], serde_json::json!({ "invalid_json": 1, "missing_field": 1 }));

    let file = fs::File::open(place.path("t.arrow")).expect("written");
    let mut reader = FileReader::try_new(file, None).expect("an Arrow file");
    let batch = reader.next().expect("one batch").expect("readable");
    let ids: Vec<_> = batch.column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!(ids, ["a", "7", ""], "no label by line number");
    assert_eq!(batch.column(3).as_primitive::<UInt8Type>().values()[..], [0, 3, 0]);
    let since_last = batch.column(5).as_primitive::<Float32Type>();
    assert!(since_last.value(0).is_nan());
    assert_eq!(since_last.values()[1..], [1.0, 2.0]);
}

#[test]
fn bad_input_is_named() {
    let place = Place::new();
    place.write("t.jsonl", MIXED);
    place.write("ids.csv", "id,note\n1,seen\n");
    place.write("strangers.csv", "transaction_id\nx\n");
    place.write("scenario.csv", "transaction_id,scenario\na,1\nb,0\n");
    place.write("cut.zst", [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0]);
    place.write("no.wasm", "no");
    let features = format!("features --spec {SPEC} --output t.arrow");
    for (command, expect) in [
        ("simulate --days 0 --output a --frauds b", "0 is not in 1..=3660"),
        ("simulate --output a", "--frauds"),
        ("simulate --output ./a --frauds a", "give the list of frauds a file of its own"),
        ("simulate --output a.csv --frauds b", "name the output FILE.jsonl"),
        ("simulate --world charges --output a.csv.zst --frauds b", "name the output FILE.jsonl"),
        (
            "simulate --world cards --terminals 9 --output a --frauds b",
            "world cards has no terminals",
        ),
        (
            "simulate --world cards --preset shifted --output a --frauds b",
            "world cards has no presets",
        ),
        ("simulate --start 2018-02-30 --output a --frauds b", "write it like 2018-04-01"),
        ("simulate --days 1 --output none/a --frauds b", "cannot write none/a"),
        ("features --input t.jsonl --frauds ids.csv --output x", "name another with --spec FILE"),
        (&format!("{features} --input none --frauds strangers.csv"), "cannot read none"),
        (&format!("{features} --input t.jsonl --frauds none.csv"), "frauds none.csv"),
        (&format!("{features} --input t.jsonl --frauds ids.csv"), "call the column transaction_id"),
        (
            &format!("{features} --input t.jsonl --frauds scenario.csv"),
            "scenario.csv line 3: scenario \"0\"",
        ),
        (&format!("{features} --input t.jsonl --frauds strangers.csv"), "do they belong together?"),
        (&format!("{features} --input cut.zst --frauds strangers.csv"), "cannot read cut.zst"),
        ("run --input t.jsonl --output o", "./scripts/build makes one"),
        ("run --input t.jsonl --output o --module no.wasm", "cannot load no.wasm"),
        ("run --input t.jsonl --output o --var X", "KEY=VALUE"),
        ("run --input t.jsonl --output o --memory-limit 2MB", "for instance 2MiB"),
        ("run --input t.jsonl --output o --output-topic ../x", "a topic's name"),
        ("run --input t.jsonl --output o --partitions 0", "0 is not in 1..=10000"),
        ("inspect no.wasm", "no.wasm"),
    ] {
        place.refused(command, expect);
    }
}

#[test]
fn a_run_keeps_every_byte() {
    let place = Place::new();
    place.json("simulate --days 1 --customers 200 --output t.jsonl --frauds f.csv");
    let mut input = place.read("t.jsonl");
    input.extend_from_slice(b"not JSON \xff\n{ \"customer_id\" : 5 }");
    place.write("t.jsonl", &input);
    place.write_module(IDENTITY);
    let run = "run --input t.jsonl --module module.wasm --output-topic out".to_string();
    let (summary, status) = place.json(&format!("{run} --output one --partitions 1 --batch 7"));
    assert_eq!(status, 0, "{summary}");
    assert_eq!(place.read("one/out.jsonl").trim_ascii_end(), input);

    let (summary, _) = place.json(&format!("{run} --output five --partitions 5 --instances 2"));
    let count = input.split(|&byte| byte == b'\n').count();
    for (key, expect) in [("records", count), ("reports", 0), ("lost", 0), ("restarts", 0)] {
        assert_eq!(summary[key], expect, "{key}");
    }
    assert_eq!(summary["by_topic"], serde_json::json!({ "out": count }));
    for key in ["seconds", "engine_seconds", "records_per_second", "fuel_per_record"] {
        assert!(summary[key].as_f64() > Some(0.0), "{key}: {}", summary[key]);
    }
    assert_eq!(summary["peak_memory_bytes"], 8 << 16);
    let written = serde_json::from_slice::<Value>(&place.read("five/summary.json"));
    assert_eq!(written.expect("JSON"), summary);

    // Each customer's records stay in order, and none is missing.
    let output = place.read("five/out.jsonl");
    let of = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let mut lines: Vec<_> = bytes.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
        lines.retain(|line| !line.is_empty());
        lines.sort_by_key(|line| {
            serde_json::from_slice::<Value>(line)
                .map_or(String::new(), |v| v["customer_id"].to_string())
        });
        lines
    };
    assert_eq!(of(&output), of(&input));
}

#[test]
fn a_record_that_always_traps_ends_the_run() {
    let place = Place::new();
    let secret = "secret".repeat(2000);
    let mut input: Vec<String> = (0..30).map(|at| format!("{{\"customer_id\":{at}}}")).collect();
    input[16] = format!("{{\"customer_id\":\"x\",\"note\":\"{secret}\"}}");
    place.write("t.jsonl", input.join("\n"));
    place.write_module(IDENTITY);
    let run = "run --input t.jsonl --module module.wasm --output-topic out --output o \
         --partitions 1 --batch 10"
        .to_string();
    let (summary, status) = place.json(&run);
    assert_eq!((status, &summary["restarts"]), (1, &2.into()));
    let failure = &summary["failure"];
    for (key, expect) in [("partition", 0), ("offset", 16), ("line", 17)] {
        assert_eq!(failure[key], expect, "{key}");
    }
    assert!(failure["fault"].as_str().is_some_and(|fault| fault.contains("unreachable")));
    assert_eq!(lines(&place.read("o/out.jsonl")), input[..10]);
    let human = place.fraud(&run);
    let said = text(&human.stdout) + &text(&human.stderr);
    assert!(said.contains("offset 16 (line 17") && !said.contains("secret"), "{said}");

    // A fault before any record is read.
    place.write_module(&IDENTITY.replacen("(loop $records", "unreachable (loop $records", 1));
    let said = text(&place.fraud(&run).stdout);
    assert!(said.contains("offset 0 (line 1"), "{said}");
    assert!(said.contains("before its first record was read"), "{said}");
}

/// Returns the check of this name.
fn check<'v>(report: &'v Value, name: &str) -> &'v Value {
    let checks = report["checks"].as_array().expect("a list");
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name} in {report:#}"))
}

#[test]
fn inspection_of_any_module() {
    let place = Place::new();
    place.write_module(IDENTITY);
    let inspect = "inspect module.wasm --output-topic out --min-record 9KiB";
    let (report, status) = place.json(inspect);
    assert_eq!((status, &report["ok"]), (0, &true.into()), "{report:#}");
    // The module takes 10,000 bytes, lengths included.
    for shape in ["value_bytes", "headers_bytes", "any_bytes"] {
        assert_eq!(report["largest_record"][shape], 9216, "{shape}");
    }
    assert_eq!(report["topics"][0]["max_message_bytes"], 9216);
    assert_eq!(check(&report, "memory at start")["value"], 8 << 16);
    let (report, status) = place.json("inspect module.wasm --memory-limit 256KiB");
    assert_eq!((status, &check(&report, "starts")["ok"]), (1, &false.into()));

    for (from, to, name, note) in [
        ("check_abi_version_1", "check_abi_version_9", "transform ABI", ""),
        (
            "(export \"memory\") 8",
            "(export \"memory\") 8 9",
            "declared memory maximum",
            "never starts",
        ),
        ("_start", "start", "exports", "_start"),
        ("\"write_record\"", "\"write_recorb\"", "imports", "write_recorb is not provided"),
        ("(param i32 i32) (result i32)", "(param i32 i32) (result i64)", "imports", "i64"),
    ] {
        assert!(IDENTITY.contains(from), "{from}");
        place.write_module(&IDENTITY.replacen(from, to, 1));
        let (report, status) = place.json(inspect);
        let check = check(&report, name);
        assert_eq!((status, &check["ok"]), (1, &false.into()), "{name}");
        assert!(check["note"].as_str().is_some_and(|said| said.contains(note)), "{check}");
    }
    place.write_module(IDENTITY);
    let (report, _) = place.json("inspect module.wasm --var REDPANDA_X=1");
    assert_eq!(check(&report, "environment variables")["ok"], false);
    assert_eq!(check(&report, "accepted at deployment")["ok"], false);
}

#[test]
fn the_fraud_detector_loses_nothing() {
    let place = Place::new();
    fs::copy(fraud_detector(), place.path("fraud-detector.wasm")).expect("a writable directory");
    place.json("simulate --days 5 --customers 1000 --output t.jsonl --frauds f.csv");
    let mut input = place.read("t.jsonl");
    input.extend_from_slice(b"not JSON\n");
    place.write("t.jsonl", &input);
    let (summary, status) = place.json("run --input t.jsonl --output o");
    assert_eq!((status, &summary["lost"]), (0, &0.into()), "{summary:#}");
    assert_eq!(summary["unscorable"], serde_json::json!({ "invalid_json": 1 }));
    assert_eq!(lines(&place.read("o/unscorable.jsonl")), ["not JSON"]);
    let mut originals: Vec<String> = Vec::new();
    for topic in ["fraud", "valid"] {
        for line in lines(&place.read(&format!("o/{topic}.jsonl"))) {
            let (original, verdict) = line.split_once(r#","fraud":{"#).expect("a verdict");
            assert!(verdict.starts_with(&format!(r#""decision":"{topic}""#)), "{line}");
            originals.push(format!("{original}}}"));
        }
    }
    let mut expect = lines(&input);
    expect.pop();
    originals.sort();
    expect.sort();
    assert_eq!(originals, expect);
}

#[test]
fn answers_name_the_model_as_verdicts_do() {
    let place = Place::new();
    fs::copy(fraud_detector(), place.path("fraud-detector.wasm")).expect("a writable directory");
    place.json("simulate --days 1 --customers 20 --output t.jsonl --frauds f.csv");
    let (summary, _) = place.json("run --input t.jsonl --output o");
    let verdict = format!("\"model\":{}", summary["model"]);
    let valid = text(&place.read("o/valid.jsonl"));
    assert!(valid.lines().all(|line| line.contains(&verdict)), "{verdict} {valid}");
}

/// The module says where a record's members are; no other spec can be given.
#[test]
fn no_module_is_read_with_a_spec_beside_it() {
    let place = Place::new();
    for command in ["run", "backtest", "inspect", "bench", "reports"] {
        place.refused(&format!("{command} --spec {SPEC}"), "unexpected argument '--spec'");
    }
}

#[test]
fn run_does_not_write_over_what_it_reads() {
    let place = Place::new();
    fs::copy(fraud_detector(), place.path("module.wasm")).expect("a writable directory");
    fs::write(place.path("valid.jsonl"), "{}\n").expect("a writable directory");
    let run = "run --module module.wasm --input valid.jsonl --output .".to_string();
    place.refused(&run, "valid.jsonl is read and would be written over; choose another --output");
    assert_eq!(fs::read(place.path("valid.jsonl")).expect("still there"), b"{}\n");
}

#[test]
fn the_fraud_detector_is_deployable() {
    let place = Place::new();
    fs::copy(fraud_detector(), place.path("module.wasm")).expect("a writable directory");
    let (report, status) = place.json("inspect module.wasm");
    for check in report["checks"].as_array().expect("a list") {
        assert_eq!(check["ok"], true, "{check}");
    }
    assert_eq!(status, 0);
    // The history was really full: the module's log says what that takes.
    let note = &check(&report, "memory, history full")["note"];
    let note = note.as_str().expect("text");
    assert!(note.contains(" reports; its log says it holds ") && note.contains(" + "), "{note}");
    assert_eq!(report["topics"].as_array().map(Vec::len), Some(4));
    page::check(&["fraud inspect"], &[report]);
}

#[test]
fn a_spec_for_somebodys_own_records() {
    let place = Place::new();
    place
        .json("simulate --world charges --days 30 --customers 200 --output c.jsonl --frauds f.csv");
    let (answer, status) = place.json("new m --sample c.jsonl --frauds f.csv");
    assert_eq!(status, 0, "{answer:#}");
    assert_eq!(answer["refused"], serde_json::json!({}), "{answer:#}");
    assert_eq!(answer["next"], "fraud train m --input c.jsonl --frauds f.csv");
    place.refused("new m --sample c.jsonl", "m/fraud.toml is there already");
    let spec = place.read("m/fraud.toml");
    place.json("new m --sample c.jsonl --frauds f.csv --force");
    assert_eq!(text(&place.read("m/fraud.toml")), text(&spec), "the same sample, the same spec");
    // What is proposed has features of every transaction, and labels by its ids.
    let features = "--input c.jsonl --frauds f.csv --output c.arrow";
    let (features, _) = place.json(&format!("features --spec m/fraud.toml {features}"));
    assert_eq!(features["unscorable"], serde_json::json!({}), "{features:#}");
    assert_eq!(features["frauds_not_found"], 0, "{features:#}");

    place.refused("new n --sample c.jsonl --key data.card", "--key data.card: no transaction");
    place.refused("new n --sample c.jsonl --id $.id", "here that is written \"id\"");
    place.refused("new n --sample c.jsonl --label event_id", "not 0 and 1, or true and false");
    place.write("not.jsonl", "not JSON\n");
    place.refused("new n --sample not.jsonl", "none of the first 1 records of not.jsonl is a JSON");
    let first = lines(&place.read("c.jsonl"))[..300].join("\n");
    let piped = text(&place.fraud_with("new p --sample -", first.as_bytes()).stdout);
    assert!(piped.contains("300 of 300 records looked at"), "{piped}");
    assert!(!place.path("n").exists(), "a refusal writes nothing");
}

#[test]
fn a_module_prints_what_it_was_built_from() {
    let place = Place::new();
    let module = fraud_detector();
    for (source, expect) in [("spec", "fraud.toml"), ("decision", "decision.toml")] {
        let expect = fs::read_to_string(format!("{MODEL}/{expect}")).expect("it is there");
        let command = format!("inspect {} --print {source}", module.display());
        assert_eq!(text(&place.fraud(&command).stdout), expect, "{source}");
        let (answer, _) = place.json(&command);
        assert_eq!(answer["text"], expect, "{source}");
        page::check(&["fraud inspect --print"], &[answer]);
    }
    place.write_module(IDENTITY);
    place.refused("inspect module.wasm --print spec", "carries no fraud.toml");
}

/// A module that carries a spec and no plan, as one of another version does: its spec says where a
/// record's key is.
#[test]
fn a_spec_in_the_module_is_enough() {
    let place = Place::new();
    let spec = fs::read_to_string(SPEC).expect("the spec").replace("customer_id", "card");
    place.write_module_of(IDENTITY, &spec);
    let lines: Vec<_> = (0..60).map(|at| format!("{{\"card\":7,\"customer_id\":{at}}}")).collect();
    place.write("t.jsonl", lines.join("\n"));
    let run = "run --input t.jsonl --module module.wasm --output-topic out --output o";
    let (summary, status) = place.json(run);
    assert_eq!(status, 0, "{summary}");
    // One key, so one partition, and all in order.
    assert_eq!(text(&place.read("o/out.jsonl")).lines().collect::<Vec<_>>(), lines);
}
