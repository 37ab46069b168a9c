//! The consumer that is in the group. It is told which partitions are this runner's, and reads none of
//! them: they are paused, and each lane has a reader of its own.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext, TopicPartitionList};

use crate::reader;

/// A change of what is this runner's.
#[derive(Debug)]
pub(crate) enum Change {
    Assigned(TopicPartitionList),
    /// The partitions stay this runner's until they are given back, unless they are `lost` already.
    Revoked {
        partitions: TopicPartitionList,
        lost: bool,
    },
}

/// The membership. It leaves the group when it is dropped.
pub(crate) struct Member {
    pub consumer: BaseConsumer<Changes>,
}

/// Keeps the changes until the session comes to them.
#[derive(Default)]
pub(crate) struct Changes {
    waiting: Mutex<VecDeque<Change>>,
    leaving: AtomicBool,
}

impl ClientContext for Changes {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!("group: {error}: {reason}");
    }
}

impl ConsumerContext for Changes {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.leaving.load(Relaxed) {
            // The lanes are gone, and what they did is committed.
            let _ = consumer.incremental_unassign(partitions);
            return;
        }
        let partitions = partitions.clone();
        let change = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Change::Assigned(partitions),
            _ => Change::Revoked { partitions, lost: consumer.assignment_lost() },
        };
        self.waiting.lock().expect("nothing panics with the lock").push_back(change);
    }
}

impl Member {
    /// Joins the group.
    pub(crate) fn join(config: &ClientConfig, topic: &str) -> anyhow::Result<Self> {
        let consumer = config.create_with_context(Changes::default())?;
        let member = Self { consumer };
        member.consumer.subscribe(&[topic])?;
        Ok(member)
    }

    /// Waits for a change.
    ///
    /// # Errors
    /// If the membership has ended for good.
    pub(crate) fn poll(&self, wait: Duration) -> anyhow::Result<Option<Change>> {
        match self.consumer.poll(wait) {
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                anyhow::bail!("{error}: does another runner have the same --instance?")
            }
            // `Changes::error` has told of it.
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(reader::passes) => {}
            Some(Err(error)) => tracing::warn!("group: {error}"),
            // A record that came before the pause: its lane reads it too.
            Some(Ok(_)) | None => {}
        }
        Ok(self
            .consumer
            .context()
            .waiting
            .lock()
            .expect("nothing panics with the lock")
            .pop_front())
    }

    /// Takes partitions, and reads nothing of them.
    pub(crate) fn take(&self, partitions: &TopicPartitionList) -> anyhow::Result<()> {
        self.consumer.incremental_assign(partitions)?;
        if partitions.count() > 0 {
            self.consumer.pause(partitions)?;
        }
        Ok(())
    }

    /// Gives partitions back.
    pub(crate) fn give_back(&self, partitions: &TopicPartitionList) -> anyhow::Result<()> {
        Ok(self.consumer.incremental_unassign(partitions)?)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.consumer.context().leaving.store(true, Relaxed);
        // Changes that nobody has come to would keep the consumer from leaving.
        while let Ok(Some(change)) = self.poll(Duration::ZERO) {
            if let Change::Revoked { partitions, .. } = change {
                let _ = self.consumer.incremental_unassign(&partitions);
            }
        }
    }
}
