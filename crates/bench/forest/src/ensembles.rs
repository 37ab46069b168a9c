//! Random ensembles of the shapes that LightGBM makes: grown leaf by leaf, where most is to gain,
//! with thresholds from each feature's bins; and inputs for them.

use fraud_simulator::SplitMix64;

/// Bins of each feature: quantities, counts, flags.
const BINS: [usize; 12] = [255, 255, 255, 200, 128, 64, 64, 32, 24, 12, 7, 2];

/// The size of an ensemble.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Trees of the ensemble.
    pub trees: usize,
    /// Leaves of each tree.
    pub leaves: usize,
}

/// The ensembles that are measured.
pub const SHAPES: [Shape; 5] = [
    Shape { trees: 20, leaves: 16 },
    Shape { trees: 40, leaves: 16 },
    Shape { trees: 50, leaves: 16 },
    Shape { trees: 100, leaves: 31 },
    Shape { trees: 300, leaves: 64 },
];

/// A node of a tree, whose first is the root.
#[derive(Clone, Debug)]
pub enum TreeNode {
    /// A leaf, with its value.
    Leaf(f32),
    /// `x > threshold` takes the second way.
    Split {
        /// The input that is compared.
        feature: usize,
        /// The number that it is compared with.
        threshold: f32,
        /// Whether a missing value takes the second way.
        missing_second: bool,
        /// The nodes that the two ways lead to.
        ways: [usize; 2],
    },
}

/// A leaf while a tree grows: which bins reach it, and what splitting it would gain.
struct Growing {
    node: usize,
    bins: [(usize, usize); BINS.len()],
    mass: f64,
    gain: f64,
}

impl Shape {
    /// Returns the number of inputs.
    pub fn features(&self) -> usize {
        BINS.len()
    }

    /// Draws the ensemble, shallow trees first.
    pub fn trees(&self) -> Vec<Vec<TreeNode>> {
        let mut random = Random::new((self.trees * 1_000 + self.leaves) as u64);
        let mut trees: Vec<_> = (0..self.trees).map(|_| tree(self.leaves, &mut random)).collect();
        trees.sort_by_key(|tree| depth(tree, 0));
        trees
    }

    /// Draws `count` vectors, one after the other; one in fifty values is missing.
    #[allow(dead_code, reason = "the build script needs no vectors")]
    pub fn inputs(&self, count: usize) -> Vec<f32> {
        let mut random = Random::new(7);
        let mut inputs = Vec::new();
        for _ in 0..count {
            for (feature, bins) in BINS.into_iter().enumerate() {
                let bin = random.below(bins + 1) as f64 + random.uniform();
                inputs.push(if random.below(50) == 0 { f32::NAN } else { value(feature, bin) });
            }
        }
        inputs
    }
}

/// Returns the longest way from a node to a leaf, in steps.
pub fn depth(tree: &[TreeNode], at: usize) -> u32 {
    match tree[at] {
        TreeNode::Leaf(_) => 0,
        TreeNode::Split { ways, .. } => {
            1 + ways.map(|way| depth(tree, way)).into_iter().max().unwrap_or(0)
        }
    }
}

/// Returns a feature's value at a place among its bins; some features are flat, some steep.
fn value(feature: usize, bin: f64) -> f32 {
    (bin * (1 + feature) as f64 + (bin / 20.0).powi(3)) as f32 / 8.0
}

fn tree(leaves: usize, random: &mut Random) -> Vec<TreeNode> {
    let mut nodes = vec![TreeNode::Leaf(0.0)];
    let bins = BINS.map(|bins| (0, bins));
    let mut open = vec![Growing { node: 0, bins, mass: 1.0, gain: 1.0 }];
    while open.len() < leaves {
        let best = (0..open.len()).max_by(|a, b| open[*a].gain.total_cmp(&open[*b].gain));
        let leaf = open.swap_remove(best.expect("there is a leaf"));
        // Some features matter more than others.
        let feature = loop {
            let feature = random.below(BINS.len()).min(random.below(BINS.len()));
            if leaf.bins[feature].0 < leaf.bins[feature].1 {
                break feature;
            }
        };
        let (low, high) = leaf.bins[feature];
        let cut = low + random.below(high - low);
        let share = (cut + 1 - low) as f64 / (high + 1 - low) as f64;
        let ways = [nodes.len(), nodes.len() + 1];
        let sides = [((low, cut), share), ((cut + 1, high), 1.0 - share)];
        for (node, (range, share)) in ways.into_iter().zip(sides) {
            nodes.push(TreeNode::Leaf((random.uniform() - 0.5) as f32 / 4.0));
            let (mut bins, mass) = (leaf.bins, leaf.mass * share);
            bins[feature] = range;
            // The largest leaf gains most, as a rule but not always.
            open.push(Growing { node, bins, mass, gain: -mass * random.uniform().ln() });
        }
        nodes[leaf.node] = TreeNode::Split {
            feature,
            threshold: value(feature, (cut + 1) as f64),
            missing_second: random.below(2) == 0,
            ways,
        };
    }
    nodes
}

/// Draws from [`SplitMix64`], as the ensembles of the published table were drawn.
struct Random(SplitMix64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// Draws uniformly from 0..n, by multiplication.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.draw()) * n as u128) >> 64) as usize
    }

    /// Draws uniformly from (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.0.draw() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}
