//! The topics: whether they are there, how many partitions they have, how large a record may be.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;

use crate::client::{self, ANSWER, Reason, SESSION};
use crate::options::{Job, OnPoison, Options};

/// Kafka's `max.message.bytes` where nobody has changed it.
const STOCK_MAX_BYTES: usize = 1_048_576;

/// A topic that is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub topic: String,
    pub partitions: i32,
    /// Its `max.message.bytes`.
    pub max_bytes: usize,
}

/// Returns the topics that a job writes: its outputs, then that of skipped records.
fn names(job: &Job) -> Vec<String> {
    let skipped = match &job.on_poison {
        OnPoison::SkipTo(topic) => Some(topic.clone()),
        OnPoison::Stop => None,
    };
    job.deployment.output_topics.iter().cloned().chain(skipped).collect()
}

/// Looks at all topics of a job.
///
/// # Errors
/// If one is missing, or the cluster does not answer.
pub(crate) fn targets(options: &Options, job: &Job) -> anyhow::Result<Vec<Target>> {
    let consumer = asking(options)?;
    partitions(&consumer, &job.deployment.input_topic)
        .map_err(|error| Reason::explain(&consumer, &error))?;
    let names = names(job);
    let sizes = max_bytes(options, &names);
    names
        .into_iter()
        .zip(sizes)
        .map(|(topic, max_bytes)| {
            let partitions = partitions(&consumer, &topic)?;
            Ok(Target { topic, partitions, max_bytes })
        })
        .collect()
}

/// Returns every topic with the number of its partitions.
///
/// # Errors
/// If the cluster does not answer.
pub fn all(options: &Options) -> anyhow::Result<BTreeMap<String, i32>> {
    let consumer: BaseConsumer = client::asking(options).create()?;
    let metadata = consumer.fetch_metadata(None, ANSWER).context("the cluster does not answer")?;
    let topics = metadata.topics().iter();
    Ok(topics.map(|topic| (topic.name().into(), topic.partitions().len() as i32)).collect())
}

/// Returns the number of a topic's partitions.
///
/// # Errors
/// If it is missing, or the cluster does not answer.
pub(crate) fn count(options: &Options, topic: &str) -> anyhow::Result<i32> {
    let consumer = asking(options)?;
    partitions(&consumer, topic).map_err(|error| Reason::explain(&consumer, &error))
}

fn asking(options: &Options) -> anyhow::Result<BaseConsumer<Reason>> {
    Ok(client::asking(options).create_with_context(Reason::default())?)
}

/// Forgets the offsets of consumer groups. A group that this runner has left as a static member has it for
/// the rest of its session, so that is waited for.
///
/// # Errors
/// If the cluster does not answer, or a group has other members, which keep its offsets.
pub(crate) fn forget(options: &Options, groups: &[String]) -> anyhow::Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let admin: AdminClient<DefaultClientContext> = client::asking(options).create()?;
    let names: Vec<_> = groups.iter().map(String::as_str).collect();
    let wait = AdminOptions::new().request_timeout(Some(ANSWER));
    let late = Instant::now() + SESSION + Duration::from_secs(5);
    loop {
        let answers = block_on(admin.delete_groups(&names, &wait))?;
        let errors: Vec<_> = answers
            .into_iter()
            .filter_map(Result::err)
            .filter(|(_, error)| *error != RDKafkaErrorCode::GroupIdNotFound)
            .collect();
        let waits = options.instance.is_some() && Instant::now() < late;
        match errors.first() {
            None => return Ok(()),
            Some((_, RDKafkaErrorCode::NonEmptyGroup)) if waits => {}
            Some((group, error)) => bail!("{group}: {error}"),
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Returns the number of a topic's partitions, asked by this client.
pub(crate) fn partitions<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
) -> anyhow::Result<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER).with_context(|| {
        "the cluster does not answer. Are the brokers' addresses right, and do they ask for TLS or a \
         password (--kafka security.protocol=…, in a build with `--features tls`)?"
    })?;
    match metadata.topics().first().map(|topic| topic.partitions().len()) {
        Some(count) if count > 0 => Ok(count as i32),
        _ => bail!("there is no topic {topic}: `rpk topic create {topic} -p N` makes it"),
    }
}

/// Asks for `max.message.bytes`; who may not ask gets the stock value.
fn max_bytes(options: &Options, topics: &[String]) -> Vec<usize> {
    let ask = || {
        let admin: AdminClient<DefaultClientContext> = client::asking(options).create()?;
        let resources: Vec<_> = topics.iter().map(|t| ResourceSpecifier::Topic(t)).collect();
        block_on(
            admin.describe_configs(&resources, &AdminOptions::new().request_timeout(Some(ANSWER))),
        )
    };
    let answers = ask().unwrap_or_else(|error| {
        tracing::warn!(
            "max.message.bytes is taken as {STOCK_MAX_BYTES}, as the cluster does not tell: {error}"
        );
        Vec::new()
    });
    let size = |index: usize| -> Option<usize> {
        let config = answers.get(index)?.as_ref().ok()?;
        config.get("max.message.bytes")?.value.as_ref()?.parse().ok()
    };
    (0..topics.len()).map(|index| size(index).unwrap_or(STOCK_MAX_BYTES)).collect()
}

/// Waits for a future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
