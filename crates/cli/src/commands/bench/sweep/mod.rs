//! Sweeps: how the cost of a record grows with its size, and with what is remembered and computed.
//! One file for each table.

mod customers;
mod features;
mod kinds;
mod partitions;
mod records;

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use super::Options;
use super::records::{About, Records};
use crate::show::report::Report;
use crate::show::{markdown, units};

/// The quantity that grows.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Sweep {
    /// Bytes of a record
    Records,
    /// Customers that are remembered
    Customers,
    /// Features of the spec
    Features,
    /// Kinds of one feature
    Kinds,
    /// Partitions on one instance
    Partitions,
}

/// Rounds of the sweeps that make their own records.
const ROUNDS: usize = 31;

/// The costs at one point of a sweep: a row of its table, an object of its JSON.
trait Point: Serialize {
    /// Heads of the columns.
    const HEAD: &'static [&'static str];

    /// Returns the cells of the row.
    fn cells(&self) -> Vec<String>;
}

/// The answer of a sweep.
#[derive(Serialize)]
struct Swept<P> {
    /// Id of the pipeline's model.
    model: Option<String>,
    sweep: &'static str,
    rows: Vec<P>,
    /// The records of the input, if the sweep uses them.
    #[serde(skip)]
    about: Option<About>,
}

impl<P: Point> fmt::Display for Swept<P> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(model) = &self.model {
            writeln!(f, "model {model}")?;
        }
        if let Some(about) = &self.about {
            writeln!(f, "{about}")?;
        }
        let rows: Vec<_> = self.rows.iter().map(Point::cells).collect();
        f.write_str(&markdown::table(P::HEAD, &rows))
    }
}

/// Measures and answers.
pub fn run(options: &Options, sweep: Sweep) -> Result<Report> {
    match sweep {
        Sweep::Records => of_input(options, "records", records::measure),
        Sweep::Customers => answer(options, "customers", customers::measure(options)?, None),
        Sweep::Features => of_input(options, "features", features::measure),
        Sweep::Kinds => of_input(options, "kinds", kinds::measure),
        Sweep::Partitions => of_input(options, "partitions", partitions::measure),
    }
}

fn of_input<P: Point>(
    options: &Options,
    sweep: &'static str,
    measure: fn(&Options, &Records) -> Result<Vec<P>>,
) -> Result<Report> {
    let input = Records::read(options)?;
    answer(options, sweep, measure(options, &input)?, Some(input.about()))
}

fn answer<P: Point>(
    options: &Options,
    sweep: &'static str,
    rows: Vec<P>,
    about: Option<About>,
) -> Result<Report> {
    Report::of(&Swept { model: options.pipeline.model(), sweep, rows, about })
}

/// Writes nanoseconds or fuel.
fn rounded(figure: f64) -> String {
    units::count(figure.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds the keys of a point to the page; the sweeps of records and customers take too long to
    /// be run by a test.
    fn check(sweep: &str, point: &impl Point) {
        let page = include_str!("../../../../../../docs/cli-json.md");
        let (_, section) =
            page.split_once(&format!("### fraud bench --sweep {sweep}\n")).expect(sweep);
        let section = section.split("\n#").next().expect("at least one part");
        let mut documented: Vec<_> = section.split("`rows[].").skip(1).collect();
        documented.iter_mut().for_each(|key| *key = key.split('`').next().expect("a key"));
        documented.sort();
        let point = serde_json::to_value(point).expect("plain data");
        let keys: Vec<_> = point.as_object().expect("an object").keys().collect();
        assert_eq!(keys, documented, "{sweep}");
    }

    #[test]
    fn keys_are_documented() {
        check("records", &records::SizePoint::default());
        check("customers", &customers::CustomersPoint::default());
    }
}
