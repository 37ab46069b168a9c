//! The algorithms that evaluate a forest; all give the same bits.
//!
//! To add one: a variant of [`Algorithm`] with its name and its arm in `prepare`, and a type that is
//! [`Sum`].

mod quick_scorer;
mod ranks;

use fraud_detector::engine::Engine;
use fraud_plan::forest::{Trees, Walk};
use fraud_plan::{Plan, PlanBuf, PlanError, reference};

include!(concat!(env!("OUT_DIR"), "/generated.rs"));

/// A way to evaluate a forest; its position in [`Algorithm::ALL`] names it to the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The reference: from node to node, and out at the leaf.
    Naive,
    /// The engine's walk: eight trees in turn, each to its full depth.
    Walk,
    /// The walk on ranks instead of values: each value is searched once, and nodes compare integers.
    Ranks,
    /// QuickScorer as published: the splits in the order of their thresholds, a mask for each.
    QuickScorer,
    /// The engine's masks, where an interval's row is numbers of masks.
    MaskNumbers,
    /// The engine's masks, where an interval's row is the masks themselves.
    MaskRows,
    /// Nested ifs, compiled with the module.
    Generated,
}

impl Algorithm {
    /// All algorithms, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Naive,
        Self::Walk,
        Self::Ranks,
        Self::QuickScorer,
        Self::MaskNumbers,
        Self::MaskRows,
        Self::Generated,
    ];

    /// Returns the name in the table.
    #[cfg(not(target_os = "wasi"))]
    pub fn name(self) -> &'static str {
        match self {
            Self::Naive => "node by node, out at the leaf",
            Self::Walk => "**walk**: eight trees in turn, no branch",
            Self::Ranks => "the same on ranks",
            Self::QuickScorer => "QuickScorer",
            Self::MaskNumbers => "**masks**, rows of numbers",
            Self::MaskRows => "**masks**, rows of masks",
            Self::Generated => "generated ifs",
        }
    }

    /// Prepares to evaluate the plan of shape number `shape`; `None` if nothing was generated for it.
    pub fn prepare(self, plan: &Plan<'static>, shape: usize) -> Option<Box<dyn Evaluate>> {
        Some(match self {
            Self::Naive => {
                let forest = plan.forest?;
                Box::new(OneByOne(move |x: &[f32]| reference::sum(&forest, x)))
            }
            Self::Walk | Self::MaskNumbers | Self::MaskRows => {
                let mut engine = Engine::new(plan);
                Box::new(OneByOne(move |x: &[f32]| f64::from(engine.run(x))))
            }
            Self::Ranks => Box::new(OneByOne(ranks::Ranks::new(walk(plan), features(plan)))),
            Self::QuickScorer => {
                Box::new(OneByOne(quick_scorer::QuickScorer::new(walk(plan), features(plan))))
            }
            Self::Generated => Box::new(OneByOne(generated(shape)?)),
        })
    }
}

/// Reads a plan, and keeps its bytes for good.
pub fn read(bytes: &[u8]) -> Result<Plan<'static>, PlanError> {
    let kept: &'static PlanBuf = Box::leak(Box::new(PlanBuf::new(bytes)));
    kept.read()
}

/// Decodes values that lie one after the other.
pub fn values(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn features(plan: &Plan) -> usize {
    plan.program.features.len()
}

fn walk(plan: &Plan<'static>) -> Walk<'static> {
    match plan.forest.map(|forest| forest.trees) {
        Some(Trees::Walk(walk)) => walk,
        _ => panic!("a plan of nodes"),
    }
}

/// Evaluates one vector to the sum of its leaves.
trait Sum {
    fn sum(&mut self, vector: &[f32]) -> f64;
}

impl<F: FnMut(&[f32]) -> f64> Sum for F {
    fn sum(&mut self, vector: &[f32]) -> f64 {
        self(vector)
    }
}

/// Evaluates many vectors to their scores.
pub trait Evaluate {
    /// Evaluates the vectors, which lie one after the other, a score each.
    fn evaluate(&mut self, vectors: &[f32], scores: &mut [f32]);
}

/// Evaluates one vector after the other, without a virtual call for each.
struct OneByOne<S>(S);

impl<S: Sum> Evaluate for OneByOne<S> {
    fn evaluate(&mut self, vectors: &[f32], scores: &mut [f32]) {
        let features = vectors.len() / scores.len().max(1);
        for (vector, score) in vectors.chunks_exact(features).zip(scores) {
            *score = self.0.sum(vector) as f32;
        }
    }
}
