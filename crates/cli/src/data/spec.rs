//! The feature spec.

use std::path::Path;

use anyhow::{Context, Result};
use fraud_plan::Program;

/// Reads a feature spec.
pub fn read(path: &Path) -> Result<Program> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("cannot read the feature spec {file}; name another with --spec FILE")
    })?;
    fraud_plan::compile::spec::parse(&text, &file)
}

/// The spec that is read if none is given and the module holds none.
pub const DEFAULT: &str = "model/fraud.toml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_compile() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (world, features) in [("cards", 41), ("transfers", 43), ("charges", 39)] {
            let program = read(&root.join(format!("examples/{world}/fraud.toml")));
            let program = program.unwrap_or_else(|error| panic!("{error:#}"));
            assert_eq!(program.features.len(), features, "{world}");
        }
    }
}
