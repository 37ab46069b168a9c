//! transform-runner beside other programs that read and write the same topics of a real Apache Kafka:
//! how fast, how late, how large. `./scripts/peers` builds all of them and runs this.
//!
//! - `contestant`: the programs, as processes; `passthrough`: one of them; `quix/app.py`: another;
//! - `cluster`: topics, records in, records out, committed offsets.
//!
//! **Throughput**: the input is there already. From the first commit past a twentieth of it, until all
//! is committed or the time is over: committed records a second. **Latency**: records come at a rate,
//! each with the time at which it was given to the producer; a read_committed consumer of the outputs
//! looks at the clock. All run on one machine and share its cores with the broker and with this program.
//!
//! # What this is not
//!
//! It checks no result: `transform-runner`'s end-to-end tests do.

mod cluster;
mod contestant;
mod passthrough;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;

use cluster::Cluster;
use contestant::{Contestant, QUIX_DEFAULT, Taken};

/// The time between two commits, of every contestant.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
const PARTITIONS: i32 = 8;

/// Compares transform-runner with other programs on a Kafka cluster.
#[derive(Parser)]
struct Args {
    /// Brokers
    #[arg(long)]
    brokers: String,
    /// Transactions, a JSON object a line
    #[arg(long)]
    input: PathBuf,
    /// transform-runner
    #[arg(long)]
    runner: PathBuf,
    /// The module
    #[arg(long)]
    module: PathBuf,
    /// Python with quix/requirements.txt
    #[arg(long)]
    python: PathBuf,
    /// The Quix application
    #[arg(long)]
    quix: PathBuf,
    /// Its model
    #[arg(long)]
    model: PathBuf,
    /// Directory for its state
    #[arg(long)]
    state: PathBuf,
    /// Directory for the contestants' logs
    #[arg(long)]
    logs: PathBuf,
    /// How often the transactions are written, one time after the other: a measurement of less than ten seconds
    /// says little
    #[arg(long, default_value_t = 4)]
    copies: usize,
    /// Longest time of one measurement, in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Rates at which latency is measured
    #[arg(long, value_delimiter = ',', default_value = "10000,65000")]
    rates: Vec<u64>,
    /// Rounds
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    if let [_, mode, brokers, group, input, output] = &words[..]
        && mode == "passthrough"
    {
        return passthrough::run(brokers, group, input, output);
    }
    let args = Args::parse();
    std::fs::create_dir_all(&args.logs)?;
    let cluster = Cluster::new(&args.brokers)?;
    let text = std::fs::read_to_string(&args.input)?;
    let lines: Vec<&str> = text.lines().collect();
    cluster.topic("transactions", PARTITIONS)?;
    let total = lines.len() * args.copies;
    eprintln!("writing {total} records");
    for _ in 0..args.copies {
        cluster.fill("transactions", &lines)?;
    }

    let (passthrough, runner) = (Contestant::Passthrough, Contestant::Runner(1));
    let quix = Contestant::Quix(COMMIT_INTERVAL.as_millis() as u32);
    let all = [passthrough, runner, Contestant::Runner(2), quix, Contestant::Quix(QUIX_DEFAULT)];
    println!(
        "Throughput, {total} records in {PARTITIONS} partitions, every commit {COMMIT_INTERVAL:?}:"
    );
    println!("| | records/s | CPU s per million | memory, MB |\n|---|---|---|---|");
    for round in 0..args.rounds {
        for contestant in all {
            let run = format!("t{round}");
            match throughput(&args, &cluster, contestant, &run, total as i64) {
                Ok(row) => println!("{row}"),
                Err(error) => println!("| {} | {error:#} | | |", contestant.name()),
            }
        }
    }
    match warm_up(&args, "t0") {
        Ok(seconds) => println!("\nWarm-up of transform-runner with all records: {seconds:.1} s"),
        Err(error) => println!("\nWarm-up of transform-runner: {error:#}"),
    }
    println!("\nLatency from produce to read_committed consume, ms:");
    println!("| | rate/s | p50 | p99 | p99.9 | received |\n|---|---|---|---|---|---|");
    for &rate in &args.rates {
        for contestant in [passthrough, runner, quix] {
            match latency(&args, &cluster, contestant, rate, &lines) {
                Ok(row) => println!("{row}"),
                Err(error) => println!("| {} | {rate} | {error:#} | | | |", contestant.name()),
            }
        }
    }
    Ok(())
}

/// Measures how fast a contestant takes what is there.
fn throughput(
    args: &Args,
    cluster: &Cluster,
    contestant: Contestant,
    run: &str,
    total: i64,
) -> anyhow::Result<String> {
    for topic in contestant.outputs(run) {
        cluster.topic(&topic, PARTITIONS)?;
    }
    let mut running = contestant.start(args, &args.brokers, "transactions", run, &[])?;
    let committed = cluster.committed(&contestant.group(run), "transactions", PARTITIONS)?;
    let patience = Instant::now() + Duration::from_secs(60);
    let mut first = None;
    let mut last = (Instant::now(), 0, Taken::default());
    loop {
        std::thread::sleep(Duration::from_millis(50));
        running.check()?;
        let (now, done) = (Instant::now(), committed());
        // A rate is from commit to commit.
        if done > last.1 {
            last = (now, done, running.taken());
        }
        let Some((since, from, taken)) = first else {
            if done > total / 20 {
                first = Some((now, done, running.taken()));
            }
            anyhow::ensure!(now < patience, "{done} records in a minute");
            continue;
        };
        if done == total || now > since + Duration::from_secs(args.seconds) {
            let (until, done, after) = last;
            let records = (done - from) as f64;
            let cpu = (after.cpu_seconds - taken.cpu_seconds) / records * 1e6;
            return Ok(format!(
                "| {} | {:.0} | {cpu:.1} | {:.0} |",
                contestant.name(),
                records / until.duration_since(since).as_secs_f64(),
                after.memory_bytes as f64 / 1e6
            ));
        }
    }
}

/// Measures how long transform-runner takes to see all records again, after a run that has committed them.
fn warm_up(args: &Args, run: &str) -> anyhow::Result<f64> {
    let runner = Contestant::Runner(1);
    let mut running =
        runner.start(args, &args.brokers, "transactions", run, &["--warm-up", "all"])?;
    let patience = Instant::now() + Duration::from_secs(120);
    loop {
        std::thread::sleep(Duration::from_millis(100));
        running.check()?;
        let log = std::fs::read_to_string(runner.log(args, run))?;
        let seconds: Vec<f64> = log
            .lines()
            .filter_map(|line| line.split_once(" warm after ")?.1.strip_suffix(" s")?.parse().ok())
            .collect();
        if seconds.len() == PARTITIONS as usize {
            return Ok(seconds.into_iter().fold(0.0, f64::max));
        }
        anyhow::ensure!(Instant::now() < patience, "{} partitions are warm", seconds.len());
    }
}

/// Measures how late records are at a rate.
fn latency(
    args: &Args,
    cluster: &Cluster,
    contestant: Contestant,
    rate: u64,
    lines: &[&str],
) -> anyhow::Result<String> {
    let run = format!("l{rate}");
    let input = format!("in-{}", contestant.id(&run));
    let outputs = contestant.outputs(&run);
    for topic in [&input, &outputs[0], &outputs[1]] {
        cluster.topic(topic, PARTITIONS)?;
    }
    let mut running = contestant.start(args, &args.brokers, &input, &run, &[])?;
    let seconds = args.seconds;
    let mut seen = cluster.paced(&input, &outputs, lines, rate, seconds)?;
    running.check()?;
    seen.sort_unstable();
    let sent = rate * seconds;
    let at = |share: f64| match seen.get((sent as f64 * share) as usize) {
        Some(micros) => format!("{:.0}", *micros as f64 / 1e3),
        None => "—".into(),
    };
    Ok(format!(
        "| {} | {rate} | {} | {} | {} | {:.1}% |",
        contestant.name(),
        at(0.5),
        at(0.99),
        at(0.999),
        100.0 * seen.len() as f64 / sent as f64
    ))
}
