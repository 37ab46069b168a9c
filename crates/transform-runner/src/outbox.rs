//! The outputs: one producer for all lanes, and the transaction that is open.
//!
//! **Invariant.** Under one read lock a lane writes the outputs of whole batches and moves its `done`;
//! who holds the write lock therefore sees outputs and offsets that belong together. After an abort
//! the lanes that had written something get a new `life` before the lock is free, so that none of
//! them writes on as if nothing was lost.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer,
};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use transform_host::Payload;

use crate::client::ANSWER;
use crate::headers;
use crate::options::Guarantee;
use crate::status::Progress;

/// The error of a commit.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The transaction is aborted and another is open: the lanes go on from what is committed.
    Aborted(String),
    /// This producer writes nothing any more.
    Lost(String),
}

/// The producer and its transaction.
pub(crate) struct Outbox {
    producer: ThreadedProducer<Deliveries>,
    guarantee: Guarantee,
    transaction: RwLock<()>,
    /// Set once the open transaction must not be committed.
    spoilt: AtomicBool,
}

/// Keeps the first error of a delivery.
#[derive(Default)]
struct Deliveries(Mutex<Option<String>>);

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!("producer: {error}: {reason}");
    }
}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, message)) = result
            && let Ok(mut first) = self.0.lock()
        {
            let at = format!("{}/{}", message.topic(), message.partition());
            first.get_or_insert_with(|| format!("a record for {at} was not delivered: {error}"));
        }
    }
}

impl Outbox {
    /// Connects, and opens the first transaction. An earlier producer of the same name is fenced, and
    /// its transaction aborted.
    pub(crate) fn open(
        config: &ClientConfig,
        guarantee: Guarantee,
        stop: &AtomicBool,
    ) -> anyhow::Result<Self> {
        let producer: ThreadedProducer<Deliveries> =
            config.create_with_context(Deliveries::default())?;
        if guarantee == Guarantee::ExactlyOnce {
            retry(stop, || producer.init_transactions(ANSWER)).map_err(|why| {
                anyhow::anyhow!(
                    "the cluster takes no transaction of ours: {why}. If it has none (or this user may \
                     not write to transactional id {}), --at-least-once does without",
                    config.get("transactional.id").unwrap_or_default()
                )
            })?;
            producer.begin_transaction()?;
        }
        Ok(Self {
            producer,
            guarantee,
            transaction: RwLock::default(),
            spoilt: AtomicBool::new(false),
        })
    }

    /// Waits until the transaction takes outputs, and keeps it open.
    pub(crate) fn enter(&self) -> Entry<'_> {
        let guard = self.transaction.read().expect("nothing panics with the lock");
        Entry { outbox: self, _guard: guard }
    }

    /// Commits the transaction with the offsets of the lanes, and opens the next. Returns whether there was
    /// something to commit.
    pub(crate) fn commit<C: ConsumerContext>(
        &self,
        topic: &str,
        lanes: &[Arc<Progress>],
        member: &BaseConsumer<C>,
        stop: &AtomicBool,
    ) -> Result<bool, Broken> {
        let _guard = self.transaction.write().expect("nothing panics with the lock");
        let mut offsets = TopicPartitionList::new();
        let mut moved = Vec::new();
        for lane in lanes {
            let done = lane.done.load(Relaxed);
            if done != lane.base.load(Relaxed) || !lane.saved.load(Relaxed) {
                let _ = offsets.add_partition_offset(topic, lane.partition, Offset::Offset(done));
                moved.push((lane, done));
            }
        }
        let spoilt = self.spoilt.swap(false, Relaxed);
        if moved.is_empty() && !spoilt {
            return Ok(false);
        }
        let result = match self.guarantee {
            _ if spoilt => Err(Broken::Aborted("a lane left in the midst of a batch".into())),
            Guarantee::ExactlyOnce => self.commit_transaction(&offsets, member, stop),
            Guarantee::AtLeastOnce => self.commit_offsets(&offsets, member),
        };
        match result {
            Ok(()) => {
                for (lane, done) in moved {
                    lane.base.store(done, Relaxed);
                    lane.saved.store(true, Relaxed);
                }
                Ok(true)
            }
            Err(broken) => {
                for (lane, _) in moved {
                    lane.done.store(lane.base.load(Relaxed), Relaxed);
                    lane.life.fetch_add(1, Relaxed);
                }
                Err(match broken {
                    Broken::Aborted(why) => self.abort(why, stop),
                    lost => lost,
                })
            }
        }
    }

    fn commit_transaction<C: ConsumerContext>(
        &self,
        offsets: &TopicPartitionList,
        member: &BaseConsumer<C>,
        stop: &AtomicBool,
    ) -> Result<(), Broken> {
        let group = member
            .group_metadata()
            .ok_or_else(|| Broken::Aborted("this runner is in no group".into()))?;
        // Who has lost the membership has an empty one, with which the broker would fence nobody. The
        // flag is set with that, so it is looked at afterwards.
        if member.assignment_lost() {
            return Err(Broken::Aborted("the group has given the partitions to others".into()));
        }
        retry(stop, || self.producer.send_offsets_to_transaction(offsets, &group, ANSWER))
            .and_then(|()| retry(stop, || self.producer.commit_transaction(ANSWER)))
            .and_then(|()| self.producer.begin_transaction())
            .map_err(|error| {
                let why = self
                    .first_error()
                    .map_or_else(|| error.to_string(), |delivery| format!("{error}; {delivery}"));
                if is_fatal(&error) { Broken::Lost(why) } else { Broken::Aborted(why) }
            })
    }

    fn commit_offsets<C: ConsumerContext>(
        &self,
        offsets: &TopicPartitionList,
        member: &BaseConsumer<C>,
    ) -> Result<(), Broken> {
        // librdkafka gives every record up after `message.timeout.ms`, which is less.
        let flushed = self.producer.flush(Duration::from_secs(60)).map_err(|e| e.to_string());
        let failed = self.first_error().map_or(Ok(()), Err);
        flushed
            .and(failed)
            .and_then(|()| member.commit(offsets, CommitMode::Sync).map_err(|e| e.to_string()))
            .map_err(Broken::Aborted)
    }

    /// Aborts what is open. Its records were written for nobody, or (at least once) are written again.
    fn abort(&self, why: String, stop: &AtomicBool) -> Broken {
        if self.guarantee == Guarantee::AtLeastOnce {
            return Broken::Aborted(why);
        }
        let aborted = retry(stop, || self.producer.abort_transaction(ANSWER))
            .and_then(|()| self.producer.begin_transaction());
        self.first_error();
        match aborted {
            Ok(()) => Broken::Aborted(why),
            Err(error) => Broken::Lost(format!("{why}; then {error}")),
        }
    }

    fn first_error(&self) -> Option<String> {
        self.producer.context().0.lock().ok()?.take()
    }
}

/// A lane's access to the open transaction.
pub(crate) struct Entry<'a> {
    outbox: &'a Outbox,
    _guard: RwLockReadGuard<'a, ()>,
}

impl Entry<'_> {
    /// Gives a record to the producer, and waits while its queue is full. If that fails, what was
    /// written so far must not be committed, and will not be.
    pub(crate) fn write(
        &self,
        topic: &str,
        partition: i32,
        payload: Payload<'_>,
        extra: Option<(&str, &str)>,
        stop: &AtomicBool,
    ) -> Result<(), String> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition);
        record.key = payload.key();
        record.payload = payload.value();
        let extra = extra.map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())));
        for (name, value) in payload.headers().chain(extra) {
            headers::add(record.headers.get_or_insert_default(), name, value);
        }
        loop {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            match self.outbox.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) if error == full && !stop.load(Relaxed) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => {
                    self.outbox.spoilt.store(true, Relaxed);
                    return Err(format!("writing to {topic}/{partition}: {error}"));
                }
            }
        }
    }
}

/// Tries again as long as that may help: for a minute, or five seconds once all is to stop.
fn retry(stop: &AtomicBool, call: impl Fn() -> KafkaResult<()>) -> KafkaResult<()> {
    let began = Instant::now();
    let mut stopping = None;
    loop {
        let Err(error) = call() else { return Ok(()) };
        if stop.load(Relaxed) {
            stopping.get_or_insert_with(Instant::now);
        }
        let again = match &error {
            KafkaError::Transaction(why) => why.is_retriable(),
            KafkaError::Flush(code) => *code == RDKafkaErrorCode::OperationTimedOut,
            _ => false,
        };
        let late = began.elapsed() > Duration::from_secs(60)
            || stopping.is_some_and(|since| since.elapsed() > Duration::from_secs(5));
        if !again || late {
            return Err(error);
        }
        tracing::warn!("trying again: {error}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn is_fatal(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(why) if why.is_fatal())
}
