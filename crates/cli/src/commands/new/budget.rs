//! The budget: how a broker's memory is shared among the tables of a proposed spec.
//!
//! **Idea**: each table begins with the least room. Then the room that finds most for its bytes is given, again and
//! again, until all that comes again is found or nothing is left. What a table finds counts once for each feature
//! that reads it. A pair or a habit that comes again too seldom, or finds less than half of what comes again, tells
//! the model more wrong than right: its features are dropped, and memory is shared anew.

use fraud_detector::history::WAYS;
use fraud_plan::Program;
use fraud_plan::program::{Events, Source};

use serde::Serialize;

use super::demand::{Demand, Returns};

/// The least share that a table finds of what it would find with memory without end.
const LEAST_FOUND: f64 = 0.5;
/// The least share of what is asked for that comes again.
const LEAST_AGAIN: f64 = 0.02;

/// The room of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Room {
    pub entity: String,
    #[serde(skip)]
    pub events: Events,
    /// Bytes of each entity.
    pub bytes: usize,
    /// Number of entities.
    #[serde(rename = "fit")]
    pub capacity: u64,
    /// The share that is found of all that is asked for; and with memory without end.
    pub found: f64,
    pub again: f64,
    /// Whether the entity is made of others, so that the spec can do without it.
    #[serde(skip)]
    pub is_pair: bool,
}

/// Shares `bytes` among a program's tables, by the demand for each.
pub fn share(program: &Program, demand: &Demand, bytes: usize) -> Vec<Room> {
    let demand: Vec<&Returns> =
        program.tables.iter().map(|table| demand.of(program, table)).collect();
    let least = WAYS as u64;
    let mut capacities = vec![least; program.tables.len()];
    let each: Vec<u64> = program.tables.iter().map(|table| table.bytes() as u64).collect();
    let weights: Vec<u64> =
        (0..program.tables.len()).map(|table| readers(program, table)).collect();
    let used = |capacities: &[u64]| -> u64 {
        capacities.iter().zip(&each).map(|(capacity, bytes)| capacity * bytes).sum()
    };
    let mut left = (bytes as u64).saturating_sub(used(&capacities));
    // A curve of what is found may rise late, so all larger rooms are looked at, not only the next one.
    let larger = |table: usize, from: u64| {
        let most = demand[table].most().max(least);
        let steps = std::iter::successors(Some(from), |room| Some(room + room.div_ceil(8)));
        steps.skip(1).take_while(move |room| *room < most).chain([most])
    };
    loop {
        let mut best: Option<(f64, usize, u64)> = None;
        for (table, &from) in capacities.iter().enumerate() {
            for to in larger(table, from).filter(|to| *to > from) {
                let cost = (to - from) * each[table];
                let gain = demand[table].found(to) - demand[table].found(from);
                let worth = (gain * weights[table]) as f64 / cost as f64;
                if cost <= left && gain > 0 && best.is_none_or(|(most, ..)| worth > most) {
                    best = Some((worth, table, to));
                }
            }
        }
        let Some((_, table, to)) = best else { break };
        left -= (to - capacities[table]) * each[table];
        capacities[table] = to;
    }
    let tables = program.tables.iter().zip(demand).zip(capacities);
    tables
        .map(|((table, returns), capacity)| {
            let entity = &program.entities[usize::from(table.entity)];
            let asked = returns.asked.max(1) as f64;
            Room {
                entity: entity.name.clone(),
                events: table.events,
                bytes: table.bytes(),
                capacity,
                found: returns.found(capacity) as f64 / asked,
                again: returns.all() as f64 / asked,
                is_pair: !entity.of.is_empty(),
            }
        })
        .collect()
}

/// Returns the number of features that read a table.
fn readers(program: &Program, table: usize) -> u64 {
    let reads = |source: &Source| match *source {
        Source::Remembered { table: of, .. } | Source::Ratio { table: of, .. } => {
            usize::from(of) == table
        }
        _ => false,
    };
    program.features.iter().filter(|feature| reads(&feature.source)).count() as u64
}

/// Returns the room whose entity the spec does better without, the worst of them, if there is one.
pub fn worst(rooms: &[Room]) -> Option<&Room> {
    let share = |room: &Room| room.found / room.again.max(f64::MIN_POSITIVE);
    let is_poor =
        |room: &&Room| room.is_pair && (room.again < LEAST_AGAIN || share(room) < LEAST_FOUND);
    rooms.iter().filter(is_poor).min_by(|a, b| share(a).total_cmp(&share(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::new::demand::count_rows;

    const SPEC: &str = r#"
        version = 1
        time = { path = "t", unit = "seconds" }
        entity = [
            { name = "card", path = "card" },
            { name = "shop", path = "shop", scope = "instance" },
            { name = "pair", of = ["card", "shop"] },
        ]
        feature = [
            { name = "of_card", kind = "window", entity = "card", stat = "since_last" },
            { name = "of_pair", kind = "window", entity = "pair", stat = "events" },
        ]
    "#;

    /// Checks the rooms for cards that come in turn, each at its own shop: name, entities and percent found.
    #[track_caller]
    fn check(bytes: usize, expect: &[(&str, u64, u32)], worst_of: Option<&str>) {
        let program = fraud_plan::compile::spec::parse(SPEC, "spec").expect("a valid spec");
        let row = |at: u32| {
            let card = at % 100;
            format!("{{\"t\":{},\"card\":{card},\"shop\":{}}}", 1_700_000_000 + at, card % 10)
        };
        let rows: Vec<String> = (0..1000).map(row).collect();
        let demand = count_rows(rows.iter().map(|row| (row.as_bytes(), -1)), &program);
        let rooms = share(&program, &demand, bytes);
        let found: Vec<_> = rooms
            .iter()
            .map(|room| (&*room.entity, room.capacity, (100.0 * room.found).round() as u32))
            .collect();
        assert_eq!(found, expect, "{bytes}");
        assert_eq!(worst(&rooms).map(|room| &*room.entity), worst_of, "{bytes}");
    }

    #[test]
    fn memory_goes_where_most_is_found() {
        check(10_000, &[("card", 111, 90), ("pair", 111, 90)], None);
        // Room for one of the two.
        check(1_800, &[("card", 111, 90), ("pair", 16, 0)], Some("pair"));
        check(0, &[("card", 16, 0), ("pair", 16, 0)], Some("pair"));
    }
}
