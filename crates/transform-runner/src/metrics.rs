//! The runner's counters, for Prometheus. A figure that a broker has too has the broker's name.

use std::sync::Mutex;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use transform_host::State;

use crate::status::Status;

/// The label of the transform's name, as on a broker.
const TRANSFORM: &str = "function_name";
/// The label of an output's name, as on a broker.
const OUTPUT: &str = "output_topic";

/// The figures of a process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    read_bytes: IntCounterVec,
    write_bytes: IntCounterVec,
    failures: IntCounterVec,
    execution_errors: IntCounterVec,
    execution_seconds: HistogramVec,
    records: IntCounterVec,
    warm_up_records: IntCounterVec,
    warm_up_seconds: HistogramVec,
    written: IntCounterVec,
    commits: IntCounterVec,
    commit_seconds: HistogramVec,
    instance_starts: IntCounterVec,
    sessions: IntCounterVec,
    pub(crate) log_events: IntCounterVec,
    pub(crate) log_events_dropped: IntCounterVec,
    /// They are set when somebody asks.
    gauges: Mutex<Gauges>,
}

#[derive(Debug)]
struct Gauges {
    lag: IntGaugeVec,
    partition_lag: IntGaugeVec,
    state: IntGaugeVec,
    memory: IntGaugeVec,
    warming: IntGaugeVec,
    in_group: IntGaugeVec,
}

/// The figures of one transform.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    pub read_bytes: IntCounter,
    pub failures: IntCounter,
    pub execution_errors: IntCounter,
    pub execution_seconds: Histogram,
    pub records: IntCounter,
    pub warm_up_records: IntCounter,
    pub warm_up_seconds: Histogram,
    pub commits: IntCounter,
    pub aborts: IntCounter,
    pub commit_seconds: Histogram,
    pub instance_starts: IntCounter,
    pub sessions: IntCounter,
    transform: String,
    written: IntCounterVec,
    write_bytes: IntCounterVec,
}

/// The records and bytes written to one topic.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub records: IntCounter,
    pub bytes: IntCounter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Makes figures that are all zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, label: &[&str], help: &str| {
            let labels = [&[TRANSFORM], label].concat();
            let metric = IntCounterVec::new(Opts::new(name, help), &labels).expect("valid names");
            registry.register(Box::new(metric.clone())).expect("each name is there once");
            metric
        };
        let gauge = |name: &str, label: &[&str], help: &str| {
            let labels = [&[TRANSFORM], label].concat();
            let metric = IntGaugeVec::new(Opts::new(name, help), &labels).expect("valid names");
            registry.register(Box::new(metric.clone())).expect("each name is there once");
            metric
        };
        let seconds = |name: &str, buckets: &[f64], help: &str| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let metric = HistogramVec::new(opts, &[TRANSFORM]).expect("valid names");
            registry.register(Box::new(metric.clone())).expect("each name is there once");
            metric
        };
        Self {
            read_bytes: counter(
                "redpanda_transform_read_bytes",
                &[],
                "Bytes of the records that the module has seen, without warm-ups",
            ),
            write_bytes: counter(
                "redpanda_transform_write_bytes",
                &[OUTPUT],
                "Bytes of the records written, aborted ones included",
            ),
            failures: counter(
                "redpanda_transform_failures",
                &[],
                "Failures after which a partition began again, aborted transactions included",
            ),
            execution_errors: counter(
                "redpanda_transform_execution_errors",
                &[],
                "Batches in which the module ended by an error",
            ),
            execution_seconds: seconds(
                "redpanda_transform_execution_latency_sec",
                &[0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0],
                "Time of a batch in the module",
            ),
            records: counter(
                "transform_runner_records_total",
                &[],
                "Records that the module has seen, without warm-ups",
            ),
            warm_up_records: counter(
                "transform_runner_warm_up_records_total",
                &[],
                "Records that the module has seen for its memory alone",
            ),
            warm_up_seconds: seconds(
                "transform_runner_warm_up_seconds",
                &[0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0],
                "Time of a warm-up",
            ),
            written: counter(
                "transform_runner_written_records_total",
                &[OUTPUT],
                "Records written, aborted ones included",
            ),
            commits: counter(
                "transform_runner_commits_total",
                &["result"],
                "Transactions (at least once: commits of offsets), by result",
            ),
            commit_seconds: seconds(
                "transform_runner_commit_seconds",
                &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
                "Time of a commit, in which no lane writes",
            ),
            instance_starts: counter(
                "transform_runner_instance_starts_total",
                &[],
                "Starts of an instance of the module",
            ),
            sessions: counter(
                "transform_runner_sessions_total",
                &[],
                "Times that this runner joined its group, after errors too",
            ),
            log_events: counter(
                "redpanda_data_transforms_logger_events_total",
                &[],
                "Lines that the module has logged",
            ),
            log_events_dropped: counter(
                "redpanda_data_transforms_logger_events_dropped_total",
                &[],
                "Lines of the module that did not reach the log topic",
            ),
            gauges: Mutex::new(Gauges {
                lag: gauge(
                    "redpanda_transform_lag",
                    &[OUTPUT],
                    "Records of the input that are not committed, over this runner's partitions",
                ),
                partition_lag: gauge(
                    "transform_runner_partition_lag",
                    &["partition"],
                    "Records of the input that are not committed, by partition",
                ),
                state: gauge(
                    "redpanda_transform_state",
                    &["state"],
                    "Partitions of this runner, by state",
                ),
                memory: gauge(
                    "redpanda_wasm_engine_memory_usage",
                    &[],
                    "Bytes of linear memory of all instances",
                ),
                warming: gauge(
                    "transform_runner_warming_partitions",
                    &[],
                    "Partitions whose instance still sees earlier records",
                ),
                in_group: gauge(
                    "transform_runner_in_group",
                    &[],
                    "1 while this runner is in its consumer group",
                ),
            }),
            registry,
        }
    }

    /// Returns the figures of one transform.
    pub(crate) fn of(&self, transform: &str) -> Meters {
        let name = &[transform];
        Meters {
            read_bytes: self.read_bytes.with_label_values(name),
            failures: self.failures.with_label_values(name),
            execution_errors: self.execution_errors.with_label_values(name),
            execution_seconds: self.execution_seconds.with_label_values(name),
            records: self.records.with_label_values(name),
            warm_up_records: self.warm_up_records.with_label_values(name),
            warm_up_seconds: self.warm_up_seconds.with_label_values(name),
            commits: self.commits.with_label_values(&[transform, "committed"]),
            aborts: self.commits.with_label_values(&[transform, "aborted"]),
            commit_seconds: self.commit_seconds.with_label_values(name),
            instance_starts: self.instance_starts.with_label_values(name),
            sessions: self.sessions.with_label_values(name),
            transform: transform.into(),
            written: self.written.clone(),
            write_bytes: self.write_bytes.clone(),
        }
    }

    /// Returns all figures as Prometheus reads them.
    pub fn text(&self, statuses: &[Status]) -> String {
        let gauges = self.gauges.lock().expect("nothing panics with the lock");
        gauges.set(statuses);
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

impl Meters {
    /// Returns the figures of one topic that is written.
    pub(crate) fn written(&self, topic: &str) -> Written {
        let labels = &[&self.transform, topic];
        Written {
            records: self.written.with_label_values(labels),
            bytes: self.write_bytes.with_label_values(labels),
        }
    }
}

impl Gauges {
    fn set(&self, statuses: &[Status]) {
        let Self { lag, partition_lag, state, memory, warming, in_group } = self;
        for gauge in [lag, partition_lag, state, memory, warming, in_group] {
            gauge.reset();
        }
        for status in statuses {
            let (name, lanes) = (status.transform.as_str(), &status.lanes);
            for output in &status.outputs {
                let sum = lanes.iter().map(|lane| lane.lag).sum();
                lag.with_label_values(&[name, output]).set(sum);
            }
            for lane in lanes {
                let partition = lane.partition.to_string();
                partition_lag.with_label_values(&[name, &partition]).set(lane.lag);
            }
            for (label, of) in [
                ("running", State::Running),
                ("inactive", State::Inactive),
                ("errored", State::Errored),
            ] {
                let count = lanes.iter().filter(|lane| lane.state == of).count();
                state.with_label_values(&[name, label]).set(count as i64);
            }
            let bytes: u64 = lanes.iter().map(|lane| lane.memory_bytes).sum();
            memory.with_label_values(&[name]).set(bytes as i64);
            let cold = lanes.iter().filter(|lane| lane.warming).count();
            warming.with_label_values(&[name]).set(cold as i64);
            in_group.with_label_values(&[name]).set(status.joined.into());
        }
    }
}
