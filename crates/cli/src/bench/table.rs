//! The answer: modules side by side, the pipeline's stages, and the ratios that count.

use serde_json::{Value, json};

use super::modules::Kind;
use super::records::Records;
use super::rounds::Cost;
use super::{Measured, about, markdown};
use crate::report::Report;
use crate::units;

/// What costs are worked out for: transactions a second of a very large issuer.
const LOAD: f64 = 65_000.0;

pub fn report(records: &Records, measured: &[Measured]) -> Report {
    let of = |kind| measured.iter().find(|m| m.kind == kind).expect("all kinds were measured");
    let (whole, _) = measured.split_at(Kind::WHOLE);
    let stages = stages(of);
    let ratios = ratios(of);
    let rounds = whole[0].cost.ns.len();
    let text = [
        about(records),
        format!("{rounds} rounds, A B C …\n"),
        modules_text(whole),
        stages_text(&stages),
        ratios_text(&ratios),
    ];
    Report {
        json: json!({
            "records": records.count(),
            "record_bytes": records.mean_bytes(),
            "rounds": rounds,
            "modules": whole.iter().map(module_json).collect::<Vec<_>>(),
            "stages": stages.iter().map(Stage::json).collect::<Vec<_>>(),
            "ratios": ratios.iter().map(Ratio::json).collect::<Vec<_>>(),
        }),
        text: text.join("\n"),
        aside: String::new(),
        ok: true,
    }
}

fn module_json(measured: &Measured) -> Value {
    let [q1, median, q3] = measured.cost.rate();
    let latency = measured.latency.as_ref();
    json!({
        "name": measured.kind.name(),
        "records_per_second": median,
        "records_per_second_quartiles": [q1, q3],
        "ns_per_record": measured.cost.median_ns(),
        "fuel_per_record": measured.cost.fuel,
        "p50_us": latency.map(|l| l.p50),
        "p99_us": latency.map(|l| l.p99),
        "p999_us": latency.map(|l| l.p999),
        "peak_memory_bytes": measured.peak_memory,
        "module_bytes": measured.module_bytes,
        "start_us": measured.start_us,
        "start_fuel": measured.start_fuel,
    })
}

fn modules_text(whole: &[Measured]) -> String {
    let head = [
        "module",
        "records/s",
        "quartiles",
        "ns",
        "fuel",
        "p50, µs",
        "p99, µs",
        "p99.9, µs",
        "memory",
        "module, KB",
        "start, µs",
        "start, fuel",
    ];
    let row = |measured: &Measured| {
        let [q1, median, q3] = measured.cost.rate().map(|rate| rate as u64);
        let latency = measured.latency.as_ref();
        let us = |of: fn(&super::latency::Percentiles) -> f64| {
            latency.map_or("–".into(), |latency| format!("{:.1}", of(latency)))
        };
        vec![
            measured.kind.name().to_owned(),
            units::count(median),
            format!("{}–{}", units::count(q1), units::count(q3)),
            format!("{:.0}", measured.cost.median_ns()),
            format!("{:.0}", measured.cost.fuel),
            us(|l| l.p50),
            us(|l| l.p99),
            us(|l| l.p999),
            units::size(measured.peak_memory),
            format!("{:.0}", measured.module_bytes as f64 / 1e3),
            format!("{:.0}", measured.start_us),
            units::count(measured.start_fuel),
        ]
    };
    markdown(&head, &whole.iter().map(row).collect::<Vec<_>>())
}

/// A part of the pipeline.
struct Stage {
    name: &'static str,
    ns: f64,
    fuel: f64,
    fuel_share: f64,
}

impl Stage {
    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "ns_per_record": self.ns,
            "fuel_per_record": self.fuel,
            "fuel_share": self.fuel_share,
        })
    }
}

fn stages<'m>(of: impl Fn(Kind) -> &'m Measured) -> Vec<Stage> {
    let whole = of(Kind::Pipeline).cost.fuel;
    let cuts = [
        ("shell and SDK", Kind::Shell),
        ("record", Kind::Record),
        ("history and features", Kind::Features),
        ("engine", Kind::Engine),
        ("verdict", Kind::Pipeline),
    ];
    let nothing = Cost { ns: vec![0.0; of(Kind::Shell).cost.ns.len()], fuel: 0.0 };
    let mut before = &nothing;
    let mut stages = Vec::new();
    for (name, kind) in cuts {
        let cost = &of(kind).cost;
        let (ns, fuel) = (cost.paired(before, |ns, before| ns - before), cost.fuel - before.fuel);
        stages.push(Stage { name, ns, fuel, fuel_share: fuel / whole });
        before = cost;
    }
    stages
}

fn stages_text(stages: &[Stage]) -> String {
    let row = |stage: &Stage| {
        vec![
            stage.name.to_owned(),
            format!("{:.0}", stage.ns),
            format!("{:.0}", stage.fuel),
            units::percent(Some(stage.fuel_share)),
        ]
    };
    let head = ["stage of the pipeline", "ns", "fuel", "of its fuel"];
    markdown(&head, &stages.iter().map(row).collect::<Vec<_>>())
}

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

pub fn ratios_text(ratios: &[Ratio]) -> String {
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
    markdown(&["", "here", "aim", "met"], &ratios.iter().map(row).collect::<Vec<_>>())
}

fn ratios<'m>(of: impl Fn(Kind) -> &'m Measured) -> Vec<Ratio> {
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
            key: "cores_for_65000_per_second",
            what: "cores for 65,000 records/s",
            value: LOAD / rate,
            digits: 2,
            unit: "",
            aim: None,
        },
    ]
}
