use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::{Plan, PlanBytes};
use redpanda_transform_sdk::{
    BorrowedHeader, BorrowedRecord, RecordWriter, WriteEvent, WriteOptions, on_record_written,
};
use redpanda_transform_sdk_varint as varint;

static PLAN: &PlanBytes<[u8]> =
    &PlanBytes(*include_bytes!(concat!(env!("OUT_DIR"), "/fraud.plan")));

/// Runs for ever; ends only by refusing to start.
pub fn run() {
    match start() {
        Ok((detector, topics)) => {
            let detector = RefCell::new(detector);
            on_record_written(|event, writer| {
                transform(&mut detector.borrow_mut(), &topics, event, writer)
            })
        }
        Err(error) => {
            eprintln!("fraud-detector cannot start: {error:#}");
            std::process::exit(1);
        }
    }
}

/// The output topics, by position.
struct Topics {
    fraud: String,
    valid: String,
    unscorable: Option<String>,
}

fn start() -> Result<(Detector<'static>, Topics)> {
    let variables = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into(), value.to_string_lossy().into()));
    let settings = Settings::from_variables(variables)?;
    let topics = Topics::from_environment()?;
    let plan = Plan::read(&PLAN.0).context("the plan compiled into the module")?;
    // Held while history takes the rest, free for records afterwards.
    let reserved = claim(reserve(settings.max_record)).with_context(|| {
        let limit = settings.max_record;
        format!("FRAUD_MAX_RECORD is {limit}; the memory limit is too low for such records")
    })?;
    let detector = Detector::new(plan, &settings, available_memory());
    drop(reserved);
    let customers = &detector.history().tables()[0];
    println!(
        "fraud-detector started: model {:08x}, threshold {}, history of {} entities, records up to {} bytes",
        detector.plan().id,
        detector.threshold(),
        customers.capacity(),
        settings.max_record,
    );
    Ok((detector, topics))
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

/// Every record leaves exactly once. An `Err`, which stalls the partition, comes only from a
/// broker that refuses the write: passing over it would lose the record.
fn transform(
    detector: &mut Detector,
    topics: &Topics,
    event: WriteEvent,
    writer: &mut RecordWriter,
) -> Result<()> {
    let record = event.record;
    let (key, value, timestamp) = (record.key(), record.value(), millis(record.timestamp()));
    let packed = pack(record.headers());
    drop(record);
    let (topic, value, error) = match detector.score(value, timestamp) {
        Outcome::Scored { verdict, value } => {
            let topic = if verdict.fraud { &topics.fraud } else { &topics.valid };
            (topic, Some(value), None)
        }
        Outcome::Unscorable(reason) => {
            let topic = topics.unscorable.as_ref().unwrap_or(&topics.fraud);
            let code = reason.code().as_bytes();
            (topic, value, Some(BorrowedHeader::new(b"fraud-error", Some(code))))
        }
        Outcome::Silent => return Ok(()),
    };
    let headers = packed.unpack(error);
    let output = BorrowedRecord::new_with_headers(key, value, headers);
    writer.write_with_options(output, WriteOptions::to_topic(topic))?;
    Ok(())
}

/// Milliseconds since 1970. The SDK makes a far future of the timestamp −1; the cast brings it back.
fn millis(timestamp: SystemTime) -> i64 {
    timestamp.duration_since(UNIX_EPOCH).map_or(-1, |since| since.as_millis() as i64)
}

/// A record's headers as on the wire. The SDK's list takes 16 bytes for a header that has 2 there,
/// and writing needs a list of its own: packed in between, the two need not be held at once.
struct Packed {
    count: usize,
    bytes: Vec<u8>,
}

fn pack(headers: &[BorrowedHeader]) -> Packed {
    let mut bytes = Vec::new();
    for header in headers {
        varint::write_sized_buffer(&mut bytes, Some(header.key()));
        varint::write_sized_buffer(&mut bytes, header.value());
    }
    Packed { count: headers.len(), bytes }
}

impl Packed {
    /// The list again, with one more at the end.
    fn unpack<'a>(&'a self, last: Option<BorrowedHeader<'a>>) -> Vec<BorrowedHeader<'a>> {
        let mut rest = &self.bytes[..];
        let mut part = || {
            let read = varint::read_sized_buffer(rest).expect("written by pack");
            rest = &rest[read.read..];
            read.value
        };
        let mut headers = Vec::with_capacity(self.count + usize::from(last.is_some()));
        for _ in 0..self.count {
            let key = part().expect("a header's key is never null");
            headers.push(BorrowedHeader::new(key, part()));
        }
        headers.extend(last);
        headers
    }
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
fn claim(bytes: usize) -> Option<Vec<u8>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(bytes).ok()?;
    Some(std::hint::black_box(memory))
}

/// What a record of `max_record` bytes takes at worst, by measurement (`tests/memory.rs`): as 2-byte
/// headers it is eight times its size in the SDK's list; beside that list lie the packed headers and
/// the SDK's input and output buffers, which double as they grow and leave holes behind.
fn reserve(max_record: usize) -> usize {
    max_record * 22 + (32 << 10)
}
