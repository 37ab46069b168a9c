//! The part of Redpanda's admin API that `rpk transform` speaks: deploy, list, pause, resume, delete.
//!
//! Statuses and texts are the broker's, where it has one for the case. A deployment is answered when it
//! is on disk; whether the module starts, `rpk transform list` tells, as with a broker.
//!
//! - `access`: who may ask; `request`: what is asked; `error`: the answers that refuse.

mod access;
mod error;
mod request;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router, middleware};
use serde::Serialize;

use crate::deployments::{Deployed, Deployments};
use crate::metadata::{Compression, Environment};

pub use access::Access;
use error::Error;

/// Asks the cluster for its topics and the number of their partitions. It may block.
pub type Topics = dyn Fn() -> anyhow::Result<BTreeMap<String, i32>> + Send + Sync;

/// Returns the partitions of a transform that this runner has.
pub type Partitions = dyn Fn(&str) -> Vec<Partition> + Send + Sync;

/// The state of a partition of a transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// The input partition.
    pub number: i32,
    /// The state that `rpk transform list` shows.
    pub state: transform_host::State,
    /// Records of the input that are not committed yet.
    pub lag: i64,
}

/// The state that the API reads and changes.
#[derive(Clone)]
pub struct Admin {
    /// The transforms.
    pub deployments: Arc<Deployments>,
    /// The state of their partitions.
    pub partitions: Arc<Partitions>,
    /// The cluster's topics.
    pub topics: Arc<Topics>,
    /// The number of this runner in lists, as a broker has one.
    pub node_id: i32,
}

/// Returns the service.
pub fn router(admin: Admin, access: Access) -> Router {
    // A module that is a little too large is refused with the broker's text, not cut off.
    let max_body = 2 * admin.deployments.limits().binary_max_bytes as usize;
    Router::new()
        .route("/v1/transform", get(list))
        .route("/v1/transform/", get(list))
        .route("/v1/transform/deploy", post(deploy))
        .route("/v1/transform/{name}", delete(remove))
        .route("/v1/transform/{name}/meta", put(patch))
        .fallback(async || Error::new(StatusCode::NOT_FOUND, "Not found"))
        .layer(DefaultBodyLimit::max(max_body))
        .layer(middleware::from_fn_with_state(Arc::new(access), access::check))
        .with_state(admin)
}

/// A transform in the list.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    input_topic: String,
    output_topics: Vec<String>,
    status: Vec<ListedPartition>,
    environment: Environment,
    compression: Compression,
}

#[derive(Debug, Serialize)]
struct ListedPartition {
    node_id: i32,
    partition: i32,
    status: &'static str,
    lag: i64,
}

async fn list(State(admin): State<Admin>) -> Result<Json<Vec<Listed>>, Error> {
    blocking(move || {
        // Without an answer from the cluster, the list still has the partitions that are here.
        let topics = (admin.topics)().unwrap_or_default();
        let set = admin.deployments.get();
        Ok(Json(set.values().map(|deployed| admin.listed(deployed, &topics)).collect()))
    })
    .await
}

impl Admin {
    /// Describes a transform. Partitions that are not here are `unknown`: another runner may have them.
    fn listed(&self, deployed: &Deployed, topics: &BTreeMap<String, i32>) -> Listed {
        let metadata = deployed.metadata.clone();
        let state = match deployed.paused {
            true => transform_host::State::Inactive,
            false => transform_host::State::Unknown,
        };
        let count = topics.get(&metadata.input_topic).copied().unwrap_or_default();
        let elsewhere = (0..count).map(|number| Partition { number, state, lag: 0 });
        let mut partitions: BTreeMap<_, _> =
            elsewhere.map(|partition| (partition.number, partition)).collect();
        let here = (self.partitions)(&metadata.name).into_iter();
        partitions.extend(here.map(|partition| (partition.number, partition)));
        let status = partitions.into_values().map(|Partition { number, state, lag }| {
            let status = state_name(state);
            ListedPartition { node_id: self.node_id, partition: number, status, lag }
        });
        Listed {
            status: status.collect(),
            name: metadata.name,
            input_topic: metadata.input_topic,
            output_topics: metadata.output_topics,
            environment: metadata.environment,
            compression: metadata.compression,
        }
    }
}

fn state_name(state: transform_host::State) -> &'static str {
    use transform_host::State::{Errored, Inactive, Running};
    match state {
        Running => "running",
        Inactive => "inactive",
        Errored => "errored",
        _ => "unknown",
    }
}

async fn deploy(State(admin): State<Admin>, body: Bytes) -> Result<(), Error> {
    let (metadata, module) = request::split(&body)?;
    let name = metadata.name.clone();
    blocking(move || {
        let topics = (admin.topics)().map_err(Error::unavailable)?;
        let topics = topics.into_keys().collect();
        Ok(admin.deployments.deploy(topics, metadata, Arc::from(&body[module..]))?)
    })
    .await?;
    tracing::info!(transform = name, "deployed");
    Ok(())
}

async fn patch(
    State(admin): State<Admin>,
    name: Result<Path<String>, PathRejection>,
    body: Bytes,
) -> Result<(), Error> {
    let name = request::name(name)?;
    let patch = request::patch(&body)?;
    if patch == Default::default() {
        return Ok(());
    }
    let (of, paused) = (name.clone(), patch.is_paused);
    blocking(move || Ok(admin.deployments.patch(&name, patch)?)).await?;
    tracing::info!(transform = of, paused, "changed");
    Ok(())
}

async fn remove(
    State(admin): State<Admin>,
    name: Result<Path<String>, PathRejection>,
) -> Result<(), Error> {
    let name = request::name(name)?;
    let of = name.clone();
    blocking(move || Ok(admin.deployments.delete(&name)?)).await?;
    tracing::info!(transform = of, "deleted");
    Ok(())
}

/// Runs what reads a disk or asks the cluster where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Error")))
}
