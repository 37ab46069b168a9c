//! The meaning of what a table remembers, as a hash: what was remembered under one spec is good under
//! another whose table has the same.
//!
//! The hash is of a text that writes out each word: `max 604800s of ratio(number amount One, mean …)`.
//! Fields are in it by their paths; names, the order of tables and features, and the number of entities
//! that are expected are not.

use sha2::{Digest, Sha256};

use crate::program::{Cell, Identity, Program, Role, Source, Stat, Table, Trace, Value};

/// Returns the hash of what table number `table` remembers.
pub(super) fn hash(program: &Program, table: usize) -> u32 {
    let digest = Sha256::digest(Meaning(program).table(&program.tables[table]));
    u32::from_be_bytes(digest[..4].try_into().expect("4 bytes"))
}

/// Writes a program's parts out.
struct Meaning<'p>(&'p Program);

impl Meaning<'_> {
    fn table(&self, table: &Table) -> String {
        let mut text = format!("{:?} of {}:", table.events, self.entity(table.entity));
        for cell in &table.cells {
            text += &format!(" {};", self.cell(table, cell));
        }
        for trace in &table.traces {
            text += &format!(" {};", self.trace(trace));
        }
        text
    }

    /// Returns the paths of a transaction's fields with a role.
    fn paths(&self, role: Role) -> String {
        let fields = self.0.fields.iter().enumerate();
        let fields = fields.filter(|(_, field)| field.role == role && !self.0.in_report(field));
        fields.map(|(at, _)| self.0.path(at)).collect::<Vec<_>>().join(",")
    }

    fn entity(&self, entity: u8) -> String {
        let parts = &self.0.entities[usize::from(entity)].of;
        let parts = parts.iter().map(|&part| self.paths(Role::Entity(part)));
        let all = [self.paths(Role::Entity(entity))].into_iter().chain(parts);
        all.collect::<Vec<_>>().join("+")
    }

    fn number(&self, number: u16) -> String {
        let scale = &self.0.numbers[usize::from(number)].scale;
        format!("number {} {scale:?}", self.paths(Role::Number(number)))
    }

    fn value(&self, value: Value) -> String {
        match value {
            Value::Number(number) => self.number(number),
            Value::Feature(at) => self.source(&self.0.features[usize::from(at)].source),
        }
    }

    fn source(&self, source: &Source) -> String {
        match *source {
            Source::Number { number, min, max, log1p } => {
                format!("clamp({}, {min}, {max}, {log1p})", self.number(number))
            }
            Source::Category { category, form } => {
                let of = &self.0.categories[usize::from(category)];
                let path = self.paths(Role::Category(category));
                format!("category({path}, {form:?}, {:?}, {:?})", of.values, of.tables)
            }
            Source::Combine { operation, left, right } => {
                format!("{operation:?}({}, {})", self.value(left), self.value(right))
            }
            Source::Distance { from, to } => {
                let points = [from, to].map(|point| point.map(|number| self.number(number)));
                format!("distance({points:?})")
            }
            Source::Time { part, form, offset } => format!("time({part:?}, {form:?}, {offset})"),
            Source::Remembered { table, stat } => self.stat(table, stat),
            Source::Ratio { value, table, stat } => {
                format!("ratio({}, {})", self.value(value), self.stat(table, stat))
            }
        }
    }

    fn stat(&self, table: u8, stat: Stat) -> String {
        let table = &self.0.tables[usize::from(table)];
        let cell = |cell: u8| self.cell(table, &table.cells[usize::from(cell)]);
        let of = match stat {
            Stat::Count { cell: at }
            | Stat::Sum { cell: at }
            | Stat::Max { cell: at }
            | Stat::RunningMean { cell: at } => cell(at),
            Stat::Mean { sum, count } => format!("{} / {}", cell(sum), cell(count)),
            Stat::Trace { trace, output } => {
                format!("{} {output}", self.trace(&table.traces[usize::from(trace)]))
            }
            Stat::Events { cap } => format!("events to {cap}"),
            Stat::SinceLast { unit } => format!("since the last by {unit}s"),
            Stat::SinceFirst { cell: at, unit } => format!("{} by {unit}s", cell(at)),
        };
        format!("{}: {of}", self.entity(table.entity))
    }

    fn cell(&self, table: &Table, cell: &Cell) -> String {
        let seconds = |half_life: u8| table.half_lives[usize::from(half_life)];
        match *cell {
            Cell::Count { value, half_life } => {
                let of = value.map_or_else(|| "all".into(), |value| self.value(value));
                format!("count {}s of {of}", seconds(half_life))
            }
            Cell::Sum { value, half_life } => {
                format!("sum {}s of {}", seconds(half_life), self.value(value))
            }
            Cell::Max { value, half_life } => {
                format!("max {}s of {}", seconds(half_life), self.value(value))
            }
            Cell::Mean { value, clip, prior } => {
                format!("mean clip {clip} prior {prior:?} of {}", self.value(value))
            }
            Cell::Streak { gap } => format!("streak {gap}s"),
        }
    }

    fn trace(&self, trace: &Trace) -> String {
        match *trace {
            Trace::Point { latitude, longitude } => {
                format!("point of {}, {}", self.number(latitude), self.number(longitude))
            }
            Trace::Last { value, length } => format!("last {length} of {}", self.value(value)),
            Trace::Distinct { of, window, cap } => {
                let of = match of {
                    Identity::Entity(entity) => self.entity(entity),
                    Identity::Category(category) => self.paths(Role::Category(category)),
                };
                format!("{cap} different within {window}s of {of}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    const SPEC: &str = include_str!("../../../../../tests/specs/windows.toml");

    fn meanings(spec: &str) -> Vec<u32> {
        let program = parse(spec, "SPEC").expect("a valid spec");
        program.tables.iter().map(|table| table.meaning).collect()
    }

    #[test]
    fn what_counts() {
        let of = |from: &str, to: &str| {
            assert!(SPEC.contains(from), "{from}");
            meanings(&SPEC.replace(from, to))
        };
        let meaning = meanings(SPEC);
        for (from, to) in [
            ("version = 1", "version = 1\nwarm_after = 9"),
            ("name = \"customer\"", "name = \"customer\"\nexpected = 7"),
            ("name = \"running_mean\"", "name = \"usual\""),
        ] {
            assert_eq!(of(from, to), meaning, "{from} {to}");
        }
        for (from, to) in [
            ("path = \"customer_id\"", "path = \"client_id\""),
            ("path = \"amount\"", "path = \"sum\""),
            ("clip = 2.5", "clip = 3.5"),
            ("half_life = \"7d\"", "half_life = \"8d\""),
        ] {
            assert_ne!(of(from, to), meaning, "{from} {to}");
        }
    }

    #[test]
    fn tables_of_one_spec_differ() {
        for spec in [
            include_str!("../../../../../tests/specs/reports.toml"),
            include_str!("../../../../../model/fraud.toml"),
        ] {
            let meanings = meanings(spec);
            let mut distinct = meanings.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), meanings.len(), "{meanings:?}");
        }
    }
}
