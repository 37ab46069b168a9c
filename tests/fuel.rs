//! A record's cost never rises unnoticed: the fuel that the compiled module takes on ten
//! simulated days is the figure in `fuel.txt`, or less.

mod common;

use std::io::Write;
use std::sync::Arc;

use common::{Broker, GOOD, deployment};
use fraud_simulator::{Config, simulate, write_transaction};
use transform_host::{BatchBuilder, Deployment, Limits, Output};

/// Records in a batch.
const BATCH: usize = 100;

const UPDATE: &str = "./scripts/build && UPDATE_FUEL=1 cargo native-test --locked --test fuel";

#[test]
fn a_record_takes_no_more_fuel_than_committed() {
    let path = common::root().join("tests/fuel.txt");
    let config = Config { days: 10, ..Config::default() };
    let fuel = fuel_per_record(&config, deployment());
    if std::env::var_os("UPDATE_FUEL").is_some() {
        std::fs::write(&path, format!("{fuel}\n")).expect("a writable file");
        return;
    }
    let committed = std::fs::read_to_string(&path).expect("tests/fuel.txt");
    let committed: f64 = committed.trim().parse().expect("tests/fuel.txt is a number");
    assert!(
        fuel <= committed,
        "a record takes {fuel} fuel, and tests/fuel.txt allows {committed}. If there is a reason, \
         give it in the commit, with the file as this makes it: {UPDATE}"
    );
    if fuel < committed {
        // Past the test harness, which shows nothing of a test that passes.
        let note = format!("a record takes {fuel} fuel, not {committed} any more: {UPDATE}\n");
        let _ = std::io::stderr().write_all(note.as_bytes());
    }
}

/// A topic of history costs a record 3% more fuel at most, once customers are known.
#[test]
fn a_topic_of_history() {
    let config = Config { days: 120, customers: 500, ..Config::default() };
    let without = fuel_per_record(&config, deployment());
    let outputs = deployment().with(|d| d.output_topics.push("history".into()));
    let with = fuel_per_record(&config, outputs);
    println!("{without} fuel a record, {with} with a topic of history");
    assert!(with <= 1.03 * without, "{with} {without}");
}

/// Reasons cost one evaluation of the model for each feature, and only on flagged records.
#[test]
fn reasons() {
    let simulation = simulate(&Config { days: 2, customers: 500, ..Config::default() });
    let records: Vec<Vec<u8>> = (simulation.transactions.iter())
        .map(|transaction| {
            let mut record = Vec::new();
            write_transaction(transaction, &mut record).expect("a Vec takes everything");
            record
        })
        .collect();
    let (flagged, with) = fuel_of(&records, "0");
    let (passed, without) = fuel_of(&records, "1");
    println!("{passed} fuel a record, {flagged} with reasons");
    assert!(with.contains("\"reasons\":[") && !without.contains("reasons"), "{with} {without}");
    assert!(flagged < 8 * passed, "{flagged} {passed}");
}

/// Other people's records have hundreds of members that the spec does not read, and nulls that come and go.
#[test]
fn members_that_are_no_field() {
    const MEMBERS: usize = 429;
    let record = |at: usize, members: usize| {
        let member = |column: usize| match (column * 7 + at) % 10 {
            0..3 => format!(",\"V{column}\":null"),
            digit => format!(",\"V{column}\":{digit}3.25"),
        };
        let members: String = (0..members).map(member).collect();
        GOOD.replace('}', &format!("{members}}}")).into_bytes()
    };
    let records = |members: usize| -> Vec<_> { (0..200).map(|at| record(at, members)).collect() };
    let (wide, _) = fuel_of(&records(MEMBERS), "1");
    let (narrow, _) = fuel_of(&records(0), "1");
    let each = (wide - narrow) / MEMBERS as u64;
    println!("{each} fuel a member of some fourteen bytes");
    assert!(each < 600, "{each} a member: {wide} with them, {narrow} without");
}

/// Measures the mean fuel of a record, to the hundredth.
fn fuel_per_record(config: &Config, deployment: Deployment) -> f64 {
    let transactions = simulate(config).transactions;
    let mut vm = Broker::with(deployment, Limits::stock()).expect("starts").vm;
    let (mut batch, mut output) = (BatchBuilder::new(0), Output::default());
    let mut line = Vec::new();
    for chunk in transactions.chunks(BATCH) {
        for transaction in chunk {
            line.clear();
            write_transaction(transaction, &mut line).expect("memory");
            let key = transaction.customer.to_string();
            let millis = transaction.seconds * 1000;
            batch.push(millis, Some(key.as_bytes()), Some(line.trim_ascii_end()), &[]);
        }
        vm.process(&Arc::new(batch.build()), &mut output).expect("it runs");
        assert!(output.len() >= chunk.len());
    }
    let stats = vm.stats();
    assert_eq!(stats.records, transactions.len() as u64);
    (stats.record_fuel as f64 / stats.records as f64 * 100.0).round() / 100.0
}

/// Measures the mean fuel of these records; returns the last one's output too.
fn fuel_of(records: &[Vec<u8>], threshold: &str) -> (u64, String) {
    let mut deployment = deployment();
    deployment.environment = vec![("FRAUD_THRESHOLD".into(), threshold.into())];
    let mut broker = Broker::with(deployment, Limits::stock()).expect("starts");
    let mut last = None;
    for record in records {
        last = broker.send(common::NOW, None, Some(record), &[]).value;
    }
    let stats = broker.vm.stats();
    let last = String::from_utf8(last.expect("scored")).expect("text");
    (stats.record_fuel / stats.records, last)
}
