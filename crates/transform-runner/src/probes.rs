//! Answers to an operator's tools over HTTP: `/metrics`, `/healthz`, `/readyz`. The answers hold no record
//! and nothing of one, so they need no credential.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::metrics::Metrics;
use crate::status::Status;

/// Returns what is known of each transform that runs.
pub type Statuses = dyn Fn() -> Vec<Status> + Send + Sync;

/// The parts that the answers are made of.
#[derive(Clone)]
pub struct Probes {
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// The transforms.
    pub statuses: Arc<Statuses>,
}

/// More than a runner waits for the answers of a cluster, with all tries.
const SILENCE: Duration = Duration::from_secs(300);

/// Returns the service.
pub fn router(probes: Probes) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(probes)
}

async fn metrics(State(probes): State<Probes>) -> impl IntoResponse {
    let text = probes.metrics.text(&(probes.statuses)());
    ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text)
}

/// Answers whether the process works at all: if not, a restart would help.
async fn healthz(State(probes): State<Probes>) -> impl IntoResponse {
    answer(&probes, |status| {
        let silence = status.seen.elapsed();
        (silence > SILENCE).then(|| format!("no sign of life for {} s", silence.as_secs()))
    })
}

/// Answers whether every transform is in its group, with all its partitions live.
async fn readyz(State(probes): State<Probes>) -> impl IntoResponse {
    answer(&probes, not_ready)
}

fn not_ready(status: &Status) -> Option<String> {
    if !status.joined {
        return Some("not in its group".into());
    }
    status.lanes.iter().find_map(|lane| {
        let what = match lane.state {
            _ if lane.warming => "warms up",
            transform_host::State::Running => return None,
            _ => "is not running",
        };
        Some(format!("partition {} {what}", lane.partition))
    })
}

fn answer(probes: &Probes, wrong: impl Fn(&Status) -> Option<String>) -> (StatusCode, String) {
    let statuses = (probes.statuses)();
    let wrong: String = statuses
        .iter()
        .filter_map(|status| Some(format!("{}: {}\n", status.transform, wrong(status)?)))
        .collect();
    match wrong.is_empty() {
        true => (StatusCode::OK, "ok\n".into()),
        false => (StatusCode::SERVICE_UNAVAILABLE, wrong),
    }
}
