//! The directory `model/` to a plan.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::document::{Document, Section};
use super::{Ensemble, MaskArrays, MaskLimits, lower, spec};
use crate::program::Trace;
use crate::{Calibration, Decision, Link, Plan, PlanBuf, Program};

/// A plan, and what the build has to know of its making.
#[derive(Clone, Debug)]
pub struct CompiledPlan {
    /// The plan's bytes.
    pub plan: PlanBuf,
    /// The text of `fraud.toml`.
    pub spec: String,
    /// The text of `decision.toml`; empty if there is none.
    pub decision: String,
    /// The time that the model remembers, such as `35d`: `transform-runner` shows a new instance the
    /// records of that time first.
    pub memory: String,
    /// Warnings for whoever builds it, a line each.
    pub warnings: Vec<String>,
    /// Files that the plan was made from: after a change to one it must be made again.
    pub inputs: Vec<PathBuf>,
}

/// A compiled spec and model that still lack a decision (threshold, calibration, baselines);
/// `fraud tune` finds one for it.
#[derive(Clone, Debug)]
pub struct CompiledModel {
    /// The feature program.
    pub program: Program,
    /// The text of the spec.
    text: String,
    /// The files beside the spec that it names.
    files: Vec<PathBuf>,
    ensemble: Ensemble,
    masks: Option<MaskArrays>,
}

impl CompiledModel {
    /// Compiles a spec and an ONNX file whose inputs are the spec's features.
    pub fn read(spec: &Path, onnx: &Path) -> Result<Self> {
        let text = read_spec(spec)?;
        let (program, files) = spec::parse_with_files(&text, &spec.display().to_string())?;
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
        let [low, high] = ensemble.bounds();
        ensure!(
            ensemble.link == Link::Logistic || (low >= -ROUNDING && high <= 1.0 + ROUNDING),
            "the output of {} can be from {low:.3} to {high:.3}, but a score is from 0 to 1; train a \
             classifier, whose output is a probability, or end the graph with a Sigmoid",
            onnx.display(),
        );
        let masks = MaskArrays::new(&ensemble, MaskLimits::default());
        Ok(Self { program, text, files, ensemble, masks })
    }

    /// Returns the plan with a decision.
    pub fn plan(&self, decision: Decision) -> Plan<'_> {
        let ensemble = &self.ensemble;
        let masks = self.masks.as_ref();
        let forest = masks.map_or_else(|| ensemble.as_forest(), |masks| masks.as_forest(ensemble));
        Plan { id: 0, program: self.program.clone(), decision, forest: Some(forest) }
    }
}

/// The most by which rounding may bring the sum of a forest's shares beyond 0 or 1.
const ROUNDING: f64 = 1e-5;

/// Memory that a stock broker gives an instance.
const STOCK_MEMORY: usize = 2 << 20;
/// Memory that an instance takes beside its plan, at start and with records of 64 KiB: the module's
/// own, room for records, and the least history. `tests/start.rs` measures it.
pub const BESIDE_PLAN: usize = 1344 << 10;

/// Compiles `fraud.toml`, `fraud.onnx` and, if it is there, `decision.toml` in `dir` to a plan.
pub fn model(dir: &Path) -> Result<CompiledPlan> {
    let paths = ["fraud.toml", "fraud.onnx", "decision.toml"].map(|name| dir.join(name));
    let [spec, onnx, decision] = &paths;
    let model = CompiledModel::read(spec, onnx)?;
    let mut warnings = Vec::new();
    let (decision, text) = if decision.exists() {
        read_decision(decision, &model.program)?
    } else {
        let decided = Decision::default();
        warnings.push(format!(
            "there is no {}: the threshold is {} and the score is the model's raw output; `fraud tune` writes one",
            decision.display(),
            decided.threshold,
        ));
        (decided, String::new())
    };
    warnings.extend(traced(&model.program));
    let plan = model.plan(decision).write();
    warnings.extend(too_large(plan.bytes().len()));
    // A build that depends on a file that is not there runs each time, so it depends on the directory.
    let inputs = paths.iter().map(|path| if path.exists() { path } else { dir });
    let inputs = inputs.map(PathBuf::from).chain(model.files.iter().cloned());
    let inputs = inputs.collect();
    let memory = format!("{}d", memory_days(&model.program));
    Ok(CompiledPlan { plan, spec: model.text, decision: text, memory, warnings, inputs })
}

/// Returns the days after which an event hardly counts: five times the longest half-life, which leaves 3%
/// of it. What never decays counts as a half-life of a week, the default model's longest.
fn memory_days(program: &Program) -> u32 {
    let half_lives = program.tables.iter().flat_map(|table| &table.half_lives);
    let longest = half_lives.copied().reduce(f32::max).unwrap_or(7.0 * DAY);
    (5.0 * longest / DAY).ceil() as u32
}

/// Seconds of a day.
const DAY: f32 = 86_400.0;

/// Says if a plan of this size cannot start in the stock memory limit.
fn too_large(plan: usize) -> Option<String> {
    let needs = (plan + BESIDE_PLAN).next_multiple_of(1 << 20);
    (plan + BESIDE_PLAN > STOCK_MEMORY).then(|| {
        format!(
            "the compiled model takes {plan} bytes, and an instance {BESIDE_PLAN} beside it; together \
             that is more than a broker's usual {STOCK_MEMORY}, with which it will not start: train \
             fewer or smaller trees, or set data_transforms_per_function_memory_limit to {needs}",
        )
    })
}

/// Says what an entity takes in history where it keeps more than a word for each statistic.
fn traced(program: &Program) -> impl Iterator<Item = String> {
    let tables = program.tables.iter().filter(|table| !table.traces.is_empty());
    tables.map(|table| {
        let traces: usize = table.traces.iter().map(Trace::words).sum();
        format!(
            "each {} takes {} bytes of history, {} of them for its last point, last and different values",
            program.entities[usize::from(table.entity)].name,
            table.bytes(),
            traces * size_of::<u32>(),
        )
    })
}

fn read_spec(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read the feature spec {}; docs/spec.md describes how to write one",
            path.display()
        )
    })
}

/// Reads a decision; returns its text, too.
fn read_decision(path: &Path, program: &Program) -> Result<(Decision, String)> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
    let document = Document::parse(&text, &file)?;
    let root = document.root();
    let threshold =
        root.number("threshold", "a number from 0 to 1", |x| (0.0..=1.0).contains(&x))?;
    let threshold = root.need("threshold", threshold)?;
    // For people: the rule that found the threshold, the data, and what to expect of it.
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
    drop(document);
    Ok((Decision { threshold, calibration, baselines }, text))
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
