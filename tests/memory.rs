//! With history full, records of every size up to 64 KiB pass, in the shapes that take most memory.

mod common;

use common::{Broker, GOOD, Header, NOW};

/// Largest record (key + value + headers) that stock limits are promised to take.
const MAX_RECORD: usize = 64 << 10;

fn full() -> Broker {
    let mut broker = Broker::start();
    for customer in 0..60_000 {
        let record = GOOD.replacen("596", &customer.to_string(), 1);
        broker.send(NOW, None, Some(record.as_bytes()), &[]);
    }
    broker
}

/// An ascending run of sizes, each twice, and small ones between.
fn sizes() -> impl Iterator<Item = usize> {
    let ascending = (0..=16).map(|step| 200 + step * (MAX_RECORD - 200) / 16);
    ascending.flat_map(|size| [size, 200, size])
}

fn check(broker: &mut Broker, value: &[u8], headers: &[Header], topic: &str) {
    let written = broker.send(NOW, None, Some(value), headers);
    assert_eq!(written.topic, topic);
    // The reason, and the field to blame.
    let added = if topic == "unscorable" { 2 } else { 0 };
    assert_eq!(written.headers.len(), headers.len() + added);
}

#[test]
fn large_records_of_every_shape() {
    let mut broker = full();
    let bad = GOOD.replacen("57.16", "null", 1);
    for size in sizes() {
        let padding = " ".repeat(size - GOOD.len());
        check(&mut broker, format!("{GOOD}{padding}").as_bytes(), &[], "valid");
        check(&mut broker, format!("{bad}{padding}").as_bytes(), &[], "unscorable");
        // A header without key and value takes two bytes.
        let headers = vec![(&b""[..], None); (size - GOOD.len()) / 2];
        check(&mut broker, GOOD.as_bytes(), &headers, "valid");
        check(&mut broker, bad.as_bytes(), &headers, "unscorable");
    }
}
