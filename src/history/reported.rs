//! The ids of the fraud reports that have been counted, or of the transactions that are known, so that
//! each counts once however often it is delivered.
//!
//! **The idea**: a ring of the last N distinct ids, so that the oldest id makes room for a new one;
//! and a hash table over the ring, of as many chains. A chain goes from its youngest id to its
//! oldest, so the id that the ring forgets is always the last of its chain.

/// The last distinct ids, as hashes.
pub struct Reported {
    ring: Vec<u64>,
    /// For each chain its youngest id's slot in the ring.
    heads: Vec<u16>,
    /// For each slot of the ring the slot of the next older id of its chain.
    next: Vec<u16>,
    /// The slot that the next new id takes.
    oldest: usize,
    len: usize,
}

/// The end of a chain.
const NONE: u16 = u16::MAX;

impl Reported {
    /// Makes room for `capacity` ids, at most 65,535 and at least one.
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

    /// Returns the bytes of memory that `capacity` ids take.
    pub const fn bytes(capacity: usize) -> usize {
        capacity * (size_of::<u64>() + 2 * size_of::<u16>())
    }

    /// Number of ids that are remembered at most.
    pub fn capacity(&self) -> usize {
        self.ring.len()
    }

    /// Remembers an id; returns false if it is remembered already.
    pub fn insert(&mut self, id: u64) -> bool {
        self.place(id).1
    }

    /// Finds an id's place in the ring.
    pub fn find(&self, id: u64) -> Option<usize> {
        let mut at = self.heads[self.chain(id)];
        while at != NONE {
            if self.ring[usize::from(at)] == id {
                return Some(at.into());
            }
            at = self.next[usize::from(at)];
        }
        None
    }

    /// Finds an id's place in the ring, which it takes if it is new; whether it is.
    pub fn place(&mut self, id: u64) -> (usize, bool) {
        if let Some(at) = self.find(id) {
            return (at, false);
        }
        let chain = self.chain(id);
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
        (slot, true)
    }

    /// Forgets all ids.
    pub fn clear(&mut self) {
        self.heads.fill(NONE);
        (self.oldest, self.len) = (0, 0);
    }

    /// Takes a slot out of its chain, of which it is the last.
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

    /// Returns the chain that an id belongs to.
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
