//! The command: runs one transform from a file, or those that are deployed over the admin API, until
//! SIGTERM or Ctrl-C.

mod args;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use transform_runner::admin::{self, Access, Admin};
use transform_runner::deployments::Deployments;
use transform_runner::probes::{self, Probes, Statuses};
use transform_runner::{Metrics, Runner, Supervisor, all_topics, init_logs, to_stderr, with_topic};

use args::Args;

/// The number of this node where a broker would have one.
const NODE_ID: i32 = 0;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("transform-runner: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    init_logs(args.log_json, args.kafka.iter().any(|(key, _)| key == "debug"));
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let http = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build()?;
    match args.admin {
        Some(at) => run_deployed(at, args, &http, &stop)?,
        None => run_file(args, &http, &stop)?,
    }
    http.shutdown_background();
    Ok(())
}

/// Runs the transform of the file.
fn run_file(args: Args, http: &Runtime, stop: &AtomicBool) -> anyhow::Result<()> {
    let (metrics, at) = (Arc::new(Metrics::new()), args.metrics);
    let (job, options) = args.job()?;
    let log = with_topic(&options, NODE_ID, to_stderr(), &metrics);
    let runner = Arc::new(Runner::start(job, options, log, &metrics)?);
    let told = runner.clone();
    answer_probes(at, http, &metrics, Arc::new(move || vec![told.status()]))?;
    while !stop.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
    }
    runner.stop();
    Ok(())
}

/// Runs what is deployed over the admin API.
fn run_deployed(
    at: SocketAddr,
    args: Args,
    http: &Runtime,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let credential = match &args.admin_credential_file {
        Some(file) => Some(
            std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?,
        ),
        None => std::env::var("RUNNER_ADMIN_CREDENTIAL").ok(),
    };
    let access = Access::new(at, credential.as_deref(), args.admin_anonymous)?;
    let options = args.options();
    let deployments =
        Arc::new(Deployments::open(args.state_dir.as_deref(), options.limits.clone())?);
    let mut changes = deployments.watch();
    let metrics = Arc::new(Metrics::new());
    let log = with_topic(&options, NODE_ID, to_stderr(), &metrics);
    let supervisor = Arc::new(Supervisor::new(
        options.clone(),
        args.warm_up,
        args.on_poison,
        log,
        metrics.clone(),
    ));
    let told = supervisor.clone();
    answer_probes(args.metrics, http, &metrics, Arc::new(move || told.statuses()))?;
    let told = supervisor.clone();
    let admin = Admin {
        deployments: deployments.clone(),
        partitions: Arc::new(move |transform| told.partitions(transform)),
        topics: Arc::new(move || all_topics(&options)),
        node_id: NODE_ID,
    };
    serve(at, http, "the admin API", admin::router(admin, access))?;
    supervisor.follow(&deployments.get());
    while !stop.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
        if changes.has_changed()? {
            let set = changes.borrow_and_update().clone();
            supervisor.follow(&set);
        }
    }
    supervisor.stop();
    Ok(())
}

fn answer_probes(
    at: Option<SocketAddr>,
    http: &Runtime,
    metrics: &Arc<Metrics>,
    statuses: Arc<Statuses>,
) -> anyhow::Result<()> {
    let Some(at) = at else { return Ok(()) };
    let probes = Probes { metrics: metrics.clone(), statuses };
    serve(at, http, "/metrics", probes::router(probes))
}

/// Answers HTTP in the background.
fn serve(at: SocketAddr, http: &Runtime, what: &str, router: axum::Router) -> anyhow::Result<()> {
    let listener =
        http.block_on(TcpListener::bind(at)).with_context(|| format!("listening on {at}"))?;
    tracing::info!("{what} is at {}", listener.local_addr()?);
    http.spawn(async { axum::serve(listener, router).await });
    Ok(())
}
