//! The tree ensemble's flat arrays, cast in place from the plan.
//!
//! Every node of every tree is two words: the threshold's bits, and `feature | first child << 16`.
//! The walk goes to `first child + (x > threshold)`, children counted from the tree's first node.
//! A leaf has threshold +∞ and itself as first child, so walking on stays there, and a walk of the
//! tree's depth ends on a leaf from any path. The input is the feature vector twice: first with −∞
//! for a missing value, then with +∞; a node that sends missing values to its second child reads
//! from the second half.

/// A tree ensemble over `features` inputs: `link(base + Σ leaf values)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forest<'a> {
    /// Number of inputs; nodes index `0..2 * features`.
    pub features: u32,
    /// Added to the sum of the leaves.
    pub base: f32,
    /// What the sum becomes.
    pub link: Link,
    /// For each tree, shallow ones first: index of its first node, and its depth in steps.
    pub trees: &'a [[u32; 2]],
    /// For each node: bits of the f32 threshold, `feature | first child << 16`.
    pub nodes: &'a [[u32; 2]],
    /// For each node its value if it is a leaf, else 0.
    pub leaves: &'a [f32],
}

/// What becomes of the sum of the leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The sum itself.
    Identity,
    /// `1 / (1 + e^-sum)`
    Logistic,
}

/// Most inputs that a forest's nodes can index.
pub const MAX_FEATURES: usize = 1 << 15;
/// Most nodes of one tree.
pub const MAX_TREE_NODES: usize = 1 << 16;

impl Forest<'_> {
    /// Why a walk could leave the arrays, if it could.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.leaves.len() != self.nodes.len() {
            return Some("as many leaves as nodes");
        }
        let ends = self.trees.iter().skip(1).map(|tree| tree[0] as usize);
        let mut tree_end = ends.chain([self.nodes.len()]);
        for &[first, depth] in self.trees {
            let end = tree_end.next().unwrap_or(0);
            let Some(nodes) = self.nodes.get(first as usize..end) else {
                return Some("trees in order");
            };
            for (at, &[threshold, rest]) in nodes.iter().enumerate() {
                let (feature, child) = (rest & 0xffff, (rest >> 16) as usize);
                let is_leaf = f32::from_bits(threshold) == f32::INFINITY && child == at;
                if feature >= 2 * self.features || !(is_leaf || child + 1 < nodes.len()) {
                    return Some("features and children within the tree");
                }
            }
            if nodes.is_empty() {
                return Some("a node in every tree");
            }
            if depth as usize >= nodes.len() {
                return Some("a depth below the number of a tree's nodes");
            }
        }
        None
    }
}

#[cfg(test)]
impl Forest<'_> {
    /// The walk as described above, for one input.
    pub(crate) fn score(&self, features: &[f32]) -> f32 {
        let with =
            |missing: f32| features.iter().map(move |x| if x.is_nan() { missing } else { *x });
        let doubled: Vec<f32> = with(f32::NEG_INFINITY).chain(with(f32::INFINITY)).collect();
        let leaf = |&[first, depth]: &[u32; 2]| {
            let nodes = &self.nodes[first as usize..];
            let mut at = 0;
            for _ in 0..depth {
                let [threshold, rest] = nodes[at];
                let is_above = doubled[(rest & 0xffff) as usize] > f32::from_bits(threshold);
                at = (rest >> 16) as usize + usize::from(is_above);
            }
            self.leaves[first as usize + at]
        };
        let sum = self.base + self.trees.iter().map(leaf).sum::<f32>();
        match self.link {
            Link::Identity => sum,
            Link::Logistic => 1.0 / (1.0 + (-sum).exp()),
        }
    }
}
