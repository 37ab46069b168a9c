//! The directory `model/` to a plan.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::document::{Document, Section};
use super::{Ensemble, MaskArrays, MaskLimits, lower, spec};
use crate::{Calibration, Decision, Plan, PlanBuf, Program};

/// A plan, and how it came about.
#[derive(Clone, Debug)]
pub struct CompiledPlan {
    /// The plan's bytes.
    pub plan: PlanBuf,
    /// What whoever builds it should know, a line each.
    pub warnings: Vec<String>,
    /// What the plan depends on: a change to any of these asks for another one.
    pub inputs: Vec<PathBuf>,
}

/// A spec and the model for it, before anything is decided on the model's outputs.
#[derive(Clone, Debug)]
pub struct CompiledModel {
    /// What comes before the engine.
    pub program: Program,
    ensemble: Ensemble,
    masks: Option<MaskArrays>,
}

impl CompiledModel {
    /// Of a spec and an ONNX file whose inputs are its features.
    pub fn read(spec: &Path, onnx: &Path) -> Result<Self> {
        let program = read_spec(spec)?;
        let bytes = std::fs::read(onnx).with_context(|| {
            format!("cannot read the model {}; `model/train/train.py` writes one", onnx.display())
        })?;
        let ensemble = lower(&bytes, &onnx.display().to_string())?;
        let (asked, given) = (ensemble.features as usize, program.features.len());
        ensure!(
            asked == given,
            "{} takes {asked} inputs, but {} makes {given} features; they must be the same ones, in \
             the same order",
            onnx.display(),
            spec.display(),
        );
        let masks = MaskArrays::new(&ensemble, MaskLimits::default());
        Ok(Self { program, ensemble, masks })
    }

    /// The plan with a decision.
    pub fn plan(&self, decision: Decision) -> Plan<'_> {
        let ensemble = &self.ensemble;
        let masks = self.masks.as_ref();
        let forest = masks.map_or_else(|| ensemble.as_forest(), |masks| masks.as_forest(ensemble));
        Plan { id: 0, program: self.program.clone(), decision, forest: Some(forest) }
    }
}

/// The plan of `fraud.toml`, `fraud.onnx` and, if it is there, `decision.toml` in `dir`.
pub fn model(dir: &Path) -> Result<CompiledPlan> {
    let paths = ["fraud.toml", "fraud.onnx", "decision.toml"].map(|name| dir.join(name));
    let [spec, onnx, decision] = &paths;
    let undecided = CompiledModel::read(spec, onnx)?;
    let mut warnings = Vec::new();
    let decision = if decision.exists() {
        read_decision(decision, &undecided.program)?
    } else {
        let decided = Decision::default();
        warnings.push(format!(
            "there is no {}: the threshold is {}, and calibrated by nothing; `fraud tune` writes one",
            decision.display(),
            decided.threshold,
        ));
        decided
    };
    let plan = undecided.plan(decision);
    // A file that is not there yet would count as changed each time: its directory stands for it.
    let inputs = paths.iter().map(|path| if path.exists() { path } else { dir });
    Ok(CompiledPlan { plan: plan.write(), warnings, inputs: inputs.map(PathBuf::from).collect() })
}

fn read_spec(path: &Path) -> Result<Program> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read the feature spec {file}; the model's README describes how to write one"
        )
    })?;
    spec::parse(&text, &file)
}

fn read_decision(path: &Path, program: &Program) -> Result<Decision> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
    let document = Document::parse(&text, &file)?;
    let root = document.root();
    let threshold =
        root.number("threshold", "a number from 0 to 1", |x| (0.0..=1.0).contains(&x))?;
    let threshold = root.need("threshold", threshold)?;
    // How the threshold was found and what it is expected to do, for people.
    root.text("basis")?;
    root.text("data")?;
    root.table("expected")?;
    let calibration = match root.table("calibration")? {
        None => Calibration::Identity,
        Some(section) => read_calibration(section)?,
    };
    let names = program.features.iter().map(|feature| feature.name.as_str());
    let baselines = match root.table("baselines")? {
        None => Vec::new(),
        Some(section) => section.number_each(names)?,
    };
    root.finish("a decision")?;
    Ok(Decision { threshold, calibration, baselines })
}

fn read_calibration(section: Section) -> Result<Calibration> {
    let calibration = if let Some(outputs) = section.numbers("output")? {
        let scores = section.need("score", section.numbers("score")?)?;
        let (one, other) = (outputs.len(), scores.len());
        if one != other {
            return Err(section.fault(format_args!("{one} outputs have {other} scores")));
        }
        let knots = outputs.into_iter().zip(scores).map(|(output, score)| [output, score]);
        Calibration::Isotonic { knots: knots.collect() }
    } else {
        let slope = section.number("slope", "a number above 0", |slope| slope > 0.0)?;
        let offset = section.number("offset", "a number", |_| true)?;
        let (slope, offset) = (section.need("slope", slope)?, section.need("offset", offset)?);
        Calibration::Platt { slope: f64::from(slope), offset: f64::from(offset) }
    };
    if let Some(rule) = calibration.fault() {
        return Err(section.fault(format_args!("it takes {rule}")));
    }
    section.finish("[calibration]")?;
    Ok(calibration)
}
