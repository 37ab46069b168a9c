//! Sweep: cost of a record against the kind of one feature.

use anyhow::Result;
use fraud_plan::Program;
use fraud_plan::compile;
use fraud_plan::program::{CategoryForm, Source, Table, ValueTable};
use serde::Serialize;

use super::{Point, rounded};
use crate::commands::bench::Options;
use crate::commands::bench::modules::{Kind, Loaded};
use crate::commands::bench::records::Records;
use crate::commands::bench::rounds::{Lane, pass};

/// The features measured: a name for the table, what the spec declares beside the base, and the
/// feature's keys.
const KINDS: [(&str, &str, &str); 24] = [
    ("none", "", ""),
    ("time in steps, in text", STEPS, ""),
    ("number in text", WRITTEN, r#"kind = "number", of = "written""#),
    ("number in text, implied decimals", IMPLIED, r#"kind = "number", of = "written""#),
    ("types of records", TYPES, ""),
    ("transactions known", KNOWN, ""),
    ("combine", "", r#"kind = "combine", of = ["amount", "amount"], as = "ratio""#),
    ("category, unused", CATEGORY, ""),
    ("category, ordinal", CATEGORY, r#"kind = "category", of = "kind", as = "ordinal""#),
    ("category, one_hot of 20", CATEGORY, r#"kind = "category", of = "kind", as = "one_hot""#),
    (
        "category, hashed",
        CATEGORY,
        r#"kind = "category", of = "kind", as = "hashed", buckets = 64"#,
    ),
    // Its vocabulary becomes a table: `tabled`.
    (TABLE, CATEGORY, r#"kind = "category", of = "kind", as = "ordinal""#),
    (
        "window, count",
        "",
        r#"kind = "window", entity = "customer", stat = "count", half_life = "1d""#,
    ),
    (
        "distance in the record",
        "",
        r#"kind = "distance", from = ["amount", "amount"], to = ["amount", "amount"]"#,
    ),
    ("distance, km", "", r#"kind = "distance", from = ["amount", "amount"], entity = "customer""#),
    (
        "distance, km_per_hour",
        "",
        r#"kind = "distance", from = ["amount", "amount"], entity = "customer", as = "km_per_hour""#,
    ),
    (
        "last 1",
        "",
        r#"kind = "window", entity = "customer", stat = "last", of = "amount", length = 1"#,
    ),
    (
        "last 10",
        "",
        r#"kind = "window", entity = "customer", stat = "last", of = "amount", length = 10"#,
    ),
    (
        "last 64",
        "",
        r#"kind = "window", entity = "customer", stat = "last", of = "amount", length = 64"#,
    ),
    ("terminal, unused", TERMINAL, ""),
    ("terminal, optional, unused", OPTIONAL, ""),
    (
        "window over customer and terminal, count",
        TOGETHER,
        r#"kind = "window", entity = "both", stat = "count", half_life = "1d""#,
    ),
    (
        "distinct, cap 8",
        TERMINAL,
        r#"kind = "window", entity = "customer", stat = "distinct", of = "terminal", within = "1d""#,
    ),
    (
        "distinct, cap 64",
        TERMINAL,
        r#"kind = "window", entity = "customer", stat = "distinct", of = "terminal", within = "1d", cap = 64"#,
    ),
];
const TERMINAL: &str = r#"entity = [{ name = "customer", path = "customer_id" }, { name = "terminal", path = "terminal_id" }]"#;
const OPTIONAL: &str = r#"entity = [{ name = "customer", path = "customer_id" }, { name = "terminal", path = "terminal_id", optional = true }]"#;
const TOGETHER: &str = r#"entity = [{ name = "customer", path = "customer_id" }, { name = "terminal", path = "terminal_id" }, { name = "both", of = ["customer", "terminal"] }]"#;
const WRITTEN: &str = r#"number = [{ name = "amount", path = "amount" }, { name = "written", path = "terminal_id", form = "text" }]"#;
const IMPLIED: &str = r#"number = [{ name = "amount", path = "amount" }, { name = "written", path = "terminal_id", form = "text", decimals = 2 }]"#;
const STEPS: &str =
    r#"time = { path = "terminal_id", step = "1h", start = "2001-01-01T00:00:00Z" }"#;
const TYPES: &str = r#"events = { field = "terminal_id", scored = ["0"], others = "scored" }"#;
const KNOWN: &str = r#"transaction = { id = "transaction_id", known = 8192 }"#;
const TABLE: &str = "category, table";
const TIME: &str = r#"time = { path = "timestamp" }"#;
const NUMBER: &str = r#"number = [{ name = "amount", path = "amount" }]"#;
const CUSTOMER: &str = r#"entity = [{ name = "customer", path = "customer_id" }]"#;
/// Its vocabulary is put in for the dots.
const CATEGORY: &str = r#"category = [{ name = "kind", path = "terminal_id", values = [...] }]"#;
const VALUES: usize = 20;

/// The costs of one kind of feature.
#[derive(Serialize)]
pub struct KindPoint {
    kind: &'static str,
    /// Number of features that it makes.
    features: usize,
    bytes_per_customer: usize,
    ns: f64,
    fuel: f64,
    /// Fuel beside that of a record without the feature.
    further_fuel: f64,
}

impl Point for KindPoint {
    const HEAD: &'static [&'static str] =
        &["one feature more", "features", "bytes a customer", "ns", "fuel", "fuel more"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.kind.to_owned(),
            self.features.to_string(),
            self.bytes_per_customer.to_string(),
            rounded(self.ns),
            rounded(self.fuel),
            rounded(self.further_fuel),
        ]
    }
}

/// Measures a feature of each kind beside the amount, without a model.
pub fn measure(options: &Options, records: &Records) -> Result<Vec<KindPoint>> {
    let slices = records.slices(options.partitions, options.batch);
    let module = Loaded::new(options, Kind::AnyPlan, &options.target.limits())?;
    let (mut lanes, mut sizes) = (Vec::new(), Vec::new());
    for (kind, declares, feature) in KINDS {
        let mut program = compile::spec::parse(&spec(declares, feature), "the kinds measured")?;
        if kind == TABLE {
            program = tabled(program);
        }
        let bytes = program.tables.iter().map(Table::bytes).sum();
        sizes.push((program.features.len() - 1, bytes));
        lanes.push(Lane { instance: module.with_program(options, program)?, slices: &slices });
    }
    let costs = pass(&mut lanes)?;
    let points = KINDS.into_iter().zip(sizes).zip(&costs);
    let points = points.map(|(((kind, ..), (features, bytes_per_customer)), cost)| KindPoint {
        kind,
        features,
        bytes_per_customer,
        ns: cost.median_ns(),
        fuel: cost.fuel,
        further_fuel: cost.fuel - costs[0].fuel,
    });
    Ok(points.collect())
}

/// Makes a table of a category's vocabulary, and has the feature read it, as from a file beside a spec.
fn tabled(mut program: Program) -> Program {
    let numbers = (0..VALUES).map(|code| code as f32).collect();
    program.categories[0].tables = vec![ValueTable { numbers, unknown: f32::NAN }];
    for feature in &mut program.features {
        if let Source::Category { form, .. } = &mut feature.source {
            *form = CategoryForm::Table { table: 0 };
        }
    }
    program
}

/// Writes a spec of the amount and a feature, given by its keys.
fn spec(declares: &str, feature: &str) -> String {
    let values: Vec<_> = (0..VALUES).map(|value| value.to_string()).collect();
    let declares = declares.replace("...", &values.join(", "));
    let unless_said = |key, base| if declares.contains(key) { "" } else { base };
    let time = unless_said("time = ", TIME);
    let numbers = unless_said("number = ", NUMBER);
    let entities = unless_said("entity = ", CUSTOMER);
    let feature = match feature {
        "" => String::new(),
        keys => format!(", {{ name = \"x\", {keys} }}"),
    };
    format!(
        r#"
        version = 1
        {time}
        {numbers}
        {entities}
        {declares}
        feature = [{{ name = "amount", kind = "number", of = "amount" }}{feature}]
        "#
    )
}
