//! The least that a program can do exactly once with librdkafka: one consumer, one transactional
//! producer, each record written as it is.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::COMMIT_INTERVAL;

const ANSWER: Duration = Duration::from_secs(30);

/// Copies `input` to `output`, for ever.
pub fn run(brokers: &str, group: &str, input: &str, output: &str) -> anyhow::Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        // As transform-runner's.
        .set("fetch.message.max.bytes", "1048576")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.wait.max.ms", "100")
        .set_log_level(RDKafkaLogLevel::Error)
        .create()?;
    // As transform-runner's.
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("transactional.id", group)
        .set("linger.ms", "5")
        .set("batch.size", "1000000")
        .set("batch.num.messages", "50000")
        .set("queue.buffering.max.messages", "500000")
        .create()?;
    producer.init_transactions(ANSWER)?;
    producer.begin_transaction()?;
    consumer.subscribe(&[input])?;
    let mut commit_at = Instant::now() + COMMIT_INTERVAL;
    let mut written = 0_u64;
    loop {
        if let Some(message) = consumer.poll(Duration::from_millis(10)) {
            let message = message?;
            let mut record = BaseRecord::<[u8], [u8]>::to(output).partition(message.partition());
            record.key = message.key();
            record.payload = message.payload();
            while let Err((error, back)) = producer.send(record) {
                if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                record = back;
                std::thread::sleep(Duration::from_millis(1));
            }
            written += 1;
        }
        if Instant::now() >= commit_at {
            if written > 0 {
                let group = consumer.group_metadata().expect("it is in a group");
                producer.send_offsets_to_transaction(&consumer.position()?, &group, ANSWER)?;
                producer.commit_transaction(ANSWER)?;
                producer.begin_transaction()?;
                written = 0;
            }
            commit_at = Instant::now() + COMMIT_INTERVAL;
        }
    }
}
