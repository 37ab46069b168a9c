//! The lines in the transform's log while records pass.

mod common;

use common::{Broker, GOOD, NOW};

const SECOND: i64 = 1000;

/// Takes the log since the last call.
fn log(broker: &mut Broker) -> Vec<String> {
    broker.vm.take_logs().into_iter().map(|line| line.message).collect()
}

/// Customers at each of these seconds, each another one; every tenth time another terminal is
/// reported. Gives the seconds at which there was a line; checks what it says.
fn check(broker: &mut Broker, seconds: impl Iterator<Item = i64>, a_second: usize) -> Vec<i64> {
    log(broker);
    let (mut customers, mut terminals, mut lines) = (0, 0, Vec::new());
    for second in seconds {
        let timestamp = NOW + second * SECOND;
        if second % 10 == 0 {
            let report = format!(
                r#"{{"fraud_reports":[{{"transaction_id":{terminals},"terminal_id":{terminals},"reported_at":{timestamp}}}]}}"#
            );
            broker.send_any(timestamp, None, Some(report.as_bytes()), &[]);
            terminals += 1;
        }
        for _ in 0..a_second {
            let record = GOOD.replacen("596", &customers.to_string(), 1);
            broker.send(timestamp, None, Some(record.as_bytes()), &[]);
            customers += 1;
        }
        let before = [customers - a_second, terminals - usize::from(second % 10 == 0)];
        for line in log(broker) {
            lines.push(second);
            let tables = line.strip_prefix("history: ").expect("a line of history");
            let tables: Vec<&str> = tables.trim_end().split("; ").collect();
            let names = ["customer", "terminal reports"];
            assert_eq!(tables.len(), names.len(), "{line}");
            for ((table, name), count) in tables.into_iter().zip(names).zip(before) {
                let rest = table.strip_prefix(name).expect("the spec's order");
                let numbers: Vec<usize> = rest
                    .split(|letter: char| !letter.is_ascii_digit())
                    .filter_map(|number| number.parse().ok())
                    .collect();
                let [len, capacity, percent, evicted] = numbers[..] else { panic!("{line}") };
                assert_eq!(len + evicted, count, "{line}");
                assert_eq!(percent, len * 100 / capacity, "{line}");
            }
        }
    }
    lines
}

/// Ten minutes in which history fills, and gives up what it holds.
#[test]
fn fill_level_and_evictions_reach_the_log_once_a_minute_at_most() {
    let mut broker = Broker::start();
    let lines = check(&mut broker, 0..600, 75);
    println!("lines at seconds {lines:?}");
    assert!((5..=9).contains(&lines.len()), "{lines:?}");
    assert!(lines.windows(2).all(|pair| pair[1] - pair[0] >= 60), "{lines:?}");
}

/// Nothing new, nothing said; and a far future or a missing time does not silence the log.
#[test]
fn only_news_are_logged() {
    let mut broker = Broker::start();
    assert_eq!(check(&mut broker, (0..36_000).step_by(7), 1).len(), 1);
    let mut broker = Broker::start();
    let nothing: [i64; 0] = [];
    assert_eq!(check(&mut broker, 0..1, 1), nothing);
    for timestamp in [-1, NOW + 40 * 365 * 86_400 * SECOND] {
        broker.send(timestamp, None, Some(b"{}"), &[]);
    }
    assert_eq!(check(&mut broker, 60..180, 60), [120]);
}
