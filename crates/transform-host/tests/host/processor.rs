//! The processor alone: events in, actions out; and any events, against what must always hold.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use transform_host::{
    Action, Batch, BatchBuilder, BrokerVersion, Event, Fault, Output, Processor, ProcessorOptions,
    State,
};

/// A batch of these offsets, each of which is its record's value.
fn batch(offsets: Range<i64>) -> Arc<Batch> {
    let mut builder = BatchBuilder::new(offsets.start);
    for offset in offsets {
        builder.push(0, None, Some(offset.to_string().as_bytes()), &[]);
    }
    Arc::new(builder.build())
}

/// A read of batches from one offset to the one before the other.
fn read(batches: &[(i64, i64)], next: i64) -> Event {
    let batches = batches.iter().map(|(from, to)| batch(*from..*to)).collect();
    Event::Read { batches, next }
}

/// Copies of these offsets' records to an output.
fn output(topic: usize, offsets: Range<i64>) -> Output {
    let mut output = Output::default();
    copy(&mut output, topic, offsets);
    output
}

fn copy(output: &mut Output, topic: usize, offsets: Range<i64>) {
    for record in batch(offsets).iter() {
        assert!(output.push(topic, record.payload));
    }
}

fn offsets(records: &Output) -> Vec<i64> {
    let offset =
        |value: &[u8]| std::str::from_utf8(value).expect("text").parse().expect("a number");
    records.iter().map(|record| offset(record.value().expect("a value"))).collect()
}

fn located(committed: &[i64], from: i64) -> Event {
    Event::Located { committed: committed.to_vec(), from }
}

fn written(topic: usize) -> Event {
    Event::Written { topic, result: Ok(()) }
}

fn refused(topic: usize) -> Event {
    Event::Written { topic, result: Err("refused".into()) }
}

fn failed(output: Output, record: Option<i64>) -> Event {
    Event::Failed { output, why: "trap".into(), record }
}

/// An action in a word or two.
fn text(action: Action) -> String {
    match action {
        Action::StartVm => "start vm".into(),
        Action::StopVm => "stop vm".into(),
        Action::Locate => "locate".into(),
        Action::Stopped => "stopped".into(),
        Action::Read { offset, border: None } => format!("read {offset}"),
        Action::Read { offset, border: Some(border) } => format!("read {offset} border {border}"),
        Action::Transform(batch) => {
            format!("transform {}-{}", batch.header().base_offset, batch.last_offset())
        }
        Action::Write { topic, records } => format!("write {topic}: {:?}", offsets(&records)),
        Action::Commit { topic, offset } => format!("commit {topic}: {offset}"),
    }
}

/// A processor and the time.
struct Script {
    processor: Processor,
    ms: u64,
}

impl Script {
    fn new(outputs: usize, broker: BrokerVersion) -> Self {
        let options = ProcessorOptions::new(outputs).with(|options| options.broker = broker);
        Self { processor: Processor::new(options, Duration::ZERO), ms: 0 }
    }

    /// A processor that waits for the answer to `read` after these commits.
    fn reading(outputs: usize, broker: BrokerVersion, committed: &[i64], from: i64) -> Self {
        let mut script = Self::new(outputs, broker);
        script.on(Event::Time, "start vm");
        script.on(Event::VmStarted(Ok(())), "");
        script.at(3_000, "locate");
        script.tell(located(committed, from));
        script
    }

    fn tell(&mut self, event: Event) -> String {
        let actions = self.processor.on(event, Duration::from_millis(self.ms));
        actions.map(text).collect::<Vec<_>>().join(", ")
    }

    #[track_caller]
    fn on(&mut self, event: Event, expected: &str) {
        let name = format!("{event:?}");
        assert_eq!(self.tell(event), expected, "{name}");
    }

    /// The pause that is under way ends at this time and not before.
    #[track_caller]
    fn at(&mut self, ms: u64, expected: &str) {
        assert_eq!(self.processor.due(), Some(Duration::from_millis(ms)));
        self.ms = ms - 1;
        self.on(Event::Time, "");
        self.ms = ms;
        self.on(Event::Time, expected);
    }
}

use BrokerVersion::{V24_3, V25_1, V26_1_11};

#[test]
fn a_life() {
    let mut script = Script::new(2, V26_1_11);
    assert_eq!(script.processor.state(), State::Inactive);
    script.on(Event::Time, "start vm");
    script.on(Event::VmStarted(Ok(())), "");
    // A commit interval, so that what was marked before is kept.
    script.at(3_000, "locate");
    script.on(located(&[-1, -1], 0), "read 0");
    assert_eq!(script.processor.state(), State::Running);
    // A read that found nothing waits a second for the next.
    script.on(read(&[], 0), "");
    script.at(4_000, "read 0");
    script.on(read(&[(0, 3), (3, 5)], 5), "transform 0-2");
    assert_eq!(script.processor.due(), None, "the VM is at work");
    // Reading, transforming and writing overlap. What writes nothing commits at once.
    script
        .on(Event::Transformed(output(0, 0..3)), "write 0: [0, 1, 2], commit 1: 2, transform 3-4");
    script.on(Event::Transformed(output(1, 3..5)), "write 1: [3, 4], read 5");
    assert!(!script.processor.is_idle());
    // The first output's commit covers the second batch too, which wrote nothing to it.
    script.on(written(0), "commit 0: 2, commit 0: 4");
    script.on(written(1), "commit 1: 4");
    script.on(read(&[], 5), "");
    assert!(script.processor.is_idle());
    assert_eq!((script.processor.next_offset(), script.processor.queued_bytes()), (Some(5), 0));
}

#[test]
fn what_queues_during_a_write_is_written_next() {
    let mut script = Script::reading(1, V24_3, &[-1], 0);
    script.on(read(&[(0, 1), (1, 2), (2, 4)], 4), "transform 0-0");
    script.on(Event::Transformed(output(0, 0..1)), "write 0: [0], transform 1-1");
    script.on(Event::Transformed(output(0, 1..2)), "transform 2-3");
    script.on(Event::Transformed(output(0, 2..4)), "read 4");
    assert!(script.processor.queued_bytes() > 0);
    script.on(written(0), "commit 0: 0, write 0: [1, 2, 3]");
    assert_eq!(script.processor.queued_bytes(), 0);
    script.on(written(0), "commit 0: 3");
}

#[test]
fn since_25_1_a_batch_ends_at_a_mebibyte() {
    for (broker, batches) in [(V24_3, &[6][..]), (V25_1, &[2, 2, 2]), (V26_1_11, &[2, 2, 2])] {
        let mut script = Script::reading(1, broker, &[-1], 0);
        let mut large = BatchBuilder::new(0);
        for number in 0..6 {
            let value = format!("{}{number}", "0".repeat(400_000));
            large.push(0, None, Some(value.as_bytes()), &[]);
        }
        let large = Arc::new(large.build());
        script.tell(Event::Read { batches: vec![large.clone()], next: 6 });
        let mut copied = Output::default();
        large.iter().for_each(|record| assert!(copied.push(0, record.payload)));
        let mut event = Event::Transformed(copied);
        let mut seen = Vec::new();
        for records in batches {
            let actions: Vec<_> = script.processor.on(event, Duration::from_secs(3)).collect();
            let Some(Action::Write { records: batch, .. }) = actions.first() else {
                panic!("{broker:?}: {actions:?}")
            };
            assert_eq!(batch.len(), *records, "{broker:?}");
            seen.extend(offsets(batch));
            event = written(0);
        }
        assert_eq!(seen, [0, 1, 2, 3, 4, 5], "{broker:?}");
        // The offset is committed with the last of them.
        script.on(event, "commit 0: 5");
    }
}

#[test]
fn pauses_grow_until_a_good_run() {
    let mut script = Script::new(1, V26_1_11);
    script.on(Event::Time, "start vm");
    for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        script.on(Event::VmStarted(Err(Fault::Returned)), "stop vm");
        assert_eq!(script.processor.state(), State::Errored);
        assert_eq!(script.processor.error(), Some("vm has exited"));
        let due = script.ms + pause;
        script.at(due, "start vm");
        assert_eq!(script.processor.state(), State::Inactive);
    }
    // A good run is more than ten seconds, from the start of the VM on.
    for (run, pause) in [(10_000, 30_000), (10_001, 1_000)] {
        let due = script.ms + 3_000;
        script.on(Event::VmStarted(Ok(())), "");
        script.at(due, "locate");
        script.ms += run - 3_000;
        script.on(Event::Abort("aborted".into()), "stop vm");
        // The question is not answered yet, and so nothing begins.
        assert_eq!(script.processor.due(), None);
        let due = script.ms + pause;
        script.on(located(&[-1], 0), "");
        script.at(due, "start vm");
    }
}

#[test]
fn a_pause_begins_when_the_writes_have_ended() {
    let mut script = Script::reading(2, V26_1_11, &[-1, -1], 0);
    script.on(read(&[(0, 1), (1, 2)], 2), "transform 0-0");
    let mut both = output(0, 0..1);
    copy(&mut both, 1, 0..1);
    script.on(Event::Transformed(both), "write 0: [0], write 1: [0], transform 1-1");
    script.on(refused(0), "stop vm");
    script.ms = 9_000;
    script.on(Event::Time, "");
    // The other output's write ends, and counts.
    script.on(written(1), "commit 1: 0");
    // What the VM makes of the next batch is a former life's.
    script.on(Event::Transformed(output(0, 1..2)), "");
    script.at(10_000, "start vm");
    script.on(Event::VmStarted(Ok(())), "");
    script.at(13_000, "locate");
    // The second output gets nothing twice.
    script.on(located(&[-1, 0], 0), "read 0 border 0");
    script.on(read(&[(0, 1), (1, 2)], 2), "transform 0-0");
    let mut both = output(0, 0..1);
    copy(&mut both, 1, 0..1);
    script.on(Event::Transformed(both), "write 0: [0], transform 1-1");
    script.on(Event::Transformed(output(1, 1..2)), "write 1: [1], read 2");
}

#[test]
fn a_refused_write_among_several_outputs() {
    for broker in [V24_3, V25_1, V26_1_11] {
        let mut script = Script::reading(2, broker, &[-1, -1], 0);
        script.on(read(&[(0, 1), (1, 2)], 2), "transform 0-0");
        let after = "write 1: [0], commit 0: 0, transform 1-1";
        let sorted = |text: &str| {
            let mut parts: Vec<_> = text.split(", ").map(str::to_owned).collect();
            parts.sort();
            parts
        };
        let actions = script.tell(Event::Transformed(output(1, 0..1)));
        assert_eq!(sorted(&actions), sorted(after));
        let actions = script.tell(refused(1));
        if broker == V26_1_11 {
            assert_eq!((actions.as_str(), script.processor.state()), ("stop vm", State::Errored));
            continue;
        }
        // It stands still, and the others go on as if nothing were.
        assert_eq!((actions.as_str(), script.processor.state()), ("", State::Running));
        assert_eq!(script.processor.error(), Some("refused"));
        script.on(Event::Transformed(Output::default()), "commit 0: 1, read 2");
        assert!(!script.processor.is_idle(), "a record is not written");
        script.on(read(&[(2, 3)], 3), "transform 2-2");
        script.on(Event::Transformed(output(1, 2..3)), "commit 0: 2, read 3");
        assert!(script.processor.queued_bytes() > 0);
        assert_eq!(script.processor.cut(), None);
        // Stopped, it does not wait for that output.
        script.on(Event::Drain, "stop vm");
        script.on(read(&[], 3), "stopped");
    }
}

#[test]
fn an_output_that_stands_still_goes_on_in_the_next_life() {
    let mut script = Script::reading(2, V25_1, &[-1, -1], 0);
    script.on(read(&[(0, 1)], 1), "transform 0-0");
    script.on(Event::Transformed(output(1, 0..1)), "commit 0: 0, write 1: [0], read 1");
    script.on(refused(1), "");
    script.on(Event::Abort("any error".into()), "stop vm");
    script.on(read(&[], 1), "");
    script.at(4_000, "start vm");
    script.on(Event::VmStarted(Ok(())), "");
    script.at(7_000, "locate");
    script.on(located(&[0, -1], 0), "read 0 border 0");
    script.on(read(&[(0, 1)], 1), "transform 0-0");
    script.on(Event::Transformed(output(1, 0..1)), "write 1: [0], read 1");
    script.on(written(1), "commit 1: 0");
}

#[test]
fn a_record_in_which_the_module_ends() {
    let mut script = Script::reading(1, V26_1_11, &[3], 4);
    for tries in 1..=2 {
        let start = script.ms;
        script.on(read(&[(4, 8)], 8), "transform 4-7");
        // What was written before the fault is written, and not committed.
        script.on(failed(output(0, 4..6), Some(6)), "write 0: [4, 5], stop vm");
        let poison = script.processor.poison().expect("a record");
        assert_eq!((poison.offset, poison.tries), (6, tries));
        script.on(written(0), "");
        script.at(start + 1_000 * u64::from(tries), "start vm");
        script.on(Event::VmStarted(Ok(())), "");
        script.at(script.ms + 3_000, "locate");
        script.on(located(&[3], 4), "read 4");
    }
    // A driver leaves it out: here between two batches, and it counts as done.
    script.on(read(&[(4, 6), (7, 8)], 8), "transform 4-5");
    script.on(Event::Transformed(output(0, 4..6)), "write 0: [4, 5], transform 7-7");
    assert!(script.processor.poison().is_some());
    script.on(Event::Transformed(output(0, 7..8)), "read 8");
    assert_eq!(script.processor.poison(), None);
    script.on(written(0), "commit 0: 5, write 0: [7]");
    script.on(written(0), "commit 0: 7");
    // At the end of the log, too.
    script.on(read(&[(8, 9)], 12), "transform 8-8");
    script.on(Event::Transformed(Output::default()), "commit 0: 11, read 12");
    script.on(read(&[], 13), "commit 0: 12, read 13");
}

#[test]
fn a_driver_that_writes_wholly_or_not_at_all_drops_what_a_failed_batch_wrote() {
    let mut script = Script::reading(1, V26_1_11, &[-1], 0);
    script.on(read(&[(0, 2), (2, 4)], 4), "transform 0-1");
    script.on(Event::Transformed(output(0, 0..2)), "write 0: [0, 1], transform 2-3");
    script.on(written(0), "commit 0: 1");
    script.on(failed(Output::default(), Some(3)), "stop vm");
}

#[test]
fn outputs_and_offset_in_one_transaction() {
    let mut script = Script::reading(2, V26_1_11, &[-1, -1], 0);
    assert_eq!(script.processor.cut(), Some(-1));
    script.on(read(&[(0, 2), (2, 4)], 4), "transform 0-1");
    let mut both = output(0, 0..2);
    copy(&mut both, 1, 0..1);
    script.on(Event::Transformed(both), "write 0: [0, 1], write 1: [0], transform 2-3");
    assert_eq!(script.processor.cut(), None);
    script.on(written(0), "commit 0: 1");
    assert_eq!(script.processor.cut(), None, "the other output has not all");
    script.on(written(1), "commit 1: 1");
    assert_eq!(script.processor.cut(), Some(1));
    script.on(Event::Abort("fenced".into()), "stop vm");
    assert_eq!((script.processor.cut(), script.processor.error()), (None, Some("fenced")));
    // Interrupted, or done by then.
    script.on(failed(Output::default(), None), "");
    assert_eq!(script.processor.poison(), None);
}

#[test]
fn a_warm_up_writes_nothing_that_is_committed() {
    let mut script = Script::reading(1, V26_1_11, &[5], 0);
    assert_eq!((script.processor.is_replaying(), script.processor.cut()), (true, None));
    script.on(read(&[(0, 4), (4, 6)], 6), "transform 0-3");
    script.on(Event::Transformed(output(0, 0..4)), "transform 4-5");
    assert!(script.processor.is_replaying());
    script.on(Event::Transformed(output(0, 4..6)), "read 6");
    assert_eq!((script.processor.is_replaying(), script.processor.cut()), (false, Some(5)));
    script.on(read(&[(6, 7)], 7), "transform 6-6");
    script.on(Event::Transformed(output(0, 6..7)), "write 0: [6], read 7");
    // A batch on both sides of what is committed is written whole: twice is better than never.
    let mut script = Script::reading(1, V26_1_11, &[5], 0);
    script.on(read(&[(0, 8)], 8), "transform 0-7");
    script.on(Event::Transformed(output(0, 4..8)), "write 0: [4, 5, 6, 7], read 8");
    // No start is later than what is committed.
    let mut script = Script::new(1, V26_1_11);
    script.on(Event::Time, "start vm");
    script.on(Event::VmStarted(Ok(())), "");
    script.at(3_000, "locate");
    script.on(located(&[5], 9), "read 6");
}

#[test]
fn leaving() {
    let busy = || {
        let mut script = Script::reading(1, V26_1_11, &[-1], 0);
        script.on(read(&[(0, 1), (1, 2), (2, 3)], 3), "transform 0-0");
        script.on(Event::Transformed(output(0, 0..1)), "write 0: [0], transform 1-1");
        script
    };
    // At once: a write under way ends, what is in the VM is dropped.
    let mut script = busy();
    script.on(Event::Stop, "stop vm");
    script.on(Event::Stop, "");
    script.on(Event::Transformed(output(0, 1..2)), "");
    script.on(written(0), "commit 0: 0, stopped");
    script.on(Event::Time, "");
    assert_eq!(script.processor.due(), None);
    // In peace: the VM is waited for, but gets nothing new.
    let mut script = busy();
    script.on(Event::Drain, "");
    script.on(Event::Transformed(output(0, 1..2)), "");
    assert_eq!(script.processor.due(), None);
    script.on(written(0), "commit 0: 0, write 0: [1]");
    script.on(written(0), "commit 0: 1, stop vm, stopped");
    assert_eq!(script.processor.cut(), Some(1), "to be committed before it goes");
    // An error on the way ends the peace.
    let mut script = busy();
    script.on(Event::Drain, "");
    script.on(failed(Output::default(), Some(1)), "stop vm");
    script.on(written(0), "commit 0: 0, stopped");
    assert_eq!(script.processor.cut(), None);
    // A read that waits for records is answered, with none.
    let mut script = Script::reading(1, V26_1_11, &[-1], 0);
    script.on(Event::Drain, "stop vm");
    script.on(read(&[], 0), "stopped");
    // During a pause there is nothing to wait for.
    let mut script = Script::new(1, V26_1_11);
    script.on(Event::Drain, "stopped");
}

#[test]
fn a_vm_that_never_starts_is_waited_for() {
    let mut script = Script::new(1, V26_1_11);
    script.on(Event::Time, "start vm");
    script.on(Event::VmStarted(Err(Fault::BatchInStartSection)), "");
    script.ms = 1_000_000;
    script.on(Event::Time, "");
    assert_eq!((script.processor.state(), script.processor.due()), (State::Inactive, None));
    assert!(script.processor.error().is_some_and(|why| why.contains("start section")));
    script.on(Event::Stop, "stop vm, stopped");
}

/// Whether the random world's log has a record of this offset.
fn exists(offset: i64) -> bool {
    offset % 11 != 10
}

/// Whether the random world's module writes a record to an output.
fn goes_to(offset: i64, topic: usize) -> bool {
    exists(offset) && (offset * 7 + topic as i64 * 3) % 5 < 3
}

/// Writes by output: what readers of committed records see, and what a commit would add.
#[derive(Default)]
struct Transaction {
    committed: Vec<Vec<i64>>,
    open: Vec<Vec<i64>>,
    /// Set from the end of a life to the start of the next.
    void: bool,
}

/// A driver without haste, order or mercy, which sees that the processor keeps its promises.
struct World {
    processor: Processor,
    outputs: usize,
    broker: BrokerVersion,
    now: Duration,
    /// Length of the input.
    end: i64,
    /// Questions without an answer so far.
    asked: Vec<Action>,
    /// Last committed offsets as the cluster has them, and as it has them after its death.
    committed: Vec<i64>,
    kept: Vec<i64>,
    /// For each output in this life: the next offset to write.
    next: Vec<i64>,
    stopped: bool,
    transaction: Option<Transaction>,
}

impl World {
    fn new(outputs: usize, broker: BrokerVersion, transactions: bool) -> Self {
        let none = vec![Vec::new(); outputs];
        let transaction = Transaction { committed: none.clone(), open: none, void: false };
        Self {
            transaction: transactions.then_some(transaction),
            processor: Self::processor(outputs, broker, Duration::ZERO),
            outputs,
            broker,
            now: Duration::ZERO,
            end: 0,
            asked: Vec::new(),
            committed: vec![-1; outputs],
            kept: vec![-1; outputs],
            next: vec![0; outputs],
            stopped: false,
        }
    }

    fn processor(outputs: usize, broker: BrokerVersion, now: Duration) -> Processor {
        let options = ProcessorOptions::new(outputs).with(|options| options.broker = broker);
        Processor::new(options, now)
    }

    /// The next offset from `from` on that an output is to get.
    fn following(from: i64, topic: usize) -> i64 {
        (from..).find(|offset| goes_to(*offset, topic)).expect("one in five")
    }

    fn tell(&mut self, event: Event) {
        let actions: Vec<_> = self.processor.on(event, self.now).collect();
        for action in actions {
            self.act(action);
        }
        assert!(self.processor.due().is_none_or(|due| due > self.now), "nothing is left undone");
    }

    fn act(&mut self, action: Action) {
        let asks_alike = |asked: &Action| match (asked, &action) {
            (Action::Write { topic: a, .. }, Action::Write { topic: b, .. }) => a == b,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        assert!(!self.asked.iter().any(asks_alike), "one question at a time");
        match action {
            Action::Commit { topic, offset } => {
                // Everything before it is written.
                assert!(self.next[topic] > offset, "{offset} before {}", self.next[topic]);
                assert!(offset > self.committed[topic] && offset < self.end);
                if self.transaction.is_none() {
                    self.committed[topic] = offset;
                }
            }
            Action::StopVm => {
                self.commit();
                self.abort();
            }
            Action::Stopped => {
                assert!(self.asked.is_empty(), "all is answered: {:?}", self.asked);
                self.stopped = true;
            }
            Action::StartVm => {
                assert!(self.asked.is_empty(), "all is answered: {:?}", self.asked);
                self.asked.push(action);
                self.transaction.iter_mut().for_each(|transaction| transaction.void = false);
            }
            Action::Write { topic, ref records } => {
                assert!(!records.is_empty());
                assert!(records.iter().all(|record| record.topic == topic));
                self.asked.push(action);
            }
            _ => self.asked.push(action),
        }
    }

    /// Ends the transaction well, if there is one and a cut.
    fn commit(&mut self) {
        let (Some(transaction), Some(cut)) = (&mut self.transaction, self.processor.cut()) else {
            return;
        };
        for (committed, open) in transaction.committed.iter_mut().zip(&mut transaction.open) {
            committed.append(open);
        }
        self.committed.fill(cut);
    }

    /// Ends the transaction, and what is written before the next life is void.
    fn abort(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.open.iter_mut().for_each(Vec::clear);
            transaction.void = true;
        }
    }

    /// Answers one question, well or not.
    fn answer(&mut self, choice: u32, well: bool) {
        if self.asked.is_empty() {
            return;
        }
        let action = self.asked.swap_remove(choice as usize % self.asked.len());
        let detail = i64::from(choice >> 8);
        let event = match action {
            Action::StartVm => Event::VmStarted(if well { Ok(()) } else { Err(Fault::Returned) }),
            Action::Locate => {
                let slowest = *self.committed.iter().min().expect("an output");
                self.next =
                    (0..self.outputs).map(|o| Self::following(self.committed[o] + 1, o)).collect();
                // Sometimes a warm-up.
                let from = (slowest + 1 - (detail % 3) * (detail % 7)).max(0);
                located(&self.committed, from)
            }
            Action::Read { offset, border } => {
                let mut batches = Vec::new();
                let mut next = offset;
                for at in 0..detail % 4 {
                    let most = border.map_or(self.end, |border| self.end.min(border + 1));
                    let end = (next + 1 + (detail >> at) % 4).min(most);
                    let end = (next..end).find(|offset| !exists(*offset)).unwrap_or(end);
                    if end > next {
                        batches.push(batch(next..end));
                    }
                    next = end.max(next);
                    next += i64::from(next < most && !exists(next));
                }
                Event::Read { batches, next }
            }
            Action::Transform(batch) => {
                let len = match (well, &self.transaction) {
                    (true, _) => batch.len(),
                    (false, None) => detail as usize % (batch.len() + 1),
                    (false, Some(_)) => 0,
                };
                let base = batch.header().base_offset;
                let mut written = Output::default();
                for offset in base..base + len as i64 {
                    for topic in (0..self.outputs).filter(|topic| goes_to(offset, *topic)) {
                        copy(&mut written, topic, offset..offset + 1);
                    }
                }
                let record = (detail % 2 == 0).then_some(base + len as i64);
                if well { Event::Transformed(written) } else { failed(written, record) }
            }
            Action::Write { topic, .. }
                if !well || self.transaction.as_ref().is_some_and(|open| open.void) =>
            {
                refused(topic)
            }
            Action::Write { topic, records } => {
                for offset in offsets(&records) {
                    // In order, nothing left out, and nothing twice in a life.
                    assert_eq!(offset, self.next[topic], "output {topic}");
                    self.next[topic] = Self::following(offset + 1, topic);
                    if let Some(transaction) = &mut self.transaction {
                        transaction.open[topic].push(offset);
                    }
                }
                written(topic)
            }
            other => unreachable!("{other:?} has no answer"),
        };
        self.tell(event);
    }

    /// Lets the next pause end, or any other time pass.
    fn sleep(&mut self) {
        let any = self.now + Duration::from_millis(700);
        self.now = self.processor.due().unwrap_or(any);
        self.tell(Event::Time);
    }

    fn again(&mut self) {
        self.processor = Self::processor(self.outputs, self.broker, self.now);
        self.asked.clear();
        self.stopped = false;
        self.tell(Event::Time);
    }

    fn step(&mut self, choice: u32) {
        let detail = choice >> 8;
        match choice % 64 {
            0..=44 => self.answer(detail, true),
            45..=47 => self.answer(detail, false),
            48..=53 => self.sleep(),
            54..=57 => self.end += i64::from(detail % 5),
            58 | 59 => {
                self.commit();
                self.kept.clone_from(&self.committed);
            }
            60 => {
                self.abort();
                self.tell(Event::Abort("aborted".into()));
            }
            // Death: what was only marked is lost.
            61 => {
                if self.transaction.is_none() {
                    self.committed.clone_from(&self.kept);
                }
                self.abort();
                self.again();
            }
            62 => self.tell(Event::Drain),
            _ => self.tell(Event::Stop),
        }
        if self.stopped {
            self.again();
        }
    }

    /// From now on all goes well.
    fn come_to_rest(&mut self, in_peace: bool) {
        self.tell(if in_peace { Event::Drain } else { Event::Stop });
        let mut turns = 0;
        while !self.stopped {
            self.answer(0, true);
            turns += 1;
            assert!(turns < 1_000, "it never stops");
        }
        self.again();
        let choices = [0x3ff03, 0x7fe02, 0x55501];
        let done = |world: &Self| world.processor.cut() == Some(world.end - 1);
        while !done(self) {
            if self.asked.is_empty() {
                self.sleep()
            } else {
                self.answer(choices[turns % 3], true)
            }
            turns += 1;
            assert!(turns < 10_000, "it never comes to rest");
        }
        self.commit();
        for topic in 0..self.outputs {
            if let Some(transaction) = &self.transaction {
                let once = (0..self.end).filter(|offset| goes_to(*offset, topic));
                assert_eq!(transaction.committed[topic], once.collect::<Vec<_>>());
            }
            assert_eq!(self.committed[topic], self.end - 1);
            assert_eq!(self.next[topic], Self::following(self.end, topic), "all is written");
        }
        assert_eq!(self.processor.queued_bytes(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever happens in whatever order: each output is written in order, no commit passes a record
    /// that is not written, nothing is written twice in a life, and nothing is left out at the end. With
    /// transactions, readers of committed records see each exactly once.
    #[test]
    fn any_events(
        outputs in 1..4_usize,
        broker in prop::sample::select(vec![V24_3, V25_1, V26_1_11]),
        choices in prop::collection::vec(any::<u32>(), 0..400),
        transactions in any::<bool>(),
        in_peace in any::<bool>(),
    ) {
        let mut world = World::new(outputs, broker, transactions);
        world.end = 5;
        world.tell(Event::Time);
        choices.into_iter().for_each(|choice| world.step(choice));
        world.come_to_rest(in_peace);
    }
}
