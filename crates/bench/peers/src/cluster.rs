//! The Kafka cluster as the comparison uses it: topics, records in, records out, committed offsets.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::PARTITIONS;

const ANSWER: Duration = Duration::from_secs(10);
/// Time at a rate before latencies count.
const LEAD: Duration = Duration::from_secs(3);

/// Clients of the cluster.
pub struct Cluster {
    brokers: String,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Cluster {
    /// Connects.
    pub fn new(brokers: &str) -> anyhow::Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("linger.ms", "2")
            .set("batch.size", "1000000")
            .set("queue.buffering.max.messages", "1000000")
            .create()?;
        Ok(Self { brokers: brokers.into(), producer })
    }

    /// Makes a topic, whose records stay whatever their time is.
    pub fn topic(&self, name: &str, partitions: i32) -> anyhow::Result<()> {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create()?;
        let topic =
            NewTopic::new(name, partitions, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        let (topics, options) = ([topic], AdminOptions::new());
        let mut made = pin!(admin.create_topics(&topics, &options));
        let answer = loop {
            match made.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => break answer?,
                Poll::Pending => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        for made in answer {
            made.map_err(|(topic, error)| anyhow::anyhow!("making {topic}: {error}"))?;
        }
        Ok(())
    }

    /// Writes all lines, each to its customer's partition.
    pub fn fill(&self, topic: &str, lines: &[&str]) -> anyhow::Result<()> {
        for line in lines {
            self.send(topic, line)?;
        }
        Ok(self.producer.flush(Duration::from_secs(120))?)
    }

    fn send(&self, topic: &str, value: &str) -> anyhow::Result<()> {
        let key = member(value, "\"customer_id\":\"").unwrap_or_default();
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        while let Err((error, back)) = self.producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            ensure!(error == full, "writing to {topic}: {error}");
            record = back;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Returns a function that asks how many records of a topic a group has committed.
    pub fn committed(
        &self,
        group: &str,
        topic: &str,
        partitions: i32,
    ) -> anyhow::Result<impl Fn() -> i64 + use<>> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", group)
            .create()?;
        let mut places = TopicPartitionList::new();
        places.add_partition_range(topic, 0, partitions - 1);
        Ok(move || {
            // Without an answer, the group's coordinator may be on its way.
            let Ok(offsets) = consumer.committed_offsets(places.clone(), ANSWER) else { return 0 };
            let offset = |offset| if let Offset::Offset(n) = offset { n } else { 0 };
            offsets.elements().iter().map(|each| offset(each.offset())).sum()
        })
    }

    /// Writes lines at a rate once the first has come out of the outputs, and returns how late each came
    /// out, in microseconds. Lines that come out ten seconds after the last was written do not count.
    pub fn paced(
        &self,
        input: &str,
        outputs: &[String],
        lines: &[&str],
        rate: u64,
        seconds: u64,
    ) -> anyhow::Result<Vec<u64>> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", "latency")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "10")
            .set("enable.auto.commit", "false")
            .create()?;
        let mut places = TopicPartitionList::new();
        for topic in outputs {
            for partition in 0..PARTITIONS {
                places.add_partition_offset(topic, partition, Offset::Beginning)?;
            }
        }
        consumer.assign(&places)?;
        let patience = Instant::now() + Duration::from_secs(60);
        let mut sent = 0;
        // Each partition gets its share, so that all of them are assigned and warm.
        while consumer.poll(Duration::from_millis(100)).is_none() {
            ensure!(Instant::now() < patience, "nothing came out in a minute");
            self.send_stamped(input, lines[sent % lines.len()], 0)?;
            sent += 1;
        }
        let (from, done) = (micros() + LEAD.as_micros() as u64, AtomicBool::new(false));
        let mut late = Vec::with_capacity((rate * seconds) as usize);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let began = Instant::now();
                let total = rate * (seconds + LEAD.as_secs());
                let mut written = 0;
                while written < total {
                    let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
                    while written < due.min(total) {
                        let line = lines[written as usize % lines.len()];
                        self.send_stamped(input, line, micros())?;
                        written += 1;
                    }
                    std::thread::sleep(Duration::from_micros(500));
                }
                self.producer.flush(ANSWER)?;
                done.store(true, Relaxed);
                anyhow::Ok(())
            });
            let mut end = None;
            while late.len() < (rate * seconds) as usize
                && end.is_none_or(|end| Instant::now() < end)
            {
                if end.is_none() && (done.load(Relaxed) || writer.is_finished()) {
                    end = Some(Instant::now() + ANSWER);
                }
                let Some(Ok(record)) = consumer.poll(Duration::from_millis(20)) else { continue };
                let value = std::str::from_utf8(record.payload().unwrap_or_default())?;
                // Quix Streams writes a space after the colon.
                let stamp = member(value, "\"sent\":").unwrap_or_default();
                let stamp: u64 = stamp.trim().parse().unwrap_or(0);
                if stamp >= from {
                    late.push(micros().saturating_sub(stamp));
                }
            }
            writer.join().expect("the writer does not panic")
        })?;
        Ok(late)
    }

    /// Writes a line with the time in it.
    fn send_stamped(&self, topic: &str, line: &str, micros: u64) -> anyhow::Result<()> {
        let open = line.trim_end().strip_suffix('}').unwrap_or(line);
        self.send(topic, &format!("{open},\"sent\":{micros}}}"))
    }
}

/// Returns the text between `name` and the next quote, comma or brace.
fn member<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = value.split_once(name)?;
    rest.split(['"', ',', '}']).next()
}

/// Returns the time in microseconds since 1970.
fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is after 1970").as_micros() as u64
}
