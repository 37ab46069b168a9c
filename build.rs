//! Compiles the model into the module, and leaves the module's memory to history rather than to the
//! shadow stack. Only the module has a model: native builds of the library need none.
//!
//! The model's directory is `FRAUD_MODEL`, else the one that `scripts/build` chose last and keeps in
//! `fraud-detector.model`, else `model/`. So `rpk transform build`, which runs a plain
//! `cargo build --release`, deploys the model that was measured.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("wasi") {
        return;
    }
    // Nothing here recurses or keeps large arrays: `tests/memory.rs` passes with half of this. A
    // flag in .cargo/config.toml would not do: `rpk transform build` replaces those.
    println!("cargo::rustc-link-arg-bins=-zstack-size=32768");

    println!("cargo::rerun-if-env-changed=FRAUD_MODEL");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let model = Path::new(&root).join(model_directory(Path::new(&root)));
    let compiled = fraud_plan::compile::model(&model);
    let compiled = compiled.unwrap_or_else(|error| {
        for line in format!("{error:#}").lines() {
            println!("cargo::error={line}");
        }
        println!("cargo::error=./scripts/build --model DIR builds the model in another directory");
        std::process::exit(1);
    });
    for input in &compiled.inputs {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    for warning in &compiled.warnings {
        println!("cargo::warning={warning}");
    }
    let output = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&output).join("fraud.plan"), compiled.plan.bytes())
        .expect("OUT_DIR is writable");
    let texts = [
        ("fraud.toml", &compiled.spec),
        ("decision.toml", &compiled.decision),
        ("warm-up", &compiled.memory),
    ];
    for (name, text) in texts {
        fs::write(Path::new(&output).join(name), text).expect("OUT_DIR is writable");
    }
}

fn model_directory(root: &Path) -> String {
    if let Ok(directory) = env::var("FRAUD_MODEL") {
        return directory;
    }
    let choice = root.join("fraud-detector.model");
    let Ok(directory) = fs::read_to_string(&choice) else { return "model".into() };
    println!("cargo::rerun-if-changed={}", choice.display());
    let directory = directory.trim_end().to_owned();
    println!("cargo::warning=the model is that of {directory}/, as ./scripts/build chose it");
    directory
}
