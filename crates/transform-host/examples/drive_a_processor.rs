//! Drives a processor: an input in memory, a VM on a thread of its own, outputs that are printed, and
//! a policy for records in which the module always ends.
//!
//! `cargo run --target host-tuple --example drive_a_processor`

mod support;

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use transform_host::{
    Action, Batch, BatchBuilder, Deployment, Engine, Event, Limits, Output, Processor,
    ProcessorOptions, Vm,
};

const INPUT: [&str; 5] = ["a", "b", "!", "c", "d"];

/// A call of the VM, on its thread.
enum Job {
    Start,
    Transform(Arc<Batch>),
    Stop,
}

fn main() -> Result<(), Box<dyn Error>> {
    // It panics on "!".
    let wasm = support::transform(
        "(if (i32.eq (i32.load8_u (i32.const 1026)) (i32.const 33)) (then unreachable))
         (drop (call $write (i32.const 1024) (local.get $len)))",
    );
    let deployment = Deployment::new("copy", "in", ["out"]);
    let vm = Vm::new(&Engine::new(&Limits::stock())?.compile(&wasm)?, &deployment);
    let interrupter = vm.interrupter();
    let (jobs, work) = channel();
    let (answers, inbox) = channel();
    std::thread::spawn(move || run(vm, work, answers));

    let options = ProcessorOptions::new(1).with(|options| options.start_pause = Duration::ZERO);
    let clock = Instant::now();
    let mut processor = Processor::new(options, clock.elapsed());
    let (mut committed, mut skipped, mut stopped) = (-1, None, false);
    let mut events = VecDeque::from([Event::Time]);
    while !stopped {
        while let Some(event) = events.pop_front() {
            for action in processor.on(event, clock.elapsed()) {
                match action {
                    Action::StartVm => jobs.send(Job::Start)?,
                    Action::Locate => events.push_back(Event::Located {
                        committed: vec![committed],
                        from: committed + 1,
                    }),
                    Action::Read { offset, .. } => {
                        events.push_back(read(offset, skipped));
                        // This input does not grow.
                        if offset == INPUT.len() as i64 {
                            events.push_back(Event::Drain);
                        }
                    }
                    Action::Transform(batch) => jobs.send(Job::Transform(batch))?,
                    Action::Write { topic, records } => {
                        for record in records.iter() {
                            let value = record.value().unwrap_or_default();
                            println!("write {}", String::from_utf8_lossy(value));
                        }
                        events.push_back(Event::Written { topic, result: Ok(()) });
                    }
                    Action::Commit { offset, .. } => {
                        println!("commit {offset}");
                        committed = offset;
                    }
                    Action::StopVm => {
                        interrupter.interrupt();
                        jobs.send(Job::Stop)?;
                    }
                    Action::Stopped => stopped = true,
                }
            }
            // Two tries are enough.
            if let Some(poison) = processor.poison().filter(|poison| poison.tries == 2) {
                skipped = Some(poison.offset);
            }
        }
        if stopped {
            break;
        }
        events.push_back(match processor.due() {
            None => inbox.recv()?,
            Some(due) => {
                let pause = due.saturating_sub(clock.elapsed());
                inbox.recv_timeout(pause).unwrap_or(Event::Time)
            }
        });
        if let Some(Event::Failed { why, record, .. }) = events.back() {
            println!("record {record:?}: {why}");
        }
    }
    assert_eq!((committed, skipped), (4, Some(2)));
    Ok(())
}

/// Reads what there is, up to the record that is skipped.
fn read(offset: i64, skipped: Option<i64>) -> Event {
    let skipped = skipped.filter(|skipped| *skipped >= offset);
    let end = skipped.unwrap_or(INPUT.len() as i64);
    let mut batch = BatchBuilder::new(offset);
    for value in &INPUT[offset as usize..end as usize] {
        batch.push(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
    }
    let batches = if batch.is_empty() { Vec::new() } else { vec![Arc::new(batch.build())] };
    Event::Read { batches, next: skipped.map_or(end, |skipped| skipped + 1) }
}

/// Makes the VM's calls, until there is nobody to answer.
fn run(mut vm: Vm, jobs: Receiver<Job>, answers: Sender<Event>) {
    for job in jobs {
        let answer = match job {
            Job::Start => Event::VmStarted(vm.start()),
            Job::Stop => {
                // It also forgets an interrupt that came too late.
                vm.stop();
                continue;
            }
            Job::Transform(batch) => {
                let mut output = Output::default();
                match vm.process(&batch, &mut output) {
                    Ok(()) => Event::Transformed(output),
                    Err(fault) => {
                        let (why, record) = (fault.to_string(), vm.failed_record());
                        Event::Failed { output: Output::default(), why, record }
                    }
                }
            }
        };
        if answers.send(answer).is_err() {
            return;
        }
    }
}
