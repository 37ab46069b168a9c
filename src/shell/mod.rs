mod memory;

use std::cell::RefCell;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use fraud_detector::history::Table;
use fraud_detector::history::log::HistoryLog;
use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::{Plan, PlanBytes};
use redpanda_transform_sdk::{
    BorrowedHeader, BorrowedRecord, RecordWriter, WriteEvent, WriteOptions, on_record_written,
};
use redpanda_transform_sdk_varint as varint;

use memory::Places;

static PLAN: &PlanBytes<[u8]> =
    &PlanBytes(*include_bytes!(concat!(env!("OUT_DIR"), "/fraud.plan")));

/// Least memory for history and the ids of fraud reports, bytes.
const LEAST: usize = 256 << 10;

#[global_allocator]
static PLACES: Places = Places::new();

/// Runs for ever; ends only by refusing to start.
pub fn run() {
    match Shell::start() {
        Ok(shell) => {
            let shell = RefCell::new(shell);
            on_record_written(|event, writer| shell.borrow_mut().transform(event, writer))
        }
        Err(error) => {
            // In one write: the broker makes a log line of each.
            let line = format!("fraud-detector cannot start: {error:#}\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
            std::process::exit(1);
        }
    }
}

struct Shell {
    detector: Detector<'static>,
    topics: Topics,
    log: HistoryLog,
    /// A record's headers, packed, and behind them its value with the verdict.
    scratch: Vec<u8>,
}

/// The output topics, by position.
struct Topics {
    fraud: String,
    valid: String,
    unscorable: Option<String>,
}

impl Shell {
    fn start() -> Result<Self> {
        let variables = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into(), value.to_string_lossy().into()));
        let settings = Settings::from_variables(variables)?;
        let topics = Topics::from_environment()?;
        let plan = Plan::read(&PLAN.0).context("the plan compiled into the module")?;
        // Before records have theirs, and history the rest.
        let detector = Detector::new(plan, &settings);
        let claimed = claim_for_records(settings.max_record);
        let available = claimed.as_ref().map_or(0, |_| available_memory());
        let Some(Claimed { places, spare, scratch }) = claimed.filter(|_| available >= LEAST)
        else {
            bail!(
                "beside this model, records of FRAUD_MAX_RECORD = {} bytes leave {available} bytes \
                 for history, and it takes {LEAST}; set a smaller FRAUD_MAX_RECORD, bring a smaller \
                 model, or have the broker give more memory",
                settings.max_record
            );
        };
        drop(spare);
        let detector = detector.with_history(available);
        PLACES.provide(places);
        let capacities = detector.history().tables().iter().map(Table::capacity);
        let line = format!(
            "fraud-detector started: model {:08x}, threshold {}, history of {} entities, records \
             up to {} bytes\n",
            detector.plan().id,
            detector.threshold(),
            capacities.map(|capacity| capacity.to_string()).collect::<Vec<_>>().join(" + "),
            settings.max_record,
        );
        let _ = std::io::stdout().write_all(line.as_bytes());
        let log = HistoryLog::new(detector.history());
        Ok(Self { detector, topics, log, scratch })
    }

    /// Every record leaves exactly once. An `Err`, which stalls the partition, comes only from a
    /// broker that refuses the write: passing over it would lose the record.
    fn transform(&mut self, event: WriteEvent, writer: &mut RecordWriter) -> Result<()> {
        let Self { detector, topics, log, scratch } = self;
        let record = event.record;
        let (key, value, timestamp) = (record.key(), record.value(), millis(record.timestamp()));
        let count = record.headers().len();
        scratch.clear();
        if log.is_due(timestamp) {
            log.write(timestamp, &detector.plan().program, detector.history(), scratch);
            let _ = std::io::stdout().write_all(scratch);
            scratch.clear();
        }
        pack(record.headers(), scratch);
        // Gives the SDK's list back before there is another.
        drop(record);
        let packed = scratch.len();
        let outcome = detector.score(value, timestamp, scratch);
        let (packed, scored) = scratch.split_at(packed);
        let (topic, value, error) = match outcome {
            Outcome::Scored(verdict) if verdict.fraud => (&topics.fraud, Some(scored), None),
            Outcome::Scored(_) => (&topics.valid, Some(scored), None),
            Outcome::Unscorable(reason) => {
                let topic = topics.unscorable.as_ref().unwrap_or(&topics.fraud);
                let code = reason.code().as_bytes();
                (topic, value, Some(BorrowedHeader::new(b"fraud-error", Some(code))))
            }
            Outcome::Silent => return Ok(()),
        };
        let headers = unpack(packed, count, error);
        let output = BorrowedRecord::new_with_headers(key, value, headers);
        writer.write_with_options(output, WriteOptions::to_topic(topic))?;
        Ok(())
    }
}

impl Topics {
    fn from_environment() -> Result<Self> {
        let topic = |at: usize| std::env::var(format!("REDPANDA_OUTPUT_TOPIC_{at}")).ok();
        let count = (0..).take_while(|&at| topic(at).is_some()).count();
        ensure!(
            count == 2 || count == 3,
            "{count} output topics; it takes two or three: fraud, valid and, if you want it, \
             unscorable, in this order"
        );
        Ok(Self {
            fraud: topic(0).context("counted above")?,
            valid: topic(1).context("counted above")?,
            unscorable: topic(2),
        })
    }
}

/// Milliseconds since 1970. The SDK makes a far future of the timestamp −1; the cast brings it back.
fn millis(timestamp: SystemTime) -> i64 {
    timestamp.duration_since(UNIX_EPOCH).map_or(-1, |since| {
        (since.as_secs() as i64).wrapping_mul(1000).wrapping_add(since.subsec_millis().into())
    })
}

/// A record's headers as on the wire. The SDK's list takes 16 bytes for a header that has 2 there,
/// and writing needs a list of its own: packed in between, the two need not be held at once.
fn pack(headers: &[BorrowedHeader], packed: &mut Vec<u8>) {
    for header in headers {
        varint::write_sized_buffer(packed, Some(header.key()));
        varint::write_sized_buffer(packed, header.value());
    }
}

/// The list of `count` packed headers, with one more at the end.
fn unpack<'p>(
    packed: &'p [u8],
    count: usize,
    last: Option<BorrowedHeader<'p>>,
) -> Vec<BorrowedHeader<'p>> {
    let mut rest = packed;
    let mut part = || {
        let read = varint::read_sized_buffer(rest).expect("written by pack");
        rest = &rest[read.read..];
        read.value
    };
    let mut headers = Vec::with_capacity(count + usize::from(last.is_some()));
    for _ in 0..count {
        let key = part().expect("pack gives every header a key");
        headers.push(BorrowedHeader::new(key, part()));
    }
    headers.extend(last);
    headers
}

/// Memory for what a record grows with.
struct Claimed {
    /// For the SDK's blocks.
    places: [Vec<u64>; 3],
    /// For all that is small.
    spare: Vec<u64>,
    /// For the shell's own buffer.
    scratch: Vec<u8>,
}

fn claim_for_records(max_record: usize) -> Option<Claimed> {
    let [input, output, list] = Places::sizes(max_record).map(claim);
    let mut scratch = Vec::new();
    scratch.try_reserve_exact(max_record + 1024).ok()?;
    Some(Claimed { places: [input?, output?, list?], spare: claim(48 << 10)?, scratch })
}

/// Bytes that the broker still gives in one piece, up to 1 GiB.
fn available_memory() -> usize {
    // From above, because what a successful attempt got is never given back.
    let mut bytes = 1 << 30;
    while bytes > 0 && claim(bytes).is_none() {
        bytes -= (bytes / 256).next_multiple_of(1 << 12).min(bytes);
    }
    bytes
}

/// Memory that is really there: an allocation that nobody looks at may be left out.
fn claim(bytes: usize) -> Option<Vec<u64>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(bytes.div_ceil(8)).ok()?;
    Some(std::hint::black_box(memory))
}
