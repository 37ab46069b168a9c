//! Features of the record alone: a number, a time.

use fraud_plan::program::{TimeForm, TimePart};
use fraud_plan::time::seconds::{DAY, HOUR};

use super::finite;
use crate::record::Event;

pub(super) enum OfRecord {
    Number { at: usize, min: f32, max: f32, log1p: bool },
    Time { part: TimePart, form: TimeForm, offset: i16 },
}

impl OfRecord {
    pub(super) fn value(&self, transaction: &Event, values: &[f32]) -> f32 {
        match *self {
            OfRecord::Number { at, min, max, log1p } => number(values[at], min, max, log1p),
            OfRecord::Time { part, form, offset } => time(transaction.seconds, part, form, offset),
        }
    }
}
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

/// 2000-01-01 was a Saturday: days from the Monday before.
const FIRST_WEEKDAY: u32 = 5;
const WEEK: u32 = 7 * DAY;

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
