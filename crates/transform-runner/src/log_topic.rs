//! The topic from which `rpk transform logs` reads, written as a broker writes it: the key is the
//! transform's name, and also chooses the partition; the value is OpenTelemetry's `LogRecord` as JSON.
//!
//! As on a broker, lines that find no room in the queue are dropped: a module never waits for its log.

use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::IntCounterVec;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::json;
use transform_host::{Level, LogLine};

use crate::client;
use crate::logs::LogSink;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::topics;

/// The topic's name, as on a broker.
pub const TOPIC: &str = "_redpanda.transform_logs";

/// Time from one look for a topic that is not there to the next.
const LOOK: Duration = Duration::from_secs(30);

/// The topic, with a producer once it is there.
struct LogTopic {
    producer: OnceLock<ThreadedProducer<DefaultProducerContext>>,
    dropped: IntCounterVec,
}

/// Returns a sink that writes each line to `other` and, as soon as the topic is there, to the topic.
pub fn with_topic(options: &Options, node_id: i32, other: LogSink, metrics: &Metrics) -> LogSink {
    let (events, dropped) = (metrics.log_events.clone(), metrics.log_events_dropped.clone());
    let topic = Arc::new(LogTopic { producer: OnceLock::new(), dropped });
    if let Err(error) = topic.open(options) {
        tracing::warn!("`rpk transform logs` finds nothing yet: {error:#}");
        let (topic, options) = (Arc::downgrade(&topic), options.clone());
        std::thread::spawn(move || open_later(&topic, &options));
    }
    Arc::new(move |event| {
        events.with_label_values(&[&event.transform]).inc();
        topic.write(&event.transform, node_id, &event.line);
        other(event);
    })
}

fn open_later(topic: &Weak<LogTopic>, options: &Options) {
    loop {
        std::thread::sleep(LOOK);
        if topic.upgrade().is_none_or(|topic| topic.open(options).is_ok()) {
            return;
        }
    }
}

impl LogTopic {
    /// Makes the producer if the topic is there: it would make the topic by accident where the cluster
    /// allows that.
    fn open(&self, options: &Options) -> anyhow::Result<()> {
        topics::count(options, TOPIC)?;
        let _ = self.producer.set(client::log_producer(options).create()?);
        Ok(())
    }

    fn write(&self, transform: &str, node_id: i32, line: &LogLine) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let value = value(transform, node_id, line, since);
        let record = BaseRecord::to(TOPIC).key(transform).payload(&value);
        if self.producer.get().is_none_or(|producer| producer.send(record).is_err()) {
            self.dropped.with_label_values(&[transform]).inc();
        }
    }
}

impl Drop for LogTopic {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.get() {
            let _ = producer.flush(Duration::from_secs(2));
        }
    }
}

/// Returns a line as the broker writes it.
fn value(transform: &str, node_id: i32, line: &LogLine, since: Duration) -> String {
    let severity = match line.level {
        Level::Info => 9,
        Level::Warn => 13,
    };
    json!({
        "body": {"stringValue": line.message},
        "timeUnixNano": since.as_nanos() as u64,
        "severityNumber": severity,
        "attributes": [
            {"key": "transform_name", "value": {"stringValue": transform}},
            {"key": "node", "value": {"intValue": node_id}},
        ],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_opentelemetry_log_record() {
        for (level, severity) in [(Level::Info, 9), (Level::Warn, 13)] {
            let line = LogLine { level, message: "a \"b\"\n".into() };
            let value = value("t", 3, &line, Duration::new(1_700_000_000, 5));
            let found: serde_json::Value = serde_json::from_str(&value).unwrap();
            let expect = json!({
                "attributes": [
                    {"key": "transform_name", "value": {"stringValue": "t"}},
                    {"key": "node", "value": {"intValue": 3}},
                ],
                "body": {"stringValue": "a \"b\"\n"},
                "severityNumber": severity,
                "timeUnixNano": 1_700_000_000_000_000_005_u64,
            });
            assert_eq!(found, expect);
        }
    }
}
