//! The answer: modules side by side, and the pipeline's stages.

use serde_json::{Value, json};

use super::modules::Kind;
use super::records::Records;
use super::rounds::Cost;
use super::{Measured, ratios};
use crate::show::report::Report;
use crate::show::{markdown, units};

pub fn report(records: &Records, measured: &[Measured]) -> Report {
    let of = |kind| measured.iter().find(|m| m.kind == kind).expect("all kinds were measured");
    let (whole, _) = measured.split_at(Kind::WHOLE);
    let stages = stages(of);
    let ratios = ratios::of_modules(of);
    let rounds = whole[0].cost.ns.len();
    let text = [
        about(records),
        format!("rounds, interleaved: {rounds}\n"),
        modules_text(whole),
        stages_text(&stages),
        ratios::text(&ratios),
    ];
    Report {
        json: json!({
            "records": records.count(),
            "record_bytes": records.mean_bytes(),
            "rounds": rounds,
            "modules": whole.iter().map(module_json).collect::<Vec<_>>(),
            "stages": stages.iter().map(Stage::json).collect::<Vec<_>>(),
            "ratios": ratios.iter().map(ratios::Ratio::json).collect::<Vec<_>>(),
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
    markdown::table(&head, &whole.iter().map(row).collect::<Vec<_>>())
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
    markdown::table(&head, &stages.iter().map(row).collect::<Vec<_>>())
}

/// What was measured with, for people.
pub fn about(records: &Records) -> String {
    format!(
        "{} records of {:.0} bytes on average ({})\n",
        units::count(records.count()),
        records.mean_bytes(),
        records.from,
    )
}
