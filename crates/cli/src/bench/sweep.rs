//! How the cost of a record grows with its size, and with what is remembered and computed: one file
//! for each table.

mod customers;
mod features;
mod partitions;
mod records;

use anyhow::Result;
use serde_json::{Value, json};

use super::Args;
use super::records::Records;
use super::rounds::Cost;
use super::table::{about, markdown};
use crate::report::Report;
use crate::units;

/// What grows.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Sweep {
    /// Bytes of a record
    Records,
    /// Customers that are remembered
    Customers,
    /// Features of the spec
    Features,
    /// Partitions on one instance
    Partitions,
}

/// Rounds of those sweeps that make their own records.
const ROUNDS: usize = 31;

/// The measurements of one row.
struct Row {
    cells: Vec<String>,
    json: Value,
}

/// Measures and answers.
pub fn run(args: &Args, sweep: Sweep, input: &Records) -> Result<Report> {
    let (head, rows): (&[&str], _) = match sweep {
        Sweep::Records => (&records::HEAD, records::rows(args, input)?),
        Sweep::Customers => (&customers::HEAD, customers::rows(args)?),
        Sweep::Features => (&features::HEAD, features::rows(args, input)?),
        Sweep::Partitions => (&partitions::HEAD, partitions::rows(args, input)?),
    };
    let (cells, rows): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.cells, row.json)).unzip();
    let name = format!("{sweep:?}").to_lowercase();
    let about = match sweep {
        Sweep::Customers => String::new(),
        _ => about(input) + "\n",
    };
    Ok(Report {
        json: json!({ "sweep": name, "rows": rows }),
        text: about + &markdown(head, &cells),
        aside: String::new(),
        ok: true,
    })
}

fn ns(cost: &Cost) -> String {
    units::count(cost.median_ns().round() as u64)
}

fn fuel(cost: &Cost) -> String {
    units::count(cost.fuel.round() as u64)
}
