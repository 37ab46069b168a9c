//! One transform that runs: a thread with one session after the other, until it is stopped.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use transform_host::{Engine, check_deployment};

use crate::logs::{LogSink, say};
use crate::options::{Job, Options};
use crate::session;
use crate::status::Status;

/// Shortest and longest pause between two sessions.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// One transform that runs in the background.
pub struct Runner {
    stop: Arc<AtomicBool>,
    status: Arc<Mutex<Status>>,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    /// Checks and compiles the module, and begins.
    ///
    /// # Errors
    /// If a broker would refuse the module or the deployment, or could not compile it.
    pub fn start(job: Job, options: Options, log: LogSink) -> anyhow::Result<Self> {
        check_deployment(&job.wasm, &job.deployment, &options.limits)?;
        let module =
            Engine::new(&options.limits)?.compile(&job.wasm).context("loading the module")?;
        let stop = Arc::new(AtomicBool::new(false));
        let status = Arc::new(Mutex::new(Status::default()));
        let (stopped, told) = (stop.clone(), status.clone());
        let name = format!("transform {}", job.deployment.name);
        let work = move || {
            let mut pause = PAUSE.0;
            while !stopped.load(Relaxed) {
                let began = Instant::now();
                let result = session::run(&job, &module, &options, &log, &stopped, &told);
                let Err(error) = result else { continue };
                if began.elapsed() > PAUSE.1 {
                    pause = PAUSE.0;
                }
                say!("{}: {error:#}; next try in {} s", job.deployment.name, pause.as_secs());
                if let Ok(mut status) = told.lock() {
                    status.joined = false;
                    status.error = Some(format!("{error:#}"));
                }
                let until = Instant::now() + pause;
                while Instant::now() < until && !stopped.load(Relaxed) {
                    std::thread::sleep(Duration::from_millis(50));
                }
                pause = (pause * 2).min(PAUSE.1);
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        Ok(Self { stop, status, thread: Some(thread) })
    }

    /// Returns what is known, not older than a few seconds.
    pub fn status(&self) -> Status {
        self.status.lock().map(|status| status.clone()).unwrap_or_default()
    }

    /// Commits what is done, leaves the group, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            say!("a runner panicked");
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.end();
    }
}
