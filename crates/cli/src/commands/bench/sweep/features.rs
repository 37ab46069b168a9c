//! With the number of features.

use anyhow::Result;
use fraud_detector::history::History;
use fraud_plan::{Decision, Plan, compile};
use serde_json::json;

use super::{Row, fuel, ns};
use crate::commands::bench::Args;
use crate::commands::bench::modules::{Kind, Loaded};
use crate::commands::bench::records::{Record, Records};
use crate::commands::bench::rounds::{Cost, Lane, pass};

const FEATURES: [usize; 6] = [1, 2, 4, 8, 16, 32];
const HALF_LIVES: [&str; 8] = ["7d", "1d", "30d", "1h", "3d", "14d", "6h", "90d"];
pub const HEAD: [&str; 5] = ["features", "bytes a customer", "ns", "fuel", "fuel a feature"];

/// Windows over the customer without a model; a detector that computes one feature is the base.
pub fn rows(args: &Args, records: &Records) -> Result<Vec<Row>> {
    let slices = records.slices(args.partitions, args.batch);
    let module = Loaded::new(args, Kind::AnyPlan, &args.target.limits())?;
    let (mut lanes, mut bytes) = (Vec::new(), Vec::new());
    for count in FEATURES {
        let program = compile::spec::parse(&spec(count), "the features measured")?;
        bytes.push(History::new(&program, 0).tables()[0].bytes_per_slot());
        let plan = Plan { id: 0, program, decision: Decision::default(), forest: None }.write();
        let mut instance = module.instance(args);
        instance.start()?;
        let first = Record { millis: 0, key: None, value: plan.bytes().to_vec() };
        instance.vm.process(&first.alone(), &mut instance.output)?;
        lanes.push(Lane { instance, slices: &slices });
    }
    let costs = pass(&mut lanes)?;
    let row = |((count, bytes), cost): ((usize, usize), &Cost)| {
        let more = (count > 1).then(|| (cost.fuel - costs[0].fuel) / (count - 1) as f64);
        Row {
            cells: vec![
                count.to_string(),
                bytes.to_string(),
                ns(cost),
                fuel(cost),
                more.map_or("–".into(), |more| format!("{more:.0}")),
            ],
            json: json!({
                "features": count,
                "bytes_per_customer": bytes,
                "ns": cost.median_ns(),
                "fuel": cost.fuel,
                "fuel_per_further_feature": more,
            }),
        }
    };
    Ok(FEATURES.into_iter().zip(bytes).zip(&costs).map(row).collect())
}

/// The amount, and windows of every kind over it.
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
