//! Everything, with the same model evaluated the obvious way: tree after tree, from node to node.

extern crate self as fraud_detector;

mod cut;

pub use cut::*;

use detector::Observed;
use detector::engine::Engine;
use detector::reasons::Reasons;
use detector::verdict::Judge;
use fraud_plan::forest::{Trees, Walk};
use fraud_plan::{Forest, Link, Plan, PlanBytes};

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
        let raw = run(&self.forest, real.vector());
        let verdict = self.judge.judge(raw, history);
        let reasons = match verdict.fraud {
            true => self.reasons.find(&mut self.engine, real.vector(), raw),
            false => "",
        };
        let value = value.expect("a record without a value is unscorable");
        let end = value.iter().rposition(|&byte| byte == b'}').expect("it was read as an object");
        self.judge.splice(&verdict, reasons, value, end, output);
        Outcome::Scored(verdict)
    }
}

fn run(forest: &Forest, vector: &[f32]) -> f32 {
    let Trees::Walk(walk) = &forest.trees else { panic!("compiled to nodes") };
    let mut sum = f64::from(forest.base);
    for four in walk.trees.chunks(4) {
        let mut leaves = [0.0; 4];
        for (leaf, tree) in leaves.iter_mut().zip(four) {
            *leaf = f64::from(leaf_of(walk, tree[0] as usize, vector));
        }
        // In the order that is part of what a forest means.
        let [a, b, c, d] = leaves;
        sum += (a + b) + (c + d);
    }
    match forest.link {
        Link::Identity => sum as f32,
        Link::Logistic => (1.0 / (1.0 + libm::exp(-sum))) as f32,
    }
}

fn leaf_of(walk: &Walk, first: usize, vector: &[f32]) -> f32 {
    let mut at = 0;
    loop {
        let [threshold, rest] = walk.nodes[first + at];
        let (input, child) = ((rest & 0xffff) as usize, (rest >> 16) as usize);
        if child == at {
            return walk.leaves[first + at];
        }
        // The second half of the inputs: there a missing value takes the second way.
        let missing_second = input >= vector.len();
        let x = vector[if missing_second { input - vector.len() } else { input }];
        let is_second = x > f32::from_bits(threshold) || missing_second && x.is_nan();
        at = child + usize::from(is_second);
    }
}

fn main() {
    shell::run();
}
