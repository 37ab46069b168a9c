//! Log lines: the runner's own, and the module's.

use std::sync::Arc;

use transform_host::LogLine;

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

/// Prints a module's lines on standard error.
pub fn to_stderr() -> LogSink {
    Arc::new(|event| {
        let LogEvent { transform, partition, line } = event;
        eprintln!("{transform}/{partition} {:?}: {}", line.level, line.message.trim_end());
    })
}

/// Prints a line of the runner's own on standard error.
macro_rules! say {
    ($($arg:tt)*) => { eprintln!("transform-runner: {}", format_args!($($arg)*)) };
}
pub(crate) use say;
