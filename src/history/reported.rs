//! Which fraud reports have been counted: the ids of the last ones, each once.

/// The last `N` distinct ids, as hashes: a ring, and chains through it to find an id.
pub struct Reported {
    ring: Vec<u64>,
    /// For each chain the youngest id's slot in the ring, for each slot the next older one's.
    heads: Vec<u16>,
    next: Vec<u16>,
    oldest: usize,
    len: usize,
}

const NONE: u16 = u16::MAX;

impl Reported {
    /// Remembers `capacity` ids, at most 65,535 and at least one.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, usize::from(NONE));
        Self {
            ring: vec![0; capacity],
            heads: vec![NONE; capacity],
            next: vec![NONE; capacity],
            oldest: 0,
            len: 0,
        }
    }

    /// Bytes of memory that `capacity` ids take.
    pub const fn bytes(capacity: usize) -> usize {
        capacity * (size_of::<u64>() + 2 * size_of::<u16>())
    }

    /// Remembers an id; false if it is remembered already.
    pub fn insert(&mut self, id: u64) -> bool {
        let chain = self.chain(id);
        let mut at = self.heads[chain];
        while at != NONE {
            if self.ring[usize::from(at)] == id {
                return false;
            }
            at = self.next[usize::from(at)];
        }
        let slot = self.oldest;
        if self.len == self.ring.len() {
            self.forget(slot);
        } else {
            self.len += 1;
        }
        self.oldest = (slot + 1) % self.ring.len();
        self.ring[slot] = id;
        self.next[slot] = self.heads[chain];
        self.heads[chain] = slot as u16;
        true
    }

    /// Forgets all ids.
    pub fn clear(&mut self) {
        self.heads.fill(NONE);
        (self.oldest, self.len) = (0, 0);
    }

    /// Takes a slot, the last of its chain, out of it.
    fn forget(&mut self, slot: usize) {
        let chain = self.chain(self.ring[slot]);
        let slot = slot as u16;
        if self.heads[chain] == slot {
            self.heads[chain] = NONE;
            return;
        }
        let mut at = usize::from(self.heads[chain]);
        while self.next[at] != slot {
            at = usize::from(self.next[at]);
        }
        self.next[at] = NONE;
    }

    fn chain(&self, id: u64) -> usize {
        (((id >> 32) * self.heads.len() as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Reported;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #![proptest_config(crate::cases(256))]

        #[test]
        fn remembers_exactly_the_last_ones(
            capacity in 1..20_usize,
            ids in prop::collection::vec(0..40_u64, 0..400),
        ) {
            let mut reported = Reported::new(capacity);
            let mut oracle = VecDeque::new();
            for id in ids {
                // Spread over the chains, several ids in each.
                let id = id << 59 | id;
                let new = !oracle.contains(&id);
                prop_assert_eq!(reported.insert(id), new);
                if new {
                    oracle.push_back(id);
                    if oracle.len() > capacity {
                        oracle.pop_front();
                    }
                }
            }
        }
    }
}
