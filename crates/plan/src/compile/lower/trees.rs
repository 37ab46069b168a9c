//! The tree operators of ai.onnx.ml: their attributes to trees.
//!
//! Where the standard leaves something open, what onnxruntime does is what counts; where the two
//! contradict each other, the model is refused.

use std::collections::HashMap;

use crate::compile::flatten::{Branch, Mode, ModelNode};
use crate::compile::onnx;
use crate::forest::Link;

/// What a tree operator computes: `link(base + Σ leaves)`.
#[derive(Debug)]
pub(super) struct Trees {
    /// The nodes of all trees.
    pub nodes: Vec<ModelNode>,
    pub roots: Vec<usize>,
    pub base: f32,
    pub link: Link,
    /// What is computed stands second in a pair, with the other class's score.
    pub is_pair: bool,
}

type Result<T> = std::result::Result<T, String>;

/// Reads an operator's node; `None` if it is no tree ensemble. `features` bounds its inputs.
pub(super) fn read(node: &onnx::Node, features: usize) -> Option<Result<Trees>> {
    if node.domain != "ai.onnx.ml" {
        return None;
    }
    match node.operator.as_str() {
        "TreeEnsembleClassifier" => Some(classifier(node, features)),
        "TreeEnsembleRegressor" => Some(regressor(node, features)),
        "TreeEnsemble" => Some(ensemble(node, features)),
        _ => None,
    }
}

fn classifier(node: &onnx::Node, features: usize) -> Result<Trees> {
    let words = node.attribute("classlabels_strings").map_or(0, |labels| labels.strings.len());
    let ints = node.ints("classlabels_int64s");
    if words.max(ints.len()) != 2 {
        let labels = words.max(ints.len());
        return Err(format!("it has {labels} classes; a fraud model has two"));
    }
    if ints.len() == 2 && ints[0] >= ints[1] {
        return Err(format!("its classes are {ints:?}; the second must be the greater one"));
    }
    let ids = node.ints("class_ids");
    if let Some(id) = ids.iter().find(|id| !(0..2).contains(*id)) {
        return Err(format!("class_ids has {id}, beside the two classes 0 and 1"));
    }
    let is_both = ids.contains(&0) && ids.contains(&1);
    let base = numbers(node, "base_values")?;
    let post = node.word("post_transform", "NONE");
    let (link, sign_of_0) = match (post.as_str(), is_both) {
        ("NONE", _) => (Link::Identity, 0.0),
        ("LOGISTIC", _) => (Link::Logistic, 0.0),
        // Of two scores: 1 / (1 + e^(s0 - s1)).
        ("SOFTMAX", true) => (Link::Logistic, -1.0),
        _ => {
            let known = "NONE and LOGISTIC, and SOFTMAX if each class has its weights";
            return Err(format!("post_transform {post}; supported are {known}"));
        }
    };
    // With one score, onnxruntime takes it for that of class 1 whatever its id; a base value is
    // added to class 0.
    let base = match (base.as_slice(), ids.contains(&1)) {
        ([], _) => 0.0,
        ([base], false) => *base,
        _ => return Err("base_values are supported for one score of class id 0 alone".into()),
    };
    let weights = Weights::read(node, "class", |id| match (is_both, id) {
        (true, 0) => sign_of_0,
        _ => 1.0,
    })?;
    let trees = branches(node, &weights, 1.0, features)?;
    if is_both && !weights.both_everywhere() {
        return Err("some of its leaves have a weight for one class only".into());
    }
    Ok(Trees { base: base as f32, link, is_pair: true, ..trees })
}

fn regressor(node: &onnx::Node, features: usize) -> Result<Trees> {
    one_target(node)?;
    let post = node.word("post_transform", "NONE");
    if post != "NONE" {
        return Err(format!("post_transform {post}; supported is NONE"));
    }
    let base = match numbers(node, "base_values")?.as_slice() {
        [] => 0.0,
        [base] => *base as f32,
        more => return Err(format!("{} base_values for one target", more.len())),
    };
    let is_mean = match node.word("aggregate_function", "SUM").as_str() {
        "SUM" => false,
        "AVERAGE" => true,
        other => return Err(format!("aggregate_function {other}; supported are SUM and AVERAGE")),
    };
    let weights = Weights::read(node, "target", |_| 1.0)?;
    let trees: std::collections::HashSet<_> = node.ints("nodes_treeids").iter().collect();
    let share = if is_mean { 1.0 / trees.len() as f64 } else { 1.0 };
    let trees = branches(node, &weights, share, features)?;
    Ok(Trees { base, ..trees })
}

fn one_target(node: &onnx::Node) -> Result<()> {
    match node.int("n_targets", 1) {
        1 => Ok(()),
        targets => Err(format!("it has {targets} targets; a score is one number")),
    }
}

/// `TreeEnsemble` of version 5: branches and leaves in lists of their own.
fn ensemble(node: &onnx::Node, features: usize) -> Result<Trees> {
    one_target(node)?;
    if node.int("post_transform", 0) != 0 {
        return Err("it has a post_transform, on whose numbers standard and onnxruntime differ; \
                    supported is 0 (NONE)"
            .into());
    }
    let roots = node.ints("tree_roots");
    let share = match node.int("aggregate_function", 1) {
        0 => 1.0 / roots.len() as f64,
        1 => 1.0,
        other => {
            let known = "0 (AVERAGE) and 1 (SUM)";
            return Err(format!("aggregate_function {other}; supported are {known}"));
        }
    };
    let ids = node.ints("nodes_featureids");
    let count = ids.len();
    let (modes, splits) = (numbers(node, "nodes_modes")?, numbers(node, "nodes_splits")?);
    let yes = (node.ints("nodes_truenodeids"), node.ints("nodes_trueleafs"));
    let no = (node.ints("nodes_falsenodeids"), node.ints("nodes_falseleafs"));
    let missing = node.ints("nodes_missing_value_tracks_true");
    let lists = [modes.len(), splits.len(), yes.0.len(), yes.1.len(), no.0.len(), no.1.len()];
    if lists.iter().any(|len| *len != count) || !(missing.is_empty() || missing.len() == count) {
        return Err(format!("its nodes_* lists are not all of {count} nodes"));
    }
    let leaves = numbers(node, "leaf_weights")?;
    // A leaf may have many parents here, so that each place where one stands becomes a node.
    let mut nodes = Vec::new();
    let child = |(ids, leafs): (&[i64], &[i64]), at: usize, nodes: &mut Vec<ModelNode>| {
        let id = usize::try_from(ids[at]).ok();
        if leafs[at] == 0 {
            return id.filter(|id| *id < count).ok_or(format!("node {at} has child {}", ids[at]));
        }
        let leaf =
            id.and_then(|id| leaves.get(id)).ok_or(format!("node {at} has leaf {}", ids[at]));
        nodes.push(ModelNode::Leaf(leaf? * share));
        Ok(count + nodes.len() - 1)
    };
    let mut all = Vec::with_capacity(count);
    for at in 0..count {
        let mode = match modes[at] as u8 {
            0 => Mode::Leq,
            1 => Mode::Lt,
            2 => Mode::Gte,
            3 => Mode::Gt,
            4 => Mode::Eq,
            5 => Mode::Neq,
            6 => return Err(format!("node {at} is a BRANCH_MEMBER")),
            other => return Err(format!("node {at} has mode {other}")),
        };
        all.push(ModelNode::Branch(Branch {
            feature: feature(ids[at], features)?,
            mode,
            value: splits[at],
            yes: child(yes, at, &mut nodes)?,
            no: child(no, at, &mut nodes)?,
            missing: mode == Mode::Neq || missing.get(at) == Some(&1),
        }));
    }
    all.extend(nodes);
    let roots: Option<Vec<usize>> = (roots.iter())
        .map(|root| usize::try_from(*root).ok().filter(|root| *root < count))
        .collect();
    let roots = roots.ok_or("one of its tree_roots is beyond its nodes")?;
    trees(all, roots)
}

/// The weights of the leaves, by tree and node, and for which of two classes each has one.
struct Weights(HashMap<(i64, i64), (f64, [bool; 2])>);

impl Weights {
    fn read(node: &onnx::Node, of: &str, sign: impl Fn(i64) -> f64) -> Result<Self> {
        let list = |name: &str| node.ints(&format!("{of}_{name}"));
        let (trees, nodes, ids) = (list("treeids"), list("nodeids"), list("ids"));
        let weights = numbers(node, &format!("{of}_weights"))?;
        if [trees.len(), nodes.len(), ids.len()].iter().any(|len| *len != weights.len()) {
            return Err(format!("its {of}_* lists are not all of {} weights", weights.len()));
        }
        let mut leaves = HashMap::<_, (f64, [bool; 2])>::new();
        for (at, weight) in weights.iter().enumerate() {
            let leaf = leaves.entry((trees[at], nodes[at])).or_default();
            leaf.0 += sign(ids[at]) * weight;
            leaf.1[usize::from(ids[at] != 0)] = true;
        }
        Ok(Self(leaves))
    }

    fn both_everywhere(&self) -> bool {
        self.0.values().all(|(_, has)| *has == [true; 2])
    }
}

/// The nodes_* lists of versions 1 to 4; leaves are multiplied by `share`.
fn branches(node: &onnx::Node, weights: &Weights, share: f64, features: usize) -> Result<Trees> {
    let (tree_ids, ids) = (node.ints("nodes_treeids"), node.ints("nodes_nodeids"));
    let count = ids.len();
    let feature_ids = node.ints("nodes_featureids");
    let (yes, no) = (node.ints("nodes_truenodeids"), node.ints("nodes_falsenodeids"));
    let missing = node.ints("nodes_missing_value_tracks_true");
    let values = numbers(node, "nodes_values")?;
    let modes = node.attribute("nodes_modes").map_or(&[][..], |modes| &modes.strings);
    let lists = [tree_ids.len(), feature_ids.len(), yes.len(), no.len(), values.len(), modes.len()];
    if lists.iter().any(|len| *len != count) || !(missing.is_empty() || missing.len() == count) {
        return Err(format!("its nodes_* lists are not all of {count} nodes"));
    }
    let mut places = HashMap::new();
    for (at, key) in tree_ids.iter().copied().zip(ids.iter().copied()).enumerate() {
        if places.insert(key, at).is_some() {
            return Err(format!("tree {} has two nodes {}", key.0, key.1));
        }
    }
    let mut nodes = Vec::with_capacity(count);
    let mut weighted = 0;
    for at in 0..count {
        let tree = tree_ids[at];
        let mode = match modes[at].as_slice() {
            b"LEAF" => {
                let weight = weights.0.get(&(tree, ids[at]));
                weighted += usize::from(weight.is_some());
                nodes.push(ModelNode::Leaf(weight.map_or(0.0, |(weight, _)| weight * share)));
                continue;
            }
            b"BRANCH_LEQ" => Mode::Leq,
            b"BRANCH_LT" => Mode::Lt,
            b"BRANCH_GT" => Mode::Gt,
            b"BRANCH_GTE" => Mode::Gte,
            b"BRANCH_EQ" => Mode::Eq,
            b"BRANCH_NEQ" => Mode::Neq,
            other => return Err(format!("nodes_modes has {}", String::from_utf8_lossy(other))),
        };
        let child = |id: i64| {
            let place = places.get(&(tree, id)).copied();
            place.ok_or(format!(
                "node {} of tree {tree} has child {id}, which is not there",
                ids[at]
            ))
        };
        nodes.push(ModelNode::Branch(Branch {
            feature: feature(feature_ids[at], features)?,
            mode,
            value: values[at],
            yes: child(yes[at])?,
            no: child(no[at])?,
            missing: mode == Mode::Neq || missing.get(at) == Some(&1),
        }));
    }
    if weighted != weights.0.len() {
        return Err("it has weights for nodes that are no leaves".into());
    }
    let mut is_child = vec![false; count];
    for node in &nodes {
        if let ModelNode::Branch(Branch { yes, no, .. }) = *node {
            (is_child[yes], is_child[no]) = (true, true);
        }
    }
    let roots: Vec<usize> = (0..count).filter(|at| !is_child[*at]).collect();
    let mut rooted: Vec<i64> = roots.iter().map(|root| tree_ids[*root]).collect();
    rooted.sort_unstable();
    if let Some(pair) = rooted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("tree {} has two roots", pair[0]));
    }
    trees(nodes, roots)
}

/// Checks that these are trees: every node is reached from a root, on one way.
fn trees(nodes: Vec<ModelNode>, roots: Vec<usize>) -> Result<Trees> {
    if roots.is_empty() {
        return Err("it has no tree".into());
    }
    let mut is_reached = vec![false; nodes.len()];
    let mut next = roots.clone();
    while let Some(at) = next.pop() {
        if std::mem::replace(&mut is_reached[at], true) {
            return Err(format!("its nodes are no trees: two ways lead to number {at}"));
        }
        if let ModelNode::Branch(Branch { value, yes, no, .. }) = nodes[at] {
            if value.is_nan() {
                return Err(format!("node number {at} compares with NaN"));
            }
            next.extend([yes, no]);
        }
    }
    if let Some(at) = is_reached.iter().position(|is_reached| !is_reached) {
        return Err(format!("its nodes are no trees: no way leads to number {at}"));
    }
    Ok(Trees { nodes, roots, base: 0.0, link: Link::Identity, is_pair: false })
}

fn feature(id: i64, features: usize) -> Result<u16> {
    match u16::try_from(id).ok().filter(|id| usize::from(*id) < features) {
        Some(id) => Ok(id),
        None => Err(format!("a node reads input {id} of {features}")),
    }
}

fn numbers(node: &onnx::Node, name: &str) -> Result<Vec<f64>> {
    node.numbers(name).ok_or(format!("{name} is a tensor of a type or length that cannot be read"))
}
