//! The kinds of features.

use std::ops::RangeInclusive;

use anyhow::Result;

use super::{MAX_EVENTS, Spec};
use crate::compile::document::{At, Section};
use crate::program::{Cell, Events, Program, Role, Source, Stat, TimeForm, TimePart, Value};
use crate::time::seconds::{DAY, HOUR, MINUTE};

/// Shortest and longest half-life, seconds: one second and ten years of 365 days.
const HALF_LIVES: RangeInclusive<f64> = 1.0..=(3_650 * DAY) as f64;
/// A streak of reports ends after two weeks without one.
const DEFAULT_GAP: u32 = 14 * DAY;
/// Most cells, and half-lives, of an entity.
const MAX_CELLS: usize = u8::MAX as usize;

/// Reads one feature.
pub(super) fn source(section: Section, spec: &mut Spec) -> Result<Source> {
    #[derive(Clone, Copy)]
    enum Kind {
        Number,
        Time,
        Window,
        Reports,
    }
    let kinds = [
        ("number", Kind::Number),
        ("time", Kind::Time),
        ("window", Kind::Window),
        ("reports", Kind::Reports),
    ];
    match section.need("kind", section.choice("kind", &kinds)?)? {
        Kind::Number => number(section, &spec.program),
        Kind::Time => time(section),
        Kind::Window => window(section, spec),
        Kind::Reports => reports(section, spec),
    }
}

fn number(section: Section, program: &Program) -> Result<Source> {
    let of = section.need("of", section.text("of")?)?;
    let names = program.numbers.iter().map(|number| number.name.as_str());
    let Some(number) = names.clone().position(|name| name == of.value) else {
        return Err(section.unknown("of", of, names));
    };
    let log1p = section.flag("log1p")?;
    let floor = if log1p { -1.0 } else { f32::NEG_INFINITY };
    let wanted = if log1p { "a number above -1, as log1p needs it" } else { "a number" };
    let min = section.number("min", wanted, |min| min > floor)?.unwrap_or(f32::NEG_INFINITY);
    let wanted = format!("a number, at least `min` {min}");
    let max = section.number("max", &wanted, |max| max >= min)?.unwrap_or(f32::INFINITY);
    section.finish("a feature of kind \"number\"")?;
    Ok(Source::Number { number: number as u8, min, max, log1p })
}

fn time(section: Section) -> Result<Source> {
    let parts = [
        ("hour", TimePart::Hour),
        ("weekday", TimePart::Weekday),
        ("is_weekend", TimePart::IsWeekend),
        ("is_night", TimePart::IsNight),
    ];
    let part = section.need("part", section.choice("part", &parts)?)?;
    let forms = [("value", TimeForm::Value), ("sin", TimeForm::Sin), ("cos", TimeForm::Cos)];
    let form = match part {
        TimePart::Hour | TimePart::Weekday => section.choice("form", &forms)?.unwrap_or_default(),
        TimePart::IsWeekend | TimePart::IsNight => TimeForm::Value,
    };
    let offset = match section.text("utc_offset")? {
        None => 0,
        Some(text) => minutes(text.value).ok_or_else(|| {
            let wanted = "it takes \"+HH:MM\" or \"-HH:MM\", at most 14 hours";
            section.error(text.at, format_args!("`utc_offset` is \"{}\", but {wanted}", text.value))
        })?,
    };
    section.finish("this part of a time")?;
    Ok(Source::Time { part, form, offset })
}

/// Minutes of `+HH:MM` or `-HH:MM`.
fn minutes(offset: &str) -> Option<i16> {
    let &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = offset.as_bytes() else {
        return None;
    };
    let two = |tens: u8, ones: u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| i16::from(tens - b'0') * 10 + i16::from(ones - b'0'))
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 14 * 60).then_some(if sign == b'-' { -total } else { total })
}

/// The entity that a feature is about.
fn entity(section: &Section, spec: &Spec) -> Result<At<usize>> {
    let name = section.need("entity", section.text("entity")?)?;
    let names = spec.program.entities.iter().map(String::as_str);
    match names.clone().position(|entity| entity == name.value) {
        Some(value) => Ok(At { value, at: name.at }),
        None => Err(section.unknown("entity", name, names)),
    }
}

fn window(section: Section, spec: &mut Spec) -> Result<Source> {
    let entity = entity(&section, spec)?;
    if !spec.entities[entity.value].in_windows {
        let name = &spec.program.entities[entity.value];
        let rule = "is not the partition key, so a window sees only what its own instance of the \
                    transform sees; say so with `scope = \"instance\"` in its [[entity]]";
        return Err(section.error(entity.at, format_args!("entity \"{name}\" {rule}")));
    }
    #[derive(Clone, Copy)]
    enum Word {
        Count,
        Sum,
        Mean,
        Max,
        Events,
        SinceLast,
    }
    let words = [
        ("count", Word::Count),
        ("sum", Word::Sum),
        ("mean", Word::Mean),
        ("max", Word::Max),
        ("events", Word::Events),
        ("since_last", Word::SinceLast),
    ];
    let word = section.need("stat", section.choice("stat", &words)?)?;
    let mut owner = "a window of this `stat`";
    let table = spec.table(entity.value, Events::Transactions);
    let mut cells = Cells { section: &section, program: &mut spec.program, table };
    let (value, stat) = match word {
        Word::Count => {
            let half_life = cells.half_life()?;
            (None, Stat::Count { cell: cells.keep(Cell::Count { value: None, half_life })? })
        }
        Word::Sum => {
            let (value, half_life) = (cells.value()?, cells.half_life()?);
            (Some(value), Stat::Sum { cell: cells.keep(Cell::Sum { value, half_life })? })
        }
        Word::Mean if section.text("half_life")?.is_some() => {
            owner = "a mean with a half-life";
            let value = cells.value()?;
            (Some(value), cells.decayed_mean(value)?)
        }
        Word::Mean => {
            owner = "a mean over all events";
            let value = cells.value()?;
            let clip = section.number("clip", "a number above 1", |clip| clip > 1.0)?;
            let clip = clip.unwrap_or(f32::INFINITY);
            let prior = section.number("prior", "a number", |_| true)?;
            let cell = cells.keep(Cell::Mean { value, clip, prior })?;
            (Some(value), Stat::RunningMean { cell })
        }
        Word::Max => {
            let (value, half_life) = (cells.value()?, cells.half_life()?);
            (Some(value), Stat::Max { cell: cells.keep(Cell::Max { value, half_life })? })
        }
        Word::Events => {
            let cap = section.whole("cap", 1..=MAX_EVENTS)?.unwrap_or(MAX_EVENTS) as u16;
            (None, Stat::Events { cap })
        }
        Word::SinceLast => (None, Stat::SinceLast { unit: 1 }),
    };
    let table = table as u8;
    let source = match value {
        Some(value) if section.flag("ratio")? => Source::Ratio { value, table, stat },
        _ => Source::Remembered { table, stat },
    };
    section.finish(owner)?;
    Ok(source)
}

fn reports(section: Section, spec: &mut Spec) -> Result<Source> {
    let entity = entity(&section, spec)?;
    spec.report_field(&section, Role::Entity(entity.value as u8))?;
    #[derive(Clone, Copy)]
    enum Word {
        Count,
        Mean,
        DaysSinceFirst,
        DaysSinceLast,
    }
    let words = [
        ("count", Word::Count),
        ("mean", Word::Mean),
        ("days_since_first", Word::DaysSinceFirst),
        ("days_since_last", Word::DaysSinceLast),
    ];
    let word = section.need("stat", section.choice("stat", &words)?)?;
    let table = spec.table(entity.value, Events::Reports);
    let mut cells = Cells { section: &section, program: &mut spec.program, table };
    let stat = match word {
        Word::Count => {
            let half_life = cells.half_life()?;
            Stat::Count { cell: cells.keep(Cell::Count { value: None, half_life })? }
        }
        Word::Mean => {
            let of = section.need("of", section.text("of")?)?;
            let names = cells.program.numbers.iter().map(|number| number.name.as_str());
            let Some(number) = names.clone().position(|name| name == of.value) else {
                return Err(section.unknown("of", of, names));
            };
            let value = Value::Number(number as u8);
            let stat = if section.text("half_life")?.is_some() {
                cells.decayed_mean(value)?
            } else {
                let cell = cells.keep(Cell::Mean { value, clip: f32::INFINITY, prior: None })?;
                Stat::RunningMean { cell }
            };
            spec.report_field(&section, Role::Number(number as u8))?;
            stat
        }
        Word::DaysSinceFirst => {
            let gap = cells.duration("gap")?.map_or(DEFAULT_GAP, |gap| gap as u32);
            Stat::SinceFirst { cell: cells.keep(Cell::Streak { gap })?, unit: DAY }
        }
        Word::DaysSinceLast => Stat::SinceLast { unit: DAY },
    };
    section.finish("a feature of kind \"reports\" with this `stat`")?;
    Ok(Source::Remembered { table: table as u8, stat })
}

/// Seconds of a number with its unit, within the limits.
fn seconds(text: &str) -> Option<f32> {
    let (number, unit) = text.split_at_checked(text.len() - 1)?;
    let unit = match unit {
        "s" => 1,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = number.parse::<f64>().ok().filter(|_| is_plain)? * f64::from(unit);
    HALF_LIVES.contains(&seconds).then_some(seconds as f32)
}

/// What a window reads of its section, and what of that is remembered of the entity: each cell and
/// half-life once, however many features share it.
struct Cells<'s, 'd> {
    section: &'s Section<'d>,
    program: &'s mut Program,
    table: usize,
}

impl Cells<'_, '_> {
    /// The key `of`: a number of the record, or else a feature that stands earlier.
    fn value(&self) -> Result<Value> {
        let of = self.section.need("of", self.section.text("of")?)?;
        let numbers = self.program.numbers.iter().map(|number| number.name.as_str());
        let features = self.program.features.iter().map(|feature| feature.name.as_str());
        let number = numbers.clone().position(|name| name == of.value);
        let feature = features.clone().position(|name| name == of.value);
        match (number, feature) {
            (Some(number), _) => Ok(Value::Number(number as u8)),
            (None, Some(feature)) => Ok(Value::Feature(feature as u16)),
            (None, None) => Err(self.section.unknown("of", of, numbers.chain(features))),
        }
    }

    /// A number that is not optional is there in every event.
    fn may_be_missing(&self, value: Value) -> bool {
        match value {
            Value::Number(number) => self.program.numbers[usize::from(number)].optional,
            Value::Feature(_) => true,
        }
    }

    /// The key `half_life`.
    fn half_life(&mut self) -> Result<u8> {
        let seconds = self.section.need("half_life", self.duration("half_life")?)?;
        let list = &mut self.program.tables[self.table].half_lives;
        index_in(list, seconds).ok_or_else(|| self.too_many("half-lives"))
    }

    /// A mean with the key `half_life`.
    fn decayed_mean(&mut self, value: Value) -> Result<Stat> {
        let half_life = self.half_life()?;
        let sum = self.keep(Cell::Sum { value, half_life })?;
        let counted = Some(value).filter(|value| self.may_be_missing(*value));
        let count = self.keep(Cell::Count { value: counted, half_life })?;
        Ok(Stat::Mean { sum, count })
    }

    /// Seconds under a key.
    fn duration(&self, key: &'static str) -> Result<Option<f32>> {
        let Some(text) = self.section.text(key)? else {
            return Ok(None);
        };
        seconds(text.value).map(Some).ok_or_else(|| {
            let wanted = "it takes a number with its unit s, m, h or d, from \"1s\" to \"3650d\"";
            let message = format!("`{key}` is \"{}\", but {wanted}", text.value);
            self.section.error(text.at, message)
        })
    }

    fn keep(&mut self, cell: Cell) -> Result<u8> {
        let list = &mut self.program.tables[self.table].cells;
        index_in(list, cell).ok_or_else(|| self.too_many("remembered values"))
    }

    fn too_many(&self, what: &str) -> anyhow::Error {
        let entity = self.program.tables[self.table].entity;
        let name = &self.program.entities[usize::from(entity)];
        self.section.fault(format_args!("more than {MAX_CELLS} {what} of entity \"{name}\""))
    }
}

/// The index of `item` in a list, to which it is added if it is not there; `None` if full.
fn index_in<T: PartialEq>(list: &mut Vec<T>, item: T) -> Option<u8> {
    let at = list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    });
    (at < MAX_CELLS).then_some(at as u8)
}
