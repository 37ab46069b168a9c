//! Card-fraud scoring as a Redpanda Data Transform, with the model compiled in.
//!
//! [`Detector::score`] is the whole way of a transaction: bytes and the broker's timestamp in, a
//! decision and the bytes with the verdict out. The transform's [`shell`], the `fraud` command, the
//! feature export for training and the tests all call it.
//!
//! # Layout
//!
//! In the order a transaction passes through:
//!
//! - [`record`]: a record's bytes → an event, or the reason why there is none
//! - [`history`]: fixed tables of what is remembered of each entity
//! - [`features`]: event + history → feature vector, then the event into history
//! - [`engine`]: feature vector → the model's raw output
//! - [`verdict`]: raw output → score, decision and reasons, and the record with the verdict spliced
//!   in
//!
//! They are built on:
//!
//! - `simd`: the kernels that look at many bytes, words or masks at once
//! - `exponential.rs`: powers for decay, link and calibration
//!
//! Around them:
//!
//! - [`settings`]: `FRAUD_*` variables → [`Settings`], or a clear refusal at start
//! - [`shell`]: SDK callback, environment, topics, headers, the module's allocator; no logic
//! - `main.rs`: the module that the broker runs: a plan, an allocator, and the shell
//!
//! **Boundaries**: outside of [`shell`] there is no clock, no I/O and no SDK. The model comes from
//! a plan (`fraud-plan`) only, never from an ONNX file.

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

/// The detector: scores transactions one after the other, and remembers them.
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

/// The outcome of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It was scored, and written with its verdict.
    Scored(Verdict),
    /// It cannot be scored, and nothing of it was remembered.
    Unscorable(Refusal),
    /// It was remembered, and nothing is to be written: fraud reports, or a record outside the time
    /// that this deployment emits for.
    Silent,
}

/// The content of a record that was observed.
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

/// Minimum number of report ids that are remembered; it grows with the memory given.
const MIN_REPORTS: usize = 8192;

impl<'p> Detector<'p> {
    /// Makes a detector with all the memory that it needs but history: that has room for sixteen
    /// entities in each table, until [`Detector::with_history`] gives it memory.
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

    /// Gives the detector an empty history of at most `bytes`, whatever it has remembered so far.
    pub fn with_history(self, bytes: usize) -> Self {
        let program = &self.plan.program;
        let takes_reports = program.fields.iter().any(|field| field.role == Role::Reports);
        let reports = if takes_reports { MIN_REPORTS.max(bytes / 1024) } else { 0 };
        let left = bytes.saturating_sub(Reported::bytes(reports));
        Self { history: History::new(program, left), reported: Reported::new(reports), ..self }
    }

    /// Scores one record; if it can be scored, appends it with its verdict to `output`.
    /// `broker_timestamp` is in milliseconds since 1970, negative if there is none.
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

    /// Returns the path of the field that is to blame for a refusal, as a spec writes it; `None` if no field
    /// is.
    pub fn path_of(&self, refusal: Refusal) -> Option<String> {
        let program = &self.plan.program;
        match refusal {
            Refusal { reason: Reason::VerdictPresent, .. } => Some(program.verdict.clone()),
            Refusal { field, .. } => field.map(|field| program.path(field.into())),
        }
    }

    /// Returns the last observed transaction's features, in the order of the spec; NaN is missing.
    pub fn vector(&self) -> &[f32] {
        self.features.vector()
    }

    /// Returns the sum of the model's leaves on the last observed transaction, of which a verdict
    /// is made.
    pub fn sum(&mut self) -> f64 {
        self.engine.sum(self.features.vector())
    }

    /// Returns the model's output on the last observed transaction, before calibration.
    pub fn raw(&mut self) -> f32 {
        self.engine.run(self.features.vector())
    }

    /// Returns the score from which on a transaction is fraud.
    pub fn threshold(&self) -> f32 {
        self.judge.threshold()
    }

    /// Forgets all events of one kind, as a restart forgets those of both kinds.
    pub fn forget(&mut self, events: Events) {
        self.history.forget(&self.plan.program, events);
        if events == Events::Reports {
            self.reported.clear();
        }
    }

    /// Returns history, which tells how full it is.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the plan in use.
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
