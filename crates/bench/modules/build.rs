//! Compiles the model as the real module's build does, and once more for the naive engine.

use std::path::Path;
use std::{env, fs};

use anyhow::Result;
use fraud_plan::compile::{self, lower};
use fraud_plan::{Forest, Plan};

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("wasi") {
        return Ok(());
    }
    println!("cargo::rustc-link-arg-bins=-zstack-size=32768");

    println!("cargo::rerun-if-env-changed=FRAUD_MODEL");
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../..");
    let model = root.join(env::var("FRAUD_MODEL").unwrap_or("model".into()));
    let compiled = compile::model(&model)?;
    for input in &compiled.inputs {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let onnx = model.join("fraud.onnx");
    let ensemble = lower(&fs::read(&onnx)?, &onnx.display().to_string())?;
    let plan = compiled.plan.read()?;
    // As nodes, whichever form the compiler chose.
    let nodes: Forest = ensemble.as_forest();
    fs::write(out.join("nodes.plan"), Plan { forest: Some(nodes), ..plan }.write().bytes())?;
    fs::write(out.join("fraud.plan"), compiled.plan.bytes())?;
    Ok(())
}
