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
//!   ([`json`]: the scanner; [`timestamp`]: times in text)
//! - [`history`]: what is remembered per entity, in a fixed table
//! - [`features`]: record + history → feature vector, then the record into history
//! - [`engine`]: feature vector → the model's raw output
//! - [`verdict`]: score → decision, and the record with the verdict spliced in
//!
//! Beside it:
//!
//! - [`settings`]: `FRAUD_*` variables → [`Settings`], or a clear refusal at start
//! - `main.rs`: the shell: SDK callback, environment, topics; no logic
//!
//! What this crate is *not*: it has no clock, no I/O, no SDK outside `main.rs`, and reads the model
//! only from a plan (`fraud-plan`), never from an ONNX file.

pub mod engine;
pub mod features;
pub mod history;
pub mod json;
pub mod record;
pub mod settings;
pub mod timestamp;
pub mod verdict;

use fraud_plan::Plan;

use features::Features;
use history::History;
use record::Reader;
pub use record::Reason;
pub use settings::Settings;
use verdict::{Judge, Verdict, Warmth};

/// Scores transactions one after the other; see the crate's documentation.
pub struct Detector<'p> {
    plan: Plan<'p>,
    reader: Reader,
    history: History,
    features: Features,
    judge: Judge,
    output: Vec<u8>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// It was scored.
    Scored {
        /// The decision, score and what goes with them.
        verdict: Verdict,
        /// The record with the verdict spliced in.
        value: &'a [u8],
    },
    /// It cannot be scored, and nothing was remembered of it.
    Unscorable(Reason),
}

impl<'p> Detector<'p> {
    /// A detector with an empty history of at most `history_bytes`.
    pub fn new(plan: Plan<'p>, settings: &Settings, history_bytes: usize) -> Self {
        Self {
            reader: Reader::new(&plan.program),
            history: History::new(&plan.program, history_bytes),
            features: Features::new(&plan.program),
            judge: Judge::new(&plan, settings.threshold.unwrap_or(plan.decision.threshold)),
            output: Vec::new(),
            plan,
        }
    }

    /// Scores one record. `broker_timestamp` is in milliseconds since 1970, negative if there is
    /// none.
    pub fn score(&mut self, value: Option<&[u8]>, broker_timestamp: i64) -> Outcome<'_> {
        let history = match self.observe(value, broker_timestamp) {
            Ok(history) => history,
            Err(reason) => return Outcome::Unscorable(reason),
        };
        let raw = engine::run(&self.plan, self.features.doubled());
        let verdict = self.judge.judge(raw, history);
        let value = value.expect("a record without a value is unscorable");
        self.judge.splice(&verdict, value, self.reader.end(), &mut self.output);
        Outcome::Scored { verdict, value: &self.output }
    }

    /// Reads one record, makes its feature vector and remembers it, but runs no model.
    pub fn observe(
        &mut self,
        value: Option<&[u8]>,
        broker_timestamp: i64,
    ) -> Result<Warmth, Reason> {
        let transaction = self.reader.read(value, broker_timestamp)?;
        let program = &self.plan.program;
        let events = self.features.compute(program, transaction, &mut self.history);
        Ok(if events < program.warm_after { Warmth::Cold } else { Warmth::Warm })
    }

    /// The last observed record's features, in the order of the spec; NaN is missing.
    pub fn vector(&self) -> &[f32] {
        self.features.vector()
    }

    /// The score from which on a transaction is fraud.
    pub fn threshold(&self) -> f32 {
        self.judge.threshold()
    }

    /// The first entity's id as text: what a record is keyed by. `None` if the record has none.
    pub fn partition_key(&self, value: &[u8]) -> Option<Vec<u8>> {
        self.reader.partition_key(value)
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
