use std::cell::RefCell;

use anyhow::{Context, Result, ensure};
use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::{Plan, PlanBytes};
use redpanda_transform_sdk::{
    BorrowedHeader, BorrowedRecord, RecordWriter, WriteEvent, WriteOptions, on_record_written,
};

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
    let memory = available_memory().saturating_sub(reserve(settings.max_record));
    let detector = Detector::new(plan, &settings, memory);
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
    // The SDK makes a far future of the timestamp −1; the cast brings it back.
    let timestamp = match record.timestamp().duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => since.as_millis() as i64,
        Err(_) => -1,
    };
    let mut headers = record.headers().to_vec();
    let (topic, value) = match detector.score(record.value(), timestamp) {
        Outcome::Scored { verdict, value } => {
            let topic = if verdict.fraud { &topics.fraud } else { &topics.valid };
            (topic, Some(value))
        }
        Outcome::Unscorable(reason) => {
            headers.push(BorrowedHeader::new(b"fraud-error", Some(reason.code().as_bytes())));
            (topics.unscorable.as_ref().unwrap_or(&topics.fraud), record.value())
        }
    };
    let output = BorrowedRecord::new_with_headers(record.key(), value, headers);
    writer.write_with_options(output, WriteOptions::to_topic(topic))?;
    Ok(())
}

/// Bytes that the broker would still give in one piece.
fn available_memory() -> usize {
    // What a failed attempt asked for is not taken; what a successful one got stays ours when freed.
    let grants = |pages: usize| Vec::<u8>::new().try_reserve_exact(pages << 16).is_ok();
    let (mut least, mut most) = (0, 1 << 14);
    while least + 1 < most {
        let middle = (least + most) / 2;
        if grants(middle) { least = middle } else { most = middle }
    }
    least << 16
}

/// What a record of `max_record` bytes takes at worst: as 2-byte headers, which the SDK holds in 16
/// bytes each, twice with ours; beside it the SDK's input and output buffers and our own value.
fn reserve(max_record: usize) -> usize {
    max_record * 21 + (32 << 10)
}
