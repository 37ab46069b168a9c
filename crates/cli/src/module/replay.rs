//! Transactions and fraud reports through the module, as a broker would run them.

use std::path::PathBuf;

use anyhow::{Result, bail};
use fraud_detector::Settings;
use fraud_plan::Program;
use transform_host::Output;

use super::changelog::{Changelog, Written};
use super::instances::{Failure, Instances, Usage};
use super::log::Logs;
use super::partitions::{PartitionBatch, Partitions};
use super::target::{ModuleFile, Target};
use crate::data::envelope::Envelopes;
use crate::data::input::Records;
use crate::data::labels::Reporting;
use crate::data::notes::Notes;
use crate::data::stream::{Event, Stream, Transaction};
use crate::show::units::rfc3339;

/// The files and the kind of broker of a replay.
pub struct ReplayOptions {
    /// Transactions, one JSON object a line.
    pub input: PathBuf,
    pub module: PathBuf,
    /// Partitions of the input topic.
    pub partitions: u32,
    /// Instances of the module, among which the partitions are divided.
    pub instances: u32,
    /// Records in a batch.
    pub batch: u32,
    pub target: Target,
}

/// The outcome of a replay.
pub struct Replayed {
    /// Id of the module's model, if it is known.
    pub model: Option<String>,
    /// Transactions.
    pub records: u64,
    /// Distinct reports.
    pub reports: u64,
    /// Records of reports, as delivered: once to each partition.
    pub report_records: u64,
    /// Reports that were published again after the wipe.
    pub republished: u64,
    /// Transactions that the deployment's settings keep from being written.
    pub silenced: u64,
    pub failure: Option<Failure>,
    /// The notes on the file.
    pub notes: Notes,
    /// Partitions of the input topic: a dump may have more than were asked for.
    pub partitions: u32,
    pub usage: Usage,
    pub logs: Logs,
    /// The figures of the topic of history, if the module has one.
    pub history: Option<Written>,
}

impl ReplayOptions {
    /// Reads the module, and returns the feature program of its records too.
    pub fn module(&self) -> Result<(ModuleFile, Program)> {
        let file = ModuleFile::read(&self.module)?;
        let program = file.program()?;
        Ok((file, program))
    }
}

impl Replayed {
    /// Returns how many transactions should have been written and were not; negative if more
    /// records were written than transactions came in.
    pub fn lost(&self, written: u64) -> i64 {
        (self.records - self.silenced) as i64 - written as i64
    }
}

/// A restart of all instances, with empty memories.
#[derive(Clone, Copy)]
pub struct Wipe {
    /// The restart comes before the first transaction from then on, milliseconds since 1970.
    pub at: i64,
    /// Reports made from then on are published again.
    pub republish_from: i64,
    /// What the topic of history has is published on the input.
    pub restores: bool,
}

/// Opened files and a loaded module, ready to run.
pub struct Replay<'f> {
    model: Option<String>,
    stream: Stream<'f>,
    partitions: Partitions,
    instances: Instances,
    settings: Settings,
    counts: Counts,
    history: Option<Changelog>,
    /// Records in a batch.
    batch: usize,
}

#[derive(Default)]
struct Counts {
    records: u64,
    reports: u64,
    report_records: u64,
    republished: u64,
    silenced: u64,
}

/// A function that takes the output of each batch, and the batch's partition.
type Out<'o> = &'o mut dyn FnMut(u32, &Output) -> Result<()>;

impl<'f> Replay<'f> {
    /// Opens everything; progress is shown as `what`. The records are those of `program`, the module's.
    pub fn open(
        options: &ReplayOptions,
        file: &ModuleFile,
        program: &Program,
        what: &'static str,
        reporting: Option<Reporting<'f>>,
    ) -> Result<Self> {
        let ReplayOptions { input, target, .. } = options;
        let module = file.compile(&target.limits())?;
        let records = Records::open(input, what)?;
        // If the settings are wrong, the module itself says so when it starts.
        let settings = Settings::from_variables(target.variables.iter().cloned());
        let settings = settings.unwrap_or_default();
        let history = super::changelog::place(&settings, target.output_topics.len());
        Ok(Self {
            model: file.model(),
            stream: Stream::new(records, Envelopes::new(program.clone()), reporting),
            partitions: Partitions::new(options.partitions, options.batch as usize),
            instances: Instances::new(&module, &target.deployment(), options.instances),
            history: history.map(|place| Changelog::new(program, &settings, place)),
            settings,
            counts: Counts::default(),
            batch: options.batch as usize,
        })
    }

    /// Runs to the end, or until a batch fails for good; hands each batch's output to `out`.
    pub fn run(mut self, wipe: Option<Wipe>, out: Out) -> Result<Replayed> {
        let failure = match self.play(wipe, out) {
            Ok(()) => None,
            Err(error) => Some(error.downcast::<Failure>()?),
        };
        let notes = self.stream.finish();
        let Counts { records, reports, report_records, republished, silenced } = self.counts;
        Ok(Replayed {
            model: self.model,
            records,
            reports: reports - republished,
            report_records,
            republished,
            silenced,
            failure,
            notes,
            partitions: self.partitions.count(),
            usage: self.instances.usage(),
            logs: self.instances.logs,
            history: self.history.map(|history| history.written),
        })
    }

    fn play(&mut self, mut wipe: Option<Wipe>, out: Out) -> Result<()> {
        self.instances.start()?;
        if let Some(wipe) = wipe {
            self.stream.keep_reports(wipe.republish_from);
        }
        while let Some(arrival) = self.stream.next_arrival()? {
            if let Some(wipe) = wipe.take_if(|wipe| arrival >= wipe.at) {
                self.flush(out)?;
                self.instances.wipe()?;
                if wipe.restores {
                    self.restore(arrival, out)?;
                }
                self.counts.republished = self.stream.republish();
            }
            if !self.step(out)? {
                break;
            }
        }
        if let Some(wipe) = wipe {
            bail!("there is nothing to wipe: no transaction is of {} or later", rfc3339(wipe.at));
        }
        self.flush(out)
    }

    /// Processes the batches that are not full.
    fn flush(&mut self, out: Out) -> Result<()> {
        let Self { partitions, instances, history, .. } = self;
        partitions.rest().try_for_each(|batch| process(instances, history, &batch, out))
    }

    /// Publishes on every partition what the topic of history has of it.
    fn restore(&mut self, millis: i64, out: Out) -> Result<()> {
        let Self { partitions, instances, history: Some(history), batch, .. } = self else {
            return Ok(());
        };
        for partition in 0..partitions.count() {
            for batch in history.restore(partition, millis, *batch) {
                instances.process(&batch, &mut |output| out(partition, output))?;
            }
        }
        Ok(())
    }

    /// Plays the next event; false at the end of the file.
    fn step(&mut self, out: Out) -> Result<bool> {
        let Self { stream, partitions, instances, settings, counts, history, .. } = self;
        let Some(event) = stream.next()? else { return Ok(false) };
        match event {
            Event::Transaction(Transaction { line, key, arrival, value, delivery, .. }) => {
                counts.records += 1;
                counts.silenced += u64::from(settings.silences(arrival));
                let batch = match delivery {
                    Some(delivery) => partitions.push_delivered(line, value, delivery),
                    None => partitions.push(line, key, arrival, value.unwrap_or_default()),
                };
                if let Some(batch) = batch {
                    process(instances, history, &batch, out)?;
                }
            }
            Event::Reports { line, value, count, delivery: Some(delivery), .. } => {
                // Alone in its batch, so that its figures are kept apart.
                let before = partitions.rest_of(delivery.partition);
                before.map_or(Ok(()), |batch| process(instances, history, &batch, out))?;
                let full = partitions.push_delivered(line, Some(value), delivery);
                let batch = full.or_else(|| partitions.rest_of(delivery.partition));
                batch.map_or(Ok(()), |batch| process_reports(instances, history, &batch, out))?;
                counts.report_records += 1;
                counts.reports += count;
            }
            Event::Reports { line, arrival, value, count, delivery: None } => {
                // The transactions before the reports are processed first, on every partition: a report
                // must not be known earlier on one partition than on another.
                partitions.rest().try_for_each(|batch| process(instances, history, &batch, out))?;
                for batch in partitions.broadcast(line, arrival, value) {
                    counts.report_records += 1;
                    process_reports(instances, history, &batch, out)?;
                }
                counts.reports += count;
            }
        }
        Ok(true)
    }
}

/// Processes a batch, and keeps what it writes to the topic of history.
fn process(
    instances: &mut Instances,
    history: &mut Option<Changelog>,
    batch: &PartitionBatch,
    out: Out,
) -> Result<()> {
    instances.process(batch, &mut |output| keep(history, batch, output, out))
}

/// Processes a batch of reports as [`process`] does.
fn process_reports(
    instances: &mut Instances,
    history: &mut Option<Changelog>,
    batch: &PartitionBatch,
    out: Out,
) -> Result<()> {
    instances.process_reports(batch, &mut |output| keep(history, batch, output, out))
}

/// Keeps what a batch has written to the topic of history, and hands all of it on.
fn keep(
    history: &mut Option<Changelog>,
    batch: &PartitionBatch,
    output: &Output,
    out: Out,
) -> Result<()> {
    history.as_mut().map_or(Ok(()), |history| history.add(batch.partition, output))?;
    out(batch.partition, output)
}

/// Returns what is said when the number of records that came out is not the number that went in.
pub fn unbalanced(lost: i64) -> String {
    match lost {
        0 => String::new(),
        1.. => format!("\n{lost} records came in and did not go out\n"),
        _ => format!(
            "\n{} more records came out than transactions went in; does the module know fraud \
             reports?\n",
            -lost
        ),
    }
}
