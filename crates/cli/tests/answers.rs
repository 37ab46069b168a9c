//! Every command's answer in both of its forms, as a snapshot, and its keys against
//! `docs/cli-json.md`. After a wanted change: `INSTA_UPDATE=always cargo native-test -p fraud-cli`.
//!
//! Times, speeds and what changes with every build of the module are blurred.

mod page;
mod place;

use std::collections::BTreeMap;

use place::{Place, fraud_detector, lines, text};
use serde_json::Value;

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spec.toml");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../model");
const IDENTITY: &str = include_str!("modules/identity.wat");

/// Lines with one of these words have a time or a speed.
const TIMES: [&str; 5] = ["seconds", "took", "written in", "records_per_second", "records/s"];
/// Lines with one of these words depend on the build of the module.
const BUILD: [&str; 3] = ["fuel", "memory", "entities"];

/// Runs a command in both forms and holds them to the snapshot `name`; returns the object. Every
/// number is `#` in lines with one of the `blurred` words.
#[track_caller]
fn snapshot(place: &Place, name: &str, command: &str, blurred: &[&[&str]]) -> Value {
    let human = text(&place.fraud(command).stdout);
    let (json, status) = place.json(command);
    let mut shown = json.clone();
    let checks = shown.get_mut("checks").and_then(Value::as_array_mut);
    for check in checks.into_iter().flatten() {
        if check["name"] == "records/s" {
            check["value"] = "#".into();
        }
    }
    let answer = format!("{human}\n{shown:#}\nexit status {status}");
    let model = json["model"].as_str().unwrap_or("no model");
    let answer = blur(&answer.replace(model, "MODEL"), &blurred.concat());
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, answer);
    });
    json
}

/// Writes `#` for each number, and one space before it, in every line with one of these words.
fn blur(text: &str, words: &[&str]) -> String {
    let blur_line = |line: &str| {
        let mut blurred = String::new();
        let mut rest = line;
        while let Some(at) = rest.find(|letter: char| letter.is_ascii_digit()) {
            let before = &rest[..at];
            let spaces = before.len() - before.trim_end_matches(' ').len();
            blurred += &before[..at - spaces.saturating_sub(1)];
            blurred.push('#');
            let digits = |letter: char| letter.is_ascii_digit() || ",.".contains(letter);
            rest = &rest[at..];
            let number = rest.trim_start_matches(digits);
            // A comma or point at the end is punctuation.
            let number = rest[..rest.len() - number.len()].trim_end_matches([',', '.']);
            rest = &rest[number.len()..];
        }
        blurred + rest
    };
    let is_blurred = |line: &str| words.iter().any(|word| line.contains(word));
    let blur = |line| if is_blurred(line) { blur_line(line) } else { line.to_owned() };
    text.lines().map(blur).collect::<Vec<_>>().join("\n")
}

/// Makes a place with ten days of transactions and a line that is none, the project's module and one that
/// passes every record on.
fn simulated() -> Place {
    let place = Place::new();
    std::fs::copy(fraud_detector(), place.path("fraud-detector.wasm")).expect("writable");
    place.write_module(IDENTITY);
    place.json("simulate --days 10 --customers 300 --output t.jsonl --frauds f.csv");
    let mut lines = place.read("t.jsonl");
    lines.extend_from_slice(b"not JSON\n");
    place.write("t.jsonl", lines);
    place
}

#[test]
fn simulate() {
    let place = Place::new();
    let simulate =
        "simulate --days 5 --customers 100 --terminals 200 --output t.jsonl --frauds f.csv";
    let answer = snapshot(&place, "simulate", simulate, &[&TIMES]);
    page::check(&["fraud simulate"], &[answer]);
}

#[test]
fn new() {
    let place = Place::new();
    place.json("simulate --world cards --days 40 --customers 100 --output c.csv --frauds f.csv");
    let cards = snapshot(&place, "new", "new m --sample c.csv --force", &[&[]]);
    let line = |at: &str, amount: &str| {
        format!("{{\"at\":\"{at}\",\"card\":\"a\",\"v\":1,\"amount\":{amount}}}\n")
    };
    let good = line("2024-01-01T00:00:00Z", "\"1.50\"").repeat(3);
    place.write("bad.jsonl", good + &line("2024-01-01T00:00:00Z", "\"many\""));
    let (bad, _) = place.json("new n --sample bad.jsonl");
    page::check(&["fraud new"], &[cards, bad]);
}

#[test]
fn features() {
    let place = simulated();
    let files = "--input t.jsonl --frauds f.csv --output t.arrow";
    let features = format!("features --spec {SPEC} {files} --wipe-every 3d");
    page::check(&["fraud features"], &[snapshot(&place, "features", &features, &[&TIMES])]);
}

/// Days of transactions whose records have their own label, and a proposed spec in `m`.
fn labelled() -> Place {
    let place = Place::new();
    place.json("simulate --world cards --days 40 --customers 700 --output c.csv --frauds f.csv");
    place.json("new m --sample c.csv --label is_chargeback");
    place
}

/// Trains a small model; the Python is the one of ./scripts/python.
fn trained(place: &Place, directory: &str, input: &str) -> Value {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/train/.venv/bin/python");
    let train = format!("train {directory} --input {input} --label is_chargeback --trees 5");
    let (answer, status) = place.json(&format!("{train} --python {python}"));
    assert_eq!(status, 0, "{answer:#}");
    answer
}

#[test]
fn train() {
    let place = labelled();
    let train = "train m --input c.csv --label is_chargeback --python no-python";
    place.refused(train, "./scripts/python installs it");
    let answer = trained(&place, "m", "c.csv");
    // A model that has learned nothing has the frauds' share, one in two hundred.
    assert!(answer["average_precision"].as_f64() > Some(0.05), "{answer:#}");
    let card = String::from_utf8(place.read("m/README.md")).expect("text");
    assert!(card.contains("LightGBM, 5 trees") && card.contains("in c.csv"), "{card}");
}

/// Tables are made of what was known when validation begins, and neither they nor the model change with a label
/// that became known later.
#[test]
fn training_makes_tables() {
    const WEEK: i64 = 7 * 24 * 60 * 60 * 1000;
    let place = labelled();
    let plain = trained(&place, "m", "c.csv");
    // Of 400 codes, the first 20 have most of the frauds.
    let mut coded = String::new();
    for (at, line) in lines(&place.read("c.csv")).iter().enumerate() {
        let draw = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let codes = if line.ends_with(",1") && draw % 4 > 0 { 20 } else { 400 };
        coded += &match at {
            0 => format!("{line},code\n"),
            _ => format!("{line},\"c,{}\"\n", draw / 4 % codes),
        };
    }
    place.write("c.csv", coded);
    let mut spec = text(&place.read("m/fraud.toml"));
    spec += r#"
        [[category]]
        name = "code"
        path = "code"
        [[feature]]
        name = "code"
        kind = "category"
        of = "code"
        as = "table"
        table = "t/code.csv"
        made = "fraud_rate"
    "#;
    place.write("m/fraud.toml", &spec);
    let features =
        "features --spec m/fraud.toml --input c.csv --label is_chargeback --output t.arrow";
    place.refused(features, "training makes it: fraud train m --input FILE");
    let answer = trained(&place, "m", "c.csv");
    let precision = |of: &Value| of["average_precision"].as_f64().expect("a number");
    let [with, without] = [&answer, &plain].map(precision);
    assert!(with > without + 0.05, "average precision {with} with the table, {without} without");
    page::check(&["fraud train"], std::slice::from_ref(&answer));
    assert_eq!(place.json(features).1, 0);
    let compiled = fraud_plan::compile::model(&place.path("m")).expect("a model");
    assert!(compiled.inputs.contains(&place.path("m/t/code.csv")), "{:?}", compiled.inputs);

    let validate_from = answer["validate_from"].as_i64().expect("a time");
    let all = lines(&place.read("c.csv"));
    let is_known = |row: &str| {
        // The time comes first, the label last but for the code.
        let time = row[..19].replace(' ', "T") + "Z";
        let time = fraud_detector::record::timestamp::parse(time.as_bytes()).expect("a time");
        time + WEEK < validate_from
    };
    // Transactions and frauds of each code, and of all.
    let (mut codes, mut usual) = (BTreeMap::<&str, [f64; 2]>::new(), [0.0; 2]);
    let (mut changed, mut later) = (format!("{}\n", all[0]), 0);
    for line in &all[1..] {
        let (row, code) = line.rsplit_once(",\"").expect("a code in quotes");
        let (row, mut label) = row.rsplit_once(',').expect("a label");
        if is_known(row) {
            for tally in [codes.entry(code).or_default(), &mut usual] {
                tally[0] += 1.0;
                tally[1] += f64::from(u8::from(label == "1"));
            }
        } else if label == "1" {
            later += 1;
            label = if later % 4 == 0 { "0" } else { "1" };
        }
        changed += &format!("{row},{label},\"{code}\n");
    }
    let mut expect = "value,number\n".to_owned();
    for (code, [all, frauds]) in codes.iter().filter(|(_, [all, _])| *all >= 20.0) {
        let rate = (frauds + 100.0 * usual[1] / usual[0]) / (all + 100.0);
        expect += &format!("\"{code},{}\n", rate as f32);
    }
    assert_eq!(text(&place.read("m/t/code.csv")), expect);

    place.write("changed.csv", changed);
    let files = ["t/code.csv", "fraud.onnx", "golden/vectors.csv"];
    let first = files.map(|file| place.read(&format!("m/{file}")));
    let again = trained(&place, "m", "changed.csv");
    assert_ne!(again["validation_frauds"], answer["validation_frauds"]);
    for (file, first) in files.iter().zip(first) {
        assert!(place.read(&format!("m/{file}")) == first, "{file} depends on later labels");
    }
}

#[test]
fn tune() {
    let place = simulated();
    let model = format!("--spec {MODEL}/fraud.toml --model {MODEL}/fraud.onnx");
    let files = "--input t.jsonl --frauds f.csv --output decision.toml";
    let tune = format!("tune {model} {files} --skip 2d --alerts-per-day 50");
    let isotonic = snapshot(&place, "tune", &tune, &[&TIMES]);
    let (platt, _) = place.json(&format!("{tune} --calibration platt"));
    page::check(&["fraud tune"], &[isotonic, platt]);
}

/// Runs a module that does not start, and one that traps at a long record.
fn failures(place: &Place, command: &str) -> [Value; 2] {
    let identity = format!("{command} --module module.wasm --output-topic out");
    let long = format!("{{\"customer_id\":1,\"note\":\"{}\"}}\n", "x".repeat(10_000));
    place.write("long.jsonl", long);
    ["--input t.jsonl --memory-limit 256KiB", "--input long.jsonl"].map(|more| {
        let (answer, status) = place.json(&format!("{identity} {more}"));
        assert_eq!(status, 1, "{answer:#}");
        answer
    })
}

#[test]
fn run() {
    let place = simulated();
    let run = "run --input t.jsonl --frauds f.csv --report-delay 2d --output o";
    let answer = snapshot(&place, "run", run, &[&TIMES, &BUILD]);
    let [not_started, trapped] = failures(&place, "run --output o");
    page::check(&["fraud run"], &[answer, not_started, trapped]);
    let identity = "run --module module.wasm --input t.jsonl --output-topic out --output o";
    snapshot(&place, "run-identity", identity, &[&TIMES]);
    let trapped = format!("{identity} --partitions 1").replace("t.jsonl", "long.jsonl");
    snapshot(&place, "run-trapped", &trapped, &[&TIMES]);
}

#[test]
fn backtest() {
    let place = simulated();
    let backtest = "backtest --input t.jsonl --frauds f.csv --report-delay 2d";
    let two_days = format!("{backtest} --from 2018-04-09 --alerts 5");
    snapshot(&place, "backtest", &two_days, &[&TIMES, &["went through"]]);
    let weeks = "--protocol handbook --from 2018-04-04 --weeks 2 --wipe 2018-04-06 --republish 3d";
    let (weeks, _) = place.json(&format!("{backtest} {weeks}"));
    let (restored, _) = place.json(&format!("{backtest} --restart 2018-04-06 --restore"));
    let [not_started, trapped] = failures(&place, "backtest --frauds f.csv");
    page::check(&["fraud backtest"], &[weeks, restored, not_started, trapped]);
}

#[test]
fn reports() {
    let place = simulated();
    let files = "--input t.jsonl --frauds f.csv --output r.jsonl";
    let reports = format!("reports {files} --since 2018-04-02");
    page::check(&["fraud reports"], &[snapshot(&place, "reports", &reports, &[])]);
}

#[test]
fn restore() {
    let place = simulated();
    let topics = ["fraud", "valid", "unscorable", "history"];
    let topics = topics.map(|topic| format!(" --output-topic {topic}")).concat();
    place.json(&format!("run --input t.jsonl --output o{topics}"));
    let history = text(&place.read("o/history.jsonl"));
    let mut other = history.lines().next().expect("a record").to_owned();
    // Of another table: its meaning follows the key's letter.
    let at = other.find(r#""key":"P"#).expect("a key") + 8;
    other.replace_range(at..at + 5, "AAAAA");
    place.write("history.jsonl", format!("{history}{other}\n"));
    let restore = "restore --input history.jsonl --output r";
    page::check(&["fraud restore"], &[snapshot(&place, "restore", restore, &[&TIMES])]);
    let first = text(&place.read("r/partition-0.txt"));
    let (key, value) =
        first.lines().next().and_then(|line| line.split_once(' ')).expect("a record");
    assert!(key.starts_with('H') || key.starts_with('P'), "{key} {value}");
}

/// The keys are checked in `cli.rs`, on the project's module.
#[test]
fn inspect() {
    let place = simulated();
    let inspect = "inspect module.wasm --output-topic out --min-record 9KiB";
    snapshot(&place, "inspect", &format!("{inspect} --catch-up-rate 100000"), &[&TIMES]);
}
