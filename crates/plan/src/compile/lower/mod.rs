//! `fraud.onnx` to an [`Ensemble`]: one tree operator, straight from the input to the score.
//!
//! The graph is walked back from the output that is the score. On the way may be nodes that only
//! select or rename it (what exporters write behind a classifier), and a sigmoid; the node before
//! them must be a tree operator ([`trees`]), and must read the graph's input as it is.
//!
//! To add an operator: if it passes the score on, give it an arm in [`OnnxGraph::trees`]; if it
//! computes trees, one in [`trees::read`]. `tests.rs` compares with onnxruntime on the models in
//! `tests/fixtures`, which `make.py` there exports.

#[cfg(test)]
mod tests;
mod trees;

use anyhow::{Result, anyhow, bail, ensure};
use prost::Message;

use self::trees::ModelTrees;
use super::Ensemble;
use super::flatten::flatten;
use super::onnx::{DOUBLE, FLOAT, GraphProto, ModelProto, NodeProto, ValueInfoProto};
use crate::forest::{Link, MAX_FEATURES, Tree};

/// Lowers a model; `file` is what errors call it. The forest's output is the second class's
/// probability, or a regressor's output.
pub fn lower(bytes: &[u8], file: &str) -> Result<Ensemble> {
    let model =
        ModelProto::decode(bytes).map_err(|error| anyhow!("{file} is no ONNX model: {error}"))?;
    let graph = model.graph.ok_or_else(|| anyhow!("{file} is no ONNX model: it has no graph"))?;
    let graph = OnnxGraph { file, proto: &graph };
    let (input, features) = graph.input()?;
    let trees = graph.trees(graph.output()?, graph.proto.nodes.len(), input, features)?;
    let features = features as u32;
    let mut flats = (trees.roots.iter())
        .map(|root| flatten(&trees.nodes, *root, features))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|reason| anyhow!("{file}: {reason}"))?;
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
        let first = ensemble.nodes.len() as u32;
        ensemble.trees.push(Tree { first, depth: flat.depth });
        ensemble.nodes.extend(flat.nodes);
        ensemble.leaves.extend(flat.leaves);
    }
    let finite = ensemble.leaves.iter().chain([&ensemble.base]).all(|value| value.is_finite());
    ensure!(finite, "{file}: a leaf or base value is no finite f32");
    Ok(ensemble)
}

/// A model's graph, and the name of its file for errors.
struct OnnxGraph<'g> {
    file: &'g str,
    proto: &'g GraphProto,
}

/// The part of a node between the trees and the score.
enum Tail {
    /// Passes on what it reads.
    Same,
    /// Passes on a single score; a pair would become something else.
    SameIfSingle,
    /// Selects the second score of a pair.
    SecondOfPair,
    /// Becomes the forest's link.
    Sigmoid,
}

impl<'g> OnnxGraph<'g> {
    /// Returns the name of the input, and its number of columns.
    fn input(&self) -> Result<(&'g str, usize)> {
        let file = self.file;
        // Old exporters list the constants as well.
        let inputs: Vec<_> =
            self.proto.inputs.iter().filter(|input| self.constant(&input.name).is_none()).collect();
        let [input] = inputs.as_slice() else {
            let names: Vec<_> = inputs.iter().map(|input| input.name.as_str()).collect();
            let (count, names) = (names.len(), names.join(", "));
            bail!("{file} has {count} inputs ({names}); export it with one of all features");
        };
        let name = input.name.as_str();
        let tensor = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
        let Some(tensor) = tensor.filter(|tensor| is_float(tensor.element)) else {
            bail!("{file}: input \"{name}\" is no tensor of float or double");
        };
        let columns = match tensor.shape.as_ref().map(|shape| shape.dims.as_slice()) {
            Some([_, columns]) => columns.value.unwrap_or(0),
            _ => 0,
        };
        match usize::try_from(columns) {
            Ok(columns @ 1..=MAX_FEATURES) => Ok((name, columns)),
            Ok(0) => bail!(
                "{file}: input \"{name}\" does not say how many features it has; export it with \
                 the shape [None, number of features]"
            ),
            _ => {
                bail!("{file}: input \"{name}\" has {columns} features, of at most {MAX_FEATURES}")
            }
        }
    }

    /// Returns the output that is the score: the only one that is no list of labels.
    fn output(&self) -> Result<&'g str> {
        let is_score = |output: &&ValueInfoProto| {
            let tensor = output.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
            tensor.is_none_or(|tensor| is_float(tensor.element))
        };
        let scores = self.proto.outputs.iter().filter(is_score);
        let scores: Vec<_> = scores.map(|output| output.name.as_str()).collect();
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

    /// Finds the producer of `name` among the first `before` nodes: its index, and which of its
    /// outputs `name` is. In a valid graph no node reads what a later one gives.
    fn producer(&self, name: &str, before: usize) -> Option<(usize, usize)> {
        self.proto.nodes.iter().take(before).enumerate().find_map(|(at, node)| {
            let output = node.outputs.iter().position(|output| output == name)?;
            Some((at, output))
        })
    }

    /// Returns the numbers of a constant; `None` if `name` is something else.
    fn constant(&self, name: &str) -> Option<Vec<f64>> {
        let tensor = self.proto.initializers.iter().find(|tensor| tensor.name == name);
        let tensor = tensor.or_else(|| {
            let (at, _) = self.producer(name, self.proto.nodes.len())?;
            let node = &self.proto.nodes[at];
            let value = (node.operator == "Constant").then(|| node.attribute("value"))??;
            value.tensor.as_ref()
        });
        tensor?.numbers()
    }

    /// Walks back from the value `name`, along the first `before` nodes, to the trees that make it.
    fn trees(&self, name: &str, before: usize, input: &str, features: usize) -> Result<ModelTrees> {
        let Some((at, output)) = self.producer(name, before) else {
            bail!("{}: the score \"{name}\" is no output of any node before its use", self.file);
        };
        let node = &self.proto.nodes[at];
        if let Some(trees) = trees::read(node, features) {
            let trees = trees.map_err(|reason| self.refuse(node, &format!(": {reason}")))?;
            if output != usize::from(trees.is_pair) {
                return Err(self.refuse(node, &format!(": \"{name}\" is its label, no score")));
            }
            return self.reads_input(node, at, input).map(|()| trees);
        }
        let is_one = node.inputs.get(1).and_then(|name| self.constant(name)) == Some(vec![1.0]);
        let tail = match (node.operator.as_str(), node.domain.as_str()) {
            ("ZipMap", "ai.onnx.ml") | ("Identity", "" | "ai.onnx") => Tail::Same,
            ("Cast", "" | "ai.onnx") if is_float(node.int("to", 0) as i32) => Tail::Same,
            ("Mul" | "Div", "" | "ai.onnx") if is_one => Tail::Same,
            ("ArrayFeatureExtractor", "ai.onnx.ml") if is_one => Tail::SecondOfPair,
            ("Gather", "" | "ai.onnx") if is_one && [1, -1].contains(&node.int("axis", 0)) => {
                Tail::SecondOfPair
            }
            ("Reshape" | "Flatten" | "Squeeze", "" | "ai.onnx") => Tail::SameIfSingle,
            ("Sigmoid", "" | "ai.onnx") => Tail::Sigmoid,
            _ => return Err(self.refuse(node, "")),
        };
        let trees = self.trees(first_input(node), at, input, features)?;
        match tail {
            Tail::Same => Ok(trees),
            Tail::SameIfSingle if !trees.is_pair => Ok(trees),
            Tail::SecondOfPair if trees.is_pair => Ok(ModelTrees { is_pair: false, ..trees }),
            Tail::Sigmoid if !trees.is_pair && trees.link == Link::Identity => {
                Ok(ModelTrees { link: Link::Logistic, ..trees })
            }
            _ => Err(self.refuse(node, "")),
        }
    }

    /// Checks that a node, number `before`, reads the graph's input as it is.
    fn reads_input(&self, node: &NodeProto, before: usize, input: &str) -> Result<()> {
        let name = first_input(node);
        match self.producer(name, before) {
            None if name == input => Ok(()),
            None => Err(self.refuse(node, &format!(": it reads \"{name}\", not \"{input}\""))),
            Some((at, _)) => {
                let node = &self.proto.nodes[at];
                let is_cast = node.operator == "Cast" && is_float(node.int("to", 0) as i32);
                match is_cast || node.operator == "Identity" {
                    true => self.reads_input(node, at, input),
                    false => Err(self.refuse(node, "")),
                }
            }
        }
    }

    fn refuse(&self, node: &NodeProto, reason: &str) -> anyhow::Error {
        anyhow!(
            "{}: node \"{}\" ({}) cannot be compiled{reason}. Supported are TreeEnsembleClassifier, \
             TreeEnsembleRegressor and TreeEnsemble on the input as it is, with a tail that selects \
             the second class's probability (ZipMap, ArrayFeatureExtractor, Gather, Cast, Identity) \
             or a Sigmoid. An engine for any other graph (tract) is not built in yet",
            self.file,
            node.name,
            node.operator,
        )
    }
}

fn first_input(node: &NodeProto) -> &str {
    node.inputs.first().map_or("", String::as_str)
}

fn is_float(element: i32) -> bool {
    [FLOAT, DOUBLE].contains(&element)
}
