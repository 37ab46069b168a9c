//! Charts of plain HTML and SVG paths, so that their text keeps its size at any width.

use std::fmt::Write;

use super::evaluation::{Day, Evaluation};
use crate::numbers::ratio;
use crate::show::units::{self, count};

/// Number of steps of a curve.
const STEPS: usize = 200;

/// Draws precision and recall, and below them alerts a day, against the threshold.
pub fn thresholds(main: &Evaluation, chosen: f32) -> String {
    let at = |step: usize| {
        let threshold = step as f32 / STEPS as f32;
        let above = main.curve.partition_point(|(score, ..)| *score >= threshold);
        above.checked_sub(1).map_or((0, 0), |last| (main.curve[last].1, main.curve[last].2))
    };
    let points: Vec<(u64, u64)> = (0..=STEPS).map(at).collect();
    let line = |value: &dyn Fn(u64, u64) -> Option<f64>, class: &str| {
        let mut path = String::new();
        for (step, &(alerts, caught)) in points.iter().enumerate() {
            // The line ends where the value is not defined.
            let Some(value) = value(alerts, caught) else { break };
            let pen = if step == 0 { 'M' } else { 'L' };
            let _ = write!(
                path,
                "{pen}{} {:.2}",
                step as f64 * 100.0 / STEPS as f64,
                100.0 - value * 100.0
            );
        }
        format!("<path class=\"{class}\" stroke=\"currentColor\" d=\"{path}\"/>")
    };
    let frauds = main.all.tally.frauds;
    let days = main.period.days() as f64;
    // Alerts a day are on a scale of powers of ten, from a tenth.
    let most = (points[0].0 as f64 / days).max(1.0);
    let decades = most.log10().ceil().max(1.0) + 1.0;
    let height = |a_day: f64| (a_day * 10.0).log10().max(0.0) / decades;
    let alerts = |alerts: u64, _: u64| (alerts > 0).then(|| height(alerts as f64 / days));

    let mut shares = String::new();
    for percent in [0, 25, 50, 75, 100] {
        shares += &grid(f64::from(percent) / 100.0, &format!("{percent}%"));
    }
    let mut powers = String::new();
    for power in 0..=decades as i32 {
        let label = match power {
            0 => "0.1".into(),
            _ => count(10_u64.pow(power as u32 - 1)),
        };
        powers += &grid(f64::from(power) / decades, &label);
    }
    let mark = format!("<s style=\"left:{}%\"></s>", chosen * 100.0);
    let ticks: String = (0..=5)
        .map(|fifth| format!("<u style=\"left:{}%\">{}</u>", fifth * 20, f64::from(fifth) / 5.0))
        .collect();
    format!(
        "<div class=\"key\"><span class=\"good\">frauds caught (recall)</span><span \
         class=\"bad\">alerts that are frauds (precision)</span><span class=\"mark\">threshold now: \
         {chosen}</span></div>\n\
         <div class=\"chart\">{shares}{mark}{}</div>\n\
         <small>alerts a day</small>\n\
         <div class=\"chart low\">{powers}{mark}{}{ticks}</div>\n",
        svg(&[
            line(&|_, caught| ratio(caught, frauds), "good"),
            line(&|alerts, caught| ratio(caught, alerts), "bad"),
        ]),
        svg(&[line(&alerts, "mark")]),
    )
}

fn svg(paths: &[String]) -> String {
    let paths = paths.concat();
    format!("<svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\">{paths}</svg>")
}

/// Draws a horizontal line with its label.
fn grid(height: f64, label: &str) -> String {
    format!("<i style=\"bottom:{:.2}%\"><span>{label}</span></i>", height * 100.0)
}

/// Draws a column for each day: caught and missed upwards, false alarms downwards, on one scale.
pub fn days(days: &[Day]) -> String {
    const TALLEST_REM: f64 = 9.0;
    let most = |number: fn(&Day) -> u64| days.iter().map(number).max().unwrap_or(0);
    let frauds = most(|day| day.tally.frauds);
    let false_alarms = most(|day| day.tally.false_alarms());
    let tallest = frauds.max(false_alarms).max(1);
    let rem = |number: u64| number as f64 / tallest as f64 * TALLEST_REM;
    let labelled = days.len().div_ceil(7);
    let mut columns = String::new();
    for (at, day) in days.iter().enumerate() {
        let (tally, date) = (&day.tally, units::date(day.day));
        let label = if at % labelled == 0 { &date[5..] } else { "" };
        let caught = match days.len() {
            ..=14 => format!("<small>{}/{}</small>", tally.caught, tally.frauds),
            _ => String::new(),
        };
        let _ = write!(
            columns,
            "<div title=\"{date}: {} of {} frauds caught, {} alerts, {} false\"><div class=\"up\" \
             style=\"height:{:.2}rem\">{caught}<div class=\"missed\" style=\"height:{:.2}rem\"></div>\
             <div class=\"caught\" style=\"height:{:.2}rem\"></div></div><div class=\"down\" \
             style=\"height:{:.2}rem\"><div class=\"false\" style=\"height:{:.2}rem\"></div></div>\
             <time>{label}</time></div>",
            count(tally.caught),
            count(tally.frauds),
            count(tally.alerts),
            count(tally.false_alarms()),
            rem(frauds) + 1.5,
            rem(tally.frauds - tally.caught),
            rem(tally.caught),
            rem(false_alarms) + 0.3,
            rem(tally.false_alarms()),
        );
    }
    format!(
        "<div class=\"key\"><span class=\"good\">caught</span><span class=\"pale\">missed</span>\
         <span class=\"bad\">false alarms</span><span class=\"none\">at most {} frauds and {} false \
         alarms a day</span></div>\n<div class=\"days{}\">{columns}</div>\n",
        count(frauds),
        count(false_alarms),
        if days.len() > 31 { " many" } else { "" },
    )
}
