//! Features of what is remembered of an entity: windows and reports.
//!
//! A window keeps what it needs in its entity's table ([`Cells`]), where equal cells and half-lives
//! are shared: a sum, a mean and a ratio over the same seven days cost two cells. What takes several words is a trace, and shared as well.

use std::ops::RangeInclusive;

use anyhow::Result;

use super::super::time::duration;
use super::super::{MAX_EVENTS, MadeTable, Spec};
use super::{number_of, push, value_of};
use crate::compile::document::{At, Section};
use crate::program::{Cell, Events, Identity, Program, Role, Source, Stat, Trace, Value};
use crate::time::seconds::DAY;

/// Seconds without a report after which a streak of reports ends.
const DEFAULT_GAP: u32 = 14 * DAY;
/// Most cells, and most half-lives, of a table.
const MAX_CELLS: usize = u8::MAX as usize;
/// Fewest and most events or values that a trace keeps; each takes 4 bytes of every entity.
const LENGTHS: RangeInclusive<u32> = 1..=64;
/// Different values that are counted, unless the spec says it.
const DEFAULT_CAP: u32 = 8;

/// Reads the key `entity`: the entity's index, and its place in the text.
fn entity(section: &Section, spec: &Spec) -> Result<At<usize>> {
    let name = section.need("entity", section.text("entity")?)?;
    let names = spec.program.entities.iter().map(|entity| entity.name.as_str());
    match names.clone().position(|entity| entity == name.value) {
        Some(value) => Ok(At { value, at: name.at }),
        None => Err(section.unknown("entity", name, names)),
    }
}

/// The words of a window's `stat`.
#[derive(Clone, Copy)]
enum WindowStat {
    /// One that keeps a cell or two, or none.
    Cells(CellStat),
    Last,
    Distinct,
}

#[derive(Clone, Copy)]
enum CellStat {
    Count,
    Sum,
    Mean,
    Max,
    Events,
    SinceLast,
}

const WINDOW_STATS: [(&str, WindowStat); 8] = [
    ("count", WindowStat::Cells(CellStat::Count)),
    ("sum", WindowStat::Cells(CellStat::Sum)),
    ("mean", WindowStat::Cells(CellStat::Mean)),
    ("max", WindowStat::Cells(CellStat::Max)),
    ("events", WindowStat::Cells(CellStat::Events)),
    ("since_last", WindowStat::Cells(CellStat::SinceLast)),
    ("last", WindowStat::Last),
    ("distinct", WindowStat::Distinct),
];

/// Reads a window, which makes several features with the `stat` `last`.
pub(super) fn window(name: String, section: &Section, spec: &mut Spec) -> Result<()> {
    let entity = entity_of_window(section, spec)?;
    let word = section.need("stat", section.choice("stat", &WINDOW_STATS)?)?;
    let table = spec.table(entity, Events::Transactions);
    let source = match word {
        WindowStat::Cells(word) => of_cells(word, table, section, spec)?,
        WindowStat::Last => return last(&name, table, section, spec),
        WindowStat::Distinct => distinct(table, section, spec)?,
    };
    push(name, source, section, spec)
}

fn of_cells(word: CellStat, table: usize, section: &Section, spec: &mut Spec) -> Result<Source> {
    let mut cells = Cells { section, program: &mut spec.program, made: &spec.made, table };
    let (value, stat) = cells.window_stat(word)?;
    let table = table as u8;
    let source = match value {
        Some(value) if section.flag("ratio")? => Source::Ratio { value, table, stat },
        _ => Source::Remembered { table, stat },
    };
    section.finish(match stat {
        Stat::Mean { .. } => "a mean with a half-life",
        Stat::RunningMean { .. } => "a mean over all events",
        _ => "a window of this `stat`",
    })?;
    Ok(source)
}

/// Reads a window with the `stat` `last`: a feature for each event, the newest first.
fn last(name: &str, table: usize, section: &Section, spec: &mut Spec) -> Result<()> {
    let value = value_of(section, &spec.program, &spec.made)?;
    let length = section.need("length", section.whole("length", LENGTHS)?)? as u8;
    section.finish("a window of this `stat`")?;
    let trace = keep_trace(Trace::Last { value, length }, table, section, spec)?;
    for output in 0..length {
        let stat = Stat::Trace { trace, output };
        let source = Source::Remembered { table: table as u8, stat };
        push(format!("{name}.{}", output + 1), source, section, spec)?;
    }
    Ok(())
}

fn distinct(table: usize, section: &Section, spec: &mut Spec) -> Result<Source> {
    let of = identity(section, &spec.program)?;
    let window = section.need("within", duration(section, "within")?)? as u32;
    let cap = section.whole("cap", LENGTHS)?.unwrap_or(DEFAULT_CAP) as u8;
    section.finish("a window of this `stat`")?;
    let trace = keep_trace(Trace::Distinct { of, window, cap }, table, section, spec)?;
    Ok(Source::Remembered { table: table as u8, stat: Stat::Trace { trace, output: 0 } })
}

/// Reads a distance from an entity's last point.
pub(super) fn distance(from: [u16; 2], section: &Section, spec: &mut Spec) -> Result<Source> {
    let entity = entity_of_window(section, spec)?;
    let table = spec.table(entity, Events::Transactions);
    let outputs = [("km", 0), ("km_per_hour", 1)];
    let output = section.choice("as", &outputs)?.unwrap_or(0);
    section.finish("a distance from an entity's last point")?;
    let [latitude, longitude] = from;
    let trace = keep_trace(Trace::Point { latitude, longitude }, table, section, spec)?;
    Ok(Source::Remembered { table: table as u8, stat: Stat::Trace { trace, output } })
}

/// Reads the key `entity` of a feature that remembers transactions.
fn entity_of_window(section: &Section, spec: &Spec) -> Result<usize> {
    let entity = entity(section, spec)?;
    if !spec.entities[entity.value].in_windows {
        let name = &spec.program.entities[entity.value].name;
        let rule = "is not the partition key, so a window sees only what its own instance of the \
                    transform sees; say so with `scope = \"instance\"` in its [[entity]]";
        return Err(section.error(entity.at, format_args!("entity \"{name}\" {rule}")));
    }
    Ok(entity.value)
}

/// Reads the key `of` where it is an entity or a category.
fn identity(section: &Section, program: &Program) -> Result<Identity> {
    let of = section.need("of", section.text("of")?)?;
    let entities = program.entities.iter().map(|entity| entity.name.as_str());
    let categories = program.categories.iter().map(|category| category.name.as_str());
    let entity = entities.clone().position(|name| name == of.value);
    let category = categories.clone().position(|name| name == of.value);
    match (entity, category) {
        (Some(entity), _) => Ok(Identity::Entity(entity as u8)),
        (None, Some(category)) => Ok(Identity::Category(category as u16)),
        (None, None) => Err(section.unknown("of", of, entities.chain(categories))),
    }
}

/// Adds a trace to a table, if it is not there; returns its index.
fn keep_trace(trace: Trace, table: usize, section: &Section, spec: &mut Spec) -> Result<u8> {
    let table = &mut spec.program.tables[table];
    let name = &spec.program.entities[usize::from(table.entity)].name;
    index_in(&mut table.traces, trace).ok_or_else(|| {
        section.fault(format_args!("more than {MAX_CELLS} traces of entity \"{name}\""))
    })
}

/// The words of a `stat` of reports.
#[derive(Clone, Copy)]
enum ReportStat {
    Count,
    Mean,
    DaysSinceFirst,
    DaysSinceLast,
}

const REPORT_STATS: [(&str, ReportStat); 4] = [
    ("count", ReportStat::Count),
    ("mean", ReportStat::Mean),
    ("days_since_first", ReportStat::DaysSinceFirst),
    ("days_since_last", ReportStat::DaysSinceLast),
];

pub(super) fn reports(section: &Section, spec: &mut Spec) -> Result<Source> {
    let entity = entity(section, spec)?;
    spec.report_field(section, Role::Entity(entity.value as u8))?;
    let word = section.need("stat", section.choice("stat", &REPORT_STATS)?)?;
    let table = spec.table(entity.value, Events::Reports);
    let mut cells = Cells { section, program: &mut spec.program, made: &spec.made, table };
    let stat = match word {
        ReportStat::Count => {
            let half_life = cells.half_life()?;
            Stat::Count { cell: cells.keep(Cell::Count { value: None, half_life })? }
        }
        ReportStat::Mean => {
            let number = number_of(section, cells.program)?;
            let value = Value::Number(number);
            let stat = if section.text("half_life")?.is_some() {
                cells.decayed_mean(value)?
            } else {
                let cell = cells.keep(Cell::Mean { value, clip: f32::INFINITY, prior: None })?;
                Stat::RunningMean { cell }
            };
            spec.report_field(section, Role::Number(number))?;
            stat
        }
        ReportStat::DaysSinceFirst => {
            let gap = duration(section, "gap")?.map_or(DEFAULT_GAP, |gap| gap as u32);
            Stat::SinceFirst { cell: cells.keep(Cell::Streak { gap })?, unit: DAY }
        }
        ReportStat::DaysSinceLast => Stat::SinceLast { unit: DAY },
    };
    section.finish("a feature of kind \"reports\" with this `stat`")?;
    Ok(Source::Remembered { table: table as u8, stat })
}

/// A feature's section, and the table that keeps what is remembered for it: each cell and half-life
/// once, however many features share it.
struct Cells<'s, 'd> {
    section: &'s Section<'d>,
    program: &'s mut Program,
    made: &'s [MadeTable],
    table: usize,
}

impl Cells<'_, '_> {
    /// Reads the other keys of a window: its statistic, and the value that the statistic is of.
    fn window_stat(&mut self, word: CellStat) -> Result<(Option<Value>, Stat)> {
        Ok(match word {
            CellStat::Count => {
                let half_life = self.half_life()?;
                (None, Stat::Count { cell: self.keep(Cell::Count { value: None, half_life })? })
            }
            CellStat::Sum => {
                let (value, half_life) =
                    (value_of(self.section, self.program, self.made)?, self.half_life()?);
                (Some(value), Stat::Sum { cell: self.keep(Cell::Sum { value, half_life })? })
            }
            CellStat::Mean if self.section.text("half_life")?.is_some() => {
                let value = value_of(self.section, self.program, self.made)?;
                (Some(value), self.decayed_mean(value)?)
            }
            CellStat::Mean => {
                let value = value_of(self.section, self.program, self.made)?;
                let clip = self.section.number("clip", "a number above 1", |clip| clip > 1.0)?;
                let clip = clip.unwrap_or(f32::INFINITY);
                let prior = self.section.number("prior", "a number", |_| true)?;
                let cell = self.keep(Cell::Mean { value, clip, prior })?;
                (Some(value), Stat::RunningMean { cell })
            }
            CellStat::Max => {
                let (value, half_life) =
                    (value_of(self.section, self.program, self.made)?, self.half_life()?);
                (Some(value), Stat::Max { cell: self.keep(Cell::Max { value, half_life })? })
            }
            CellStat::Events => {
                let cap = self.section.whole("cap", 1..=MAX_EVENTS)?.unwrap_or(MAX_EVENTS);
                (None, Stat::Events { cap: cap as u16 })
            }
            CellStat::SinceLast => (None, Stat::SinceLast { unit: 1 }),
        })
    }

    /// Returns whether an event can be without this value; one that is a number and not optional is
    /// in every event.
    fn may_be_missing(&self, value: Value) -> bool {
        match value {
            Value::Number(number) => self.program.numbers[usize::from(number)].optional,
            Value::Feature(_) => true,
        }
    }

    /// Reads the key `half_life`; returns its index in the table's list.
    fn half_life(&mut self) -> Result<u8> {
        let seconds = self.section.need("half_life", duration(self.section, "half_life")?)?;
        let list = &mut self.program.tables[self.table].half_lives;
        index_in(list, seconds).ok_or_else(|| self.too_many("half-lives"))
    }

    /// Keeps the cells of a mean with the key `half_life`.
    fn decayed_mean(&mut self, value: Value) -> Result<Stat> {
        let half_life = self.half_life()?;
        let sum = self.keep(Cell::Sum { value, half_life })?;
        let counted = Some(value).filter(|value| self.may_be_missing(*value));
        let count = self.keep(Cell::Count { value: counted, half_life })?;
        Ok(Stat::Mean { sum, count })
    }

    /// Adds a cell to the table, if it is not there; returns its index.
    fn keep(&mut self, cell: Cell) -> Result<u8> {
        let list = &mut self.program.tables[self.table].cells;
        index_in(list, cell).ok_or_else(|| self.too_many("remembered values"))
    }

    fn too_many(&self, what: &str) -> anyhow::Error {
        let entity = self.program.tables[self.table].entity;
        let name = &self.program.entities[usize::from(entity)].name;
        self.section.fault(format_args!("more than {MAX_CELLS} {what} of entity \"{name}\""))
    }
}

/// Returns the index of `item` in a list, to which it is added if it is not there; `None` if the list
/// is full.
fn index_in<T: PartialEq>(list: &mut Vec<T>, item: T) -> Option<u8> {
    let at = list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    });
    (at < MAX_CELLS).then_some(at as u8)
}
