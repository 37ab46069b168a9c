use proptest::prelude::*;
use prost::Message;

use super::lower;
use crate::compile::onnx::{
    AttributeProto, DOUBLE, Dimension, FLOAT, GraphProto, ModelProto, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::compile::{MaskArrays, MaskLimits};
use crate::forest::{Forest, Link, Tree, Trees};
use crate::reference;

const FEATURES: usize = 4;

/// Evaluates a forest to what the model's output is.
fn score(forest: &Forest, vector: &[f32]) -> f32 {
    let sum = reference::sum(forest, vector);
    match forest.link {
        Link::Identity => sum as f32,
        Link::Logistic => (1.0 / (1.0 + (-sum).exp())) as f32,
    }
}

/// Scores agree with onnxruntime's on every line of the CSV beside a model.
#[track_caller]
fn check_fixture(name: &str) {
    let path =
        |extension| format!("{}/tests/fixtures/{name}.{extension}", env!("CARGO_MANIFEST_DIR"));
    let model = lower(&std::fs::read(path("onnx")).unwrap(), name).unwrap();
    assert_eq!(model.as_forest().fault(), None);
    for line in std::fs::read_to_string(path("csv")).unwrap().lines() {
        let cells: Vec<f32> =
            line.split(',').map(|cell| cell.parse().unwrap_or(f32::NAN)).collect();
        let (expected, features) = cells.split_last().unwrap();
        let score = score(&model.as_forest(), features);
        let bound = 1e-6 * expected.abs().max(1.0);
        assert!((score - expected).abs() <= bound, "{name}: {line}: {score}");
    }
}

#[test]
fn agrees_with_onnxruntime_on_what_exporters_write() {
    check_fixture("lightgbm");
    check_fixture("lightgbm_matrix");
    check_fixture("lightgbm_categories");
    check_fixture("lightgbm_regressor");
    check_fixture("xgboost");
    check_fixture("xgboost_regressor");
    check_fixture("random_forest");
    check_fixture("random_forest_double");
    check_fixture("extra_trees");
    check_fixture("gradient_boosting");
    check_fixture("hist_gradient_boosting");
    check_fixture("hist_gradient_boosting_regressor");
}

#[test]
fn agrees_with_onnxruntime_on_what_the_standard_allows() {
    check_fixture("one_score");
    check_fixture("one_score_none");
    check_fixture("one_score_of_class_1");
    check_fixture("two_scores");
    check_fixture("two_scores_logistic");
    check_fixture("two_scores_softmax");
    check_fixture("average");
    check_fixture("doubles");
    check_fixture("tree_ensemble");
}

fn attribute(name: &str) -> AttributeProto {
    AttributeProto { name: name.into(), ..AttributeProto::default() }
}

fn ints(name: &str, ints: impl IntoIterator<Item = i64>) -> AttributeProto {
    AttributeProto { ints: ints.into_iter().collect(), ..attribute(name) }
}

fn word(name: &str, word: &str) -> AttributeProto {
    AttributeProto { bytes: word.into(), ..attribute(name) }
}

fn node(domain: &str, operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        name: format!("the {operator}"),
        domain: domain.into(),
        operator: operator.into(),
        inputs: inputs.iter().map(|name| name.to_string()).collect(),
        outputs: outputs.iter().map(|name| name.to_string()).collect(),
        attributes: Vec::new(),
    }
}

fn value(name: &str, columns: Option<i64>) -> ValueInfoProto {
    let dims = vec![Dimension { value: None }, Dimension { value: columns }];
    let tensor = TensorTypeProto { element: FLOAT, shape: Some(TensorShapeProto { dims }) };
    ValueInfoProto { name: name.into(), kind: Some(TypeProto { tensor: Some(tensor) }) }
}

fn model(nodes: Vec<NodeProto>, output: &str) -> ModelProto {
    let graph = GraphProto {
        nodes,
        initializers: Vec::new(),
        inputs: vec![value("x", Some(FEATURES as i64))],
        outputs: vec![value(output, None)],
    };
    ModelProto { graph: Some(graph) }
}

/// A node of the generated trees, as the standard has it.
#[derive(Clone, Debug)]
struct Place {
    mode: &'static str,
    feature: i64,
    value: f64,
    missing_is_true: bool,
    weight: f32,
}

/// A regressor of full trees, each of `inner` branches and `inner + 1` leaves.
fn regressor(trees: &[Vec<Place>]) -> NodeProto {
    let places = || {
        (trees.iter().enumerate()).flat_map(|(tree, places)| {
            places.iter().enumerate().map(move |(at, p)| (tree as i64, at as i64, p))
        })
    };
    let inner = |tree: i64| trees[tree as usize].len() as i64 / 2;
    let leaves = || places().filter(move |(tree, at, _)| *at >= inner(*tree));
    let values: Vec<f64> = places().map(|(.., place)| place.value).collect();
    let modes =
        places().map(|(tree, at, place)| if at < inner(tree) { place.mode } else { "LEAF" });
    let doubles = TensorProto {
        dims: vec![values.len() as i64],
        data_type: DOUBLE,
        doubles: values,
        ..TensorProto::default()
    };
    let mut node = node("ai.onnx.ml", "TreeEnsembleRegressor", &["x"], &["y"]);
    node.attributes = vec![
        ints("nodes_treeids", places().map(|(tree, ..)| tree)),
        ints("nodes_nodeids", places().map(|(_, at, _)| at)),
        ints("nodes_featureids", places().map(|(.., place)| place.feature)),
        ints("nodes_truenodeids", places().map(|(_, at, _)| 2 * at + 1)),
        ints("nodes_falsenodeids", places().map(|(_, at, _)| 2 * at + 2)),
        ints(
            "nodes_missing_value_tracks_true",
            places().map(|(.., place)| place.missing_is_true.into()),
        ),
        AttributeProto {
            strings: modes.map(|mode| mode.as_bytes().to_vec()).collect(),
            ..attribute("nodes_modes")
        },
        AttributeProto { tensor: Some(doubles), ..attribute("nodes_values_as_tensor") },
        ints("target_treeids", leaves().map(|(tree, ..)| tree)),
        ints("target_nodeids", leaves().map(|(_, at, _)| at)),
        ints("target_ids", leaves().map(|_| 0)),
        AttributeProto {
            floats: leaves().map(|(.., place)| place.weight).collect(),
            ..attribute("target_weights")
        },
    ];
    node
}

/// Evaluates one tree as the standard says.
fn oracle(places: &[Place], at: usize, x: &[f32]) -> f32 {
    let place = &places[at];
    if at >= places.len() / 2 {
        return place.weight;
    }
    let x_at = f64::from(x[place.feature as usize]);
    let is_true = match place.mode {
        "BRANCH_LEQ" => x_at <= place.value,
        "BRANCH_LT" => x_at < place.value,
        "BRANCH_GT" => x_at > place.value,
        "BRANCH_GTE" => x_at >= place.value,
        "BRANCH_EQ" => x_at == place.value,
        "BRANCH_NEQ" => x_at != place.value,
        other => unreachable!("{other}"),
    };
    let is_true = is_true || (x_at.is_nan() && place.missing_is_true);
    oracle(places, if is_true { 2 * at + 1 } else { 2 * at + 2 }, x)
}

fn number() -> impl Strategy<Value = f64> {
    let tiny = f64::from(f32::from_bits(1));
    let (low, high) = (f64::from(f32::MIN), f64::from(f32::MAX));
    let few = vec![0.0, -0.0, 1.0, -1.0, 0.5, tiny, -tiny, low, high];
    let between = vec![1.0 + 1e-12, 1.0 - 1e-12, 1e-60, -1e-60, 1e39, -1e39];
    let not = vec![f64::INFINITY, f64::NEG_INFINITY];
    prop_oneof![6 => prop::sample::select(few), 2 => prop::sample::select(between), 1 => prop::sample::select(not)]
}

fn place() -> impl Strategy<Value = Place> {
    let modes =
        ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE", "BRANCH_EQ", "BRANCH_NEQ"].to_vec();
    // Eighths: their sums are exact in any order.
    (prop::sample::select(modes), 0..FEATURES as i64, number(), any::<bool>(), -80..80_i8).prop_map(
        |(mode, feature, value, missing_is_true, weight)| Place {
            mode,
            feature,
            value,
            missing_is_true,
            weight: f32::from(weight) / 8.0,
        },
    )
}

fn tree() -> impl Strategy<Value = Vec<Place>> {
    (0..12_usize).prop_flat_map(|inner| prop::collection::vec(place(), 2 * inner + 1))
}

fn input() -> impl Strategy<Value = Vec<f32>> {
    let finite = number().prop_map(|x| {
        if x.is_infinite() { f32::NAN } else { (x as f32).clamp(f32::MIN, f32::MAX) }
    });
    prop::collection::vec(prop_oneof![9 => finite, 1 => Just(f32::NAN)], FEATURES)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn agrees_with_the_standard(
        trees in prop::collection::vec(tree(), 1..6),
        inputs in prop::collection::vec(input(), 1..20),
    ) {
        let bytes = model(vec![regressor(&trees)], "y").encode_to_vec();
        let lowered = lower(&bytes, "m").unwrap();
        let forest = lowered.as_forest();
        prop_assert_eq!(forest.fault(), None);
        prop_assert!(lowered.trees.is_sorted_by_key(|tree| tree.depth));
        let [rows, numbers] = [usize::MAX, 0].map(|row_bytes| {
            MaskArrays::new(&lowered, MaskLimits { row_bytes, bytes: usize::MAX })
        });
        // An equality makes three leaves of two, so that there may be more than 64.
        let masks: Vec<_> = (rows.iter().chain(&numbers))
            .map(|masks| masks.as_forest(&lowered))
            .collect();
        prop_assert!(masks.iter().all(|masks| masks.fault().is_none()));
        if let Some(Trees::Masks(numbers)) = numbers.as_ref().map(|one| one.as_forest(&lowered).trees) {
            // Two bytes in the plan, four of an address in the engine.
            let bytes = 6 * numbers.rows.len() + 16 * numbers.masks.len();
            let fits = |bytes| MaskArrays::new(&lowered, MaskLimits { row_bytes: 0, bytes }).is_some();
            prop_assert!(fits(bytes) && !fits(bytes - 1));
        }
        for x in inputs {
            let expected: f32 = trees.iter().map(|tree| oracle(tree, 0, &x)).sum();
            prop_assert_eq!(score(&forest, &x), expected, "{:?}", x);
            for masks in &masks {
                prop_assert_eq!(score(masks, &x), expected, "{:?}", x);
            }
        }
    }
}

/// One tree: `x0 <= 0 ? 1 : 2`.
fn stump() -> NodeProto {
    let place = |weight| Place {
        mode: "BRANCH_LEQ",
        feature: 0,
        value: 0.0,
        missing_is_true: false,
        weight,
    };
    regressor(&[vec![place(0.0), place(1.0), place(2.0)]])
}

#[track_caller]
fn check_refused(model: ModelProto, error: &str) {
    let refused = lower(&model.encode_to_vec(), "fraud.onnx").unwrap_err().to_string();
    let supported = ". Supported are TreeEnsembleClassifier, TreeEnsembleRegressor and \
                     TreeEnsemble on the input as it is, with a tail that selects the second \
                     class's probability (ZipMap, ArrayFeatureExtractor, Gather, Cast, Identity) \
                     or a Sigmoid. An engine for any other graph (tract) is not built in yet";
    assert_eq!(refused.replace(supported, " …"), error);
}

fn with(mut node: NodeProto, change: AttributeProto) -> NodeProto {
    node.attributes.retain(|attribute| attribute.name != change.name);
    node.attributes.push(change);
    node
}

/// The stump with a changed attribute is refused for this reason.
#[track_caller]
fn check_attribute(change: AttributeProto, reason: &str) {
    check_refused(
        model(vec![with(stump(), change)], "y"),
        &format!(
            "fraud.onnx: node \"the TreeEnsembleRegressor\" (TreeEnsembleRegressor) cannot be compiled: {reason} …"
        ),
    );
}

#[test]
fn a_sigmoid_on_a_regressor_is_its_link() {
    let sigmoid = node("", "Sigmoid", &["y"], &["z"]);
    let lowered = lower(&model(vec![stump(), sigmoid], "z").encode_to_vec(), "m").unwrap();
    assert_eq!(lowered.link, Link::Logistic);
    assert_eq!(lowered.leaves, [0.0, 1.0, 2.0]);
}

#[test]
fn what_cannot_be_compiled_is_named() {
    check_refused(
        model(vec![stump(), node("", "Softmax", &["y"], &["z"])], "z"),
        "fraud.onnx: node \"the Softmax\" (Softmax) cannot be compiled …",
    );
    let scaler = node("ai.onnx.ml", "Scaler", &["x"], &["scaled"]);
    let trees = NodeProto { inputs: vec!["scaled".into()], ..stump() };
    check_refused(
        model(vec![scaler, trees], "y"),
        "fraud.onnx: node \"the Scaler\" (Scaler) cannot be compiled …",
    );
    check_refused(
        model(vec![], "y"),
        "fraud.onnx: the score \"y\" is no output of any node before its use",
    );
    let mut two = model(vec![stump()], "y");
    two.graph.as_mut().unwrap().outputs.push(value("z", None));
    check_refused(
        two,
        "fraud.onnx has 2 outputs that could be the score (y, z), and must have one",
    );
    let mut open = model(vec![stump()], "y");
    open.graph.as_mut().unwrap().inputs = vec![value("x", None)];
    check_refused(
        open,
        "fraud.onnx: input \"x\" does not say how many features it has; export it with the shape [None, number of features]",
    );
    let error = lower(b"version = 1", "fraud.onnx").unwrap_err().to_string();
    assert!(error.starts_with("fraud.onnx is no ONNX model: "), "{error}");
    check_refused(ModelProto { graph: None }, "fraud.onnx is no ONNX model: it has no graph");
}

#[test]
fn what_is_wrong_with_an_operator_is_said() {
    check_attribute(word("post_transform", "PROBIT"), "post_transform PROBIT; supported is NONE");
    check_attribute(
        word("aggregate_function", "MAX"),
        "aggregate_function MAX; supported are SUM and AVERAGE",
    );
    check_attribute(
        AttributeProto { int: 3, ..attribute("n_targets") },
        "it has 3 targets; a score is one number",
    );
    check_attribute(ints("nodes_featureids", [4, 0, 0]), "a node reads input 4 of 4");
    check_attribute(ints("nodes_featureids", [0, 0]), "its nodes_* lists are not all of 3 nodes");
    check_attribute(
        ints("nodes_truenodeids", [7, 0, 0]),
        "node 0 of tree 0 has child 7, which is not there",
    );
    check_attribute(ints("nodes_truenodeids", [2, 0, 0]), "tree 0 has two roots");
    check_attribute(
        ints("nodes_truenodeids", [0, 0, 0]),
        "its nodes are no trees: no way leads to number 0",
    );
    check_attribute(ints("nodes_falsenodeids", [1, 0, 0]), "tree 0 has two roots");
    check_attribute(ints("target_nodeids", [1, 0]), "it has weights for nodes that are no leaves");
}

#[test]
fn a_tree_has_at_most_65536_nodes() {
    let place =
        Place { mode: "BRANCH_LEQ", feature: 0, value: 0.0, missing_is_true: true, weight: 0.5 };
    let bytes = |nodes| model(vec![regressor(&[vec![place.clone(); nodes]])], "y").encode_to_vec();
    let lowered = lower(&bytes(65_535), "m").unwrap();
    assert_eq!(
        (lowered.trees.as_slice(), lowered.as_forest().fault()),
        (&[Tree { first: 0, depth: 15 }][..], None)
    );
    let error = lower(&bytes(65_537), "m").unwrap_err().to_string();
    assert_eq!(error, "m: a tree has more than 65536 nodes");
}
