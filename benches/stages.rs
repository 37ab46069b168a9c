//! The pipeline's stages natively, each with its results checked: `cargo native-bench`.
//!
//! `fraud bench` says what they cost in the broker; this is for work on one of them.

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fraud_detector::engine::Engine;
use fraud_detector::features::Features;
use fraud_detector::history::History;
use fraud_detector::record::{Event, Reader, Record};
use fraud_detector::verdict::{Judge, Splicer, Verdict};
use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::compile::{self, lower};
use fraud_plan::{Plan, reference};
use fraud_simulator::Config;

const HISTORY: usize = 1 << 20;

/// Two simulated days, and the results of every stage.
#[derive(Default)]
struct Stages {
    records: Vec<Vec<u8>>,
    /// The event of each record, and the offset of the record's last brace.
    events: Vec<(Event, usize)>,
    vectors: Vec<Vec<f32>>,
    sums: Vec<f64>,
    verdicts: Vec<Verdict>,
    scored: Vec<Vec<u8>>,
}

/// Runs all stages as [`Detector::score`] does.
fn run(plan: &Plan) -> Stages {
    let mut detector = Detector::new(plan.clone(), &Settings::default()).with_history(HISTORY);
    let mut reader = Reader::new(&plan.program);
    let transactions = fraud_simulator::simulate(&Config { days: 2, ..Config::default() });
    let mut stages = Stages::default();
    for transaction in transactions.transactions {
        let mut record = Vec::new();
        fraud_simulator::write_transaction(&transaction, &mut record).expect("memory");
        record.pop();
        let Ok(Record::Transaction { event, end, .. }) = reader.read(&record, -1) else {
            panic!("simulated transactions are good");
        };
        let event = event.clone();
        // The oracle is serde_json.
        let value: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
        assert_eq!(event.numbers, [value["amount"].as_f64().expect("a number") as f32]);
        assert_eq!(i64::from(event.seconds), transaction.seconds - 946_684_800);
        let mut scored = Vec::new();
        let Outcome::Scored(verdict) = detector.score(Some(&record), -1, &mut scored) else {
            panic!("simulated transactions are good");
        };
        stages.events.push((event, end));
        stages.vectors.push(detector.vector().to_vec());
        stages.sums.push(detector.sum());
        stages.verdicts.push(verdict);
        stages.records.push(record);
        stages.scored.push(scored);
    }
    stages
}

fn stages(criterion: &mut Criterion) {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("model");
    let bytes = compile::model(&model).expect("the model compiles").plan;
    let plan = bytes.read().expect("a compiled plan is right");
    let stages = run(&plan);
    let mut group = criterion.benchmark_group("stages");
    group.throughput(Throughput::Elements(stages.records.len() as u64));
    group.sample_size(20);

    let mut reader = Reader::new(&plan.program);
    group.bench_function("record", |bench| {
        bench.iter(|| {
            for record in &stages.records {
                black_box(reader.read(record, -1).is_ok());
            }
        });
    });

    let empty = || (Features::new(&plan.program), History::new(&plan.program, HISTORY));
    let (mut features, mut history) = empty();
    for ((event, _), vector) in stages.events.iter().zip(&stages.vectors) {
        features.compute(event, &mut history);
        assert!(same_bits(features.vector(), vector));
    }
    group.bench_function("history and features", |bench| {
        let round = |(features, history): &mut (Features, History)| {
            for (event, _) in &stages.events {
                black_box(features.compute(event, history));
            }
        };
        bench.iter_batched_ref(empty, round, BatchSize::PerIteration);
    });

    let onnx = std::fs::read(model.join("fraud.onnx")).expect("read before");
    let ensemble = lower(&onnx, "fraud.onnx").expect("lowered before");
    let mut engine = Engine::new(&plan);
    for (vector, sum) in stages.vectors.iter().zip(&stages.sums) {
        let naive = reference::sum(&ensemble.as_forest(), vector);
        let found = [engine.sum(vector), *sum];
        assert_eq!(found.map(f64::to_bits), [naive.to_bits(); 2]);
    }
    group.bench_function("engine", |bench| {
        bench.iter(|| {
            for vector in &stages.vectors {
                black_box(engine.sum(vector));
            }
        });
    });
    group.bench_function("naive engine", |bench| {
        let forest = ensemble.as_forest();
        bench.iter(|| {
            for vector in &stages.vectors {
                black_box(reference::sum(&forest, vector));
            }
        });
    });

    let judge = Judge::new(&plan, plan.decision.threshold);
    let splicer = Splicer::new(&plan, plan.decision.threshold);
    let mut output = Vec::new();
    let mut verdict = |at: usize| {
        let (record, end) = (&stages.records[at], stages.events[at].1);
        let verdict = judge.judge(stages.sums[at], stages.verdicts[at].history);
        output.clear();
        splicer.splice(&verdict, "", record, end, &mut output);
        // Not those of frauds, which have reasons: finding them is the engine's work.
        verdict.fraud || output == stages.scored[at]
    };
    assert!((0..stages.records.len()).all(&mut verdict));
    group.bench_function("verdict", |bench| {
        bench.iter(|| (0..stages.records.len()).all(&mut verdict));
    });
    group.finish();
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
}

criterion_group!(benches, stages);
criterion_main!(benches);
