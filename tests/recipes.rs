//! The recipes of docs/operations.md, on brokers' shards: offsets, commits and restarts included.

mod common;

use std::collections::BTreeMap;

use fraud_plan::time::millis::{DAY, MINUTE};
use transform_host::{BatchBuilder, Engine, FromOffset, Limits, Shard, ShardOptions};

const PARTITIONS: usize = 4;
const CUSTOMERS: i64 = 8;
/// The new module's, to know its verdicts by.
const NEW_THRESHOLD: f64 = 0.77;

/// A verdict, and where it came from.
#[derive(Debug)]
struct Said {
    /// The transaction's broker timestamp, which is also its id.
    at: i64,
    by_new: bool,
    warm: bool,
}

/// Transforms that read the same topic, each with a shard to itself.
struct Cluster {
    shards: Vec<Shard>,
    produced: Vec<i64>,
}

impl Cluster {
    fn new(transforms: usize) -> Self {
        let options = ShardOptions::default().with(|o| {
            o.partitions = PARTITIONS;
            o.start_ms = common::NOW;
        });
        let shards = (0..transforms).map(|_| Shard::new(options.clone())).collect();
        Self { shards, produced: Vec::new() }
    }

    fn now(&self) -> i64 {
        self.shards[0].now_ms()
    }

    /// One transaction of each customer, every `step` milliseconds, for so long.
    fn live(&mut self, step: i64, time: i64) {
        for _ in 0..time / step {
            for customer in 0..CUSTOMERS {
                let at = self.now() + customer;
                let record = format!(
                    r#"{{"transaction_id":"{at}","timestamp":{at},"customer_id":{customer},"terminal_id":1,"amount":10}}"#
                );
                self.produced.push(at);
                for shard in &mut self.shards {
                    let mut batch = BatchBuilder::new(0);
                    batch.push(at, None, Some(record.as_bytes()), &[]);
                    shard.produce(customer as usize % PARTITIONS, batch.build());
                }
            }
            for shard in &mut self.shards {
                shard.advance(step as u64);
            }
        }
    }

    fn deploy(&mut self, shard: usize, from_offset: FromOffset, variables: &[(&str, String)]) {
        let engine = Engine::new(&Limits::stock()).expect("stock limits");
        let module = engine.compile(&common::module_bytes());
        let owned = |(name, value): &(&str, String)| (name.to_string(), value.clone());
        let environment = variables.iter().map(owned).collect();
        let deployment = common::deployment().with(|d| {
            d.environment = environment;
            d.from_offset = from_offset;
        });
        self.shards[shard].deploy(module, &deployment);
    }

    /// Everything in the output topics, by the transactions' time.
    fn said(&mut self) -> BTreeMap<i64, Vec<Said>> {
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for shard in &mut self.shards {
            assert!(shard.run_until_idle(60_000));
            for value in (0..3).flat_map(|topic| shard.values(topic)) {
                let record: serde_json::Value = serde_json::from_slice(&value).expect("JSON");
                let verdict = &record["fraud"];
                let said = Said {
                    at: record["timestamp"].as_i64().expect("a time"),
                    by_new: verdict["threshold"] == NEW_THRESHOLD,
                    warm: verdict["history"] == "warm",
                };
                all.entry(said.at).or_default().push(said);
            }
        }
        all
    }
}

#[test]
fn a_first_deployment_is_warm_and_writes_from_then_on() {
    let mut cluster = Cluster::new(1);
    cluster.live(DAY / 4, 40 * DAY);
    let from = cluster.now() + 5 * MINUTE;
    let past = FromOffset::Timestamp(cluster.now() - 35 * DAY);
    cluster.deploy(0, past, &[("FRAUD_EMIT_FROM", from.to_string())]);
    cluster.live(MINUTE, 20 * MINUTE);
    let said = cluster.said();
    let expect: Vec<i64> = cluster.produced.iter().copied().filter(|&at| at >= from).collect();
    assert_eq!(expect.len() as i64, 15 * CUSTOMERS);
    assert!(said.keys().eq(&expect), "{said:?}");
    assert!(said.values().all(|said| said.len() == 1 && said[0].warm), "{said:?}");
}

#[test]
fn a_new_model_takes_over_warm_and_no_record_is_written_twice() {
    let mut cluster = Cluster::new(2);
    cluster.deploy(0, FromOffset::Start(0), &[]);
    cluster.live(DAY / 4, 40 * DAY);
    let switch = cluster.now() + 30 * MINUTE;
    let past = FromOffset::Timestamp(cluster.now() - 35 * DAY);
    let new =
        [("FRAUD_EMIT_FROM", switch.to_string()), ("FRAUD_THRESHOLD", NEW_THRESHOLD.to_string())];
    cluster.deploy(1, past, &new);
    cluster.live(MINUTE, 28 * MINUTE);
    let restart = cluster.now();
    cluster.deploy(0, FromOffset::Now, &[("FRAUD_EMIT_UNTIL", switch.to_string())]);
    cluster.live(MINUTE, 20 * MINUTE);
    let said = cluster.said();
    cluster.shards[0].delete();
    assert!(said.keys().eq(&cluster.produced), "{} of {}", said.len(), cluster.produced.len());
    let first = cluster.produced[0];
    for (at, said) in said {
        let [Said { by_new, warm, .. }] = said[..] else { panic!("not once: {said:?}") };
        assert_eq!(by_new, at >= switch, "{at}");
        // Each customer's first five, and what the old one scores after its restart.
        let cold = at < first + 5 * DAY / 4 || (restart..switch).contains(&at);
        assert_eq!(warm, !cold, "{at}");
    }
}
