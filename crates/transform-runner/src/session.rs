//! A runner's time in the group: lanes come and go with the partitions, and what they do is committed.
//!
//! An error that only a new producer or a new membership can mend ends the session; `runner` begins
//! another.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::bail;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use transform_host::Module;

use crate::lane::{Lane, Shared};
use crate::logs::LogSink;
use crate::member::{Change, Member};
use crate::metrics::Meters;
use crate::options::{Job, Options};
use crate::outbox::{Broken, Outbox};
use crate::reader::Reader;
use crate::status::{Progress, Status};
use crate::topics::Target;
use crate::{client, position, topics};

/// Time from one look at the partitions' ends to the next.
const LOOK: Duration = Duration::from_secs(5);

/// The membership, the lanes, and what they share.
pub(crate) struct Session<'a> {
    options: &'a Options,
    shared: Arc<Shared>,
    member: Member,
    /// Set once the group has said which partitions are this runner's.
    joined: bool,
    lanes: BTreeMap<i32, Lane>,
    stop: &'a AtomicBool,
    status: &'a Mutex<Status>,
}

/// Runs a session until `stop` is set.
///
/// # Errors
/// If the session cannot begin or go on.
pub(crate) fn run(
    job: &Job,
    module: &Module,
    options: &Options,
    log: &LogSink,
    meters: &Meters,
    stop: &AtomicBool,
    status: &Mutex<Status>,
) -> anyhow::Result<()> {
    let group = job.group();
    topics::targets(options, job)?;
    let instance = options.instance.clone().unwrap_or_else(|| {
        format!("{}-{}", std::process::id(), std::env::var("HOSTNAME").unwrap_or_default())
    });
    let outbox =
        Outbox::open(&client::producer(options, &group, &instance), options.guarantee, stop)?;
    let member = Member::join(&client::member(options, &group), &job.deployment.input_topic)?;
    meters.sessions.inc();
    let shared = Shared {
        job: job.clone(),
        module: module.clone(),
        outbox,
        log: log.clone(),
        meters: meters.clone(),
    };
    let lanes = BTreeMap::new();
    let mut session =
        Session { options, shared: Arc::new(shared), member, joined: false, lanes, stop, status };
    let result = session.run();
    let left = session.leave();
    result.and(left)
}

impl Session<'_> {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut commit_at = Instant::now() + self.options.commit_interval;
        let mut look_at = Instant::now();
        while !self.stop.load(Relaxed) {
            let wait = commit_at.saturating_duration_since(Instant::now());
            match self.member.poll(wait.min(Duration::from_millis(100)))? {
                Some(Change::Assigned(partitions)) => self.assign(&partitions)?,
                Some(Change::Revoked { partitions, lost }) => self.revoke(&partitions, lost)?,
                None => {}
            }
            if Instant::now() >= commit_at {
                self.commit()?;
                commit_at = Instant::now() + self.options.commit_interval;
            }
            if Instant::now() >= look_at {
                self.look();
                look_at = Instant::now() + LOOK;
            }
            if let Some(lane) = self.lanes.values().find(|lane| lane.is_dead()) {
                bail!("the thread of partition {} ended", lane.progress.partition);
            }
        }
        Ok(())
    }

    /// Begins a lane for each partition.
    fn assign(&mut self, partitions: &TopicPartitionList) -> anyhow::Result<()> {
        self.member.take(partitions)?;
        self.joined = true;
        let ids: Vec<i32> = partitions.elements().iter().map(|p| p.partition()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        tracing::info!("partitions {ids:?} are assigned");
        let job = self.shared.job.clone();
        let topic = &job.deployment.input_topic;
        let consumer = &self.member.consumer;
        let count = topics::partitions(consumer, topic)?;
        let starts = position::starts(consumer, topic, &ids, count, job.deployment.from_offset)?;
        let targets: Vec<Target> = topics::targets(self.options, &job)?;
        for (partition, start, saved) in starts {
            let config = client::reader(self.options, &job.group());
            let reader = Reader::new(&config, topic, partition)?;
            let progress = Progress::new(partition, start, saved);
            let lane = Lane::start(self.shared.clone(), reader, targets.clone(), progress)?;
            self.lanes.insert(partition, lane);
        }
        Ok(())
    }

    /// Ends lanes, commits what they did, and gives their partitions back. What they have begun is done
    /// again elsewhere.
    fn revoke(&mut self, partitions: &TopicPartitionList, lost: bool) -> anyhow::Result<()> {
        let ids: Vec<i32> = partitions.elements().iter().map(|p| p.partition()).collect();
        tracing::info!("partitions {ids:?} are {}", if lost { "lost" } else { "revoked" });
        let leaving: Vec<Lane> = ids.iter().filter_map(|id| self.lanes.remove(id)).collect();
        let progress: Vec<_> = leaving.iter().map(|lane| lane.progress.clone()).collect();
        end(leaving);
        // A commit of what is lost fails, which aborts it: that is what it is for.
        self.commit_with(&progress)?;
        self.member.give_back(partitions)
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        self.commit_with(&[])
    }

    fn commit_with(&mut self, leaving: &[Arc<Progress>]) -> anyhow::Result<()> {
        let lanes = self.lanes.values().map(|lane| lane.progress.clone());
        let all: Vec<_> = lanes.chain(leaving.iter().cloned()).collect();
        let topic = &self.shared.job.deployment.input_topic;
        let outbox = &self.shared.outbox;
        let meters = &self.shared.meters;
        let began = Instant::now();
        match outbox.commit(topic, &all, &self.member.consumer, self.stop) {
            Ok(true) => {
                meters.commits.inc();
                meters.commit_seconds.observe(began.elapsed().as_secs_f64());
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(Broken::Aborted(why)) => {
                meters.aborts.inc();
                tracing::warn!("the transaction was aborted, its records are done again: {why}");
                Ok(())
            }
            Err(Broken::Lost(why)) => bail!(
                "this producer is done for: {why}. Either it was away for longer than its transaction, or \
                 another runner has the same --instance"
            ),
        }
    }

    /// Looks at the partitions' ends, and tells the world.
    fn look(&mut self) {
        let topic = &self.shared.job.deployment.input_topic;
        for lane in self.lanes.values() {
            let ends = self.member.consumer.fetch_watermarks(
                topic,
                lane.progress.partition,
                Duration::from_secs(1),
            );
            match ends {
                Ok((_, end)) => lane.progress.end.store(end, Relaxed),
                Err(_) => break,
            }
        }
        self.tell();
    }

    fn tell(&self) {
        if let Ok(mut status) = self.status.lock() {
            status.joined = self.joined;
            status.seen = Instant::now();
            status.lanes = self.lanes.values().map(|lane| lane.progress.status()).collect();
            status.commits = self.shared.meters.commits.get();
            status.aborts = self.shared.meters.aborts.get();
        }
    }

    /// Ends all lanes and commits what they did.
    fn leave(mut self) -> anyhow::Result<()> {
        let lanes: Vec<Lane> = std::mem::take(&mut self.lanes).into_values().collect();
        let progress: Vec<_> = lanes.iter().map(|lane| lane.progress.clone()).collect();
        end(lanes);
        let committed = self.commit_with(&progress);
        self.joined = false;
        self.tell();
        committed
    }
}

/// Ends lanes side by side.
fn end(lanes: Vec<Lane>) {
    lanes.iter().for_each(Lane::stop);
    lanes.into_iter().for_each(Lane::join);
}
