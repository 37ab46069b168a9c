//! The topic as a table: what whoever restores makes of it. No module does.
//!
//! A partition's records come in their order, the latest of each key at least. A whole slot has in it
//! all that was written of its entity before; a segment's stands for itself, and two instances that
//! served the partition one after the other have seen different events. So an entity's history is its
//! whole slot and the segments behind it, added up: all but the last segment, which may be that of the
//! instance that is to be restored. It leaves its own out.

use std::collections::{BTreeMap, HashMap};

use fraud_plan::Program;
use fraud_plan::program::Table;

use super::{Codec, Entry, Parts, Refused, ReportId, Slot};
use crate::features::merge::merge;

/// The records of one partition of the topic.
pub struct Topic {
    program: Program,
    codec: Codec,
    /// The place in `entities` of an entity, by its table and its id's hash.
    places: HashMap<(usize, u64), usize>,
    entities: Vec<Entity>,
    reports: BTreeMap<u16, u64>,
}

/// The records that the topic has of an entity.
struct Entity {
    table: usize,
    id: u64,
    whole: Option<Slot>,
    /// The segments behind the whole slot, in the order of their last record.
    since: Vec<(u32, Slot)>,
}

impl Topic {
    /// Makes an empty partition; with a key, records have to be signed with it.
    pub fn new(program: &Program, key: Option<[u64; 2]>) -> Self {
        Self {
            program: program.clone(),
            codec: Codec::new(program, key),
            places: HashMap::new(),
            entities: Vec::new(),
            reports: BTreeMap::new(),
        }
    }

    /// Adds the next record.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), Refused> {
        let (table, id, parts) = match self.codec.read(key, value)? {
            Entry::Report(ReportId { place, id }) => {
                self.reports.insert(place, id);
                return Ok(());
            }
            Entry::Entity { table, id, parts } => (table, id, parts),
        };
        let place = *self.places.entry((table, id)).or_insert_with(|| {
            self.entities.push(Entity { table, id, whole: None, since: Vec::new() });
            self.entities.len() - 1
        });
        let Entity { whole, since, .. } = &mut self.entities[place];
        if parts.whole.is_some() {
            *whole = parts.whole;
            since.clear();
        }
        if let Some((segment, slot)) = parts.since {
            since.retain(|(known, _)| *known != segment);
            since.push((segment, slot));
        }
        Ok(())
    }

    /// Returns the number of records that restore the partition.
    pub fn len(&self) -> usize {
        self.entities.len() + self.reports.len()
    }

    /// Returns whether nothing is there to be restored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands on the records that restore the partition, key and value; the ids of reports come first, and
    /// then the entities that were seen longest ago, so that those seen last stay where room is short.
    pub fn restore(&mut self, publish: &mut dyn FnMut(&[u8], &[u8])) {
        for (&place, &id) in &self.reports {
            let (key, value) = self.codec.write(&Entry::Report(ReportId { place, id }));
            publish(key, value);
        }
        let tables = &self.program.tables;
        let mut entities: Vec<_> = self
            .entities
            .iter()
            .map(|entity| (entity, entity.parts(&tables[entity.table])))
            .collect();
        entities.sort_by_key(|(entity, parts)| (entity.table, parts.last(), entity.id));
        for (&Entity { table, id, .. }, parts) in entities {
            let (key, value) = self.codec.write(&Entry::Entity { table, id, parts });
            publish(key, value);
        }
    }
}

impl Entity {
    /// Adds up all but the last segment.
    fn parts(&self, table: &Table) -> Parts {
        let mut whole = self.whole.clone();
        let Some((last, before)) = self.since.split_last() else {
            return Parts { whole, since: None };
        };
        for (_, slot) in before {
            let mut slot = slot.clone();
            if let Some(earlier) = whole {
                merge(table, &earlier, &mut slot);
            }
            whole = Some(slot);
        }
        Parts { whole, since: Some(last.clone()) }
    }
}

impl Parts {
    /// Returns the time of the last event.
    fn last(&self) -> u32 {
        let slots = self.whole.iter().chain(self.since.iter().map(|(_, slot)| slot));
        slots.map(|slot| slot.last).max().unwrap_or(0)
    }
}
