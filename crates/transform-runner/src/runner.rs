//! One transform that runs: a thread with one session after the other, until it is stopped.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use transform_host::{Engine, check_deployment};

use crate::logs::LogSink;
use crate::metrics::Metrics;
use crate::options::{Job, Options};
use crate::session;
use crate::status::Status;

/// Shortest and longest pause between two sessions.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// One transform that runs in the background.
pub struct Runner {
    stop: Arc<AtomicBool>,
    status: Arc<Mutex<Status>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Runner {
    /// Checks and compiles the module, and begins.
    ///
    /// # Errors
    /// If a broker would refuse the module or the deployment, or could not compile it.
    pub fn start(
        job: Job,
        options: Options,
        log: LogSink,
        metrics: &Metrics,
    ) -> anyhow::Result<Self> {
        check_deployment(&job.wasm, &job.deployment, &options.limits)?;
        let module =
            Engine::new(&options.limits)?.compile(&job.wasm).context("loading the module")?;
        let stop = Arc::new(AtomicBool::new(false));
        let status = Arc::new(Mutex::new(Status::new(&job.deployment)));
        let (stopped, told) = (stop.clone(), status.clone());
        let name = format!("transform {}", job.deployment.name);
        let meters = metrics.of(&job.deployment.name);
        let work = move || {
            let _span = tracing::info_span!("transform", transform = job.deployment.name).entered();
            let mut pause = PAUSE.0;
            while !stopped.load(Relaxed) {
                let began = Instant::now();
                let result = session::run(&job, &module, &options, &log, &meters, &stopped, &told);
                let Err(error) = result else { continue };
                if began.elapsed() > PAUSE.1 {
                    pause = PAUSE.0;
                }
                tracing::error!("{error:#}; next try in {} s", pause.as_secs());
                if let Ok(mut status) = told.lock() {
                    status.joined = false;
                    status.error = Some(format!("{error:#}"));
                    status.seen = Instant::now();
                }
                let until = Instant::now() + pause;
                while Instant::now() < until && !stopped.load(Relaxed) {
                    std::thread::sleep(Duration::from_millis(50));
                }
                pause = (pause * 2).min(PAUSE.1);
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        Ok(Self { stop, status, thread: Mutex::new(Some(thread)) })
    }

    /// Returns what is known, not older than a few seconds.
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Commits what is done, leaves the group, and ends.
    pub fn stop(&self) {
        self.ask_to_stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a runner panicked");
        }
    }

    /// Asks it to stop, and does not wait.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.store(true, Relaxed);
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.stop();
    }
}
