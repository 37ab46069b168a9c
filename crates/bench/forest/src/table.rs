//! Builds the module, runs it as a broker would, and prints the table.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fraud_plan::compile::{Ensemble, MaskArrays, MaskLimits, spec};
use fraud_plan::forest;
use fraud_plan::{Decision, Link, Plan, PlanBuf};
use transform_host::{BatchBuilder, Deployment, Engine, Limits, Module, Output, Vm};

use crate::algorithms::{Algorithm, Evaluate};
use crate::ensembles::{SHAPES, Shape, TreeNode, depth};

/// Most bytes of a plan that a stock broker's memory might hold.
const MAX_PLAN: usize = 1 << 20;
/// Vectors of a record: enough that a CPU does not learn their ways through the trees by heart.
const VECTORS: usize = 5_000;
/// Rounds in which the module evaluates all vectors, with the fuel of one record.
const REPEATS: u32 = 2;
/// Measurements of each algorithm, which take turns; the median counts.
const ROUNDS: usize = 15;

/// One algorithm on one ensemble.
struct Contestant {
    algorithm: Algorithm,
    plan_bytes: usize,
    vm: Vm,
    native: Box<dyn Evaluate>,
    fuel: u64,
    module_ns: Vec<f64>,
    native_ns: Vec<f64>,
}

/// Measures every algorithm on every ensemble, and prints the table.
pub fn print() -> Result<()> {
    let module = module()?;
    println!("| trees × leaves | algorithm | plan, KB | fuel | ns in the module | ns natively |");
    println!("|---|---|--:|--:|--:|--:|");
    for (at, shape) in SHAPES.into_iter().enumerate() {
        for contestant in measure(&module, at, shape, ROUNDS)? {
            contestant.print(shape);
        }
    }
    Ok(())
}

/// Measures every algorithm on a shape; an error if any two differ in a bit of a score.
fn measure(module: &Module, at: usize, shape: Shape, rounds: usize) -> Result<Vec<Contestant>> {
    let vectors = shape.inputs(VECTORS);
    let ensemble = ensemble(shape);
    let mut contestants = Vec::new();
    for (number, algorithm) in Algorithm::ALL.into_iter().enumerate() {
        let Some(plan) = plan(&ensemble, algorithm)? else { continue };
        let Some(native) = algorithm.prepare(&crate::algorithms::read(plan.bytes())?, at) else {
            continue;
        };
        let mut vm = Vm::new(module, &deployment());
        vm.start()?;
        let prepare: Vec<u8> =
            words(&[0, number as u32, at as u32]).chain(plan.bytes().iter().copied()).collect();
        send(&mut vm, &prepare)?;
        let plan_bytes = plan.bytes().len();
        let (fuel, module_ns, native_ns) = (0, Vec::new(), Vec::new());
        contestants.push(Contestant {
            algorithm,
            plan_bytes,
            vm,
            native,
            fuel,
            module_ns,
            native_ns,
        });
    }
    let mut expected: Option<Vec<f32>> = None;
    for _ in 0..rounds {
        for contestant in &mut contestants {
            let scores = contestant.round(&vectors)?;
            let expected = expected.get_or_insert_with(|| scores[0].clone());
            for scores in scores {
                let is_same =
                    scores.iter().zip(&*expected).all(|(a, b)| a.to_bits() == b.to_bits());
                ensure!(is_same, "{:?} has other scores on {shape:?}", contestant.algorithm);
            }
        }
    }
    Ok(contestants)
}

impl Contestant {
    /// Measures once; returns the scores of the module and the native ones.
    fn round(&mut self, vectors: &[f32]) -> Result<[Vec<f32>; 2]> {
        let values = || vectors.iter().flat_map(|x| x.to_le_bytes());
        let record =
            |repeats| -> Vec<u8> { words(&[1, repeats, VECTORS as u32]).chain(values()).collect() };
        // Both include the cost of receiving and sending, which cancels out.
        let once = send(&mut self.vm, &record(1))?;
        let more = send(&mut self.vm, &record(1 + REPEATS))?;
        let evaluations = REPEATS as usize * VECTORS;
        self.fuel = (more.fuel - once.fuel) / evaluations as u64;
        self.module_ns.push((more.ns - once.ns) / evaluations as f64);
        let mut scores = vec![0.0; VECTORS];
        let began = Instant::now();
        for _ in 0..REPEATS {
            self.native.evaluate(std::hint::black_box(vectors), &mut scores);
        }
        self.native_ns.push(began.elapsed().as_nanos() as f64 / evaluations as f64);
        Ok([more.scores, scores])
    }

    fn print(&self, Shape { trees, leaves }: Shape) {
        println!(
            "| {trees} × {leaves} | {} | {:.0} | {} | {:.0} | {:.0} |",
            self.algorithm.name(),
            self.plan_bytes as f64 / 1e3,
            self.fuel,
            median(&self.module_ns),
            median(&self.native_ns),
        );
    }
}

/// The cost of a record, and the scores it came back with.
struct Sent {
    fuel: u64,
    ns: f64,
    scores: Vec<f32>,
}

fn send(vm: &mut Vm, value: &[u8]) -> Result<Sent> {
    let before = vm.stats();
    let mut batch = BatchBuilder::new(before.records as i64);
    batch.push(0, None, Some(value), &[]);
    let mut output = Output::default();
    vm.process(&Arc::new(batch.build()), &mut output)?;
    let after = vm.stats();
    let written = output.iter().next().and_then(|written| written.value().map(<[u8]>::to_vec));
    Ok(Sent {
        fuel: after.record_fuel - before.record_fuel,
        ns: (after.engine_time - before.engine_time).as_nanos() as f64,
        scores: crate::algorithms::values(&written.unwrap_or_default()),
    })
}

fn words(words: &[u32]) -> impl Iterator<Item = u8> {
    words.iter().flat_map(|word| word.to_le_bytes())
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Builds this package's module as the detector's is built.
fn module() -> Result<Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--package", "bench-forest"])
        .current_dir(&root)
        .status()
        .context("cargo cannot be run")?;
    ensure!(built.success(), "the module does not build");
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let path = root.join(target).join("wasm32-wasip1/release/bench-forest.wasm");
    let wasm = std::fs::read(&path).with_context(|| path.display().to_string())?;
    // A plan comes as a record here, and its bytes are kept beside the arrays made of them.
    let limits = Limits::stock().with(|l| l.memory_bytes = 16 << 20);
    Ok(Engine::new(&limits)?.compile(&wasm)?)
}

fn deployment() -> Deployment {
    Deployment::new("bench-forest", "vectors", ["scores"])
}

/// Returns the shape's trees in the form in which the compiler has a model's trees.
fn ensemble(shape: Shape) -> Ensemble {
    let features = shape.features() as u32;
    let (trees, nodes, leaves) = (Vec::new(), Vec::new(), Vec::new());
    let mut flat = Ensemble { trees, nodes, leaves, base: 0.0, link: Link::Identity, features };
    for tree in shape.trees() {
        let first = flat.nodes.len();
        flat.trees.push(forest::Tree { first: first as u32, depth: depth(&tree, 0) });
        for (at, node) in tree.iter().enumerate() {
            let (node, value) = match *node {
                TreeNode::Leaf(value) => (forest::Node::leaf(at), value),
                TreeNode::Split { feature, threshold, missing_second, ways } => {
                    let half = if missing_second { shape.features() } else { 0 };
                    (forest::Node::split(threshold, feature + half, ways[0]), 0.0)
                }
            };
            flat.nodes.push(node);
            flat.leaves.push(value);
        }
    }
    flat
}

/// Writes the plan from which an algorithm is prepared; `None` if it is too large for any use.
fn plan(ensemble: &Ensemble, algorithm: Algorithm) -> Result<Option<PlanBuf>> {
    let features: String = (0..ensemble.features)
        .map(|at| format!("[[feature]]\nname = \"f{at}\"\nkind = \"time\"\npart = \"hour\"\n"))
        .collect();
    let entity = "version = 1\n[[entity]]\nname = \"customer\"\npath = \"customer\"\n";
    let program = spec::parse(&format!("{entity}{features}"), "the bench's features")?;
    let masks = |row_bytes| MaskArrays::new(ensemble, MaskLimits { row_bytes, bytes: usize::MAX });
    let masks = match algorithm {
        Algorithm::MaskNumbers => masks(0),
        Algorithm::MaskRows => masks(usize::MAX),
        _ => None,
    };
    let forest = match (algorithm, &masks) {
        (_, Some(masks)) => masks.as_forest(ensemble),
        (Algorithm::MaskNumbers | Algorithm::MaskRows, None) => return Ok(None),
        _ => ensemble.as_forest(),
    };
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: Some(forest) }.write();
    Ok((plan.bytes().len() <= MAX_PLAN).then_some(plan))
}

#[cfg(test)]
mod tests {
    use super::{SHAPES, measure, module};

    #[test]
    fn all_algorithms_give_the_same_bits_natively_and_in_the_module() {
        let module = module().unwrap();
        for (at, shape) in SHAPES.into_iter().enumerate() {
            measure(&module, at, shape, 1).unwrap();
        }
    }
}
