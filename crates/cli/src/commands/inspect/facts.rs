//! The model in a module, and the texts that it was built from.

use std::fmt;

use anyhow::{Context, Result};
use fraud_plan::{Calibration, Plan};
use serde::Serialize;
use transform_host::custom_section;

use crate::module::target::ModuleFile;
use crate::show::report::Report;

/// The facts of a model, as the module's plan has them.
#[derive(Serialize)]
pub struct ModelFacts {
    /// Names of the features, in the order of the model's inputs.
    features: Vec<String>,
    threshold: f32,
    /// `none`, `platt` or `isotonic`.
    calibration: &'static str,
    /// Whether alerts give reasons.
    reasons: bool,
}

impl ModelFacts {
    /// Takes the facts from a plan.
    pub fn of(plan: &Plan) -> Self {
        let features = plan.program.features.iter();
        Self {
            features: features.map(|feature| feature.name.clone()).collect(),
            threshold: plan.decision.threshold,
            calibration: match plan.decision.calibration {
                Calibration::Identity => "none",
                Calibration::Platt { .. } => "platt",
                Calibration::Isotonic { .. } => "isotonic",
            },
            reasons: !plan.decision.baselines.is_empty(),
        }
    }
}

impl fmt::Display for ModelFacts {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{} features: {}", self.features.len(), self.features.join(", "))?;
        let reasons = if self.reasons { "with" } else { "without" };
        writeln!(
            f,
            "threshold {}, calibration {}, alerts {reasons} reasons",
            self.threshold, self.calibration
        )
    }
}

/// A text that the module was built from.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Source {
    /// fraud.toml, the feature spec
    Spec,
    /// decision.toml, with what the threshold was found on and what to expect of it
    Decision,
}

/// A text of a module.
#[derive(Serialize)]
struct SourceText<'m> {
    model: Option<String>,
    text: &'m str,
}

impl fmt::Display for SourceText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Answers with a text that the module was built from, byte for byte.
pub fn print(file: &ModuleFile, source: Source) -> Result<Report> {
    let name = match source {
        Source::Spec => "fraud.toml",
        Source::Decision => "decision.toml",
    };
    let found = custom_section(&file.wasm, name).filter(|text| !text.is_empty());
    let text = found.and_then(|text| std::str::from_utf8(text).ok()).with_context(|| {
        format!(
            "{} carries no {name}: the modules of ./scripts/build carry what they were built from",
            file.path.display()
        )
    })?;
    Report::of(&SourceText { model: file.model(), text })
}
