//! Everything, with the same model evaluated in the obvious way: tree after tree, from node to
//! node.

use fraud_detector::engine::Engine;
use fraud_detector::shell::Score;
use fraud_detector::verdict::{Judge, Reasons, Splicer};
use fraud_detector::{Detector, Observed, Outcome, Settings};
use fraud_plan::{Forest, Plan, PlanBytes, reference};

static NODES: &PlanBytes<[u8]> =
    &PlanBytes(*include_bytes!(concat!(env!("OUT_DIR"), "/nodes.plan")));

/// The real detector up to the features, and behind them what it would do with another engine.
struct Naive {
    detector: Detector<'static>,
    forest: Forest<'static>,
    engine: Engine<'static>,
    judge: Judge,
    splicer: Splicer,
    reasons: Reasons,
}

impl Score for Naive {
    fn new(plan: Plan<'static>, settings: &Settings) -> Self {
        let nodes = Plan::read(&NODES.0).expect("a compiled plan is right");
        let threshold = settings.threshold.unwrap_or(plan.decision.threshold);
        Self {
            engine: Engine::new(&nodes),
            judge: Judge::new(&plan, threshold),
            splicer: Splicer::new(&plan, threshold),
            reasons: Reasons::new(&plan),
            forest: nodes.forest.expect("compiled from a model"),
            detector: Detector::new(plan, settings),
        }
    }

    fn with_history(self, bytes: usize) -> Self {
        Self { detector: self.detector.with_history(bytes), ..self }
    }

    fn score(&mut self, value: Option<&[u8]>, time: i64, output: &mut Vec<u8>) -> Outcome {
        let (history, record, end) = match self.detector.observe(value, time) {
            Ok(Observed::Transaction { history, record, end, .. }) => (history, record, end),
            Ok(Observed::Reports) => return Outcome::Silent,
            Ok(Observed::Unscored(why)) => return Outcome::Unscored(why),
            Err(refusal) => return Outcome::Unscorable(refusal),
        };
        let sum = reference::sum(&self.forest, self.detector.vector());
        let verdict = self.judge.judge(sum, history);
        let reasons = match verdict.fraud {
            true => self.reasons.find(&mut self.engine, self.detector.vector(), sum),
            false => "",
        };
        self.splicer.splice(&verdict, reasons, record, end, output);
        Outcome::Scored(verdict)
    }

    fn detector(&self) -> &Detector<'static> {
        &self.detector
    }

    fn detector_mut(&mut self) -> &mut Detector<'static> {
        &mut self.detector
    }
}

fn main() {
    bench_modules::run::<Naive>()
}
