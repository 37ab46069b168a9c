//! Features of the record alone: a number, a category, a time, two values combined.

use fraud_plan::program::{Operation, TimeForm, TimePart};
use fraud_plan::time::seconds::{DAY, HOUR};

use super::category::{Codes, Form};
use super::distance::{Point, distance};
use super::finite;
use crate::record::Event;

/// A feature of the record alone, with its value's index in the row.
pub(super) enum RecordFeature {
    Number { at: usize, min: f32, max: f32, log1p: bool },
    Category { category: usize, form: Form },
    Combine { operation: Operation, left: usize, right: usize },
    Distance { from: [usize; 2], to: [usize; 2] },
    Time { part: TimePart, form: TimeForm, offset: i16 },
}

impl RecordFeature {
    /// Computes the feature; `categories` has the codes of the known values.
    #[inline(always)]
    pub(super) fn value(&self, transaction: &Event, categories: &[Codes], values: &[f32]) -> f32 {
        match *self {
            RecordFeature::Number { at, min, max, log1p } => number(values[at], min, max, log1p),
            RecordFeature::Category { category, ref form } => {
                form.number(transaction.categories[category], &categories[category])
            }
            RecordFeature::Combine { operation, left, right } => {
                combine(operation, values[left], values[right])
            }
            RecordFeature::Distance { from, to } => {
                let point = |place: [usize; 2]| Point::new(place.map(|at| values[at]));
                distance(point(from), point(to))
            }
            RecordFeature::Time { part, form, offset } => {
                time(transaction.seconds, part, form, offset)
            }
        }
    }
}

/// Combines two values; missing if one of them is.
#[inline(never)]
fn combine(operation: Operation, left: f32, right: f32) -> f32 {
    finite(match operation {
        Operation::Ratio if right == 0.0 => f32::NAN,
        Operation::Ratio => left / right,
        Operation::Difference => left - right,
        Operation::Product => left * right,
    })
}

/// Clamps a number, and takes its logarithm if the spec says so; missing stays missing.
fn number(value: f32, min: f32, max: f32, log1p: bool) -> f32 {
    let value = if value < min {
        min
    } else if value > max {
        max
    } else {
        value
    };
    if log1p { finite(libm::log1pf(value)) } else { value }
}

/// Days from the Monday before it to 2000-01-01, which was a Saturday.
const FIRST_WEEKDAY: u32 = 5;
const WEEK: u32 = 7 * DAY;

/// Computes a part of a time; `offset` is the time zone, in minutes.
#[inline(never)]
fn time(seconds: u32, part: TimePart, form: TimeForm, offset: i16) -> f32 {
    let offset = (i32::from(offset) * 60).rem_euclid(WEEK as i32) as u32;
    let of_week = || (seconds % WEEK + FIRST_WEEKDAY * DAY + offset) % WEEK;
    let of_day = || (seconds % DAY + offset % DAY) % DAY;
    let (value, period) = match part {
        TimePart::Hour => (of_day() as f32 / HOUR as f32, 24.0),
        TimePart::Weekday => (of_week() as f32 / DAY as f32, 7.0),
        TimePart::IsWeekend => (f32::from(u8::from(of_week() >= 5 * DAY)), 1.0),
        TimePart::IsNight => (f32::from(u8::from(of_day() < 6 * HOUR)), 1.0),
    };
    let angle = value / period * std::f32::consts::TAU;
    match form {
        TimeForm::Value => value,
        TimeForm::Sin => libm::sinf(angle),
        TimeForm::Cos => libm::cosf(angle),
    }
}
