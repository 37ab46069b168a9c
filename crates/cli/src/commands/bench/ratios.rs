//! The ratios that count, and what they should be.

use serde_json::{Value, json};

use super::Measured;
use super::modules::Kind;
use super::rounds::quantile;
use crate::show::{markdown, units};

/// What costs are worked out for: transactions a second of a very large issuer.
const LOAD: f64 = 65_000.0;

/// A figure that is worth more than the machine it was measured on.
pub struct Ratio {
    /// For machines.
    pub key: &'static str,
    pub what: &'static str,
    pub value: f64,
    /// How the value is written, with its unit.
    pub digits: usize,
    pub unit: &'static str,
    /// What it should be: at least, or at most.
    pub aim: Option<Aim>,
}

#[derive(Clone, Copy)]
pub enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Ratio {
    fn is_met(&self) -> Option<bool> {
        Some(match self.aim? {
            Aim::AtLeast(least) => self.value >= least,
            Aim::AtMost(most) => self.value <= most,
        })
    }

    pub fn json(&self) -> Value {
        let (least, most) = match self.aim {
            Some(Aim::AtLeast(least)) => (Some(least), None),
            Some(Aim::AtMost(most)) => (None, Some(most)),
            None => (None, None),
        };
        json!({
            "name": self.key,
            "value": self.value,
            "at_least": least,
            "at_most": most,
            "met": self.is_met(),
        })
    }
}

pub fn text(ratios: &[Ratio]) -> String {
    let row = |ratio: &Ratio| {
        let figure = |value: f64| match ratio.digits {
            0 => format!("{}{}", units::count(value as u64), ratio.unit),
            digits => format!("{value:.digits$}{}", ratio.unit),
        };
        let aim = match ratio.aim {
            Some(Aim::AtLeast(least)) => format!("≥ {}", figure(least)),
            Some(Aim::AtMost(most)) => format!("≤ {}", figure(most)),
            None => String::new(),
        };
        let met = match ratio.is_met() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        vec![ratio.what.to_owned(), figure(ratio.value), aim, met.to_owned()]
    };
    markdown::table(&["", "here", "aim", "met"], &ratios.iter().map(row).collect::<Vec<_>>())
}

/// Those of the comparison.
pub fn of_modules<'m>(of: impl Fn(Kind) -> &'m Measured) -> Vec<Ratio> {
    let (identity, floor, pipeline) = (of(Kind::Identity), of(Kind::Floor), of(Kind::Pipeline));
    let rate = pipeline.cost.rate()[1];
    let p999 = |measured: &Measured| measured.latency.as_ref().map_or(f64::NAN, |l| l.p999);
    vec![
        Ratio {
            key: "rate_to_floor",
            what: "records/s, pipeline ÷ floor",
            // As much faster as the other takes longer.
            value: floor.cost.paired(&pipeline.cost, |floor, pipeline| floor / pipeline),
            digits: 2,
            unit: "",
            aim: Some(Aim::AtLeast(0.6)),
        },
        Ratio {
            key: "fuel_to_floor",
            what: "fuel, pipeline ÷ floor",
            value: pipeline.cost.fuel / floor.cost.fuel,
            digits: 2,
            unit: "",
            aim: Some(Aim::AtMost(2.0)),
        },
        Ratio {
            key: "floor_fuel",
            what: "fuel of the floor (above, no ratio counts)",
            value: floor.cost.fuel,
            digits: 0,
            unit: "",
            aim: Some(Aim::AtMost(6_000.0)),
        },
        Ratio {
            key: "p999_over_identity_us",
            what: "p99.9, pipeline − identity",
            value: p999(pipeline) - p999(identity),
            digits: 1,
            unit: " µs",
            aim: Some(Aim::AtMost(50.0)),
        },
        Ratio {
            key: "module_mb",
            what: "module",
            value: pipeline.module_bytes as f64 / 1e6,
            digits: 2,
            unit: " MB",
            aim: Some(Aim::AtMost(0.5)),
        },
        Ratio {
            key: "records_per_second",
            what: "records/s of the pipeline (on a quiet core)",
            value: rate,
            digits: 0,
            unit: "",
            aim: Some(Aim::AtLeast(700_000.0)),
        },
        Ratio {
            key: "records_per_second_of_a_tenth",
            what: "records/s that a tenth of the rounds reached",
            value: 1e9 / quantile(&pipeline.cost.ns, 0.1),
            digits: 0,
            unit: "",
            aim: None,
        },
        Ratio {
            key: "cores_for_65000_per_second",
            what: "cores for 65,000 records/s",
            value: LOAD / rate,
            digits: 2,
            unit: "",
            aim: None,
        },
    ]
}
