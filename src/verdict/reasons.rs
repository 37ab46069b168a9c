//! Reasons for a verdict: the features without whose unusual value the score would be lower.

use fraud_plan::Plan;

use super::splice::escape;
use crate::engine::Engine;

/// Most reasons in a verdict.
const MAX_REASONS: usize = 3;

/// The finder of reasons, with its buffers.
pub struct Reasons {
    /// The usual value of each feature. If there are none, no reasons are given.
    baselines: Vec<f32>,
    /// The features' names as JSON texts.
    names: Vec<String>,
    vector: Vec<f32>,
    text: String,
}

impl Reasons {
    /// Makes a finder by the plan's baselines.
    pub fn new(plan: &Plan) -> Self {
        let names = plan.program.features.iter().map(|feature| escape(&feature.name));
        let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
        let longest = names.iter().map(String::len).max().unwrap_or(0);
        Self {
            baselines: plan.decision.baselines.clone(),
            vector: Vec::with_capacity(names.len()),
            text: String::with_capacity(16 + MAX_REASONS * (longest + 1)),
            names,
        }
    }

    /// Returns `,"reasons":["…"]` with the features whose replacement by their usual value lowers
    /// the model's sum the most, the strongest first. It costs one evaluation of the model for each
    /// feature.
    pub fn find(&mut self, engine: &mut Engine, vector: &[f32], sum: f64) -> &str {
        self.text.clear();
        if self.baselines.is_empty() {
            return &self.text;
        }
        self.vector.clear();
        self.vector.extend_from_slice(vector);
        // By how much the sum falls, and without which feature: the strongest first.
        let mut top = [(0.0, None); MAX_REASONS];
        for (at, &usual) in self.baselines.iter().enumerate() {
            let actual = std::mem::replace(&mut self.vector[at], usual);
            let mut entry = (sum - engine.sum(&self.vector), Some(at));
            self.vector[at] = actual;
            for place in &mut top {
                if entry.0 > place.0 {
                    std::mem::swap(place, &mut entry);
                }
            }
        }
        self.text.push_str(",\"reasons\":[");
        for (at, feature) in top.iter().filter_map(|(_, feature)| *feature).enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.text.push_str(&self.names[feature]);
        }
        self.text.push(']');
        &self.text
    }
}
