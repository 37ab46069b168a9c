//! Card-fraud scoring as a Redpanda Data Transform, with the model compiled in.
//!
//! [`Detector::score`] is the whole way of a transaction: bytes and the broker's timestamp in, a
//! decision and the bytes with the verdict out. The transform's shell (`main.rs`), the `fraud`
//! command, the trainer's feature export and the tests all call it.
//!
//! # Layout
//!
//! In the order a transaction passes through:
//!
//! - [`record`]: finding the spec's fields in a record's bytes, in one pass
//! - [`history`]: what is remembered per entity, in fixed tables
//! - [`features`]: record + history → feature vector, then the record into history
//! - [`engine`]: feature vector → the model's raw output
//! - [`verdict`]: raw output → score, decision and reasons, and the record with the verdict spliced in
//!
//! `simd`: looking at many bytes at once; `exponential.rs`: powers for decay, link and calibration
//!
//! Beside it:
//!
//! - [`settings`]: `FRAUD_*` variables → [`Settings`], or a clear refusal at start
//! - [`shell`]: SDK callback, environment, topics, headers, the module's allocator; no logic
//! - `main.rs`: the module that the broker runs: a plan, an allocator, and the shell
//!
//! What this crate is *not*: it has no clock, no I/O, no SDK outside [`shell`], and reads the model
//! only from a plan (`fraud-plan`), never from an ONNX file.

pub mod engine;
mod exponential;
pub mod features;
pub mod history;
pub mod record;
pub mod settings;
pub mod shell;
mod simd;
pub mod verdict;

use fraud_plan::Plan;
use fraud_plan::program::{Events, Role};

use engine::Engine;
use features::Features;
use history::History;
use history::reported::Reported;
use record::{Reader, Record};
pub use record::{Reason, Refusal};
pub use settings::Settings;
use verdict::{Judge, Reasons, Splicer, Verdict, Warmth};

/// Scores transactions one after the other; see the crate's documentation.
pub struct Detector<'p> {
    plan: Plan<'p>,
    reader: Reader,
    history: History,
    reported: Reported,
    features: Features,
    engine: Engine<'p>,
    judge: Judge,
    splicer: Splicer,
    reasons: Reasons,
    settings: Settings,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It was scored, and the record with the verdict written.
    Scored(Verdict),
    /// It cannot be scored, and nothing was remembered of it.
    Unscorable(Refusal),
    /// Nothing is to be written: fraud reports, or a record outside the time that this deployment
    /// emits for. It has been remembered.
    Silent,
}

/// What was observed in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed<'r> {
    /// A transaction; [`Detector::vector`] has its features.
    Transaction {
        /// Whether its customer's history was cold or warm.
        history: Warmth,
        /// The record's value.
        record: &'r [u8],
        /// Offset of the record's closing brace: the verdict goes before it.
        end: usize,
    },
    /// Fraud reports.
    Reports,
}

/// Fraud reports whose ids are remembered, at least; more with more memory.
const MIN_REPORTS: usize = 8192;

impl<'p> Detector<'p> {
    /// A detector that remembers sixteen entities of a kind, until [`Detector::with_history`] gives it
    /// memory. Everything else has its own.
    pub fn new(plan: Plan<'p>, settings: &Settings) -> Self {
        let threshold = settings.threshold.unwrap_or(plan.decision.threshold);
        Self {
            reader: Reader::new(&plan.program),
            history: History::new(&plan.program, 0),
            reported: Reported::new(0),
            features: Features::new(&plan.program),
            engine: Engine::new(&plan),
            judge: Judge::new(&plan, threshold),
            splicer: Splicer::new(&plan, threshold),
            reasons: Reasons::new(&plan),
            settings: *settings,
            plan,
        }
    }

    /// The detector with an empty history of at most `bytes`, whatever it has remembered so far.
    pub fn with_history(self, bytes: usize) -> Self {
        let program = &self.plan.program;
        let takes_reports = program.fields.iter().any(|field| field.role == Role::Reports);
        let reports = if takes_reports { MIN_REPORTS.max(bytes / 1024) } else { 0 };
        let left = bytes.saturating_sub(Reported::bytes(reports));
        Self { history: History::new(program, left), reported: Reported::new(reports), ..self }
    }

    /// Scores one record; appends a scored one with its verdict to `output`. `broker_timestamp` is in
    /// milliseconds since 1970, negative if there is none.
    pub fn score(
        &mut self,
        value: Option<&[u8]>,
        broker_timestamp: i64,
        output: &mut Vec<u8>,
    ) -> Outcome {
        let observed = self.observe(value, broker_timestamp);
        if self.settings.silences(broker_timestamp) {
            return Outcome::Silent;
        }
        let (history, record, end) = match observed {
            Ok(Observed::Transaction { history, record, end }) => (history, record, end),
            Ok(Observed::Reports) => return Outcome::Silent,
            Err(refusal) => return Outcome::Unscorable(refusal),
        };
        let sum = self.sum();
        let verdict = self.judge.judge(sum, history);
        let reasons = match verdict.fraud {
            true => self.reasons.find(&mut self.engine, self.features.vector(), sum),
            false => "",
        };
        self.splicer.splice(&verdict, reasons, record, end, output);
        Outcome::Scored(verdict)
    }

    /// Reads one record and remembers it; makes a transaction's feature vector, but runs no model.
    pub fn observe<'r>(
        &mut self,
        value: Option<&'r [u8]>,
        broker_timestamp: i64,
    ) -> Result<Observed<'r>, Refusal> {
        let record = value.ok_or(Reason::NoValue)?;
        let (features, history) = (&mut self.features, &mut self.history);
        match self.reader.read(record, broker_timestamp)? {
            Record::Transaction { event, end } => {
                let events = features.compute(event, history);
                let is_warm = events >= self.plan.program.warm_after;
                let history = if is_warm { Warmth::Warm } else { Warmth::Cold };
                Ok(Observed::Transaction { history, record, end })
            }
            Record::Reports(reports) => {
                reports.for_each(|report| {
                    if self.reported.insert(report.report) {
                        features.report(report, history);
                    }
                });
                Ok(Observed::Reports)
            }
        }
    }

    /// The last observed record's features, in the order of the spec; NaN is missing.
    pub fn vector(&self) -> &[f32] {
        self.features.vector()
    }

    /// The sum of the model's leaves on the last observed transaction, which a verdict is made of.
    pub fn sum(&mut self) -> f64 {
        self.engine.sum(self.features.vector())
    }

    /// The model's output on the last observed transaction, before calibration.
    pub fn raw(&mut self) -> f32 {
        self.engine.run(self.features.vector())
    }

    /// The score from which on a transaction is fraud.
    pub fn threshold(&self) -> f32 {
        self.judge.threshold()
    }

    /// Forgets everything that was remembered of one kind of event, as a restart forgets all.
    pub fn forget(&mut self, events: Events) {
        self.history.forget(&self.plan.program, events);
        if events == Events::Reports {
            self.reported.clear();
        }
    }

    /// How full history is.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The plan in use.
    pub fn plan(&self) -> &Plan<'p> {
        &self.plan
    }
}

/// Configures a property test: a few cases under Miri, which is slow, and no file of failures as
/// WebAssembly, which has none.
#[cfg(test)]
fn cases(count: u32) -> proptest::test_runner::Config {
    let mut config = proptest::test_runner::Config::with_cases(count);
    if cfg!(miri) {
        config.cases = 20;
    }
    if cfg!(target_os = "wasi") {
        config.failure_persistence = None;
    }
    config
}
