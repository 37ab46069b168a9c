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
//! - `survival.rs`: history into the changelog, and back after a restart
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
mod survival;
pub mod verdict;

use fraud_plan::program::{EventTypes, Events, Role, Treatment};
use fraud_plan::{Plan, Program};

use engine::Engine;
use features::Features;
use history::History;
use history::changelog::Changelog;
use history::known::{Known, Place};
use history::reported::Reported;
use record::event::MISSING;
use record::{Reader, Record};
pub use record::{Reason, Refusal};
pub use settings::Settings;
use survival::Changes;
use verdict::{Judge, Reasons, Splicer, Verdict, Warmth};

/// The detector: scores transactions one after the other, and remembers them.
pub struct Detector<'p> {
    plan: Plan<'p>,
    reader: Reader,
    history: History,
    reported: Reported,
    /// Which transactions have come by, if the spec wants to know; and the last one's place among them.
    known: Option<Known>,
    place: Option<Place>,
    /// Whether each transaction is new, has all entities and is to be scored, as far as the spec says.
    is_plain: bool,
    changelog: Changelog,
    changes: Changes,
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
    /// It is not to be scored, by its type, and goes on unchanged.
    Unscored(Unscored),
    /// It cannot be scored, and nothing of it was remembered.
    Unscorable(Refusal),
    /// It was remembered, and nothing is to be written: fraud reports, or a record outside the time
    /// that this deployment emits for.
    Silent,
}

/// Why a record goes on that is not to be scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unscored {
    /// It is a transaction of a type that is only remembered.
    Remembered,
    /// It is of another type: nothing was remembered of it.
    Passed,
}

impl Unscored {
    /// The code in the header `fraud-unscored`.
    pub fn code(self) -> &'static str {
        match self {
            Unscored::Remembered => "remembered",
            Unscored::Passed => "passed",
        }
    }
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
        /// Whether it has come before, where duplicates are told apart.
        duplicate: bool,
    },
    /// Fraud reports.
    Reports,
    /// Nothing that is to be scored.
    Unscored(Unscored),
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
            known: None,
            place: None,
            is_plain: plan.program.types.is_none()
                && !plan.program.entities.iter().any(|e| e.optional || !e.of.is_empty()),
            changelog: Changelog::new(&plan.program, settings.history_every, settings.history_key),
            changes: Changes::default(),
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
        let (reports, left) = Self::room(program, bytes);
        Self {
            history: History::new(program, left),
            reported: Reported::new(reports),
            known: (program.known > 0).then(|| Known::new(program)),
            is_plain: self.is_plain && program.known == 0,
            ..self
        }
    }

    /// Returns how many ids of reports are remembered in an instance with `bytes` of history, and the bytes that
    /// are left for the tables of entities, beside these ids and the known transactions.
    pub fn room(program: &Program, bytes: usize) -> (usize, usize) {
        let in_field = program.fields.iter().any(|field| field.role == Role::Reports);
        let takes_reports = in_field || program.reports_by_type();
        let reports = if takes_reports { MIN_REPORTS.max(bytes / 1024) } else { 0 };
        let left = bytes.saturating_sub(Reported::bytes(reports) + Known::bytes(program));
        (reports, left)
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
            Ok(Observed::Transaction { history, record, end, .. }) => (history, record, end),
            Ok(Observed::Reports) => return Outcome::Silent,
            Ok(Observed::Unscored(why)) => return Outcome::Unscored(why),
            Err(refusal) => return Outcome::Unscorable(refusal),
        };
        let sum = self.sum();
        let mut verdict = self.judge.judge(sum, history);
        if self.known.is_some() {
            (verdict.score, verdict.duplicate) = self.answer(verdict.score);
            verdict.fraud = verdict.score >= self.judge.threshold();
        }
        let reasons = match verdict.fraud {
            true => self.reasons.find(&mut self.engine, self.features.vector(), sum),
            false => "",
        };
        self.splicer.splice(&verdict, reasons, record, end, output);
        Outcome::Scored(verdict)
    }

    /// Returns the score that the transaction was given the first time, if it was, else `score`; and
    /// whether this is its second time.
    #[cold]
    #[inline(never)]
    fn answer(&mut self, score: f32) -> (f32, bool) {
        match (self.place, &mut self.known) {
            (Some(place), Some(known)) => (known.answer(place, score), place.is_duplicate()),
            _ => (score, false),
        }
    }

    /// Reads one record and remembers it; makes a transaction's feature vector, but runs no model.
    pub fn observe<'r>(
        &mut self,
        value: Option<&'r [u8]>,
        broker_timestamp: i64,
    ) -> Result<Observed<'r>, Refusal> {
        let Some(record) = value else {
            let passes = |types: &EventTypes| types.others == Treatment::Pass;
            return match self.plan.program.types.as_ref().is_some_and(passes) {
                true => Ok(Observed::Unscored(Unscored::Passed)),
                false => Err(Reason::NoValue.into()),
            };
        };
        let (features, history) = (&mut self.features, &mut self.history);
        match self.reader.read(record, broker_timestamp)? {
            Record::Transaction { event, end, is_scored } => {
                let (events, duplicate) = match self.is_plain {
                    true => (features.compute(event, history), false),
                    false => {
                        self.place = self.known.as_mut().and_then(|known| known.place(event));
                        let duplicate = self.place.is_some_and(Place::is_duplicate);
                        let events = features.compute_any(event, history, !duplicate);
                        if !is_scored {
                            return Ok(Observed::Unscored(Unscored::Remembered));
                        }
                        (events, duplicate)
                    }
                };
                let is_warm = events >= self.plan.program.warm_after;
                let history = if is_warm { Warmth::Warm } else { Warmth::Cold };
                Ok(Observed::Transaction { history, record, end, duplicate })
            }
            Record::Reports(reports) => {
                reports.for_each(|report| {
                    if !self.reported.insert(report.report) {
                        return;
                    }
                    if let Some(known) = &self.known
                        && report.ids.contains(&MISSING)
                    {
                        let mut report = report.clone();
                        known.complete(&mut report);
                        features.report(&report, history);
                    } else {
                        features.report(report, history);
                    }
                });
                Ok(Observed::Reports)
            }
            Record::Passed => Ok(Observed::Unscored(Unscored::Passed)),
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

    /// Returns the model's output of the sum of its leaves, before calibration.
    pub fn raw(&self, sum: f64) -> f32 {
        self.engine.output(sum)
    }

    /// Returns the score from which on a transaction is fraud.
    pub fn threshold(&self) -> f32 {
        self.judge.threshold()
    }

    /// Forgets all events of one kind, as a restart forgets those of both kinds.
    pub fn forget(&mut self, events: Events) {
        self.history.forget(&self.plan.program, events);
        match (events, &mut self.known) {
            (Events::Reports, _) => self.reported.clear(),
            (Events::Transactions, Some(known)) => known.clear(),
            (Events::Transactions, None) => {}
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
