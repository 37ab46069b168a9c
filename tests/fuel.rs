//! What parts of the module cost in fuel, which is the same on every machine.

mod common;

use common::{Broker, deployment};
use fraud_simulator::{Config, simulate, write_transaction};
use transform_host::Limits;

/// Fuel for each of these records, and what comes of the last.
fn fuel(records: &[Vec<u8>], threshold: &str) -> (u64, String) {
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

/// One evaluation of the model for each feature, and only on what is flagged.
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
    let (flagged, with) = fuel(&records, "0");
    let (passed, without) = fuel(&records, "1");
    println!("{passed} fuel a record, {flagged} with reasons");
    assert!(with.contains("\"reasons\":[") && !without.contains("reasons"), "{with} {without}");
    assert!(flagged < 8 * passed, "{flagged} {passed}");
}
