//! `fraud simulate`: synthetic transactions, and which of them are frauds.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fraud_simulator::{Config, Format, Population, Transaction, World, Written};
use serde::Serialize;

use crate::show::report::Report;
use crate::show::{progress, units};

const AFTER_HELP: &str = r#"Examples:
  fraud simulate --days 30 --seed 1 --output day30.jsonl.zst --frauds day30.frauds.csv
  fraud simulate --days 183 --output half-year.jsonl.zst --frauds half-year.frauds.csv
  fraud simulate --world cards --output cards.jsonl.zst --frauds cards.frauds.csv
  fraud simulate --world transfers --days 90 --output transfers.csv --frauds transfers.frauds.csv
  fraud simulate --world charges --output charges.jsonl --frauds charges.frauds.csv
  fraud simulate --preset shifted --seed 2 --output other.jsonl.zst --frauds other.frauds.csv

Equal arguments give equal files, on every machine. The transactions come in order of time; the
list of frauds has their ids and scenarios: transaction_id,scenario. About 0.5 % are frauds.

terminals: flat; RFC 3339 times; no label
  {"transaction_id":"0","timestamp":"2018-04-01T00:00:31Z","customer_id":"596",...}
  1 a conspicuous amount, 2 a compromised terminal, 3 a compromised customer
cards: flat; times without a zone, categories, coordinates, the label is_chargeback; id: reference
  {"local_time": "2018-04-01 00:05:53", ..., "category": "fuel", "paid": 37.5, ...}
  1 categories unusual for the card, 2 payments too far apart for the time between them, 3 a shop
  that charges cards which were never there
transfers: flat; hours since the start, types, balances, the label illicit; id: reference
  hour,reference,kind,sum,payer,payer_before,payer_after,payee,payee_before,payee_after,illicit
  1 all of an account goes to a new payee, 2 one payer has many new payees, 3 the other way round
charges: nested; seconds, minor units of seven currencies; id: data.object.charge_id; among the
  charges guests (customer null), refunds, payouts, second deliveries, and disputes as reports
  {"event_id":"ev_...","event_type":"charge.captured","occurred_at":1522540831,"data":...}
  1 one card has many new customers, 2 the other way round, 3 a multiple of the card's mean

cards and transfers are CSV with a line of names if the file is called .csv or .csv.zst, else JSON
lines; the others are always JSON lines.

What --preset shifted does to the frauds:
                                   default   shifted
  1 amounts above                      220       330
  2 terminals newly compromised a day    2         3
    for so many days                    28        14
  3 customers newly compromised a day    3       4.5
    for so many days                    14         7
    share of what they do              1/3       1/2
    times the amount                     5       2.5"#;

/// Make transactions with known frauds.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The kind of transactions
    #[arg(long, value_enum, default_value_t = WorldName::Terminals)]
    world: WorldName,
    /// Number of days
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// First day, YYYY-MM-DD
    #[arg(long, default_value = "2018-04-01", value_parser = units::parse_date, value_name = "DATE")]
    start: i64,
    /// Number of customers
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    customers: u32,
    /// Number of terminals, of the world terminals [default: 10000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    terminals: Option<u32>,
    /// Any number; each gives other customers and other days
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The rules that frauds follow in the world terminals [default: default]
    #[arg(long, value_enum)]
    preset: Option<Preset>,
    /// Where the transactions go: JSON lines, or CSV if it ends in .csv; compressed if it ends in .zst
    #[arg(long, value_name = "FILE.jsonl|csv[.zst]")]
    output: PathBuf,
    /// Where the list of frauds goes
    #[arg(long, value_name = "FILE.csv")]
    frauds: PathBuf,
}

/// The worlds by name.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum WorldName {
    /// purchases by customers at terminals around them, on which the model is trained
    Terminals,
    /// card payments with categories and coordinates
    Cards,
    /// transfers between accounts with balances
    Transfers,
    /// nested events: charges, refunds, disputes
    Charges,
}

/// The rules of fraud by name.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Preset {
    /// the rules of the published simulation, on which the model is trained
    Default,
    /// every amount, rate and duration of these rules shifted by half, as the model has not seen them
    Shifted,
}

impl Preset {
    fn config(self) -> Config {
        match self {
            Preset::Default => Config::default(),
            Preset::Shifted => Config::shifted(),
        }
    }
}

impl WorldName {
    /// Returns the simulator's world, unless it is the default one.
    fn world(self) -> Option<World> {
        match self {
            WorldName::Terminals => None,
            WorldName::Cards => Some(World::Cards),
            WorldName::Transfers => Some(World::Transfers),
            WorldName::Charges => Some(World::Charges),
        }
    }
}

/// The answer: the transactions that were made.
#[derive(Serialize)]
struct Answer {
    transactions: u64,
    records: u64,
    frauds: u64,
    /// Number of frauds by scenario.
    scenarios: BTreeMap<u8, u64>,
    /// Only of the default world.
    #[serde(skip_serializing_if = "Option::is_none")]
    customers_without_a_terminal: Option<u32>,
    bytes: u64,
    seconds: f64,
    output: PathBuf,
    frauds_output: PathBuf,
    #[serde(skip)]
    days: u32,
    /// Names of the scenarios.
    #[serde(skip)]
    names: [&'static str; 3],
}

/// Runs the command.
pub fn run(args: Args) -> Result<Report> {
    let began = Instant::now();
    ensure!(
        absolute(&args.output) != absolute(&args.frauds),
        "--output and --frauds are both {}; give the list of frauds a file of its own",
        args.frauds.display()
    );
    let mut frauds = Vec::new();
    let (names, written, stranded) = match args.world.world() {
        None => write_terminals(&args, &mut frauds)?,
        Some(world) => (world.scenarios(), write_world(world, &args, &mut frauds)?, None),
    };
    std::fs::write(&args.frauds, frauds).with_context(|| cannot_write(&args.frauds))?;

    let [genuine, scenarios @ ..] = written.scenarios;
    let frauds = scenarios.iter().sum::<u64>();
    Report::of(&Answer {
        transactions: genuine + frauds,
        records: written.records,
        frauds,
        scenarios: (1..).zip(scenarios).collect(),
        customers_without_a_terminal: stranded,
        bytes: std::fs::metadata(&args.output).map_or(0, |metadata| metadata.len()),
        seconds: began.elapsed().as_secs_f64(),
        output: args.output,
        frauds_output: args.frauds,
        days: args.days,
        names,
    })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(
            f,
            "{} transactions over {} days in {} ({})",
            units::count(self.transactions),
            self.days,
            self.output.display(),
            units::size(self.bytes),
        )?;
        writeln!(
            f,
            "{} frauds, {}, in {}",
            units::count(self.frauds),
            units::share(self.frauds, self.transactions),
            self.frauds_output.display(),
        )?;
        let width = self.names.map(str::len).into_iter().max().unwrap_or(0);
        for (name, (scenario, number)) in self.names.iter().zip(&self.scenarios) {
            writeln!(f, "  {scenario} {name:width$}  {number:>8}")?;
        }
        writeln!(f, "took {}", units::seconds(self.seconds))
    }
}

/// Names of the scenarios 1 to 3, what was written, and how many customers have no terminal.
type Made = ([&'static str; 3], Written, Option<u32>);

/// Writes the default world.
fn write_terminals(args: &Args, frauds: &mut Vec<u8>) -> Result<Made> {
    let csv = format(&args.output) == Format::Csv;
    ensure!(!csv, "the world terminals is written as JSON lines; name the output FILE.jsonl");
    let simulation = fraud_simulator::simulate(&Config {
        days: args.days,
        start_date: args.start,
        customers: args.customers,
        terminals: args.terminals.unwrap_or(10_000),
        seed: args.seed,
        ..args.preset.unwrap_or(Preset::Default).config()
    });
    let transactions = &simulation.transactions;
    to_file(&args.output, |records| write_lines(records, transactions))?;
    fraud_simulator::write_frauds_header(frauds)?;
    let mut written = Written { records: transactions.len() as u64, ..Written::default() };
    for transaction in transactions {
        fraud_simulator::write_fraud_row(transaction, frauds)?;
        written.scenarios[usize::from(transaction.scenario)] += 1;
    }
    let names = ["conspicuous amount", "compromised terminal", "compromised customer"];
    Ok((names, written, Some(simulation.stranded_customers)))
}

/// Writes another world.
fn write_world(world: World, args: &Args, frauds: &mut Vec<u8>) -> Result<Written> {
    let name = format!("{world:?}").to_lowercase();
    ensure!(args.terminals.is_none(), "--terminals: the world {name} has no terminals");
    ensure!(args.preset.is_none(), "--preset: the world {name} has no presets");
    let format = format(&args.output);
    ensure!(
        world.takes(format),
        "the world {name} is nested and cannot be CSV; name the output FILE.jsonl"
    );
    let population = Population {
        start_date: args.start,
        days: args.days,
        customers: args.customers,
        seed: args.seed,
    };
    to_file(&args.output, |records| world.write(&population, format, records, frauds))
}

/// Returns the format that a file's name asks for.
fn format(path: &Path) -> Format {
    let name = path.to_string_lossy();
    match name.strip_suffix(".zst").unwrap_or(&name).ends_with(".csv") {
        true => Format::Csv,
        false => Format::JsonLines,
    }
}

/// Returns a path from the root on, without `.` in it.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Returns the beginning of an error about an output file.
fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// Creates a file and lets `write` fill it, compressed if its name ends in .zst.
fn to_file<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> Result<T> {
    let result = || {
        let file = File::create(path)?;
        if path.extension().is_some_and(|ending| ending == "zst") {
            let mut encoder = BufWriter::with_capacity(1 << 18, zstd::Encoder::new(file, 0)?);
            let result = write(&mut encoder)?;
            encoder.into_inner()?.finish()?;
            Ok(result)
        } else {
            let mut file = BufWriter::with_capacity(1 << 18, file);
            let result = write(&mut file)?;
            file.flush()?;
            Ok(result)
        }
    };
    result().map_err(|error: io::Error| anyhow::Error::from(error).context(cannot_write(path)))
}

/// Writes the default world's transactions.
fn write_lines(out: &mut dyn Write, transactions: &[Transaction]) -> io::Result<()> {
    let bar = progress::count("writing", transactions.len() as u64);
    for chunk in transactions.chunks(1024) {
        for transaction in chunk {
            fraud_simulator::write_transaction(transaction, out)?;
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
