//! `fraud.onnx` to a forest: one tree operator, straight from the input to the score.

#[cfg(test)]
mod tests;

use anyhow::{Result, anyhow, bail, ensure};
use prost::Message;

use super::ensemble::{self, Trees};
use super::onnx::{DOUBLE, FLOAT, Graph, Model, Node, ValueInfo};
use super::tree::flatten;
use crate::forest::{Forest, Link, MAX_FEATURES};

/// A tree ensemble that owns its arrays; see [`Forest`] for what they hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    /// Index of its first node, and depth, of each tree.
    pub trees: Vec<[u32; 2]>,
    /// Threshold, and feature with first child, of each node.
    pub nodes: Vec<[u32; 2]>,
    /// Value of each node.
    pub leaves: Vec<f32>,
    /// Added to the sum of the leaves.
    pub base: f32,
    /// What the sum becomes.
    pub link: Link,
    /// Number of inputs.
    pub features: u32,
}

impl Ensemble {
    /// The arrays as the engine walks them.
    pub fn as_forest(&self) -> Forest<'_> {
        Forest {
            features: self.features,
            base: self.base,
            link: self.link,
            trees: &self.trees,
            nodes: &self.nodes,
            leaves: &self.leaves,
        }
    }
}

/// Lowers a model; `file` is what errors call it. The forest's output is the second class's
/// probability, or what a regressor says.
pub fn lower(bytes: &[u8], file: &str) -> Result<Ensemble> {
    let model =
        Model::decode(bytes).map_err(|error| anyhow!("{file} is no ONNX model: {error}"))?;
    let graph = model.graph.ok_or_else(|| anyhow!("{file} is no ONNX model: it has no graph"))?;
    let source = Source { file, graph: &graph };
    source.forest()
}

struct Source<'g> {
    file: &'g str,
    graph: &'g Graph,
}

/// What a value on the way to the output is.
enum Score {
    /// Both classes' probabilities.
    Classes(Trees),
    /// The output itself.
    One(Trees),
}

impl Source<'_> {
    fn forest(&self) -> Result<Ensemble> {
        let trees = match self.trace(self.output()?)? {
            Score::Classes(trees) | Score::One(trees) => trees,
        };
        let features = self.features()? as u32;
        let mut flats = (trees.roots.iter())
            .map(|root| flatten(&trees.nodes, *root, features))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|reason| anyhow!("{}: {reason}", self.file))?;
        flats.sort_by_key(|flat| flat.depth);
        let mut ensemble = Ensemble {
            trees: Vec::with_capacity(flats.len()),
            nodes: Vec::new(),
            leaves: Vec::new(),
            base: trees.base,
            link: trees.link,
            features,
        };
        for flat in flats {
            ensemble.trees.push([ensemble.nodes.len() as u32, flat.depth]);
            ensemble.nodes.extend(flat.nodes);
            ensemble.leaves.extend(flat.leaves);
        }
        let finite = ensemble.leaves.iter().chain([&ensemble.base]).all(|value| value.is_finite());
        ensure!(finite, "{}: a leaf or base value is no finite f32", self.file);
        Ok(ensemble)
    }

    /// The graph's inputs proper; old exporters list the constants as well.
    fn inputs(&self) -> impl Iterator<Item = &ValueInfo> {
        let is_constant = |name: &str| self.constant(name).is_some();
        self.graph.inputs.iter().filter(move |input| !is_constant(&input.name))
    }

    /// Number of columns of the one input.
    fn features(&self) -> Result<usize> {
        let file = self.file;
        let inputs: Vec<_> = self.inputs().collect();
        let [input] = inputs.as_slice() else {
            let names: Vec<_> = inputs.iter().map(|input| input.name.as_str()).collect();
            bail!(
                "{file} has {} inputs ({}); export it with one of all features",
                names.len(),
                names.join(", ")
            );
        };
        let tensor = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
        let element = tensor.map_or(0, |tensor| tensor.element);
        let name = &input.name;
        ensure!(
            [FLOAT, DOUBLE].contains(&element),
            "{file}: input \"{name}\" is no tensor of float or double"
        );
        let dims =
            tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| shape.dims.as_slice());
        let Some([_, columns]) = dims else {
            bail!("{file}: input \"{name}\" is not of the shape [records, features]");
        };
        match columns.value {
            Some(columns @ 1..) if columns as usize <= MAX_FEATURES => Ok(columns as usize),
            Some(columns) => {
                bail!("{file}: input \"{name}\" has {columns} features, of at most {MAX_FEATURES}")
            }
            None => bail!(
                "{file}: input \"{name}\" does not say how many features it has; export it with the shape [None, number of features]"
            ),
        }
    }

    /// The output that is the score: the only one that is no list of labels.
    fn output(&self) -> Result<&str> {
        let is_score = |output: &&ValueInfo| match &output.kind {
            Some(kind) => {
                kind.tensor.as_ref().is_none_or(|tensor| [FLOAT, DOUBLE].contains(&tensor.element))
            }
            None => true,
        };
        let scores: Vec<_> =
            self.graph.outputs.iter().filter(is_score).map(|output| output.name.as_str()).collect();
        match scores.as_slice() {
            [score] => Ok(score),
            names => bail!(
                "{} has {} outputs that could be the score ({}), and must have one",
                self.file,
                names.len(),
                names.join(", "),
            ),
        }
    }

    fn constant(&self, name: &str) -> Option<Vec<f64>> {
        let tensor = self.graph.initializers.iter().find(|tensor| tensor.name == name);
        let node = || {
            self.graph.nodes.iter().find(|node| node.outputs.iter().any(|output| output == name))
        };
        match tensor {
            Some(tensor) => tensor.numbers(),
            None => node()
                .filter(|node| node.operator == "Constant")?
                .attribute("value")?
                .tensor
                .as_ref()?
                .numbers(),
        }
    }

    fn producer(&self, name: &str) -> Option<(&Node, usize)> {
        (self.graph.nodes.iter()).find_map(|node| {
            let output = node.outputs.iter().position(|output| output == name)?;
            Some((node, output))
        })
    }

    /// What the value of this name is.
    fn trace(&self, name: &str) -> Result<Score> {
        let Some((node, output)) = self.producer(name) else {
            bail!("{}: the score \"{name}\" is no output of any node", self.file);
        };
        if let Some(trees) = self.trees(node) {
            return match (trees?, output) {
                (trees, 1) if trees.is_classifier => Ok(Score::Classes(trees)),
                (trees, 0) if !trees.is_classifier => Ok(Score::One(trees)),
                _ => bail!(
                    "{}: the score \"{name}\" is the label that node {} decides on",
                    self.file,
                    called(node)
                ),
            };
        }
        let argument = |at: usize| node.inputs.get(at).map(String::as_str).unwrap_or_default();
        let constant = |at: usize| self.constant(argument(at)).unwrap_or_default();
        let score = |at: usize| self.trace(argument(at));
        let is_float = [FLOAT, DOUBLE].contains(&(node.int("to", 0) as i32));
        match (node.domain.as_str(), node.operator.as_str()) {
            ("" | "ai.onnx", "Identity") => score(0),
            ("" | "ai.onnx", "Cast") if is_float => score(0),
            ("" | "ai.onnx", "Mul" | "Div") if constant(1) == [1.0] => score(0),
            ("ai.onnx.ml", "ZipMap") => score(0),
            ("ai.onnx.ml", "ArrayFeatureExtractor") if constant(1) == [1.0] => {
                self.second(node, score(0)?)
            }
            ("" | "ai.onnx", "Gather")
                if constant(1) == [1.0] && [1, -1].contains(&node.int("axis", 0)) =>
            {
                self.second(node, score(0)?)
            }
            ("" | "ai.onnx", "Reshape" | "Flatten" | "Squeeze") => match score(0)? {
                score @ Score::One(_) => Ok(score),
                Score::Classes(_) => Err(self.refuse(node, None)),
            },
            ("" | "ai.onnx", "Sigmoid") => match score(0)? {
                Score::One(trees) if trees.link == Link::Identity => {
                    Ok(Score::One(Trees { link: Link::Logistic, ..trees }))
                }
                _ => Err(self.refuse(node, None)),
            },
            _ => Err(self.refuse(node, None)),
        }
    }

    fn second(&self, node: &Node, score: Score) -> Result<Score> {
        match score {
            Score::Classes(trees) => Ok(Score::One(trees)),
            Score::One(_) => Err(self.refuse(node, None)),
        }
    }

    /// The trees of a tree operator that reads the graph's input.
    fn trees(&self, node: &Node) -> Option<Result<Trees>> {
        let features = match self.features() {
            Ok(features) => features,
            Err(error) => return Some(Err(error)),
        };
        let trees = ensemble::read(node, features)?;
        let trees = trees.map_err(|reason| self.refuse(node, Some(&reason)));
        Some(trees.and_then(|trees| self.is_input(&node.inputs.concat()).map(|()| trees)))
    }

    /// Whether a value is the graph's input, as it is.
    fn is_input(&self, name: &str) -> Result<()> {
        let Some((node, _)) = self.producer(name) else {
            return Ok(());
        };
        let is_float = [FLOAT, DOUBLE].contains(&(node.int("to", 0) as i32));
        match node.operator.as_str() {
            "Identity" => self.is_input(&node.inputs.concat()),
            "Cast" if is_float => self.is_input(&node.inputs.concat()),
            _ => Err(self.refuse(node, None)),
        }
    }

    fn refuse(&self, node: &Node, reason: Option<&str>) -> anyhow::Error {
        let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
        anyhow!(
            "{}: node {} cannot be compiled{reason}. Supported are TreeEnsembleClassifier, \
             TreeEnsembleRegressor and TreeEnsemble on the input as it is, with a tail that selects \
             the second class's probability (ZipMap, ArrayFeatureExtractor, Gather, Cast, Identity) \
             or a Sigmoid. The tract engine (`--features tract`) runs any graph",
            self.file,
            called(node),
        )
    }
}

fn called(node: &Node) -> String {
    format!("\"{}\" ({})", node.name, node.operator)
}
