//! The demand for memory: how much room a table needs for an entity to be remembered when it comes again.
//!
//! **Idea**: a table forgets the entity seen longest ago. So an entity is still there when it comes again if the
//! table has room for all that came since, itself included. This number of different entities, the *distance*, is
//! counted at each return, over the whole file: all that a table of any size would find follows from it.
//!
//! **Worked example**: of a b b c a, the second b has the distance 1, the second a 3. A table with room for two
//! finds one of the five.

use std::collections::HashMap;
use std::path::Path;

use fraud_detector::history::known::Known;
use fraud_detector::record::event::MISSING;
use fraud_detector::record::{self, Reader, Record, Refusal};
use fraud_plan::Program;
use fraud_plan::program::{Events, Table};

use super::sample::Sample;
use crate::data::envelope::Envelopes;
use crate::data::input::Records;
use crate::data::labels::{LabelSource, Labels};
use crate::data::stream::{Event, Stream};

/// Most transactions that are looked at.
const TRANSACTIONS: usize = 1 << 20;

/// The demand of a spec's tables, and of its known transactions.
pub struct Demand {
    /// By the entity's name and the table's events.
    tables: Vec<(String, Events, Returns)>,
    /// Transactions that came again, or that a report named without their entities.
    pub known: Returns,
}

impl Demand {
    /// Returns the demand of a table of the program, or of one with fewer tables.
    pub fn of(&self, program: &Program, table: &Table) -> &Returns {
        let name = &program.entities[usize::from(table.entity)].name;
        let is = |(entity, events, _): &&(String, Events, Returns)| {
            entity == name && *events == table.events
        };
        let found = self.tables.iter().find(is);
        &found.expect("it was counted by a spec that had this table").2
    }
}

/// The number of times that what was seen is asked for again, and the room that it takes.
#[derive(Clone, Default)]
pub struct Returns {
    /// Number of times that an entity was asked for, seen before or not.
    pub asked: u64,
    /// The distances of those that had been seen, the shortest first.
    distances: Vec<u32>,
}

impl Returns {
    /// Returns how many are found in a table with room for so many entities; of the two sets that an entity
    /// belongs to, both can be full a little before the whole table is.
    pub fn found(&self, capacity: u64) -> u64 {
        let room = capacity * 10 / 11;
        self.distances.partition_point(|distance| u64::from(*distance) <= room) as u64
    }

    /// Returns how many a table without end finds.
    pub fn all(&self) -> u64 {
        self.distances.len() as u64
    }

    /// Returns the room that finds all but one in a hundred.
    pub fn nearly_most(&self) -> Option<u64> {
        let at = self.distances.len().checked_sub(1)? * 99 / 100;
        Some(u64::from(self.distances[at]) + 1)
    }

    /// Returns the room that finds all.
    pub fn most(&self) -> u64 {
        self.distances.last().map_or(0, |distance| u64::from(*distance) * 11 / 10 + 1)
    }
}

/// Counts the demand of a program's tables over a file.
pub fn count(
    input: &Path,
    program: &Program,
    labels: Option<&LabelSource>,
) -> anyhow::Result<Demand> {
    let known = labels.map(|source| Labels::read(source, program)).transpose()?;
    let reporting = labels.zip(known.as_ref()).map(|(source, labels)| source.reporting(labels));
    let records = Records::open(input, "counting")?;
    let mut stream = Stream::new(records, Envelopes::new(program.clone()), reporting);
    let mut counter = Counter::new(program);
    let mut reader = Reader::new(program);
    while counter.transactions < TRANSACTIONS
        && let Some(event) = stream.next()?
    {
        let (value, arrival) = match &event {
            Event::Reports { value, arrival, .. } => (Some(*value), *arrival),
            Event::Transaction(transaction) => (transaction.value, transaction.arrival),
        };
        if let Some(value) = value {
            counter.count(reader.read(value, arrival));
        }
    }
    stream.finish();
    Ok(counter.finish())
}

/// Counts the demand over a sample alone, for records that cannot be read a second time.
pub fn count_sample(sample: &Sample, program: &Program) -> Demand {
    let mut envelopes = Envelopes::new(program.clone());
    let rows = sample.rows.iter().map(|row| (&row.bytes[..], row.arrival(&mut envelopes)));
    count_rows(rows, program)
}

/// Counts the demand over records, each with its arrival.
pub fn count_rows<'r>(rows: impl Iterator<Item = (&'r [u8], i64)>, program: &Program) -> Demand {
    let (mut counter, mut reader) = (Counter::new(program), Reader::new(program));
    for (record, arrival) in rows {
        counter.count(reader.read(record, arrival));
    }
    counter.finish()
}

/// The counter of a program's demand.
struct Counter<'p> {
    program: &'p Program,
    tables: Vec<Recency>,
    ids: Recency,
    /// The last transactions, which complete reports, if the program knows any.
    known: Option<Known>,
    transactions: usize,
    demand: Demand,
}

impl<'p> Counter<'p> {
    fn new(program: &'p Program) -> Self {
        let tables = program.tables.len();
        let name = |table: &Table| program.entities[usize::from(table.entity)].name.clone();
        let returns =
            program.tables.iter().map(|table| (name(table), table.events, Returns::default()));
        Self {
            program,
            tables: (0..tables).map(|_| Recency::default()).collect(),
            ids: Recency::default(),
            known: (program.known > 0).then(|| Known::new(program)),
            transactions: 0,
            demand: Demand { tables: returns.collect(), known: Returns::default() },
        }
    }

    fn count(&mut self, read: Result<Record, Refusal>) {
        match read {
            Ok(Record::Transaction { event, .. }) => self.transaction(event),
            Ok(Record::Reports(reports)) => reports.for_each(|report| self.report(report)),
            Ok(Record::Passed) | Err(_) => {}
        }
    }

    fn transaction(&mut self, event: &record::Event) {
        self.transactions += 1;
        if let (Some(id), Some(known)) = (event.id, &mut self.known) {
            known.place(event);
            self.demand.known.asked += 1;
            if let Some(distance) = self.ids.distance(id) {
                // It counts once.
                return self.demand.known.distances.push(distance);
            }
            self.ids.touch(id);
        }
        let remembered = self.program.tables.iter().zip(&mut self.tables);
        for ((table, recency), (_, _, demand)) in remembered.zip(&mut self.demand.tables) {
            let id = event.ids[usize::from(table.entity)];
            if id == MISSING {
                continue;
            }
            demand.asked += 1;
            demand.distances.extend(recency.distance(id));
            if table.events == Events::Transactions {
                recency.touch(id);
            }
        }
    }

    fn report(&mut self, report: &record::Event) {
        let mut completed = report.clone();
        if let Some(known) = &self.known {
            known.complete(&mut completed);
        }
        if completed != *report {
            self.demand.known.distances.extend(self.ids.distance(report.report));
        }
        for (table, recency) in self.program.tables.iter().zip(&mut self.tables) {
            let id = completed.ids[usize::from(table.entity)];
            if table.events == Events::Reports && id != MISSING {
                recency.touch(id);
            }
        }
    }

    fn finish(mut self) -> Demand {
        let Demand { tables, known } = &mut self.demand;
        for returns in tables.iter_mut().map(|(_, _, returns)| returns).chain([known]) {
            returns.distances.sort_unstable();
        }
        self.demand
    }
}

/// The order in which ids came last.
///
/// A Fenwick tree has a one at the last place of each id, and so counts the ids from any place on in logarithmic
/// time. When its places are used up, the ids move together.
#[derive(Default)]
struct Recency {
    last: HashMap<u64, usize>,
    /// For each place, the ones in the part of the sequence that ends there.
    tree: Vec<u32>,
    /// The place that comes next.
    next: usize,
}

impl Recency {
    /// Returns how many different ids have come since this one, itself included, if it has come.
    fn distance(&self, id: u64) -> Option<u32> {
        let before = self.ones_before(*self.last.get(&id)?);
        Some(self.last.len() as u32 - before)
    }

    /// Makes an id the one that came last.
    fn touch(&mut self, id: u64) {
        if self.next == self.tree.len() {
            self.move_together();
        }
        let place = self.next;
        self.next += 1;
        if let Some(before) = self.last.insert(id, place) {
            self.add(before, false);
        }
        self.add(place, true);
    }

    fn move_together(&mut self) {
        let mut ids: Vec<_> = self.last.iter_mut().collect();
        ids.sort_unstable_by_key(|(_, place)| **place);
        for (next, (_, place)) in ids.iter_mut().enumerate() {
            **place = next;
        }
        self.next = ids.len();
        self.tree = vec![0; (2 * self.next).max(1024)];
        (0..self.next).for_each(|place| self.add(place, true));
    }

    fn add(&mut self, place: usize, is_there: bool) {
        let mut at = place;
        while let Some(ones) = self.tree.get_mut(at) {
            *ones = if is_there { *ones + 1 } else { *ones - 1 };
            at |= at + 1;
        }
    }

    fn ones_before(&self, place: usize) -> u32 {
        let (mut ones, mut end) = (0, place);
        while end > 0 {
            ones += self.tree[end - 1];
            end &= end - 1;
        }
        ones
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn distances_are_those_of_a_list(ids in prop::collection::vec(0..60_u64, 0..3000)) {
            let (mut recency, mut list) = (Recency::default(), Vec::new());
            for id in ids {
                let place = list.iter().position(|other| *other == id);
                prop_assert_eq!(recency.distance(id), place.map(|place| place as u32 + 1));
                recency.touch(id);
                list.retain(|other| *other != id);
                list.insert(0, id);
            }
        }
    }
}
