//! The ratios that count, and their aims.

use serde::{Serialize, Serializer};

use super::measured::Measured;
use super::modules::Kind;
use super::rounds::quantile;
use crate::show::{markdown, units};

/// Transactions a second of a very large issuer, for which the number of cores is worked out.
const LOAD: f64 = 65_000.0;

/// A figure that depends little on the machine it was measured on.
pub struct Ratio {
    /// The name in JSON.
    pub key: &'static str,
    /// The name in the text.
    pub what: &'static str,
    pub value: f64,
    /// Number of decimals that the text shows.
    pub digits: usize,
    pub unit: &'static str,
    pub aim: Option<Aim>,
}

/// The aim for a ratio.
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
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Figures {
            name: &'static str,
            value: f64,
            at_least: Option<f64>,
            at_most: Option<f64>,
            met: Option<bool>,
        }
        let (at_least, at_most) = match self.aim {
            Some(Aim::AtLeast(least)) => (Some(least), None),
            Some(Aim::AtMost(most)) => (None, Some(most)),
            None => (None, None),
        };
        let Self { key: name, value, .. } = *self;
        Figures { name, value, at_least, at_most, met: self.is_met() }.serialize(to)
    }
}

/// Writes the ratios as a table.
pub fn text(ratios: &[Ratio]) -> String {
    let row = |ratio: &Ratio| {
        let figure = |value: f64| match ratio.digits {
            0 => format!("{}{}", units::rounded(value), ratio.unit),
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

/// Works out the ratios of the comparison.
pub fn of_modules<'m>(of: impl Fn(Kind) -> &'m Measured) -> Vec<Ratio> {
    let (identity, floor, pipeline) = (of(Kind::Identity), of(Kind::Floor), of(Kind::Pipeline));
    let rate = pipeline.cost.rate()[1];
    let p999 = |measured: &Measured| measured.latency.as_ref().map_or(f64::NAN, |l| l.p999);
    // Of rates, so the other way round than of times.
    let to_floor = floor.cost.paired(&pipeline.cost, |floor, pipeline| floor / pipeline);
    let fuel = pipeline.cost.fuel / floor.cost.fuel;
    let over_identity = p999(pipeline) - p999(identity);
    let megabytes = pipeline.module_bytes as f64 / 1e6;
    let of_a_tenth = 1e9 / quantile(&pipeline.cost.ns, 0.1);
    use Aim::{AtLeast, AtMost};
    let ratio = |key, what, value, digits, unit, aim| Ratio { key, what, value, digits, unit, aim };
    vec![
        ratio("rate_to_floor", "records/s, pipeline ÷ floor", to_floor, 2, "", Some(AtLeast(0.6))),
        ratio("fuel_to_floor", "fuel, pipeline ÷ floor", fuel, 2, "", Some(AtMost(2.0))),
        ratio(
            "floor_fuel",
            "fuel of the floor (over the aim, no ratio to it counts)",
            floor.cost.fuel,
            0,
            "",
            Some(AtMost(6_000.0)),
        ),
        ratio(
            "p999_over_identity_us",
            "p99.9, pipeline − identity",
            over_identity,
            1,
            " µs",
            Some(AtMost(50.0)),
        ),
        ratio("module_mb", "module", megabytes, 2, " MB", Some(AtMost(0.5))),
        ratio(
            "records_per_second",
            "records/s of the pipeline (on a quiet core)",
            rate,
            0,
            "",
            Some(AtLeast(700_000.0)),
        ),
        ratio(
            "records_per_second_of_a_tenth",
            "records/s that a tenth of the rounds reached",
            of_a_tenth,
            0,
            "",
            None,
        ),
        ratio("cores_for_65000_per_second", "cores for 65,000 records/s", LOAD / rate, 2, "", None),
    ]
}
