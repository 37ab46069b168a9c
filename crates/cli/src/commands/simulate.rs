//! `fraud simulate`: synthetic transactions, and which of them are frauds.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use fraud_simulator::{Config, Transaction};
use serde_json::json;

use crate::show::report::Report;
use crate::show::{progress, units};

const AFTER_HELP: &str = "\
Examples:
  fraud simulate --days 30 --seed 1 --output day30.jsonl.zst --frauds day30.frauds.csv
  fraud simulate --days 183 --output half-year.jsonl.zst --frauds half-year.frauds.csv
  fraud simulate --preset shifted --seed 2 --output other.jsonl.zst --frauds other.frauds.csv

Equal arguments give equal files, on every machine. The transactions come in order of time, one
JSON object a line, and say nothing of fraud; the list does: transaction_id,scenario with scenario
1 (a conspicuous amount), 2 (a compromised terminal) or 3 (a compromised customer).

What --preset shifted does to the frauds:
                                   default   shifted
  1 amounts above                      220       330
  2 terminals newly compromised a day    2         3
    for so many days                    28        14
  3 customers newly compromised a day    3       4.5
    for so many days                    14         7
    share of what they do              1/3       1/2
    times the amount                     5       2.5";

/// Make transactions with known frauds.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Number of days
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// First day, YYYY-MM-DD
    #[arg(long, default_value = "2018-04-01", value_parser = units::parse_date, value_name = "DATE")]
    start: i64,
    /// Number of customers
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    customers: u32,
    /// Number of terminals
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    terminals: u32,
    /// Any number; each gives other customers and other days
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The rules that frauds follow
    #[arg(long, value_enum, default_value_t = Preset::Default)]
    preset: Preset,
    /// Where the transactions go, one JSON object a line; compressed if it ends in .zst
    #[arg(long, value_name = "FILE.jsonl[.zst]")]
    output: PathBuf,
    /// Where the list of frauds goes
    #[arg(long, value_name = "FILE.csv")]
    frauds: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Preset {
    /// those of the published simulation, on which the model is trained
    Default,
    /// every amount, rate and duration of them shifted by half: what such a model has not seen
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

/// Runs the command.
pub fn run(args: &Args) -> Result<Report> {
    let began = Instant::now();
    let simulation = fraud_simulator::simulate(&Config {
        days: args.days,
        start_date: args.start,
        customers: args.customers,
        terminals: args.terminals,
        seed: args.seed,
        ..args.preset.config()
    });
    let transactions = &simulation.transactions;
    write_transactions(&args.output, transactions).with_context(|| cannot_write(&args.output))?;
    write_frauds(&args.frauds, transactions).with_context(|| cannot_write(&args.frauds))?;

    let mut scenarios = [0_u64; 4];
    for transaction in transactions {
        scenarios[usize::from(transaction.scenario)] += 1;
    }
    let frauds = scenarios[1..].iter().sum::<u64>();
    let total = transactions.len() as u64;
    let bytes = std::fs::metadata(&args.output).map_or(0, |metadata| metadata.len());
    let elapsed = began.elapsed();
    let [_, amount, terminal, customer] = scenarios;
    Ok(Report {
        json: json!({
            "transactions": total,
            "frauds": frauds,
            "scenarios": { "1": amount, "2": terminal, "3": customer },
            "customers_without_a_terminal": simulation.stranded_customers,
            "bytes": bytes,
            "seconds": elapsed.as_secs_f64(),
            "output": args.output,
            "frauds_output": args.frauds,
        }),
        text: format!(
            "{} transactions over {} days in {} ({})\n\
             {} frauds, {}, in {}\n  \
             1 conspicuous amount    {amount:>8}\n  \
             2 compromised terminal  {terminal:>8}\n  \
             3 compromised customer  {customer:>8}\n\
             took {}\n",
            units::count(total),
            args.days,
            args.output.display(),
            units::size(bytes),
            units::count(frauds),
            units::share(frauds, total),
            args.frauds.display(),
            units::seconds(elapsed),
        ),
        aside: String::new(),
        ok: true,
    })
}

/// What an error about an output file says first.
fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

fn write_transactions(path: &Path, transactions: &[Transaction]) -> io::Result<()> {
    let file = BufWriter::with_capacity(1 << 18, File::create(path)?);
    if path.extension().is_some_and(|ending| ending == "zst") {
        let mut encoder = zstd::Encoder::new(file, 0)?;
        write_lines(&mut encoder, transactions)?;
        encoder.finish()?.flush()
    } else {
        let mut file = file;
        write_lines(&mut file, transactions)?;
        file.flush()
    }
}

fn write_lines(out: &mut dyn Write, transactions: &[Transaction]) -> io::Result<()> {
    let bar = progress::count("writing", transactions.len() as u64);
    let mut lines = Vec::new();
    for chunk in transactions.chunks(1024) {
        lines.clear();
        for transaction in chunk {
            fraud_simulator::write_transaction(transaction, &mut lines)?;
        }
        out.write_all(&lines)?;
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

fn write_frauds(path: &Path, transactions: &[Transaction]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    fraud_simulator::write_frauds_header(&mut file)?;
    for transaction in transactions {
        fraud_simulator::write_fraud_row(transaction, &mut file)?;
    }
    file.flush()
}
