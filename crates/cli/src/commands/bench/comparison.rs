//! The answer: modules side by side, and the pipeline's stages.

use std::fmt;

use serde::Serialize;

use super::cores::Cores;
use super::latency::Percentiles;
use super::measured::Measured;
use super::modules::Kind;
use super::ratios::{self, Ratio};
use super::records::{About, Records};
use super::rounds::Cost;
use crate::show::{markdown, units};

/// The modules side by side.
#[derive(Serialize)]
pub struct Comparison {
    /// Id of the pipeline's model.
    model: Option<String>,
    #[serde(flatten)]
    about: About,
    /// Slices of all passes, on each of which every module was measured.
    rounds: usize,
    modules: Vec<ModuleFigures>,
    stages: Vec<Stage>,
    ratios: Vec<Ratio>,
    /// Instances side by side, only with --cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<Cores>,
}

/// The figures of a module that does the whole work.
#[derive(Serialize)]
struct ModuleFigures {
    name: &'static str,
    records_per_second: f64,
    records_per_second_quartiles: [f64; 2],
    ns_per_record: f64,
    fuel_per_record: f64,
    #[serde(flatten)]
    latency: Option<Percentiles>,
    peak_memory_bytes: u64,
    module_bytes: u64,
    start_us: f64,
    start_fuel: u64,
}

/// A part of the pipeline.
#[derive(Serialize)]
struct Stage {
    name: &'static str,
    ns_per_record: f64,
    fuel_per_record: f64,
    fuel_share: f64,
}

impl Comparison {
    /// Compares the modules; all kinds must have been measured.
    pub fn new(model: Option<String>, records: &Records, measured: &[Measured]) -> Self {
        let of = |kind| measured.iter().find(|m| m.kind == kind).expect("all kinds were measured");
        let (whole, _) = measured.split_at(Kind::WHOLE);
        Self {
            model,
            about: records.about(),
            rounds: whole[0].cost.ns.len(),
            modules: whole.iter().map(ModuleFigures::of).collect(),
            stages: stages(of),
            ratios: ratios::of_modules(of),
            cores: None,
        }
    }
}

impl ModuleFigures {
    fn of(measured: &Measured) -> Self {
        let [q1, median, q3] = measured.cost.rate();
        Self {
            name: measured.kind.name(),
            records_per_second: median,
            records_per_second_quartiles: [q1, q3],
            ns_per_record: measured.cost.median_ns(),
            fuel_per_record: measured.cost.fuel,
            latency: measured.latency,
            peak_memory_bytes: measured.peak_memory,
            module_bytes: measured.module_bytes,
            start_us: measured.start_us,
            start_fuel: measured.start_fuel,
        }
    }

    fn cells(&self) -> Vec<String> {
        let [q1, q3] = self.records_per_second_quartiles.map(units::rounded);
        let us = |of: fn(&Percentiles) -> f64| {
            let latency = self.latency.as_ref();
            latency.map_or("–".into(), |latency| format!("{:.1}", of(latency)))
        };
        vec![
            self.name.to_owned(),
            units::rounded(self.records_per_second),
            format!("{q1}–{q3}"),
            format!("{:.0}", self.ns_per_record),
            format!("{:.0}", self.fuel_per_record),
            us(|latency| latency.p50),
            us(|latency| latency.p99),
            us(|latency| latency.p999),
            units::size(self.peak_memory_bytes),
            format!("{:.0}", self.module_bytes as f64 / 1e3),
            format!("{:.0}", self.start_us),
            units::count(self.start_fuel),
        ]
    }
}

/// Heads of [`ModuleFigures::cells`].
const HEAD: [&str; 12] = [
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

/// Works out each stage's share: what a cut of the pipeline takes more than the cut before it.
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
        let fuel = cost.fuel - before.fuel;
        stages.push(Stage {
            name,
            ns_per_record: cost.paired(before, |ns, before| ns - before),
            fuel_per_record: fuel,
            fuel_share: fuel / whole,
        });
        before = cost;
    }
    stages
}

impl Stage {
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            format!("{:.0}", self.ns_per_record),
            format!("{:.0}", self.fuel_per_record),
            units::percent(Some(self.fuel_share)),
        ]
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let modules: Vec<_> = self.modules.iter().map(ModuleFigures::cells).collect();
        let stages: Vec<_> = self.stages.iter().map(Stage::cells).collect();
        let head = ["stage of the pipeline", "ns", "fuel", "of its fuel"];
        if let Some(model) = &self.model {
            writeln!(f, "model {model}")?;
        }
        writeln!(f, "{}\nrounds, interleaved: {}\n", self.about, self.rounds)?;
        writeln!(f, "{}", markdown::table(&HEAD, &modules))?;
        writeln!(f, "{}", markdown::table(&head, &stages))?;
        write!(f, "{}", ratios::text(&self.ratios))?;
        match &self.cores {
            Some(cores) => write!(f, "\n{cores}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::record::PlainRecord;

    /// Snapshot of both forms with made-up figures: those of a real run are times.
    #[test]
    fn both_forms() {
        let latency = Percentiles { p50: 1.25, p99: 2.5, p999: 10.0 };
        let measured = (1..).zip(Kind::ALL).map(|(number, kind)| Measured {
            kind,
            cost: Cost {
                ns: [3.0, 1.0, 2.0].map(|ns| 100.0 * ns * number as f64).into(),
                fuel: 1e3,
            },
            latency: (number <= Kind::WHOLE).then_some(latency),
            peak_memory: 2 << 20,
            module_bytes: 400_000,
            start_us: 250.0,
            start_fuel: 1_000_000,
        });
        let record = PlainRecord { millis: 0, key: None, value: b"{\"customer_id\":1}".into() };
        let records = Records { all: vec![record; 1_000], from: "t.jsonl".into() };
        let measured: Vec<_> = measured.collect();
        let mut answer = Comparison::new(Some("f22d394a".into()), &records, &measured);
        answer.cores = Some(Cores::example());
        let json = serde_json::to_value(&answer).expect("plain data");
        insta::with_settings!({
            omit_expression => true,
            prepend_module_to_snapshot => false,
            snapshot_path => "../../../tests/snapshots",
        }, {
            insta::assert_snapshot!("bench", format!("{answer}\n{json:#}"));
        });
    }
}
