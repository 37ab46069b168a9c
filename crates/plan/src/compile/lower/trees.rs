//! The tree operators of ai.onnx.ml: their attributes to trees.
//!
//! Where the standard leaves something open, onnxruntime's answer counts; where the two contradict
//! each other, the model is refused.

use std::collections::{HashMap, HashSet};

use crate::compile::flatten::{Branch, Mode, ModelNode};
use crate::compile::onnx::NodeProto;
use crate::forest::Link;

/// The trees of one operator, and what it makes of them: `link(base + Σ leaves)`.
#[derive(Debug)]
pub(super) struct ModelTrees {
    /// The nodes of all trees.
    pub nodes: Vec<ModelNode>,
    /// The index of each tree's root.
    pub roots: Vec<usize>,
    pub base: f32,
    pub link: Link,
    /// The operator's output is a pair of class scores, of which the second is the one computed here.
    pub is_pair: bool,
}

type Result<T> = std::result::Result<T, String>;

/// Reads an operator's node; `None` if it is no tree ensemble. `features` is the number of its inputs.
pub(super) fn read(node: &NodeProto, features: usize) -> Option<Result<ModelTrees>> {
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

fn classifier(node: &NodeProto, features: usize) -> Result<ModelTrees> {
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
    let trees = nodes_of_all_trees(node, &weights, 1.0, features)?;
    if is_both && !weights.both_everywhere() {
        return Err("some of its leaves have a weight for one class only".into());
    }
    Ok(ModelTrees { base: base as f32, link, is_pair: true, ..trees })
}

fn regressor(node: &NodeProto, features: usize) -> Result<ModelTrees> {
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
    let trees: HashSet<_> = node.ints("nodes_treeids").iter().collect();
    let share = if is_mean { 1.0 / trees.len() as f64 } else { 1.0 };
    let trees = nodes_of_all_trees(node, &weights, share, features)?;
    Ok(ModelTrees { base, ..trees })
}

fn one_target(node: &NodeProto) -> Result<()> {
    match node.int("n_targets", 1) {
        1 => Ok(()),
        targets => Err(format!("it has {targets} targets; a score is one number")),
    }
}

/// Reads `TreeEnsemble` of version 5, which lists branches and leaves apart.
fn ensemble(node: &NodeProto, features: usize) -> Result<ModelTrees> {
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
    let count = node.ints("nodes_featureids").len();
    let lists = NodeLists::read(node, count, "nodes_splits", features)?;
    let modes = numbers(node, "nodes_modes")?;
    let (yes_leafs, no_leafs) = (node.ints("nodes_trueleafs"), node.ints("nodes_falseleafs"));
    if [modes.len(), yes_leafs.len(), no_leafs.len()] != [count; 3] {
        return Err(lists.refuse());
    }
    let weights = numbers(node, "leaf_weights")?;
    // A leaf may have many parents here: for each of them it becomes a node of its own.
    let mut leaves = Vec::new();
    let mut child = |at: usize, id: i64, is_leaf: bool| {
        let index = usize::try_from(id).ok();
        if !is_leaf {
            return index.filter(|id| *id < count).ok_or(format!("node {at} has child {id}"));
        }
        let weight = index.and_then(|id| weights.get(id));
        leaves.push(ModelNode::Leaf(weight.ok_or(format!("node {at} has leaf {id}"))? * share));
        Ok(count + leaves.len() - 1)
    };
    let mut nodes = Vec::with_capacity(count);
    for at in 0..count {
        let mode = mode_of_number(modes[at], at)?;
        let yes = child(at, lists.yes[at], yes_leafs[at] != 0)?;
        let no = child(at, lists.no[at], no_leafs[at] != 0)?;
        nodes.push(ModelNode::Branch(lists.branch(at, mode, [yes, no])?));
    }
    nodes.extend(leaves);
    let roots: Option<Vec<usize>> = (roots.iter())
        .map(|root| usize::try_from(*root).ok().filter(|root| *root < count))
        .collect();
    let roots = roots.ok_or("one of its tree_roots is beyond its nodes")?;
    check_trees(nodes, roots)
}

fn mode_of_number(mode: f64, at: usize) -> Result<Mode> {
    match mode as u8 {
        0 => Ok(Mode::Leq),
        1 => Ok(Mode::Lt),
        2 => Ok(Mode::Gte),
        3 => Ok(Mode::Gt),
        4 => Ok(Mode::Eq),
        5 => Ok(Mode::Neq),
        6 => Err(format!("node {at} is a BRANCH_MEMBER")),
        other => Err(format!("node {at} has mode {other}")),
    }
}

/// Returns how a node of versions 1 to 4 compares; `None` for a leaf.
fn mode_of_word(mode: &[u8]) -> Result<Option<Mode>> {
    Ok(Some(match mode {
        b"LEAF" => return Ok(None),
        b"BRANCH_LEQ" => Mode::Leq,
        b"BRANCH_LT" => Mode::Lt,
        b"BRANCH_GT" => Mode::Gt,
        b"BRANCH_GTE" => Mode::Gte,
        b"BRANCH_EQ" => Mode::Eq,
        b"BRANCH_NEQ" => Mode::Neq,
        other => return Err(format!("nodes_modes has {}", String::from_utf8_lossy(other))),
    }))
}

/// The lists that all versions have, an element for each node.
struct NodeLists<'n> {
    /// The number of nodes.
    count: usize,
    /// The number of inputs of the model.
    features: usize,
    feature_ids: &'n [i64],
    values: Vec<f64>,
    /// Ids of the nodes that a true comparison leads to.
    yes: &'n [i64],
    /// Ids of the nodes that a false comparison leads to.
    no: &'n [i64],
    /// Whether a missing value counts as a true comparison; empty if it never does.
    missing: &'n [i64],
}

impl<'n> NodeLists<'n> {
    /// Reads the lists of `count` nodes; `values` is the name of the list of the numbers that inputs
    /// are compared with.
    fn read(node: &'n NodeProto, count: usize, values: &str, features: usize) -> Result<Self> {
        let lists = Self {
            count,
            features,
            feature_ids: node.ints("nodes_featureids"),
            values: numbers(node, values)?,
            yes: node.ints("nodes_truenodeids"),
            no: node.ints("nodes_falsenodeids"),
            missing: node.ints("nodes_missing_value_tracks_true"),
        };
        let lens = [lists.feature_ids.len(), lists.values.len(), lists.yes.len(), lists.no.len()];
        let is_whole = lens == [count; 4] && [0, count].contains(&lists.missing.len());
        if is_whole { Ok(lists) } else { Err(lists.refuse()) }
    }

    fn refuse(&self) -> String {
        format!("its nodes_* lists are not all of {} nodes", self.count)
    }

    /// Returns the branch at `at`, which leads to the nodes `yes` and `no`.
    fn branch(&self, at: usize, mode: Mode, [yes, no]: [usize; 2]) -> Result<Branch> {
        let id = self.feature_ids[at];
        let feature = u16::try_from(id).ok().filter(|id| usize::from(*id) < self.features);
        Ok(Branch {
            feature: feature.ok_or(format!("a node reads input {id} of {}", self.features))?,
            mode,
            value: self.values[at],
            yes,
            no,
            missing: mode == Mode::Neq || self.missing.get(at) == Some(&1),
        })
    }
}

/// The weights of the leaves, by tree and node, and for which of two classes each has one.
struct Weights(HashMap<(i64, i64), (f64, [bool; 2])>);

impl Weights {
    /// Reads the lists `class_*` or `target_*`; `sign` is what a class's weights are multiplied by.
    fn read(node: &NodeProto, of: &str, sign: impl Fn(i64) -> f64) -> Result<Self> {
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

/// Reads the nodes_* lists of versions 1 to 4; leaves are multiplied by `share`.
fn nodes_of_all_trees(
    node: &NodeProto,
    weights: &Weights,
    share: f64,
    features: usize,
) -> Result<ModelTrees> {
    let (tree_ids, ids) = (node.ints("nodes_treeids"), node.ints("nodes_nodeids"));
    let modes = node.attribute("nodes_modes").map_or(&[][..], |modes| &modes.strings);
    let lists = NodeLists::read(node, ids.len(), "nodes_values", features)?;
    if [tree_ids.len(), modes.len()] != [ids.len(); 2] {
        return Err(lists.refuse());
    }
    let mut places = HashMap::new();
    for (at, (&tree, &id)) in tree_ids.iter().zip(ids).enumerate() {
        if places.insert((tree, id), at).is_some() {
            return Err(format!("tree {tree} has two nodes {id}"));
        }
    }
    let mut nodes = Vec::with_capacity(ids.len());
    let mut weighted = 0;
    for (at, (&tree, &id)) in tree_ids.iter().zip(ids).enumerate() {
        let Some(mode) = mode_of_word(&modes[at])? else {
            let weight = weights.0.get(&(tree, id));
            weighted += usize::from(weight.is_some());
            nodes.push(ModelNode::Leaf(weight.map_or(0.0, |(weight, _)| weight * share)));
            continue;
        };
        let child = |child: i64| {
            let place = places.get(&(tree, child)).copied();
            place.ok_or(format!("node {id} of tree {tree} has child {child}, which is not there"))
        };
        let ways = [child(lists.yes[at])?, child(lists.no[at])?];
        nodes.push(ModelNode::Branch(lists.branch(at, mode, ways)?));
    }
    if weighted != weights.0.len() {
        return Err("it has weights for nodes that are no leaves".into());
    }
    let roots = roots(&nodes, tree_ids)?;
    check_trees(nodes, roots)
}

/// Returns the nodes that are no other's child, of which each tree must have one.
fn roots(nodes: &[ModelNode], tree_ids: &[i64]) -> Result<Vec<usize>> {
    let mut is_child = vec![false; nodes.len()];
    for node in nodes {
        if let ModelNode::Branch(Branch { yes, no, .. }) = *node {
            (is_child[yes], is_child[no]) = (true, true);
        }
    }
    let roots: Vec<usize> = (0..nodes.len()).filter(|at| !is_child[*at]).collect();
    let mut rooted: Vec<i64> = roots.iter().map(|root| tree_ids[*root]).collect();
    rooted.sort_unstable();
    match rooted.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(roots),
        Some(pair) => Err(format!("tree {} has two roots", pair[0])),
    }
}

/// Checks that nodes are trees: each is reached from a root, in one way.
fn check_trees(nodes: Vec<ModelNode>, roots: Vec<usize>) -> Result<ModelTrees> {
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
    Ok(ModelTrees { nodes, roots, base: 0.0, link: Link::Identity, is_pair: false })
}

fn numbers(node: &NodeProto, name: &str) -> Result<Vec<f64>> {
    node.numbers(name).ok_or(format!("{name} is a tensor of a type or length that cannot be read"))
}
