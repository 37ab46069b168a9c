//! One partition: a thread with a reader, an instance of the module, and the processor that decides what
//! comes next.
//!
//! The thread does one thing at a time and answers the processor at once, so nothing of a lane runs
//! beside it but the outbox's commits. Those look at `done` under the outbox's lock (see `outbox`).
//! Output that the processor asks to write waits in `pending` until the processor has a cut, and goes to
//! the outbox with that cut's offset.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use transform_host::{
    Action, Batch, Event, Interrupter, Module, Output, Processor, ProcessorOptions, Vm,
};

use crate::logs::{LogEvent, LogSink};
use crate::metrics::{Meters, Written};
use crate::options::{Job, OnPoison};
use crate::outbox::Outbox;
use crate::position;
use crate::reader::{Bounds, Reader};
use crate::status::Progress;
use crate::topics::Target;

/// Tries after which a record counts as one that the module cannot take.
const TRIES: u32 = 3;

/// The lane of a partition, seen from the session.
pub(crate) struct Lane {
    pub progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
    interrupter: Interrupter,
    thread: JoinHandle<()>,
}

/// The things that all lanes of a session share.
pub(crate) struct Shared {
    pub job: Job,
    pub module: Module,
    pub outbox: Outbox,
    pub log: LogSink,
    pub meters: Meters,
}

impl Lane {
    /// Starts the thread.
    pub(crate) fn start(
        shared: Arc<Shared>,
        reader: Reader,
        targets: Vec<Target>,
        progress: Progress,
    ) -> anyhow::Result<Self> {
        let progress = Arc::new(progress);
        let stop = Arc::new(AtomicBool::new(false));
        let vm = Vm::new(&shared.module, &shared.job.deployment);
        let interrupter = vm.interrupter();
        let clock = Instant::now();
        let outputs = shared.job.deployment.output_topics.len();
        let options = ProcessorOptions::new(outputs).with(|options| {
            options.start_pause = Duration::ZERO;
            // The reader waits.
            options.poll_pause = Duration::ZERO;
        });
        let meters = &shared.meters;
        let driver = Driver {
            written: targets.iter().map(|target| meters.written(&target.topic)).collect(),
            name: format!("{}/{}", shared.job.deployment.input_topic, progress.partition),
            processor: Processor::new(options, clock.elapsed()),
            clock,
            events: VecDeque::from([Event::Time]),
            pending: VecDeque::new(),
            skip: BTreeSet::new(),
            single_upto: -1,
            life: 0,
            warm_up: None,
            vm,
            reader,
            targets,
            progress: progress.clone(),
            stop: stop.clone(),
            shared,
        };
        let partition = progress.partition;
        let work = move || {
            let transform = &driver.shared.job.deployment.name;
            let _span = tracing::info_span!("lane", transform, partition).entered();
            driver.run();
        };
        let thread = std::thread::Builder::new().name(format!("lane-{partition}")).spawn(work)?;
        Ok(Self { progress, stop, interrupter, thread })
    }

    /// Asks the thread to end. It writes nothing after that; what it has written may be committed.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
        self.interrupter.interrupt();
    }

    /// Waits until the thread has ended.
    pub(crate) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the lane of partition {} panicked", self.progress.partition);
        }
    }

    /// Returns whether the thread ended although nobody asked it to.
    pub(crate) fn is_dead(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Records to write.
struct Pending {
    target: usize,
    records: Output,
    /// The offset of a record that goes on unchanged: it is not written before `done` passes it.
    skipped: Option<i64>,
}

/// The thread's own.
struct Driver {
    shared: Arc<Shared>,
    name: String,
    processor: Processor,
    vm: Vm,
    reader: Reader,
    /// The outputs, and after them the topic for records that are skipped.
    targets: Vec<Target>,
    /// The figures of the targets.
    written: Vec<Written>,
    progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
    clock: Instant,
    events: VecDeque<Event>,
    /// Records to write, in order.
    pending: VecDeque<Pending>,
    /// Records that the module cannot take.
    skip: BTreeSet<i64>,
    /// Up to here records are shown one by one, to find the one at fault.
    single_upto: i64,
    /// The lane's life that this thread is in; see `Progress::life`.
    life: u64,
    /// The warm-up that goes on.
    warm_up: Option<WarmingUp>,
}

impl Driver {
    fn run(mut self) {
        while !self.stop.load(Relaxed) {
            if self.progress.life.load(Relaxed) != self.life {
                self.begin_again();
            }
            let Some(event) = self.events.pop_front() else {
                self.wait();
                continue;
            };
            let now = self.clock.elapsed();
            let actions: Vec<Action> = self.processor.on(event, now).collect();
            for action in actions {
                self.act(action);
            }
            self.publish();
            self.report();
        }
    }

    /// Waits until the processor has something to do.
    fn wait(&mut self) {
        let pause = Duration::from_millis(20);
        let due =
            self.processor.due().map_or(pause, |due| due.saturating_sub(self.clock.elapsed()));
        std::thread::sleep(due.min(pause));
        self.events.push_back(Event::Time);
    }

    /// Starts with a new instance from what is committed: what was written since is void.
    fn begin_again(&mut self) {
        self.life = self.progress.life.load(Relaxed);
        self.abort("its transaction was aborted".into());
    }

    /// Ends the processor's present life before it hears anything else.
    fn abort(&mut self, why: String) {
        self.shared.meters.failures.inc();
        tracing::warn!("begins again from {}: {why}", self.progress.done.load(Relaxed));
        self.events.push_front(Event::Abort(why));
    }

    /// Does what the processor asks, and queues the answer.
    fn act(&mut self, action: Action) {
        let answer = match action {
            Action::StartVm => {
                self.shared.meters.instance_starts.inc();
                let started = self.vm.start();
                self.take_logs();
                Event::VmStarted(started)
            }
            Action::Locate => self.locate(),
            Action::Read { offset, border } => self.read(offset, border),
            Action::Transform(batch) => self.transform(&batch),
            Action::Write { topic, records } => {
                self.pending.push_back(Pending { target: topic, records, skipped: None });
                Event::Written { topic, result: Ok(()) }
            }
            Action::StopVm => return self.vm.stop(),
            Action::Commit { .. } | Action::Stopped => return,
        };
        self.events.push_back(answer);
    }

    fn locate(&mut self) -> Event {
        // What an earlier life has not published is read again.
        self.pending.clear();
        let done = self.progress.done.load(Relaxed);
        let from = position::warm_up_from(&mut self.reader, self.shared.job.warm_up, done)
            .unwrap_or_else(|why| {
                self.abort(why);
                done
            });
        if from < done {
            tracing::info!("warms up with the records from {from} to {}", done - 1);
        }
        self.warm_up = (from < done).then(|| WarmingUp::new(from, done));
        let outputs = self.shared.job.deployment.output_topics.len();
        Event::Located { committed: vec![done - 1; outputs], from }
    }

    fn read(&mut self, offset: i64, border: Option<i64>) -> Event {
        let bounds = Bounds { border, skip: &self.skip, single_upto: self.single_upto };
        let nothing = |next| Event::Read { batches: Vec::new(), next };
        let read = match self.reader.read(offset, &bounds) {
            Ok(read) => read,
            Err(why) => {
                self.abort(why);
                return nothing(offset);
            }
        };
        self.progress.end.fetch_max(read.next, Relaxed);
        if let Some(record) = read.skipped {
            self.divert(&record);
            return nothing(read.next);
        }
        // Nothing is left before the border: transaction markers at most.
        let passed = border.filter(|_| read.at_end && read.batches.is_empty());
        Event::Read { batches: read.batches, next: passed.map_or(read.next, |border| border + 1) }
    }

    /// Writes a record that is left out where the user wants it, once.
    fn divert(&mut self, record: &Batch) {
        let target = self.shared.job.deployment.output_topics.len();
        let Some(record) = record.get(0).filter(|_| target < self.targets.len()) else { return };
        if record.offset >= self.progress.done.load(Relaxed) {
            let mut records = Output::default();
            records.push(target, record.payload);
            self.pending.push_back(Pending { target, records, skipped: Some(record.offset) });
        }
    }

    fn transform(&mut self, batch: &Arc<Batch>) -> Event {
        let mut output = Output::default();
        let meters = &self.shared.meters;
        let began = Instant::now();
        let result = self.vm.process(batch, &mut output).map_err(|fault| fault.to_string());
        meters.execution_seconds.observe(began.elapsed().as_secs_f64());
        let records = batch.len() as u64;
        if self.processor.is_replaying() {
            meters.warm_up_records.inc_by(records);
        } else {
            meters.records.inc_by(records);
            meters.read_bytes.inc_by(batch.size_bytes() as u64);
        }
        self.progress.records.fetch_add(records, Relaxed);
        self.take_logs();
        let (why, record) = match result {
            Err(why) => (why, self.vm.failed_record()),
            Ok(()) => match self.too_large(&output) {
                None => return Event::Transformed(output),
                // Whose output it is shows when the records are shown one by one.
                Some(why) => (why, (batch.len() == 1).then(|| batch.last_offset())),
            },
        };
        if self.stop.load(Relaxed) {
            return Event::Failed { output: Output::default(), why, record: None };
        }
        self.progress.failures.fetch_add(1, Relaxed);
        self.shared.meters.execution_errors.inc();
        if record.is_none() {
            self.single_upto = self.single_upto.max(batch.last_offset());
        }
        let at =
            record.map_or(String::new(), |offset| format!(" in the record at offset {offset}"));
        self.shared.meters.failures.inc();
        tracing::warn!("the module ended{at}: {why}");
        Event::Failed { output: Output::default(), why, record }
    }

    /// Returns what is wrong if a topic would refuse a record.
    fn too_large(&self, output: &Output) -> Option<String> {
        output.iter().find_map(|record| {
            let target = &self.targets[record.topic];
            let size = record.payload.bytes().len() + FRAME_BYTES;
            (size > target.max_bytes).then(|| {
                format!(
                    "a record of {size} bytes for {}, whose max.message.bytes is {}. More is taken after \
                     `rpk topic alter-config {} --set max.message.bytes=N` and a restart of the runner",
                    target.topic, target.max_bytes, target.topic
                )
            })
        })
    }

    /// Gives the outbox what is written up to the processor's cut, and moves `done` there.
    fn publish(&mut self) {
        let Some(cut) = self.processor.cut() else { return };
        let done = cut + 1;
        if done <= self.progress.done.load(Relaxed) {
            return;
        }
        let entry = self.shared.outbox.enter();
        if self.progress.life.load(Relaxed) != self.life {
            return;
        }
        while let Some(pending) =
            self.pending.pop_front_if(|p| p.skipped.is_none_or(|at| at < done))
        {
            let Target { topic, partitions, .. } = &self.targets[pending.target];
            let partition = self.progress.partition % partitions;
            let why =
                pending.skipped.map(|offset| format!("the module ends in {}/{offset}", self.name));
            let header = why.as_deref().map(|why| ("transform-error", why));
            let mut bytes = 0;
            for record in pending.records.iter() {
                bytes += record.payload.bytes().len() as u64;
                let written = entry.write(topic, partition, record.payload, header, &self.stop);
                if let Err(why) = written {
                    // The outbox will abort what is open; this lane begins again at `done`.
                    drop(entry);
                    self.pending.clear();
                    self.abort(why);
                    return;
                }
            }
            let records = pending.records.len() as u64;
            self.progress.written.fetch_add(records, Relaxed);
            self.written[pending.target].records.inc_by(records);
            self.written[pending.target].bytes.inc_by(bytes);
        }
        self.progress.done.store(done, Relaxed);
    }

    /// Tells the world the state, decides on a record that fails every time.
    fn report(&mut self) {
        if let Some(poison) = self.processor.poison().filter(|poison| poison.tries >= TRIES) {
            let written = poison.offset < self.progress.done.load(Relaxed);
            let skips = matches!(self.shared.job.on_poison, OnPoison::SkipTo(_));
            if (skips || written) && self.skip.insert(poison.offset) {
                tracing::warn!("skips the record at offset {}", poison.offset);
            }
        }
        self.report_warm_up();
        if let Ok(mut state) = self.progress.state.lock()
            && (state.0 != self.processor.state() || state.1.as_deref() != self.processor.error())
        {
            *state = (self.processor.state(), self.processor.error().map(str::to_owned));
        }
    }

    /// Tells how far a warm-up is, now and then, and its end.
    fn report_warm_up(&mut self) {
        let Some(next) = self.processor.next_offset() else { return };
        let warming = self.processor.is_replaying();
        self.progress.warming.store(warming, Relaxed);
        match &mut self.warm_up {
            Some(warm_up) if warming => warm_up.tell(next),
            Some(warm_up) => {
                let seconds = warm_up.since.elapsed().as_secs_f64();
                self.shared.meters.warm_up_seconds.observe(seconds);
                tracing::info!("warm after {seconds:.1} s");
                self.warm_up = None;
            }
            None => {}
        }
    }

    fn take_logs(&mut self) {
        for line in self.vm.take_logs() {
            (self.shared.log)(LogEvent {
                transform: self.shared.job.deployment.name.as_str().into(),
                partition: self.progress.partition,
                line,
            });
        }
    }
}

/// A warm-up that goes on.
struct WarmingUp {
    from: i64,
    to: i64,
    since: Instant,
    /// Time of the next line about it.
    next_line: Instant,
}

impl WarmingUp {
    fn new(from: i64, to: i64) -> Self {
        let since = Instant::now();
        Self { from, to, since, next_line: since + Duration::from_secs(3) }
    }

    /// Says how long it takes still, if it takes long.
    fn tell(&mut self, next: i64) {
        let now = Instant::now();
        let (read, left) = (next - self.from, self.to - next);
        if now < self.next_line || read <= 0 {
            return;
        }
        self.next_line = now + Duration::from_secs(30);
        let rate = read as f64 / self.since.elapsed().as_secs_f64();
        let seconds = left as f64 / rate;
        tracing::info!(
            "warming up: {left} of {} records are left, at {rate:.0} records/s {seconds:.0} s. A shorter \
             --warm-up costs the module memory, and no --warm-up all of it",
            self.to - self.from
        );
    }
}

/// An upper bound of what a batch of one record has beside the record's payload.
const FRAME_BYTES: usize = 61 + 31;
