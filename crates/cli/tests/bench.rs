//! `fraud bench`: the shape of its answers, and those of its figures that do not depend on the
//! machine.

mod page;
mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fraud_detector::{Detector, Settings};
use fraud_plan::{Decision, Plan, compile};
use fraud_simulator::SplitMix64;
use place::{Place, fraud_detector};
use serde_json::Value;
use transform_host::{BatchBuilder, Deployment, Engine, Limits, Output, Vm};

/// Maximum fuel of the floor: above it, nothing can be compared with it.
const FLOOR: f64 = 6_000.0;
/// Maximum of the pipeline's fuel, as a multiple of the floor's.
const TO_FLOOR: f64 = 2.0;

/// Returns the directory of the modules beside the real one, where this test was built.
fn modules() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_fraud")).ancestors().nth(3).expect("target");
    let modules = target.join("wasm32-wasip1/release");
    assert!(
        modules.join("bench-floor.wasm").exists(),
        "not built: cargo build --release --locked --package bench-modules --features modules"
    );
    modules
}

/// Returns the answer for a simulated day.
fn bench(options: &str) -> Value {
    let place = Place::new();
    place.json("simulate --days 1 --output t.jsonl --frauds f.csv");
    let command = format!(
        "bench --input t.jsonl --passes 1 --module {} --modules {} {options}",
        fraud_detector().display(),
        modules().display(),
    );
    let (answer, status) = place.json(command.trim_end());
    assert_eq!(status, 0);
    answer
}

/// Returns the object of this name in a list.
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let mut found = list.as_array().expect("a list").iter().filter(|one| one["name"] == name);
    found.next().unwrap_or_else(|| panic!("no {name} in {list:#}"))
}

#[test]
fn modules_side_by_side() {
    let answer = bench("--cores 2");
    let modules = &answer["modules"];
    for name in ["identity", "floor", "pipeline", "naive"] {
        let module = named(modules, name);
        for key in [
            "records_per_second",
            "ns_per_record",
            "fuel_per_record",
            "p50_us",
            "p99_us",
            "p999_us",
            "peak_memory_bytes",
            "module_bytes",
            "start_us",
            "start_fuel",
        ] {
            assert!(module[key].as_f64().is_some_and(|figure| figure > 0.0), "{name} {key}");
        }
    }
    let fuel = |name| named(modules, name)["fuel_per_record"].as_f64().expect("a number");
    assert!(fuel("floor") <= FLOOR, "{} fuel: nothing can be compared with it", fuel("floor"));
    let ratio = fuel("pipeline") / fuel("floor");
    assert!(ratio <= TO_FLOOR, "the pipeline takes {ratio:.2} times the floor's fuel");
    assert!(fuel("naive") > fuel("pipeline"));

    let stages = answer["stages"].as_array().expect("a list");
    let sum: f64 = stages.iter().map(|stage| stage["fuel_per_record"].as_f64().unwrap()).sum();
    assert!((sum - fuel("pipeline")).abs() < 1e-6, "{sum}");
    assert!(stages.iter().all(|stage| stage["fuel_per_record"].as_f64() > Some(0.0)));

    let cores = &answer["cores"];
    assert_eq!(cores["count"], 2);
    for name in ["identity", "floor", "pipeline"] {
        assert!(named(&cores["modules"], name)["scaling"].as_f64() > Some(0.0));
    }
    named(&cores["ratios"], "scaling_to_identity");
    page::check(&["fraud bench"], &[answer]);
}

#[test]
fn growth() {
    for (what, points) in [("features", 6), ("kinds", 24), ("partitions", 6)] {
        let answer = bench(&format!("--sweep {what}"));
        assert_eq!(answer["sweep"], what);
        assert_eq!(answer["rows"].as_array().map(Vec::len), Some(points));
        let rows = format!("fraud bench --sweep {what}");
        page::check(&["fraud bench --sweep", &rows], &[answer]);
    }
}

/// Every kind of feature has the same bits natively and in the module.
#[test]
fn features_natively_and_in_the_module() {
    const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/specs/kinds.toml");
    let text = std::fs::read_to_string(SPEC).expect("the spec");
    let program = compile::spec::parse(&text, SPEC).expect("it is right");
    let plan = Plan { id: 0, program, decision: Decision::default(), forest: None }.write();
    let plan_read = plan.read().expect("a plan");
    let mut detector = Detector::new(plan_read, &Settings::default()).with_history(1 << 20);

    let wasm = std::fs::read(modules().join("bench-any-plan.wasm")).expect("modules() has it");
    let module =
        Engine::new(&Limits::stock()).expect("an engine").compile(&wasm).expect("a module");
    let mut vm = Vm::new(&module, &Deployment::new("any-plan", "in", ["out"]));
    vm.start().expect("it starts");
    let (mut batch, mut output) = (BatchBuilder::new(0), Output::default());
    batch.push(0, None, Some(plan.bytes()), &[]);
    vm.process(&Arc::new(batch.build()), &mut output).expect("it takes the plan");

    let mut random = SplitMix64::new(7);
    let mut below = |limit: u64| random.draw() % limit;
    let mut seconds = 1_600_000_000;
    for _ in 0..5_000 {
        seconds += below(20_000) as i64 - 2_000;
        let [customer, terminal, cents] = [20, 30, 100_000].map(&mut below);
        let mut degrees = |limit: u64| below(2_000_000 * limit) as f64 / 1e6 - limit as f64;
        let [latitude, shop_latitude] = [degrees(92), degrees(90)];
        let [longitude, shop_longitude] = [degrees(180), degrees(360)];
        let kind = ["null", "\"grocery\"", "5411", "\"new\"", "\"caf\\u00e9\""][below(5) as usize];
        let record = format!(
            r#"{{"customer_id":{customer},"terminal_id":{terminal},"timestamp":{seconds},"amount":{cents}e-2,"balance":{},"at":{{"lat":{latitude},"lon":{longitude}}},"shop":{{"lat":{shop_latitude},"lon":{shop_longitude}}},"merchant":{{"kind":{kind}}},"country":"FR"}}"#,
            below(5_000),
        );
        detector.observe(Some(record.as_bytes()), -1).expect(&record);
        let native = detector.vector().iter().flat_map(|value| value.to_le_bytes());
        let mut batch = BatchBuilder::new(0);
        batch.push(0, None, Some(record.as_bytes()), &[]);
        vm.process(&Arc::new(batch.build()), &mut output).expect("it runs");
        let written = output.iter().next().expect("one record");
        assert_eq!(written.payload.key(), Some(&*native.collect::<Vec<_>>()), "{record}");
    }
}

#[test]
fn modules_that_are_not_there() {
    let place = Place::new();
    let command = format!("bench --module {}", fraud_detector().display());
    place.refused(&command, "./scripts/fraud builds what `bench` needs");
}

#[test]
fn other_transactions() {
    let place = Place::new();
    place.write("t.jsonl", "{\"card\":1}\n");
    let (module, modules) = (fraud_detector(), modules());
    let [module, modules] = [module.display(), modules.display()];
    let bench = format!("bench --module {module} --modules {modules}");
    place.refused(&format!("{bench} --input t.jsonl"), "those of `fraud simulate` only");
}
