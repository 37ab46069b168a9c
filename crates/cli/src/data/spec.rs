//! The feature spec.

use std::path::Path;

use anyhow::{Context, Result};
use fraud_plan::Program;
use fraud_plan::compile::spec::MadeTable;

/// Reads a feature spec.
pub fn read(path: &Path) -> Result<Program> {
    fraud_plan::compile::spec::parse(&text(path)?, &path.display().to_string())
}

/// Reads a feature spec before training has made its tables; returns these, too.
pub fn read_untrained(path: &Path) -> Result<(Program, Vec<MadeTable>)> {
    fraud_plan::compile::spec::parse_untrained(&text(path)?, &path.display().to_string())
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!("cannot read the feature spec {}; name another with --spec FILE", path.display())
    })
}

/// The spec that is read if none is given.
pub const DEFAULT: &str = "model/fraud.toml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_compile() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for world in ["cards", "transfers", "charges"] {
            let program = read(&root.join(format!("examples/{world}/fraud.toml")));
            program.unwrap_or_else(|error| panic!("{error:#}"));
        }
    }
}
