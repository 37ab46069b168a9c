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
use super::table::about;
use crate::show::report::Report;
use crate::show::{markdown, units};

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
pub fn run(args: &Args, sweep: Sweep) -> Result<Report> {
    let of_input = |rows: fn(&Args, &Records) -> Result<Vec<Row>>| -> Result<_> {
        let input = Records::read(args)?;
        Ok((about(&input) + "\n", rows(args, &input)?))
    };
    let (head, (about, rows)): (&[&str], _) = match sweep {
        Sweep::Records => (&records::HEAD, of_input(records::rows)?),
        // It makes its own.
        Sweep::Customers => (&customers::HEAD, (String::new(), customers::rows(args)?)),
        Sweep::Features => (&features::HEAD, of_input(features::rows)?),
        Sweep::Partitions => (&partitions::HEAD, of_input(partitions::rows)?),
    };
    let (cells, rows): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.cells, row.json)).unzip();
    let name = format!("{sweep:?}").to_lowercase();
    Ok(Report {
        json: json!({ "sweep": name, "rows": rows }),
        text: about + &markdown::table(head, &cells),
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
