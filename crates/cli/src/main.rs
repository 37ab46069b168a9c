//! The `fraud` command.
//!
//! # Layout
//!
//! - [`commands`]: one room for each subcommand: its arguments, its answer, and what only it needs
//! - [`module`]: the compiled module, run as a broker would run it
//! - [`data`]: files that are read: transactions, lists of frauds, feature specs
//! - [`show`]: how an answer looks: text, JSON, Markdown, units, progress
//! - [`numbers`]: shares, means and quantiles
//!
//! **Invariant**: imports go down this list only.
//!
//! The command is *not* another scorer: it scores nothing itself. Feature vectors and the outputs that decisions are made
//! of come from `fraud-detector`, verdicts from the compiled module on `transform-host`.

mod commands;
mod data;
mod module;
mod numbers;
mod show;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use commands::{
    backtest, bench, features, inspect, new, reports, restore, run, simulate, train, tune,
};

const AFTER_HELP: &str = "\
A first look, from nothing to verdicts:
  fraud simulate --days 30 --seed 1 --output day30.jsonl.zst --frauds day30.frauds.csv
  fraud features --input day30.jsonl.zst --frauds day30.frauds.csv --output day30.arrow
  fraud tune     --input day30.jsonl.zst --frauds day30.frauds.csv --skip 10d
  fraud run      --input day30.jsonl.zst --output scored
  fraud backtest --input day30.jsonl.zst --frauds day30.frauds.csv --from 2018-04-15
  fraud inspect  fraud-detector.wasm
  fraud bench

Your own data, from a labelled file to a module (docs/your-own-data.md):
  fraud new      my-model --sample payments.jsonl.zst --label is_fraud
  fraud train    my-model --input payments.jsonl.zst --label is_fraud
  ./scripts/build --model my-model
  fraud backtest --input later.jsonl.zst --label is_fraud

Every command takes --json for one machine-readable object on standard output; docs/cli-json.md has
its keys.
Exit status: 0 success, 1 the answer is no, 2 usage or bad input.";

/// Fraud scoring inside Redpanda: make data, run the transform, see what it catches and whether it
/// fits a broker.
#[derive(Parser)]
#[command(name = "fraud", version, after_help = AFTER_HELP)]
struct Cli {
    /// One machine-readable object on standard output instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Simulate(simulate::Args),
    New(new::Args),
    Features(features::Args),
    Train(train::Args),
    Tune(tune::Args),
    Run(run::Args),
    Backtest(backtest::Args),
    Reports(reports::Args),
    Restore(restore::Args),
    Inspect(inspect::Args),
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let answer = match cli.command {
        Command::Simulate(args) => simulate::run(args),
        Command::New(args) => new::run(args),
        Command::Features(args) => features::run(args),
        Command::Train(args) => train::run(args),
        Command::Tune(args) => tune::run(args),
        Command::Run(args) => run::run(args),
        Command::Backtest(args) => backtest::run(args),
        Command::Reports(args) => reports::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Bench(args) => bench::run(args),
    };
    match answer {
        Ok(report) => {
            report.print(cli.json);
            ExitCode::from(u8::from(!report.ok))
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
