//! All forms of a forest give the bits of the plainest evaluation, on generated trees and inputs.

use fraud_detector::engine::Engine;
use fraud_plan::compile::{Ensemble, MaskArrays, MaskLimits, spec};
use fraud_plan::forest::{Node, Tree};
use fraud_plan::{Decision, Forest, Link, Plan, reference};
use proptest::prelude::*;

/// A split's feature, threshold and whether a missing value takes the second way; leaves follow
/// from how many splits there are.
#[derive(Clone, Debug)]
struct Split {
    /// Which of the leaves so far becomes this split.
    leaf: prop::sample::Index,
    feature: prop::sample::Index,
    threshold: f32,
    missing_second: bool,
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => (-8_i8..8).prop_map(f32::from),
        2 => -1e3_f32..1e3,
        1 => prop::sample::select(vec![0.0, -0.0, f32::MIN, f32::MAX, f32::MIN_POSITIVE, 1e-45]),
    ]
}

fn split() -> impl Strategy<Value = Split> {
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), number(), any::<bool>()).prop_map(
        |(leaf, feature, threshold, missing_second)| Split {
            leaf,
            feature,
            threshold,
            missing_second,
        },
    )
}

/// Trees of up to `leaves` leaves.
fn trees(leaves: usize) -> impl Strategy<Value = Vec<Vec<Split>>> {
    prop::collection::vec(prop::collection::vec(split(), 0..leaves), 1..40)
}

/// One of every kind of ensemble, with its number of features.
fn forest() -> impl Strategy<Value = (usize, Vec<Vec<Split>>)> {
    let trees = prop_oneof![trees(8), trees(16), trees(32), trees(64)];
    (1..9_usize, trees)
}

fn ensemble(features: usize, trees: &[Vec<Split>]) -> Ensemble {
    let mut made = Vec::new();
    for (number, splits) in trees.iter().enumerate() {
        // Each node with its depth.
        let mut nodes = vec![(Node::leaf(0), 0)];
        let mut leaves = vec![0];
        for split in splits {
            let at = leaves.swap_remove(split.leaf.index(leaves.len()));
            let (child, depth) = (nodes.len(), nodes[at].1 + 1);
            let half = if split.missing_second { features } else { 0 };
            let input = split.feature.index(features) + half;
            nodes[at].0 = Node::split(split.threshold, input, child);
            for leaf in [child, child + 1] {
                nodes.push((Node::leaf(leaf), depth));
                leaves.push(leaf);
            }
        }
        let depth = nodes.iter().map(|node| node.1).max().expect("there is a root");
        made.push((depth, number, nodes));
    }
    made.sort_by_key(|tree| tree.0);
    let (trees, nodes, leaves) = (Vec::new(), Vec::new(), Vec::new());
    let features = features as u32;
    let mut all = Ensemble { trees, nodes, leaves, base: 0.125, link: Link::Identity, features };
    for (depth, number, nodes) in made {
        all.trees.push(Tree { first: all.nodes.len() as u32, depth });
        for (at, (node, _)) in nodes.into_iter().enumerate() {
            all.nodes.push(node);
            // Values whose sum depends on the order of additions.
            all.leaves.push(((at * 7919 + number * 104_729) % 1009) as f32 / 7.0 - 70.0);
        }
    }
    all
}

const SPEC: &str = r#"
version = 1
entity = [{ name = "customer", path = "customer" }, { name = "shop", path = "shop", reported = 9 }]
reports = { path = "reports", id = "id", time = "at" }
"#;

/// A plan of as many features, whose values are of no interest; the second half are of reports.
fn plan(forest: Forest<'_>) -> Plan<'_> {
    let feature = |at| match at < forest.features / 2 {
        true => format!("[[feature]]\nname = \"f{at}\"\nkind = \"time\"\npart = \"hour\"\n"),
        false => format!(
            "[[feature]]\nname = \"f{at}\"\nkind = \"reports\"\nentity = \"shop\"\n\
             stat = \"count\"\nhalf_life = \"{}d\"\n",
            at + 1
        ),
    };
    let features: String = (0..forest.features).map(feature).collect();
    let program = spec::parse(&format!("{SPEC}{features}"), "spec").expect("it is right");
    Plan { id: 0, program, decision: Decision::default(), forest: Some(forest) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn all_forms_give_the_same_bits(
        (features, trees) in forest(),
        inputs in prop::collection::vec(
            prop::collection::vec(prop_oneof![5 => number(), 1 => Just(f32::NAN)], 9),
            20,
        ),
    ) {
        let ensemble = ensemble(features, &trees);
        let [rows, numbers] = [usize::MAX, 0].map(|row_bytes| {
            let limits = MaskLimits { row_bytes, bytes: usize::MAX };
            MaskArrays::new(&ensemble, limits).expect("at most 64 leaves")
        });
        let forests =
            [ensemble.as_forest(), rows.as_forest(&ensemble), numbers.as_forest(&ensemble)];
        let plans = forests.map(|forest| plan(forest).write());
        for plan in plans {
            let mut engine = Engine::new(&plan.read().expect("a written plan is right"));
            for pair in inputs.windows(2) {
                let x = &pair[1][..features];
                // What was evaluated before makes no difference; often half of it is the same.
                let half = features / 2;
                let mixed = [&x[..half], &pair[0][half..features]].concat();
                for x in [&mixed, x] {
                    let expected = reference::sum(&ensemble.as_forest(), x);
                    prop_assert_eq!(engine.sum(x).to_bits(), expected.to_bits(), "{:?}", x);
                }
            }
        }
    }
}
