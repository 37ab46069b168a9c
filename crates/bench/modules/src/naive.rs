//! Everything, with the same model evaluated the obvious way: tree after tree, from node to node.

extern crate self as fraud_detector;

mod cut;
mod nodes;

pub use cut::*;

use detector::Observed;
use detector::engine::Engine;
use detector::verdict::Judge;
use detector::verdict::Reasons;
use fraud_plan::{Forest, Plan, PlanBytes};

static NODES: &PlanBytes<[u8]> =
    &PlanBytes(*include_bytes!(concat!(env!("OUT_DIR"), "/nodes.plan")));

/// What is run of the detector, and what is not its own.
pub struct Cut {
    forest: Forest<'static>,
    engine: Engine<'static>,
    judge: Judge,
    reasons: Reasons,
}

impl Cut {
    fn new(plan: &Plan, settings: &Settings) -> Self {
        let nodes = Plan::read(&NODES.0).expect("a compiled plan is right");
        Self {
            engine: Engine::new(&nodes),
            judge: Judge::new(plan, settings.threshold.unwrap_or(plan.decision.threshold)),
            reasons: Reasons::new(plan),
            forest: nodes.forest.expect("compiled from a model"),
        }
    }

    fn score(
        &mut self,
        real: &mut detector::Detector,
        value: Option<&[u8]>,
        time: i64,
        output: &mut Vec<u8>,
    ) -> Outcome {
        let history = match real.observe(value, time) {
            Ok(Observed::Transaction(history)) => history,
            Ok(Observed::Reports) => return Outcome::Silent,
            Err(reason) => return Outcome::Unscorable(reason),
        };
        let sum = nodes::sum(&self.forest, real.vector());
        let verdict = self.judge.judge(sum, history);
        let reasons = match verdict.fraud {
            true => self.reasons.find(&mut self.engine, real.vector(), sum),
            false => "",
        };
        let value = value.expect("a record without a value is unscorable");
        let end = value.iter().rposition(|&byte| byte == b'}').expect("it was read as an object");
        self.judge.splice(&verdict, reasons, value, end, output);
        Outcome::Scored(verdict)
    }
}

fn main() {
    shell::run();
}
