//! The shell around the detector: the SDK's callback, environment, output topics, headers, memory
//! and log. No logic of its own: what a record means is the detector's to say.
//!
//! - `mod.rs`: the start, and the way of one record from the SDK's callback to an output topic
//! - `topics`: the output topics by position
//! - `headers`: a record's headers, packed while the detector works
//! - `memory`: the module's allocator, and how memory is shared out at the start
//! - `start_line`: what the log says of a module that has started
//!
//! The shell is generic over [`Score`], so that the modules that `fraud bench` measures run inside
//! the very same shell. It compiles natively too, where the SDK has stubs in place of the broker.

mod headers;
mod history_topic;
mod memory;
mod start_line;
mod topics;

use std::cell::RefCell;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::time::{SystemTime, UNIX_EPOCH};

use fraud_plan::Plan;
use fraud_plan::program::Passage;
use redpanda_transform_sdk::{
    BorrowedHeader, BorrowedRecord, RecordWriter, WriteError, WriteEvent, WriteOptions,
    on_record_written,
};

use crate::history::Table;
use crate::history::changelog::Refused;
use crate::history::log::HistoryLog;
use crate::{Detector, Outcome, Refusal, Settings, Unscored};

use history_topic::HistoryTopic;
pub use memory::RecordArenas;
pub use start_line::StartLine;

use memory::{Claimed, available_memory, claim_for_records};
use topics::Topics;

/// Name of the header that gives the [reason](crate::Reason::code) why a record could not be
/// scored.
pub const ERROR_HEADER: &str = "fraud-error";
/// The header that names the field to blame for it, by its path in the spec; absent where no field is.
pub const ERROR_FIELD_HEADER: &str = "fraud-error-field";

/// Name of the header that marks a record of history, which is to be taken back; it needs no value.
pub const HISTORY_HEADER: &str = "fraud-history";

/// Name of the header that says of a record that it is not to be scored, and [why](crate::Unscored::code).
pub const UNSCORED_HEADER: &str = "fraud-unscored";

/// The name with which the shell's lines in the transform's log begin.
const NAME: &str = "fraud-detector";

/// With fewer bytes than this for history and the ids of fraud reports, the module refuses to
/// start.
pub const MIN_HISTORY: usize = 256 << 10;

/// A detector as the shell runs it: the real one, or one cut short to be measured.
pub trait Score {
    /// Makes the detector before its history: the shell finds out in between how much memory is
    /// left.
    fn new(plan: Plan<'static>, settings: &Settings) -> Self;
    /// Gives it history of at most `bytes`.
    fn with_history(self, bytes: usize) -> Self;
    /// Scores one record, as [`Detector::score`] does.
    fn score(
        &mut self,
        value: Option<&[u8]>,
        broker_timestamp: i64,
        output: &mut Vec<u8>,
    ) -> Outcome;
    /// Gives the real detector, whose plan, threshold and history the log is told of.
    fn detector(&self) -> &Detector<'static>;
    /// Gives the real detector, whose history the changelog is written of and taken into.
    fn detector_mut(&mut self) -> &mut Detector<'static>;
}

impl Score for Detector<'static> {
    fn new(plan: Plan<'static>, settings: &Settings) -> Self {
        Self::new(plan, settings)
    }

    fn with_history(self, bytes: usize) -> Self {
        self.with_history(bytes)
    }

    #[inline]
    fn score(
        &mut self,
        value: Option<&[u8]>,
        broker_timestamp: i64,
        output: &mut Vec<u8>,
    ) -> Outcome {
        self.score(value, broker_timestamp, output)
    }

    #[inline]
    fn detector(&self) -> &Detector<'static> {
        self
    }

    fn detector_mut(&mut self) -> &mut Detector<'static> {
        self
    }
}

/// Runs a detector of this plan on every record that the broker gives; `memory` is the module's
/// allocator. Never returns: a start that fails is told to the log, and ends the module.
pub fn run<D: Score>(plan: &'static [u8], memory: &RecordArenas) -> ! {
    match Shell::<D>::start(plan, memory) {
        Ok(shell) => {
            let shell = RefCell::new(shell);
            on_record_written(|event, writer| shell.borrow_mut().transform(event, writer))
        }
        Err(error) => {
            // In one write: the broker makes a log line of each.
            let _ = std::io::stderr().write_all(refusal(&error).as_bytes());
            std::process::exit(1);
        }
    }
}

/// Returns the log line of a start that fails.
fn refusal(error: &str) -> String {
    format!("{NAME} cannot start: {error}\n")
}

struct Shell<D> {
    detector: D,
    topics: Topics,
    /// The topic of history, if there is one.
    history: Option<HistoryTopic>,
    log: HistoryLog,
    /// A record's headers, packed, and behind them its value with the verdict.
    scratch: Vec<u8>,
    /// Path of the field to blame for the last record that could not be scored.
    field: Option<String>,
}

impl<D: Score> Shell<D> {
    /// Starts, or returns what the log is told of why not.
    fn start(plan: &'static [u8], memory: &RecordArenas) -> Result<Self, String> {
        let variables = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into(), value.to_string_lossy().into()));
        let settings = Settings::from_variables(variables).map_err(|error| error.to_string())?;
        let topics = Topics::from_environment(settings.topics)?;
        let plan = Plan::read(plan)
            .map_err(|error| format!("the plan compiled into the module: {error}"))?;
        // The order matters: first the detector, then what records need, and history takes the
        // rest.
        // Not dropped where the start fails: that ends the module, and takes no code.
        let detector = ManuallyDrop::new(D::new(plan, &settings));
        let claimed = claim_for_records(settings.max_record);
        let available = claimed.as_ref().map_or(0, |_| available_memory());
        let Some(Claimed { arenas, spare, scratch }) = claimed.filter(|_| available >= MIN_HISTORY)
        else {
            return Err(format!(
                "beside this model, records of FRAUD_MAX_RECORD = {} bytes leave {available} bytes \
                 for history, and it takes {MIN_HISTORY}; set a smaller FRAUD_MAX_RECORD, bring a \
                 smaller model, or have the broker give more memory",
                settings.max_record
            ));
        };
        drop(spare);
        let detector = ManuallyDrop::into_inner(detector).with_history(available);
        memory.provide(arenas);
        let real = detector.detector();
        let line = StartLine {
            model: real.plan().id,
            threshold: real.threshold(),
            capacities: real.history().tables().iter().map(Table::capacity).collect(),
            max_record: settings.max_record,
            tables: match topics.history() {
                Some(_) => real.plan().program.tables.iter().map(|table| table.meaning).collect(),
                None => Vec::new(),
            },
        };
        let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
        let log = HistoryLog::new(real.history());
        let history = topics.history().map(HistoryTopic::new);
        Ok(Self { detector, topics, history, log, scratch, field: None })
    }

    /// Writes a record out, exactly once. An `Err`, which stalls the partition, comes only from a
    /// broker that refuses the write: passing over it would lose the record.
    fn transform(
        &mut self,
        event: WriteEvent,
        writer: &mut RecordWriter,
    ) -> Result<(), WriteError> {
        let Self { detector, topics, history, log, scratch, field } = self;
        let record = event.record;
        let (key, value, timestamp) = (record.key(), record.value(), millis(record.timestamp()));
        let count = record.headers().len();
        scratch.clear();
        if log.is_due(timestamp) {
            let real = detector.detector();
            log.write(timestamp, &real.plan().program, real.history(), scratch);
            let _ = std::io::stdout().write_all(scratch);
            scratch.clear();
        }
        headers::pack(record.headers(), scratch);
        // Frees the SDK's list before `unpack` makes another one.
        drop(record);
        let packed = scratch.len();
        let outcome = detector.score(value, timestamp, scratch);
        let (packed, scored) = scratch.split_at(packed);
        let (topic, output, headers) = match outcome {
            Outcome::Scored(verdict) => {
                let topic = if verdict.fraud { &topics.fraud } else { &topics.valid };
                (topic, Some(scored), headers::unpack(packed, count, &[]))
            }
            Outcome::Silent => {
                // Refused in a time that nothing is written for, it is counted, and that is all.
                if headers::has(HISTORY_HEADER, packed, count) {
                    let _ = restore(detector.detector_mut(), log, key, value, timestamp);
                }
                return match history {
                    Some(topic) if detector.detector_mut().find_changes(outcome, timestamp) => {
                        topic.write(detector.detector_mut(), value, timestamp)
                    }
                    _ => Ok(()),
                };
            }
            Outcome::Unscored(why) => {
                let types = detector.detector().plan().program.types.as_ref();
                let topic = match types.map(|types| types.unscored) {
                    Some(Passage::Unscorable) => topics.unscorable(),
                    Some(Passage::Valid) | None => &topics.valid,
                };
                (topic, value, unscored(packed, count, why))
            }
            // No record of history is a transaction, whatever its headers say of it.
            Outcome::Unscorable(_) if headers::has(HISTORY_HEADER, packed, count) => {
                let restored = restore(detector.detector_mut(), log, key, value, timestamp);
                let (Err(why), Some(topic)) = (restored, topics.refused_history()) else {
                    return Ok(());
                };
                let error =
                    BorrowedHeader::new(ERROR_HEADER.as_bytes(), Some(why.code().as_bytes()));
                (topic, value, headers::unpack(packed, count, &[error]))
            }
            Outcome::Unscorable(refusal) => {
                *field = detector.detector().path_of(refusal);
                (topics.unscorable(), value, refused(packed, count, refusal, field))
            }
        };
        let output = BorrowedRecord::new_with_headers(key, output, headers);
        writer.write_with_options(output, WriteOptions::to_topic(topic))?;
        match history {
            Some(topic) if detector.detector_mut().find_changes(outcome, timestamp) => {
                topic.write(detector.detector_mut(), value, timestamp)
            }
            _ => Ok(()),
        }
    }
}

/// Takes a record of history back, and has the log count it.
#[cold]
#[inline(never)]
fn restore(
    detector: &mut Detector,
    log: &mut HistoryLog,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    timestamp: i64,
) -> Result<(), Refused> {
    let restored = detector.restore(key, value, timestamp);
    log.taken = detector.taken();
    restored
}

/// Makes a list of `count` packed headers, and of the one that says why a record is not to be scored.
#[cold]
#[inline(never)]
fn unscored(packed: &[u8], count: usize, why: Unscored) -> Vec<BorrowedHeader<'_>> {
    let (name, code) = (UNSCORED_HEADER.as_bytes(), why.code().as_bytes());
    headers::unpack(packed, count, &[BorrowedHeader::new(name, Some(code))])
}

/// Makes a list of `count` packed headers, and of those that say why a record could not be scored.
#[cold]
#[inline(never)]
fn refused<'p>(
    packed: &'p [u8],
    count: usize,
    refusal: Refusal,
    field: &'p Option<String>,
) -> Vec<BorrowedHeader<'p>> {
    let code = refusal.reason.code().as_bytes();
    let error = BorrowedHeader::new(ERROR_HEADER.as_bytes(), Some(code));
    match field {
        Some(path) => {
            let field = ERROR_FIELD_HEADER.as_bytes();
            let field = BorrowedHeader::new(field, Some(path.as_bytes()));
            headers::unpack(packed, count, &[error, field])
        }
        None => headers::unpack(packed, count, &[error]),
    }
}

/// Returns the milliseconds since 1970. The SDK turns the timestamp −1 into a far future; the cast
/// turns it back.
fn millis(timestamp: SystemTime) -> i64 {
    timestamp.duration_since(UNIX_EPOCH).map_or(-1, |since| {
        (since.as_secs() as i64).wrapping_mul(1000).wrapping_add(since.subsec_millis().into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;
    use crate::verdict::{Verdict, Warmth};
    use fraud_plan::Decision;
    use redpanda_transform_sdk::{RecordSink, WrittenRecord};
    use std::borrow::Cow;
    use std::time::Duration;

    /// Decides by the value alone: `!` is fraud, `?` and `#` unscorable, `-` silent.
    struct ByValue(Detector<'static>);

    impl Score for ByValue {
        fn new(plan: Plan<'static>, settings: &Settings) -> Self {
            Self(Detector::new(plan, settings))
        }

        fn with_history(self, _: usize) -> Self {
            self
        }

        fn score(&mut self, value: Option<&[u8]>, _: i64, output: &mut Vec<u8>) -> Outcome {
            let fraud = match value {
                Some(b"?") => return Outcome::Unscorable(Reason::InvalidJson.into()),
                None => return Outcome::Unscorable(Reason::NoValue.into()),
                Some(b"#") => {
                    let reason = Reason::WrongType;
                    return Outcome::Unscorable(Refusal { reason, field: Some(1) });
                }
                Some(b"-") => return Outcome::Silent,
                Some(value) => value == b"!",
            };
            output.extend_from_slice(b"scored");
            Outcome::Scored(Verdict { fraud, score: 0.5, history: Warmth::Cold, duplicate: false })
        }

        fn detector(&self) -> &Detector<'static> {
            &self.0
        }

        fn detector_mut(&mut self) -> &mut Detector<'static> {
            &mut self.0
        }
    }

    /// Keeps what is written as text: topic, key, value, headers.
    #[derive(Default)]
    struct Writes(Vec<String>);

    impl RecordSink for Writes {
        fn write(&mut self, record: BorrowedRecord, to: WriteOptions) -> Result<(), WriteError> {
            fn text(bytes: Option<&[u8]>) -> Cow<'_, str> {
                bytes.map_or("none".into(), String::from_utf8_lossy)
            }
            let (topic, key) = (to.topic.unwrap_or("none"), text(record.key()));
            let mut line = format!("{topic} {key} {}", text(record.value()));
            for header in record.headers() {
                line += &format!(" {}={}", text(Some(header.key())), text(header.value()));
            }
            self.0.push(line);
            Ok(())
        }
    }

    const SPEC: &str = r#"
        version = 1
        [[entity]]
        name = "customer"
        path = "customer_id"
        [[number]]
        name = "amount"
        path = "amount"
        [[feature]]
        name = "amount"
        kind = "number"
        of = "amount"
    "#;

    /// Returns the writes of a shell with these topics, for a record with a key, this value and two
    /// headers.
    fn written(topics: &[&str], value: Option<&[u8]>) -> Vec<String> {
        let program = fraud_plan::compile::spec::parse(SPEC, "SPEC").expect("a valid spec");
        let plan = Plan { id: 0, program, decision: Decision::default(), forest: None };
        let detector = ByValue::new(plan, &Settings::default());
        let log = HistoryLog::new(detector.detector().history());
        let topics = Topics::new(topics.iter().map(|topic| (*topic).to_owned()).collect(), None);
        let topics = topics.expect("two or three topics");
        let mut shell =
            Shell { detector, topics, history: None, log, scratch: Vec::new(), field: None };
        let headers = vec![BorrowedHeader::new(b"a", Some(b"1")), BorrowedHeader::new(b"b", None)];
        let record = BorrowedRecord::new_with_headers(Some(b"key"), value, headers);
        let record = WrittenRecord::from_record(record, UNIX_EPOCH);
        let mut writes = Writes::default();
        let mut writer = RecordWriter::new(&mut writes);
        shell.transform(WriteEvent { record }, &mut writer).expect("it can be written");
        writes.0
    }

    #[test]
    fn every_record_leaves_once_with_key_and_headers() {
        let topics = ["frauds", "rest", "odd"];
        for (value, expect) in [
            (Some(&b"!"[..]), &["frauds key scored a=1 b=none"][..]),
            (Some(b"."), &["rest key scored a=1 b=none"]),
            (Some(b"?"), &["odd key ? a=1 b=none fraud-error=invalid_json"]),
            (Some(b"#"), &["odd key # a=1 b=none fraud-error=wrong_type fraud-error-field=amount"]),
            (None, &["odd key none a=1 b=none fraud-error=no_value"]),
            (Some(b"-"), &[]),
        ] {
            assert_eq!(written(&topics, value), expect, "{value:?}");
        }
        let expect = ["frauds key ? a=1 b=none fraud-error=invalid_json"];
        assert_eq!(written(&topics[..2], Some(b"?")), expect, "without a third topic");
    }

    #[test]
    fn milliseconds_as_the_broker_gave_them() {
        for given in [0, 1, 999, 1_522_540_831_123, 253_402_300_799_999, -1] {
            // As the SDK makes them.
            let time = UNIX_EPOCH + Duration::from_millis(given as u64);
            assert_eq!(millis(time), given);
        }
    }
}
