//! The check that a program can be evaluated: every index in it refers to something.
//!
//! [`Plan::read`](crate::Plan::read) runs it, so that the transform evaluates without looking again.

use super::{
    Category, CategoryForm, Cell, Events, Identity, MAX_DECIMALS, MAX_ENTITIES, MAX_FIELDS,
    MAX_VALUES, Program, Role, Scale, Source, Stat, Table, Trace, Value,
};

const _: () = assert!(
    MAX_FIELDS == 1024 && MAX_ENTITIES == 64 && MAX_VALUES == 65_535,
    "rules below name them"
);

impl Program {
    /// Returns the rule that is broken if evaluating the program could fail.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let fields = (1..=MAX_FIELDS).contains(&self.fields.len());
        let entities = self.entities.len() <= MAX_ENTITIES;
        let roles = self.fields.iter().enumerate().all(|(at, field)| {
            field.parent.is_none_or(|parent| usize::from(parent) < at)
                && match field.role {
                    Role::Entity(entity) => usize::from(entity) < self.entities.len(),
                    Role::Number(number) => usize::from(number) < self.numbers.len(),
                    Role::Category(category) => usize::from(category) < self.categories.len(),
                    _ => true,
                }
        });
        let composites = self.entities.iter().enumerate().all(|(at, entity)| {
            let mut of = entity.of.iter().map(|&of| usize::from(of));
            of.all(|of| of < at && self.entities[of].of.is_empty())
        });
        let has_currency =
            |currency: u16| self.fields.iter().any(|field| field.role == Role::Currency(currency));
        let numbers = self.numbers.iter().all(|number| match number.scale {
            Scale::Currency(currency) => has_currency(currency),
            Scale::Decimals(decimals) => decimals <= MAX_DECIMALS,
            Scale::One => true,
        });
        let first = self.tables.first();
        let warmth = first.is_some_and(|t| t.entity == 0 && t.events == Events::Transactions);
        let tables = self.tables.iter().all(|table| {
            usize::from(table.entity) < self.entities.len()
                && table.cells.iter().all(|cell| self.cell_holds(table, cell))
                && table.traces.iter().all(|trace| self.trace_holds(table, trace))
        });
        let categories = self.categories.iter().all(|category| {
            category.values.len() <= MAX_VALUES
                && usize::from(category.vocabulary) <= category.values.len()
        });
        let sources = (self.features.iter().enumerate())
            .all(|(at, feature)| self.source_holds(&feature.source, at));
        [
            (fields, "between 1 and 1024 fields"),
            (entities, "at most 64 entities"),
            (composites, "entities that are made of earlier ones, which have fields"),
            (roles, "fields that refer to earlier fields, known entities, numbers and categories"),
            (categories, "categories with all of their vocabulary, at most 65,535 values"),
            (numbers, "numbers that refer to known currencies, and have at most 18 decimals"),
            (warmth, "the partition key's transactions in the first table"),
            (tables, "tables that refer to known entities, categories, values and half-lives"),
            (
                sources,
                "features that refer to numbers, categories, cells, traces and earlier features",
            ),
        ]
        .iter()
        .find(|(holds, _)| !holds)
        .map(|(_, rule)| *rule)
    }

    fn cell_holds(&self, table: &Table, cell: &Cell) -> bool {
        let value = match *cell {
            Cell::Count { value, .. } => value,
            Cell::Sum { value, .. } | Cell::Max { value, .. } | Cell::Mean { value, .. } => {
                Some(value)
            }
            Cell::Streak { .. } => None,
        };
        let half_lives = table.half_lives.len();
        value.is_none_or(|value| self.value_holds(value, self.features_of(table)))
            && cell.half_life().is_none_or(|at| usize::from(at) < half_lives)
    }

    fn trace_holds(&self, table: &Table, trace: &Trace) -> bool {
        match *trace {
            Trace::Point { latitude, longitude } => self.are_numbers(&[latitude, longitude]),
            Trace::Last { value, length } => {
                length > 0 && self.value_holds(value, self.features_of(table))
            }
            Trace::Distinct { of, cap, .. } => {
                cap > 0
                    && match of {
                        Identity::Entity(entity) => usize::from(entity) < self.entities.len(),
                        Identity::Category(at) => usize::from(at) < self.categories.len(),
                    }
            }
        }
    }

    fn are_numbers(&self, numbers: &[u16]) -> bool {
        numbers.iter().all(|&number| usize::from(number) < self.numbers.len())
    }

    /// Returns the number of features that a table's events have: a report has no feature vector.
    fn features_of(&self, table: &Table) -> usize {
        match table.events {
            Events::Transactions => self.features.len(),
            Events::Reports => 0,
        }
    }

    fn value_holds(&self, value: Value, features: usize) -> bool {
        match value {
            Value::Number(number) => usize::from(number) < self.numbers.len(),
            Value::Feature(feature) => usize::from(feature) < features,
        }
    }

    fn source_holds(&self, source: &Source, at: usize) -> bool {
        let stat_holds = |table: u8, stat: Stat| {
            let table = self.tables.get(usize::from(table));
            let cells = table.map(|table| table.cells.len());
            let cell = |cell: u8| cells.is_some_and(|cells| usize::from(cell) < cells);
            match stat {
                Stat::Count { cell: c }
                | Stat::Sum { cell: c }
                | Stat::Max { cell: c }
                | Stat::RunningMean { cell: c }
                | Stat::SinceFirst { cell: c, .. } => cell(c),
                Stat::Mean { sum, count } => cell(sum) && cell(count),
                Stat::Trace { trace, output } => {
                    let trace = table.and_then(|table| table.traces.get(usize::from(trace)));
                    trace.is_some_and(|trace| usize::from(output) < trace.outputs())
                }
                Stat::Events { .. } | Stat::SinceLast { .. } => cells.is_some(),
            }
        };
        match *source {
            Source::Number { number, .. } => usize::from(number) < self.numbers.len(),
            Source::Category { category, form } => {
                let category = self.categories.get(usize::from(category));
                category.is_some_and(|category| form_holds(category, form))
            }
            Source::Combine { left, right, .. } => {
                self.value_holds(left, at) && self.value_holds(right, at)
            }
            Source::Distance { from, to } => self.are_numbers(&from) && self.are_numbers(&to),
            Source::Time { .. } => true,
            Source::Remembered { table, stat } => stat_holds(table, stat),
            Source::Ratio { value, table, stat } => {
                self.value_holds(value, at) && stat_holds(table, stat)
            }
        }
    }
}

fn form_holds(category: &Category, form: CategoryForm) -> bool {
    match form {
        CategoryForm::Ordinal => true,
        CategoryForm::OneHot { code } => code < category.vocabulary,
        CategoryForm::Hashed { buckets } => buckets > 1,
        CategoryForm::Table { table } => usize::from(table) < category.tables.len(),
    }
}
