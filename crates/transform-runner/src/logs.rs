//! Log lines: the runner's own and the module's, as events of `tracing` on standard error.
//!
//! The spans `transform` and `lane` around a thread's work say of which transform and partition a line is.

use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use transform_host::{Level, LogLine};

/// A line that a module has logged.
#[derive(Debug, Clone)]
pub struct LogEvent {
    /// The transform's name.
    pub transform: Arc<str>,
    /// The input partition whose instance has logged it.
    pub partition: i32,
    /// Level and message.
    pub line: LogLine,
}

/// The place where a module's lines go. It is called on the lane's thread, so it must not wait.
pub type LogSink = Arc<dyn Fn(LogEvent) + Send + Sync>;

/// Begins to print log lines on standard error, as text or as one JSON object a line. `librdkafka` adds
/// the lines of the Kafka client. Call it once.
pub fn init(json: bool, librdkafka: bool) {
    // What matters of the client's errors, the runner says itself.
    let client = if librdkafka { LevelFilter::DEBUG } else { LevelFilter::OFF };
    let targets = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_targets([("librdkafka", client), ("rdkafka", client)]);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match json {
        true => lines.json().flatten_event(true).with_span_list(false).boxed(),
        false => lines.with_ansi(false).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
}

/// Prints a module's lines among the runner's.
pub fn to_stderr() -> LogSink {
    Arc::new(|LogEvent { line, .. }| {
        let message = line.message.trim_end();
        match line.level {
            Level::Info => tracing::info!(target: "module", "{message}"),
            Level::Warn => tracing::warn!(target: "module", "{message}"),
        }
    })
}
