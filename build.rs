//! Compiles `model/`, or the directory in `FRAUD_MODEL`, into the module, and leaves the module's
//! memory to history rather than to the shadow stack. Only the module has a model: native builds of
//! the library need none.

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
    let model = Path::new(&root).join(env::var("FRAUD_MODEL").unwrap_or("model".into()));
    let compiled = fraud_plan::compile::model(&model);
    let compiled = compiled.unwrap_or_else(|error| {
        for line in format!("{error:#}").lines() {
            println!("cargo::error={line}");
        }
        std::process::exit(1);
    });
    for input in &compiled.inputs {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    for warning in &compiled.warnings {
        println!("cargo::warning={warning}");
    }
    let output = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&output).join("fraud.plan"), &compiled.plan).expect("OUT_DIR is writable");
}
