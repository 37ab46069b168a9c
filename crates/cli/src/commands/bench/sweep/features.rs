//! Sweep: cost of a record against the number of features.

use anyhow::Result;
use fraud_detector::history::History;
use fraud_plan::compile;
use serde::Serialize;

use super::{Point, rounded};
use crate::commands::bench::Options;
use crate::commands::bench::modules::{Kind, Loaded};
use crate::commands::bench::records::Records;
use crate::commands::bench::rounds::{Lane, pass};

const FEATURES: [usize; 6] = [1, 2, 4, 8, 16, 32];
const HALF_LIVES: [&str; 8] = ["7d", "1d", "30d", "1h", "3d", "14d", "6h", "90d"];

/// The costs with one number of features.
#[derive(Serialize)]
pub struct FeaturesPoint {
    features: usize,
    bytes_per_customer: usize,
    ns: f64,
    fuel: f64,
    /// Mean over the features after the first; `None` if there is only one.
    fuel_per_further_feature: Option<f64>,
}

impl Point for FeaturesPoint {
    const HEAD: &'static [&'static str] =
        &["features", "bytes a customer", "ns", "fuel", "fuel a feature"];

    fn cells(&self) -> Vec<String> {
        let further = self.fuel_per_further_feature;
        vec![
            self.features.to_string(),
            self.bytes_per_customer.to_string(),
            rounded(self.ns),
            rounded(self.fuel),
            further.map_or("–".into(), |fuel| format!("{fuel:.0}")),
        ]
    }
}

/// Measures windows over the customer without a model; a detector that computes one feature is the
/// base.
pub fn measure(options: &Options, records: &Records) -> Result<Vec<FeaturesPoint>> {
    let slices = records.slices(options.partitions, options.batch);
    let module = Loaded::new(options, Kind::AnyPlan, &options.target.limits())?;
    let (mut lanes, mut bytes) = (Vec::new(), Vec::new());
    for count in FEATURES {
        let program = compile::spec::parse(&spec(count), "the features measured")?;
        bytes.push(History::new(&program, 0).tables()[0].bytes_per_slot());
        lanes.push(Lane { instance: module.with_program(options, program)?, slices: &slices });
    }
    let costs = pass(&mut lanes)?;
    let points = FEATURES.into_iter().zip(bytes).zip(&costs);
    let points = points.map(|((features, bytes_per_customer), cost)| FeaturesPoint {
        features,
        bytes_per_customer,
        ns: cost.median_ns(),
        fuel: cost.fuel,
        fuel_per_further_feature: (features > 1)
            .then(|| (cost.fuel - costs[0].fuel) / (features - 1) as f64),
    });
    Ok(points.collect())
}

/// Writes a spec of the amount, and of windows of every kind over it.
fn spec(features: usize) -> String {
    let mut spec = r#"
        version = 1
        time = { path = "timestamp" }
        entity = [{ name = "customer", path = "customer_id" }]
        number = [{ name = "amount", path = "amount" }]
        [[feature]]
        name = "amount"
        kind = "number"
        of = "amount"
    "#
    .to_owned();
    let windows = HALF_LIVES
        .into_iter()
        .flat_map(|half_life| ["count", "sum", "mean", "max"].map(|stat| (stat, half_life)));
    for (stat, half_life) in windows.take(features - 1) {
        let of = if stat == "count" { "" } else { "of = \"amount\"\n" };
        spec += &format!(
            "[[feature]]\nname = \"{stat}_{half_life}\"\nkind = \"window\"\nentity = \"customer\"\n\
             stat = \"{stat}\"\nhalf_life = \"{half_life}\"\n{of}"
        );
    }
    spec
}
