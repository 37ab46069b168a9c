//! librdkafka's settings that follow from the options: of the member, of a reader, of the producer.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::anyhow;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, ClientContext};

use crate::options::{Guarantee, Options};

/// A transaction ends on the broker after this time without its runner.
const TRANSACTION_TIMEOUT_MS: &str = "20000";

/// A member without a sign of life leaves the group after this time.
pub(crate) const SESSION: Duration = Duration::from_secs(10);

/// Time for one answer of the cluster.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// Keeps the reason for which a client cannot connect, which its calls do not tell.
#[derive(Default)]
pub(crate) struct Reason(Mutex<Option<String>>);

impl Reason {
    /// Returns the error with what the client has heard since, which it tells when it is polled.
    pub(crate) fn explain(consumer: &BaseConsumer<Self>, error: &anyhow::Error) -> anyhow::Error {
        for _ in 0..10 {
            let _ = consumer.poll(Duration::ZERO);
        }
        let reason = consumer.context().0.lock().expect("nothing panics with the lock").take();
        anyhow!("{error:#}{}", reason.map_or(String::new(), |reason| format!(" ({reason})")))
    }
}

impl ClientContext for Reason {
    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down follows from the reason before.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.0.lock().expect("nothing panics with the lock") = Some(reason.into());
        }
    }
}

impl ConsumerContext for Reason {}

/// Returns the settings of a client that only asks. It is in no group, so that its end waits for nothing.
pub(crate) fn asking(options: &Options) -> ClientConfig {
    own(any(options), options)
}

/// Returns the settings that every client has.
fn any(options: &Options) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", "transform-runner")
        .set("allow.auto.create.topics", "false")
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.max.ms", "2000");
    config
}

/// Returns the settings of the consumer that is in the group. It reads nothing.
pub(crate) fn member(options: &Options, group: &str) -> ClientConfig {
    let mut config = any(options);
    config
        .set("group.id", group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("session.timeout.ms", SESSION.as_millis().to_string())
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("queued.max.messages.kbytes", "64")
        .set("fetch.message.max.bytes", "1024");
    if let Some(instance) = &options.instance {
        config.set("group.instance.id", format!("{group}-{instance}"));
    }
    own(config, options)
}

/// Returns the settings of a consumer that reads one partition. It joins no group.
pub(crate) fn reader(options: &Options, group: &str) -> ClientConfig {
    let mut config = any(options);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        // The bound of a lane's memory for what it has not read yet.
        .set("queued.max.messages.kbytes", "4096")
        .set("fetch.message.max.bytes", "1048576")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.wait.max.ms", "100");
    own(config, options)
}

/// Returns the settings of the producer.
pub(crate) fn producer(options: &Options, group: &str, instance: &str) -> ClientConfig {
    let mut config = any(options);
    config
        .set("enable.idempotence", "true")
        .set("compression.codec", &options.compression)
        .set("linger.ms", "5")
        .set("batch.size", "1000000")
        .set("batch.num.messages", "50000")
        .set("queue.buffering.max.messages", "500000")
        .set("queue.buffering.max.kbytes", "65536")
        // A record that the topic refuses is found before it is sent; see `lane`.
        .set("message.max.bytes", "104857600")
        .set("message.timeout.ms", TRANSACTION_TIMEOUT_MS);
    if options.guarantee == Guarantee::ExactlyOnce {
        config
            .set("transactional.id", format!("{group}-{instance}"))
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS);
    }
    own(config, options)
}

/// Returns the settings of the producer of log lines. Kafka's partitioner, as `rpk transform logs` looks in
/// the partition that it names; the size of the queue and the pause between two writes are the broker's.
pub(crate) fn log_producer(options: &Options) -> ClientConfig {
    let mut config = any(options);
    config
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "500")
        .set("queue.buffering.max.kbytes", "500");
    own(config, options)
}

/// Lets the user's own settings win.
fn own(mut config: ClientConfig, options: &Options) -> ClientConfig {
    for (key, value) in &options.kafka {
        config.set(key, value);
    }
    config
}
