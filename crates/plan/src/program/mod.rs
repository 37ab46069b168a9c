//! The feature program: where a record's fields are, what is remembered of its entities, and how
//! the feature vector is made of both. The compiler writes it from `fraud.toml`; `check` holds it to
//! what evaluation relies on.
//!
//! Every formula below reads what is remembered *before* the transaction at hand; the transaction is
//! added afterwards. `now` is the later of the transaction's time and the entity's last seen time. In
//! a formula, `c` is the cell and `v` the value.
//!
//! - `mod.rs`: the program; `check`: that it can be evaluated
//! - `record`: where a record's fields are, and the ways in which its values are written
//! - `table`: what is remembered of an entity
//! - `feature`: the model's inputs

mod check;
mod feature;
mod record;
mod table;

use serde::{Deserialize, Serialize};

pub use feature::{CategoryForm, Feature, Operation, Source, Stat, TimeForm, TimePart};
pub use record::{
    Category, Entity, EventTypes, Field, MAX_DECIMALS, MAX_ENTITIES, MAX_FIELDS, MAX_TABLES,
    MAX_VALUES, Number, NumberForm, Passage, Role, Scale, Step, Time, TimeUnit, Treatment,
    ValueTable,
};
pub use table::{Cell, ENTITY_WORDS, Events, Identity, Table, Trace, Value};

/// The detector's work before the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Name of the member that is spliced into a scored record.
    pub verdict: String,
    /// A verdict says `"history":"cold"` while the first entity has fewer events than this.
    pub warm_after: u32,
    /// Transactions that are known by their id at most, so that one that comes again counts once; 0 if
    /// none are told apart.
    pub known: u32,
    /// Seconds that a record's time may be ahead of the broker's.
    pub max_ahead: u32,
    /// The treatment of a record by its type; `None` if all are transactions, or bring reports.
    pub types: Option<EventTypes>,
    /// The fields that are read from a record, parents before children. At most [`MAX_FIELDS`].
    pub fields: Vec<Field>,
    /// The way in which times are written.
    pub time: Time,
    /// Numbers of the record, in the order that [`Value::Number`] counts them.
    pub numbers: Vec<Number>,
    /// Categories of the record, in the order that [`Role::Category`] counts them.
    pub categories: Vec<Category>,
    /// The entities; the first is the partition key.
    pub entities: Vec<Entity>,
    /// The tables of what is remembered. The first is of the first entity's transactions: their number
    /// tells cold from warm.
    pub tables: Vec<Table>,
    /// The model's inputs, in order.
    pub features: Vec<Feature>,
}

impl Program {
    /// Returns the path of a field as a spec writes it: `items[0].amount`.
    pub fn path(&self, field: usize) -> String {
        let field = &self.fields[field];
        let parent = field.parent.map(|parent| self.path(parent.into()));
        match (&field.step, parent) {
            (Step::Name(name), None) => name.clone(),
            (Step::Name(name), Some(parent)) => format!("{parent}.{name}"),
            (Step::Item(item), parent) => format!("{}[{item}]", parent.unwrap_or_default()),
        }
    }

    /// Whether a record is a fraud report by its type, and its fields are where a transaction has them.
    pub fn reports_by_type(&self) -> bool {
        let types = self.types.iter().flat_map(|types| &types.treatments);
        types.into_iter().any(|(_, treatment)| *treatment == Treatment::Report)
    }

    /// Returns a record's type that is treated so, if one is named.
    pub fn type_of(&self, treatment: Treatment) -> Option<&str> {
        let mut types = self.types.iter().flat_map(|types| &types.treatments);
        types.find(|(_, of)| *of == treatment).map(|(name, _)| name.as_str())
    }

    /// Whether a report is known by what is the id of a transaction.
    pub fn reports_by_id(&self) -> bool {
        self.reports_by_type() && !self.fields.iter().any(|field| field.role == Role::ReportId)
    }

    /// Whether anything is remembered of an entity's fraud reports, or of those of one made of it.
    pub fn is_reported(&self, entity: u8) -> bool {
        let reported = self.tables.iter().filter(|table| table.events == Events::Reports);
        let mut reported =
            reported.map(|table| (table.entity, &self.entities[usize::from(table.entity)]));
        reported.any(|(at, of)| at == entity || of.of.contains(&entity))
    }

    /// Returns whether a field is part of a report, not of a transaction.
    pub fn in_report(&self, field: &Field) -> bool {
        if matches!(field.role, Role::ReportId | Role::ReportTime) {
            return true;
        }
        let mut parent = field.parent;
        while let Some(at) = parent {
            let holder = &self.fields[usize::from(at)];
            if holder.role == Role::Reports {
                return true;
            }
            parent = holder.parent;
        }
        false
    }
}
