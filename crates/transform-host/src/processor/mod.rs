//! The life of one input partition, without I/O and without a clock.
//!
//! **Idea.** Events and the time go in, actions come out; a driver carries them out and reports back.
//! The broker's rules are all here (what is read when, what is written as one batch, what is
//! committed, what is written again after an error, how long an error pauses), and none of the means.
//! `shard` is one driver, on simulated time; one with a Kafka client would be another.
//!
//! **Invariants.** Each action that asks has one answer, and no two of a kind (for writes: of an
//! output) are unanswered at a time. A life ends with `Failed` or `Leaving`, and the next begins when
//! all is answered: so an answer that comes in another phase is a former life's, and is dropped.
//! An output's writer takes everything that is queued, in order, with the offset up to which that is
//! everything; so no commit passes a record that is not written. Nothing grows with the log.
//!
//! **Example.** A read gives batches of offsets 0–3 and 4–5. `Transform` shows the VM the first; while
//! its output is written, the second is transformed. When the write has ended, `Commit` 3 comes out,
//! then the second's write.
//!
//! **To check a change.** `tests/host/processor.rs` has the rules as tables, and random events against
//! the invariants.

pub(crate) mod event;
pub(crate) mod options;
mod sink;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;
use crate::record::batch::Batch;
use crate::record::output::Output;

use event::{Action, Event};
use options::{BrokerVersion, ProcessorOptions};
use sink::{Next, Sink};

/// The state that `rpk transform list` shows for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Starting, or the transform is paused.
    Inactive,
    /// Reading and writing.
    Running,
    /// Waiting to be started again after an error.
    Errored,
    /// No processor: the module cannot be loaded, or the partition is elsewhere.
    Unknown,
}

/// A record in which the module ends. If every try does, the partition stands still, as the broker
/// never skips a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Poison {
    /// The record's offset.
    pub offset: i64,
    /// Tries so far.
    pub tries: u32,
}

/// The phase of a processor's life, with what it waits for.
#[derive(Debug)]
enum Phase {
    /// Waits to be started, for the first time or again.
    Waiting { until: Duration },
    /// Waits for the VM.
    Starting,
    /// Waits for earlier commits to be kept.
    Settling { until: Duration },
    /// Waits for the committed offsets.
    Locating,
    /// Reads again once the last read is processed, or a pause after a read that found nothing.
    Running { next: i64, poll_at: Duration, pending: VecDeque<Arc<Batch>> },
    /// Waits for a VM that never starts.
    Hanging,
    /// Waits for the writes under way, after an error.
    Failed,
    /// Waits for every answer, because the partition goes elsewhere.
    Leaving,
    /// Is done.
    Gone,
}

/// A batch in the VM.
#[derive(Debug, Clone, Copy)]
struct InVm {
    last_offset: i64,
    /// Offset up to which everything is done with it.
    upto: i64,
}

/// The life of one input partition, from its batches to committed outputs: a state machine that is
/// told what happens, and tells what to do.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use transform_host::{Action, BatchBuilder, Event, Processor, ProcessorOptions};
///
/// let now = Duration::ZERO;
/// let options = ProcessorOptions::new(1).with(|options| options.start_pause = Duration::ZERO);
/// let mut processor = Processor::new(options, now);
/// let mut on = |event| processor.on(event, now).collect::<Vec<Action>>();
///
/// assert_eq!(on(Event::Time), [Action::StartVm]);
/// assert_eq!(on(Event::VmStarted(Ok(()))), [Action::Locate]);
/// let located = Event::Located { committed: vec![6], from: 7 };
/// assert_eq!(on(located), [Action::Read { offset: 7, border: None }]);
///
/// let batch = Arc::new(BatchBuilder::new(7).push(0, None, Some(b"hello"), &[]).build());
/// let read = Event::Read { batches: vec![batch.clone()], next: 8 };
/// assert_eq!(on(read), [Action::Transform(batch)]);
/// ```
///
/// A driver carries out each action and answers it with the event that its documentation names, now
/// or later; for each kind of question, and for each output, one at most is unanswered. It may let
/// any action wait: while [`Processor::queued_bytes`] are too many, [`Action::Transform`] waits, and
/// so memory is bounded. When [`Processor::due`] comes, it says [`Event::Time`]. A driver whose
/// outputs and offsets are committed together, in a transaction, commits when there is a
/// [`Processor::cut`], and says [`Event::Abort`] if that fails.
#[derive(Debug)]
pub struct Processor {
    options: ProcessorOptions,
    phase: Phase,
    state: State,
    error: Option<String>,
    poison: Option<Poison>,
    sinks: Vec<Sink>,
    /// Offset up to which everything is queued.
    queued: i64,
    /// Set from the first read of a life to its first error.
    well: bool,
    /// Set while `Action::Transform` is unanswered.
    in_vm: Option<InVm>,
    /// Set while `Action::StartVm`, `Locate` or `Read` is unanswered.
    asked: bool,
    holds_vm: bool,
    drains: bool,
    /// The last pause after an error.
    backoff: Duration,
    started_at: Duration,
    actions: VecDeque<Action>,
}

/// Shortest and longest pause after an error.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A processor that ran longer than this begins again with the shortest pause.
const GOOD_RUN: Duration = Duration::from_secs(10);

impl Processor {
    /// Makes a processor that starts at its first event. Times are since a moment of the driver's
    /// choice.
    pub fn new(options: ProcessorOptions, now: Duration) -> Self {
        Self {
            phase: Phase::Waiting { until: now },
            state: State::Inactive,
            error: None,
            poison: None,
            sinks: (0..options.outputs).map(|_| Sink::default()).collect(),
            queued: -1,
            well: false,
            in_vm: None,
            asked: false,
            holds_vm: false,
            drains: false,
            backoff: Duration::ZERO,
            started_at: now,
            actions: VecDeque::new(),
            options,
        }
    }

    /// Takes an event, and returns what there is to do. What is not taken from the iterator comes with
    /// the next event.
    ///
    /// # Panics
    /// If the event names an output that there is not.
    pub fn on(&mut self, event: Event, now: Duration) -> impl Iterator<Item = Action> {
        match event {
            Event::Time => {}
            Event::VmStarted(result) => self.vm_started(result, now),
            Event::Located { committed, from } => self.located(&committed, from, now),
            Event::Read { batches, next } => self.read(batches, next, now),
            Event::Transformed(output) => self.transformed(output),
            Event::Failed { output, why, record } => self.failed(output, why, record, now),
            Event::Written { topic, result } => self.written(topic, result, now),
            Event::Abort(why) => self.fail(why, now),
            Event::Drain if matches!(self.phase, Phase::Running { .. }) => self.drains = true,
            Event::Drain | Event::Stop => self.leave(),
        }
        while self.step(now) {}
        std::iter::from_fn(|| self.actions.pop_front())
    }

    /// Returns when [`Event::Time`] is due, if it is not another event that the processor waits for.
    pub fn due(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Waiting { until } if !self.waits_for_answers() => Some(*until),
            Phase::Settling { until } => Some(*until),
            Phase::Running { poll_at, pending, .. } => {
                let reads = pending.is_empty() && self.in_vm.is_none();
                (reads && !self.asked && !self.drains).then_some(*poll_at)
            }
            _ => None,
        }
    }

    /// Returns the state, as `rpk transform list` would show it.
    pub fn state(&self) -> State {
        self.state
    }

    /// Returns the last error.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Returns the record in which the module ended last, until it has passed it. To skip it, a driver
    /// leaves it out of [`Event::Read`].
    pub fn poison(&self) -> Option<Poison> {
        self.poison
    }

    /// Returns the bytes of records that wait for a write to begin.
    pub fn queued_bytes(&self) -> usize {
        self.sinks.iter().map(|sink| sink.queued_bytes).sum()
    }

    /// Returns the offset that is read next, if the processor is running.
    pub fn next_offset(&self) -> Option<i64> {
        match self.phase {
            Phase::Running { next, .. } => Some(next),
            _ => None,
        }
    }

    /// Returns whether everything that was read is written.
    pub fn is_idle(&self) -> bool {
        match &self.phase {
            Phase::Running { pending, .. } => {
                pending.is_empty() && self.in_vm.is_none() && self.sinks.iter().all(Sink::is_idle)
            }
            _ => false,
        }
    }

    /// Returns whether the module sees records that every output has committed, for its memory's sake.
    pub fn is_replaying(&self) -> bool {
        let running = matches!(self.phase, Phase::Running { .. });
        running && self.sinks.iter().all(|sink| sink.last_committed > self.queued)
    }

    /// Returns the input offset up to which everything is written, if nothing beyond it is: at such a
    /// cut, outputs and offset can be committed as one. After an error there is none.
    pub fn cut(&self) -> Option<i64> {
        let level = self.sinks.iter().all(|sink| sink.last_committed == self.queued);
        (self.well && level).then_some(self.queued)
    }

    /// Does one thing that is due; returns `false` if nothing is.
    fn step(&mut self, now: Duration) -> bool {
        if matches!(self.phase, Phase::Running { .. }) {
            self.begin_writes();
        }
        let waits = self.waits_for_answers();
        match &self.phase {
            Phase::Waiting { until } if *until <= now && !waits => self.start(now),
            Phase::Settling { until } if *until <= now => self.ask(Action::Locate, Phase::Locating),
            Phase::Failed if !self.writes() => {
                self.phase = Phase::Waiting { until: now + self.backoff };
            }
            Phase::Leaving if !waits => {
                self.phase = Phase::Gone;
                self.actions.push_back(Action::Stopped);
            }
            Phase::Running { .. } if self.in_vm.is_none() => return self.run(now),
            _ => return false,
        }
        true
    }

    /// Shows the VM the next batch, or reads on.
    fn run(&mut self, now: Duration) -> bool {
        let Phase::Running { next, poll_at, pending } = &mut self.phase else { return false };
        if self.drains {
            let drained = self.sinks.iter().all(|sink| sink.failed || sink.is_idle());
            if drained {
                self.leave();
            }
            return drained;
        }
        if let Some(batch) = pending.pop_front() {
            let last_offset = batch.last_offset();
            let upto = if pending.is_empty() { *next - 1 } else { last_offset };
            self.in_vm = Some(InVm { last_offset, upto });
            self.actions.push_back(Action::Transform(batch));
            return true;
        }
        if self.asked || *poll_at > now {
            return false;
        }
        let ahead = self.sinks.iter().map(|sink| sink.last_committed);
        let border = ahead.filter(|committed| committed >= next).min();
        self.asked = true;
        self.actions.push_back(Action::Read { offset: *next, border });
        true
    }

    fn start(&mut self, now: Duration) {
        self.started_at = now;
        self.state = State::Inactive;
        self.holds_vm = true;
        self.ask(Action::StartVm, Phase::Starting);
    }

    fn ask(&mut self, question: Action, phase: Phase) {
        self.asked = true;
        self.phase = phase;
        self.actions.push_back(question);
    }

    fn vm_started(&mut self, result: Result<(), Fault>, now: Duration) {
        self.asked = false;
        if !matches!(self.phase, Phase::Starting) {
            return;
        }
        match result {
            Ok(()) => self.phase = Phase::Settling { until: now + self.options.start_pause },
            Err(fault @ Fault::BatchInStartSection) => {
                self.phase = Phase::Hanging;
                self.error = Some(fault.to_string());
            }
            Err(fault) => self.fail(fault.to_string(), now),
        }
    }

    /// Begins to read, at the latest after the offset that the slowest output has committed.
    fn located(&mut self, committed: &[i64], from: i64, now: Duration) {
        self.asked = false;
        if !matches!(self.phase, Phase::Locating) {
            return;
        }
        let slowest = committed.iter().min().map_or(from, |slowest| from.min(slowest + 1));
        for (sink, committed) in self.sinks.iter_mut().zip(committed) {
            sink.last_committed = *committed;
        }
        self.queued = slowest - 1;
        self.well = true;
        self.state = State::Running;
        self.phase = Phase::Running { next: slowest, poll_at: now, pending: VecDeque::new() };
    }

    fn read(&mut self, batches: Vec<Arc<Batch>>, upto: i64, now: Duration) {
        self.asked = false;
        let Phase::Running { next, poll_at, pending } = &mut self.phase else { return };
        let (none, left_out) = (batches.is_empty(), upto > *next);
        *next = upto;
        pending.extend(batches);
        if none && left_out {
            self.queued_upto(upto - 1);
        } else if none {
            *poll_at = now + self.options.poll_pause;
        }
    }

    fn transformed(&mut self, output: Output) {
        let Some(batch) = self.in_vm.take() else { return };
        if matches!(self.phase, Phase::Running { .. }) {
            self.queue(output, batch);
            self.queued_upto(batch.upto);
        }
    }

    fn failed(&mut self, output: Output, why: String, record: Option<i64>, now: Duration) {
        let Some(batch) = self.in_vm.take() else { return };
        if !matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        if let Some(offset) = record {
            let before = self.poison.filter(|poison| poison.offset == offset);
            let tries = before.map_or(0, |poison| poison.tries) + 1;
            self.poison = Some(Poison { offset, tries });
        }
        // An idle writer takes what was written before the fault; the rest goes with the queue.
        self.queue(output, batch);
        self.begin_writes();
        self.fail(why, now);
    }

    fn written(&mut self, topic: usize, result: Result<(), String>, now: Duration) {
        let why = match result {
            Ok(()) => {
                let next = self.sinks[topic].go_on();
                return self.hand_out(topic, next);
            }
            Err(why) => why,
        };
        self.sinks[topic].writing = None;
        // Before 26.1.11 a processor failed only once all of its writers had: with several, the others
        // kept it running while this output stopped for good.
        let alone = self.sinks.len() == 1 || self.options.broker >= BrokerVersion::V26_1_11;
        if alone || !matches!(self.phase, Phase::Running { .. }) {
            self.fail(why, now);
        } else {
            self.sinks[topic].failed = true;
            self.error = Some(why);
        }
    }

    /// Queues the records that the VM has written for a batch.
    fn queue(&mut self, output: Output, batch: InVm) {
        let output = Arc::new(output);
        for (topic, sink) in self.sinks.iter_mut().enumerate() {
            sink.push(topic, &output, batch.last_offset);
        }
    }

    fn queued_upto(&mut self, offset: i64) {
        self.queued = offset;
        self.poison.take_if(|poison| poison.offset <= offset);
    }

    /// Lets idle writers take what is queued.
    fn begin_writes(&mut self) {
        for topic in 0..self.sinks.len() {
            let next = self.sinks[topic].begin(topic, self.queued, self.options.broker);
            self.hand_out(topic, next);
        }
    }

    fn hand_out(&mut self, topic: usize, next: Option<Next>) {
        self.actions.extend(next.map(|next| match next {
            Next::Write(records) => Action::Write { topic, records },
            Next::Commit(offset) => Action::Commit { topic, offset },
        }));
    }

    /// Ends this life. The next begins 1, 2, 4, 8, 16, then 30 seconds after the writes under way.
    fn fail(&mut self, why: String, now: Duration) {
        match self.phase {
            Phase::Starting | Phase::Settling { .. } | Phase::Locating | Phase::Running { .. } => {}
            _ => return,
        }
        if now > self.started_at + GOOD_RUN {
            self.backoff = Duration::ZERO;
        }
        self.backoff = (self.backoff * 2).clamp(BACKOFF.0, BACKOFF.1);
        self.well = false;
        self.state = State::Errored;
        self.error = Some(why);
        self.end(if self.drains { Phase::Leaving } else { Phase::Failed });
    }

    fn leave(&mut self) {
        if !matches!(self.phase, Phase::Leaving | Phase::Gone) {
            self.state = State::Inactive;
            self.end(Phase::Leaving);
        }
    }

    /// Drops what is queued, and the VM.
    fn end(&mut self, phase: Phase) {
        self.phase = phase;
        self.sinks.iter_mut().for_each(Sink::stop);
        if std::mem::take(&mut self.holds_vm) {
            self.actions.push_back(Action::StopVm);
        }
    }

    fn writes(&self) -> bool {
        self.sinks.iter().any(|sink| sink.writing.is_some())
    }

    fn waits_for_answers(&self) -> bool {
        self.asked || self.in_vm.is_some() || self.writes()
    }
}
