//! A lane as it is known outside its thread: its offsets, which the session commits, and figures.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use transform_host::{Deployment, State};

/// The shared part of a lane. `done`, `base` and `life` change under the outbox's locks only.
#[derive(Debug)]
pub(crate) struct Progress {
    pub partition: i32,
    /// The offset to commit: of the first record whose outputs are not in the transaction.
    pub done: AtomicI64,
    /// `done` at the last commit, to which an abort returns.
    pub base: AtomicI64,
    /// Set once `base` is the group's committed offset.
    pub saved: AtomicBool,
    /// Grows when what the lane has written was aborted.
    pub life: AtomicU64,
    pub records: AtomicU64,
    pub written: AtomicU64,
    pub failures: AtomicU64,
    pub warming: AtomicBool,
    pub memory_bytes: AtomicU64,
    /// The partition's end, as last seen.
    pub end: AtomicI64,
    /// The processor's state and its last error.
    pub state: Mutex<(State, Option<String>)>,
}

impl Progress {
    pub(crate) fn new(partition: i32, start: i64, saved: bool) -> Self {
        Self {
            partition,
            done: AtomicI64::new(start),
            base: AtomicI64::new(start),
            saved: AtomicBool::new(saved),
            life: AtomicU64::new(0),
            records: AtomicU64::new(0),
            written: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            warming: AtomicBool::new(true),
            memory_bytes: AtomicU64::new(0),
            end: AtomicI64::new(start),
            state: Mutex::new((State::Inactive, None)),
        }
    }

    pub(crate) fn status(&self) -> LaneStatus {
        let (state, error) = self.state.lock().map(|s| s.clone()).unwrap_or((State::Unknown, None));
        let base = self.base.load(Relaxed);
        LaneStatus {
            partition: self.partition,
            state,
            error,
            lag: (self.end.load(Relaxed) - base).max(0),
            committed: if self.saved.load(Relaxed) { base } else { -1 },
            records: self.records.load(Relaxed),
            written: self.written.load(Relaxed),
            failures: self.failures.load(Relaxed),
            warming: self.warming.load(Relaxed),
            memory_bytes: self.memory_bytes.load(Relaxed),
        }
    }
}

/// A partition as `rpk transform list` and the metrics show it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LaneStatus {
    /// The input partition.
    pub partition: i32,
    /// The state.
    pub state: State,
    /// The last error.
    pub error: Option<String>,
    /// Records that are not committed yet.
    pub lag: i64,
    /// The committed offset, −1 before the first commit.
    pub committed: i64,
    /// Records that the module has seen, warm-ups included.
    pub records: u64,
    /// Records written, aborted ones included.
    pub written: u64,
    /// Ends of the module by an error.
    pub failures: u64,
    /// Set until the instance has seen the earlier records.
    pub warming: bool,
    /// Largest size of the instance's linear memory.
    pub memory_bytes: u64,
}

/// A runner as a whole.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The transform's name.
    pub transform: String,
    /// The topics that it writes.
    pub outputs: Vec<String>,
    /// Time of the last sign of life.
    pub seen: Instant,
    /// Set while the runner is in the group and knows its partitions.
    pub joined: bool,
    /// The partitions that this runner has.
    pub lanes: Vec<LaneStatus>,
    /// Transactions, or commits of offsets at least once, that had something in them.
    pub commits: u64,
    /// Transactions that were aborted.
    pub aborts: u64,
    /// The error that ended the last session.
    pub error: Option<String>,
}

impl Status {
    pub(crate) fn new(deployment: &Deployment) -> Self {
        Self {
            transform: deployment.name.clone(),
            outputs: deployment.output_topics.clone(),
            seen: Instant::now(),
            joined: false,
            lanes: Vec::new(),
            commits: 0,
            aborts: 0,
            error: None,
        }
    }
}
