//! A cluster for the tests: a real Apache Kafka where Java is, else librdkafka's mock.

use std::io::{BufRead, BufReader};
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

/// A running cluster.
pub struct Cluster {
    pub brokers: String,
    broker: Option<Child>,
    /// Keeps the mock alive.
    mock: Option<Mock>,
}

struct Mock(
    #[allow(dead_code, reason = "it lives as long as the cluster")]
    MockCluster<'static, DefaultProducerContext>,
);

// SAFETY: librdkafka's mock cluster has a thread of its own and is called under its own lock; here it is
// only made and kept.
unsafe impl Send for Mock {}
// SAFETY: as above; nothing is called through a shared reference.
unsafe impl Sync for Mock {}

/// The first record's timestamp, in November 2023.
pub const START: i64 = 1_700_000_000_000;

/// One record as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub partition: i32,
    pub key: Option<String>,
    pub value: String,
    pub headers: Vec<(String, String)>,
}

impl Cluster {
    /// Returns the cluster that the tests of this program share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::kafka(None).unwrap_or_else(Self::mock))
    }

    /// Starts a real broker; `None` if there is no Java.
    pub fn kafka(dir: Option<&std::path::Path>) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/kafka");
        let mut broker = Command::new(script)
            .args(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/kafka is there");
        let mut brokers = String::new();
        let stdout = broker.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut brokers).expect("text");
        if brokers.is_empty() {
            let status = broker.wait().expect("an exit");
            assert_eq!(status.code(), Some(3), "scripts/kafka failed");
            return None;
        }
        Some(Self { brokers: brokers.trim().into(), broker: Some(broker), mock: None })
    }

    fn mock() -> Self {
        eprintln!("librdkafka's MOCK cluster stands in for a real broker");
        let mock = MockCluster::new(1).expect("a mock cluster");
        let brokers = mock.bootstrap_servers();
        Self { brokers, broker: None, mock: Some(Mock(mock)) }
    }

    /// Returns whether this is no mock.
    pub fn is_real(&self) -> bool {
        self.mock.is_none()
    }

    /// Stops the broker.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            drop(broker.stdin.take());
            let _ = broker.wait();
        }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// Makes topics, with a configuration if need be.
    pub fn topics(&self, partitions: i32, names: &[&str], config: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("a client");
        let topics: Vec<_> = names
            .iter()
            .map(|name| {
                // The records' times are long ago: they would be deleted after half a minute.
                let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1))
                    .set("retention.ms", "-1");
                config.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
            })
            .collect();
        let made = block_on(admin.create_topics(&topics, &AdminOptions::new())).expect("an answer");
        made.into_iter().for_each(|topic| drop(topic.expect("the topic is made")));
    }

    /// Adds partitions to a topic.
    pub fn grow(&self, topic: &str, partitions: usize) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("a client");
        let grown = [NewPartitions::new(topic, partitions)];
        let made =
            block_on(admin.create_partitions(&grown, &AdminOptions::new())).expect("an answer");
        made.into_iter().for_each(|topic| drop(topic.expect("the partitions are made")));
    }

    /// Produces `values`, the first to partition 0, the next to 1 and so on, a millisecond apart.
    pub fn produce(&self, topic: &str, partitions: i32, values: impl IntoIterator<Item = String>) {
        let timed = values.into_iter().zip(0..).map(|(value, index)| (START + index, value));
        self.produce_timed(topic, partitions, timed);
    }

    /// Produces values with their timestamps, in turn to each partition.
    pub fn produce_timed(
        &self,
        topic: &str,
        partitions: i32,
        values: impl IntoIterator<Item = (i64, String)>,
    ) {
        let producer: ThreadedProducer<DefaultProducerContext> = self
            .config()
            .set("linger.ms", "5")
            .set("enable.idempotence", "true")
            .set("queue.buffering.max.messages", "1000000")
            .create()
            .expect("a producer");
        for (index, (timestamp, value)) in values.into_iter().enumerate() {
            let record = BaseRecord::<str, str>::to(topic)
                .partition(index as i32 % partitions)
                .timestamp(timestamp)
                .payload(&value);
            producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
        }
        producer.flush(Duration::from_secs(30)).expect("everything is there");
    }

    /// Reads a topic with read_committed until there are `expect` records, and a moment longer.
    pub fn read(&self, topic: &str, expect: usize, patience: Duration) -> Vec<Seen> {
        let consumer: BaseConsumer = self
            .config()
            .set("group.id", "reader")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer");
        let metadata =
            consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).expect("metadata");
        let mut places = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            places
                .add_partition_offset(topic, partition.id(), Offset::Beginning)
                .expect("an offset");
        }
        consumer.assign(&places).expect("an assignment");
        let mut seen = Vec::new();
        let mut deadline = Instant::now() + patience;
        let mut complete = false;
        while Instant::now() < deadline {
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers = message.headers().map(|headers| {
                let header =
                    headers.iter().map(|h| (h.key.into(), text(h.value.unwrap_or_default())));
                header.collect()
            });
            seen.push(Seen {
                partition: message.partition(),
                key: message.key().map(text),
                value: text(message.payload().unwrap_or_default()),
                headers: headers.unwrap_or_default(),
            });
            if seen.len() >= expect && !complete {
                // What comes now came twice.
                complete = true;
                deadline = Instant::now() + Duration::from_millis(700);
            }
        }
        seen
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
