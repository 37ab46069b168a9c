//! Customers on several partitions, as a dump of a topic tells them.
//!
//! A customer has to stay on one partition: each instance has a history of its own. Where a topic is keyed by
//! something else, each partition sees only a part of a customer, and verdicts stay cold.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use serde::{Serialize, Serializer};

use crate::show::units::{count, share};

/// The number of customers that are on several partitions.
#[derive(Debug, PartialEq)]
pub struct Spread {
    customers: u64,
    spread: u64,
    /// Path of the customer's id.
    path: String,
}

/// Counts customers by their partitions.
pub struct SpreadCounter {
    hasher: RandomState,
    /// The partition of each customer, by a hash of the id; `None` once there are several.
    partitions: HashMap<u64, Option<u32>>,
    path: String,
}

impl SpreadCounter {
    /// Makes a counter; `path` is that of the customer's id.
    pub fn new(path: String) -> Self {
        Self { hasher: RandomState::new(), partitions: HashMap::new(), path }
    }

    /// Counts a transaction.
    pub fn add(&mut self, customer: &[u8], partition: u32) {
        let place =
            self.partitions.entry(self.hasher.hash_one(customer)).or_insert(Some(partition));
        *place = place.filter(|first| *first == partition);
    }

    /// Returns what was counted; `None` if nothing was.
    pub fn finish(self) -> Option<Spread> {
        let (customers, path) = (self.partitions.len() as u64, self.path);
        let spread = self.partitions.values().filter(|place| place.is_none()).count() as u64;
        (customers > 0).then_some(Spread { customers, spread, path })
    }
}

impl Spread {
    /// Whether any customer is on several partitions.
    pub fn is_any(&self) -> bool {
        self.spread > 0
    }
}

impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.spread.serialize(to)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { customers, spread, path } = self;
        if !self.is_any() {
            return Ok(());
        }
        writeln!(
            f,
            "{} of {} customers ({}) are on more than one partition, and each partition has a history of \
             its own: key the topic by {path}",
            count(*spread),
            count(*customers),
            share(*spread, *customers),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_counted_once() {
        for (pairs, expect) in [
            (&[][..], None),
            (&[("a", 0), ("a", 0), ("b", 1)], Some((2, 0))),
            (&[("a", 0), ("a", 1), ("a", 0), ("b", 1)], Some((2, 1))),
            (&[("a", 0), ("a", 1), ("a", 2), ("b", 1), ("b", 0)], Some((2, 2))),
        ] {
            let mut counter = SpreadCounter::new("c".into());
            pairs.iter().for_each(|(customer, at)| counter.add(customer.as_bytes(), *at));
            let found = counter.finish().map(|found| (found.customers, found.spread));
            assert_eq!(found, expect, "{pairs:?}");
        }
    }
}
