//! Trees as nodes to walk along.

/// Every node of every tree is two words: the threshold's bits, and `feature | first child << 16`.
/// The walk goes to `first child + (x > threshold)`, children counted from the tree's first node.
/// A leaf has threshold +∞ and itself as first child, so walking on stays there, and a walk of the
/// tree's depth ends on a leaf from any path. The input is the feature vector twice: first with −∞
/// for a missing value, then with +∞; a node that sends missing values to its second child reads
/// from the second half.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walk<'a> {
    /// For each tree, shallow ones first: index of its first node, and its depth in steps.
    pub trees: &'a [[u32; 2]],
    /// For each node: bits of the f32 threshold, `feature | first child << 16`.
    pub nodes: &'a [[u32; 2]],
    /// For each node its value if it is a leaf, else 0.
    pub leaves: &'a [f32],
}

/// Most nodes of one tree.
pub const MAX_TREE_NODES: usize = 1 << 16;

impl Walk<'_> {
    /// Why a walk could leave the arrays, if it could.
    pub(super) fn fault(&self, features: u32) -> Option<&'static str> {
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
                if u64::from(feature) >= 2 * u64::from(features)
                    || !(is_leaf || child + 1 < nodes.len())
                {
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
impl Walk<'_> {
    /// The leaf that each tree's walk ends on.
    pub(super) fn leaves_of(&self, features: &[f32]) -> Vec<f64> {
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
            f64::from(self.leaves[first as usize + at])
        };
        self.trees.iter().map(leaf).collect()
    }
}
