//! Verdicts do not depend on the number of partitions, nor on how instances share them, as long as
//! records arrive in the order of their time and history has room.

mod common;

use std::sync::Arc;

use common::deployment;
use fraud_simulator::{Config, Transaction, simulate, write_transaction};
use transform_host::{BatchBuilder, Engine, Limits, Output, Vm};

/// An entry of the input topic: a transaction, or a fraud report for every partition.
enum Event {
    Transaction { customer: u32, millis: i64, value: Vec<u8> },
    Report { millis: i64, value: Vec<u8> },
}

/// A simulated stream in which every fraud is reported a week later.
fn stream(transactions: usize) -> Vec<Event> {
    let config = Config { days: 40, customers: 500, terminals: 500, ..Config::default() };
    let simulated = simulate(&config).transactions;
    let mut events: Vec<(i64, Event)> = Vec::new();
    for transaction in &simulated[..transactions] {
        let Transaction { seconds, customer, .. } = *transaction;
        let mut value = Vec::new();
        write_transaction(transaction, &mut value).expect("a vector takes all");
        if transaction.scenario > 0 {
            let millis = (seconds + 7 * 86_400) * 1000;
            let text = String::from_utf8(value.clone()).expect("text");
            let report = text.trim_end().trim_end_matches('}');
            let report = format!(r#"{{"fraud_reports":[{report},"reported_at":{millis}}}]}}"#);
            events.push((millis, Event::Report { millis, value: report.into_bytes() }));
        }
        let millis = seconds * 1000;
        events.push((millis, Event::Transaction { customer, millis, value }));
    }
    events.sort_by_key(|(millis, _)| *millis);
    events.into_iter().map(|(_, event)| event).collect()
}

/// Returns the verdicts in the order of the stream: batches of at most `batch` records of a partition.
fn run(events: &[Event], partitions: usize, instances: usize, batch: usize) -> Vec<Vec<u8>> {
    let engine = Engine::new(&Limits::stock()).expect("stock limits");
    let module = engine.compile(&common::module_bytes()).expect("compiles");
    let mut vms: Vec<Vm> = (0..instances).map(|_| Vm::new(&module, &deployment())).collect();
    vms.iter_mut().for_each(|vm| vm.start().expect("starts"));
    let mut written = vec![Vec::new(); events.len()];
    // What a partition has queued: the batch, and which events its outputs belong to.
    let mut queues: Vec<(BatchBuilder, Vec<usize>)> =
        (0..partitions).map(|_| (BatchBuilder::new(0), Vec::new())).collect();
    let mut output = Output::default();
    let mut flush = |partition: usize, queue: &mut (BatchBuilder, Vec<usize>)| {
        if queue.0.is_empty() {
            return;
        }
        let vm = &mut vms[partition % instances];
        vm.process(&Arc::new(queue.0.build()), &mut output).expect("no record traps");
        assert_eq!(output.len(), queue.1.len(), "every transaction leaves exactly once");
        for (record, at) in output.iter().zip(queue.1.drain(..)) {
            written[at] = record.value().expect("scored").to_vec();
        }
    };
    for (at, event) in events.iter().enumerate() {
        let (to, millis, value) = match event {
            Event::Transaction { customer, millis, value } => {
                let partition = *customer as usize % partitions;
                queues[partition].1.push(at);
                (partition..partition + 1, *millis, value)
            }
            Event::Report { millis, value } => (0..partitions, *millis, value),
        };
        for partition in to {
            queues[partition].0.push(millis, None, Some(value), &[]);
            if queues[partition].0.len() >= batch {
                flush(partition, &mut queues[partition]);
            }
        }
    }
    for (partition, queue) in queues.iter_mut().enumerate() {
        flush(partition, queue);
    }
    written.retain(|value| !value.is_empty());
    written
}

#[test]
fn verdicts_do_not_depend_on_partitions_or_instances() {
    let events = stream(20_000);
    let expect = run(&events, 1, 1, 1);
    assert_eq!(expect.len(), 20_000);
    for (partitions, instances) in [(4, 1), (4, 4), (32, 1), (32, 4)] {
        let found = run(&events, partitions, instances, 1);
        assert!(found == expect, "{partitions} partitions on {instances} instances");
    }
}

/// In batches of 100 a partition runs ahead of the others, so reports come to an instance a little
/// before or after the transactions of its other partitions; docs/detection.md states the share.
#[test]
fn batches_change_few_verdicts() {
    let events = stream(20_000);
    let (expect, found) = (run(&events, 1, 1, 1), run(&events, 4, 1, 100));
    let differ = expect.iter().zip(&found).filter(|(one, other)| one != other).count();
    let flagged = br#""decision":"fraud""#;
    let decide = |value: &[u8]| value.windows(flagged.len()).any(|window| window == flagged);
    assert!(expect.iter().filter(|value| decide(value)).count() > 50, "some are flagged");
    let decided = expect.iter().zip(&found).filter(|(a, b)| decide(a) != decide(b)).count();
    println!("{differ} of {} scores differ, {decided} decisions", expect.len());
    assert!(differ > 0 && differ < expect.len() / 20, "{differ} scores");
    assert!(decided < expect.len() / 500, "{decided} decisions");
}
