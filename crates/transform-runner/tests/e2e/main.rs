//! The program against a cluster. After each case a read_committed reader of the output sees what it
//! should, and nothing twice.

mod cluster;
mod deployed;
mod network;
mod program;
#[cfg(feature = "tls")]
mod secured;
mod soak;

use std::time::Duration;

use cluster::{Cluster, Seen};
use program::{COPY, COUNT, PICKY, Runner, module};

const SOON: Duration = Duration::from_secs(30);

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("{n:07}")).collect()
}

fn values(seen: &[Seen]) -> Vec<String> {
    let mut values: Vec<_> = seen.iter().map(|record| record.value.clone()).collect();
    values.sort();
    values
}

/// Checks that every number is there once, and says which are not.
#[track_caller]
fn exactly_once(seen: &[Seen], expect: Vec<String>) {
    let found = values(seen);
    let mut once = found.clone();
    once.dedup();
    let missing: Vec<_> =
        expect.iter().filter(|v| once.binary_search(v).is_err()).take(5).collect();
    assert_eq!(
        (found.len(), once.len()),
        (expect.len(), expect.len()),
        "records and different ones, against what was produced; missing are {missing:?} …"
    );
}

#[test]
fn copies_and_drains_at_sigterm() {
    let cluster = Cluster::shared();
    cluster.topics(4, &["copy-in"], &[]);
    cluster.topics(2, &["copy-out"], &[]);
    cluster.produce("copy-in", 4, numbers(0..2_000));
    let runner = Runner::start(cluster, "copy", &module(COPY), &[]);
    let seen = cluster.read("copy-out", 2_000, SOON);
    exactly_once(&seen, numbers(0..2_000));
    // The output's partition is the input's, modulo their number.
    let wrong = seen
        .iter()
        .find(|record| record.partition != record.value.parse::<i32>().expect("a number") % 4 % 2);
    assert_eq!(wrong, None);
    assert_eq!(runner.terminate(), Some(0));

    // Another goes on where the first has ended.
    cluster.produce("copy-in", 4, numbers(2_000..2_400));
    let runner = Runner::start(cluster, "copy", &module(COPY), &["--at-least-once"]);
    exactly_once(&cluster.read("copy-out", 2_400, SOON), numbers(0..2_400));
    assert_eq!(runner.terminate(), Some(0));
}

#[test]
fn nothing_is_lost_or_doubled_by_kill_9() {
    let cluster = Cluster::shared();
    if !cluster.is_real() {
        return;
    }
    let total = 60_000;
    cluster.topics(8, &["kill-in", "kill-out"], &[]);
    let module = module(COPY);
    let start = |n: usize| {
        Runner::start(
            cluster,
            "kill",
            &module,
            &["--instance", &format!("r{n}"), "--warm-up", "none"],
        )
    };
    let mut runners = vec![start(0), start(1)];
    for round in 0..6 {
        let per = total / 6;
        cluster.produce("kill-in", 8, numbers(round * per..(round + 1) * per));
        std::thread::sleep(Duration::from_millis(150 * round as u64));
        runners.remove(0).kill();
        runners.push(start(round % 2));
    }
    exactly_once(&cluster.read("kill-out", total, Duration::from_secs(60)), numbers(0..total));
}

#[test]
fn a_poisoned_record_stops_its_partition_or_goes_elsewhere() {
    let cluster = Cluster::shared();
    let mut input = numbers(0..20);
    input[7] = "!poison".into();
    for (name, args) in [("stop", &[][..]), ("skip", &["--on-poison", "skip-to:skip-dead"][..])] {
        let topic = |end: &str| format!("{name}-{end}");
        let names = [topic("in"), topic("out"), topic("dead")];
        cluster.topics(2, &names.each_ref().map(String::as_str), &[]);
        cluster.produce(&names[0], 2, input.clone());
        let runner = Runner::start(cluster, name, &module(PICKY), args);
        let others = || input.iter().filter(|value| !value.starts_with('!')).cloned();
        if name == "stop" {
            runner.says("in the record at offset 3", SOON);
            // Partition 0 is not held up by partition 1, whose first records are a batch with the fourth.
            exactly_once(
                &cluster.read(&names[1], 10, SOON),
                others().step_by(2).take(10).collect(),
            );
        } else {
            exactly_once(&cluster.read(&names[1], 19, SOON), others().collect());
            let dead = cluster.read(&names[2], 1, SOON);
            assert_eq!(dead.len(), 1);
            assert_eq!((&*dead[0].value, dead[0].partition), ("!poison", 1));
            assert_eq!(dead[0].headers[0].0, "transform-error");
        }
        assert_eq!(runner.terminate(), Some(0));
    }
}

#[test]
fn a_record_too_large_for_the_output_is_found_before_it_is_sent() {
    let cluster = Cluster::shared();
    if !cluster.is_real() {
        return;
    }
    cluster.topics(1, &["large-in", "large-dead"], &[]);
    cluster.topics(1, &["large-out"], &[("max.message.bytes", "1000")]);
    let mut input = numbers(0..50);
    input[20] = "x".repeat(2_000);
    cluster.produce("large-in", 1, input.clone());
    let args = ["--on-poison", "skip-to:large-dead"];
    let runner = Runner::start(cluster, "large", &module(COPY), &args);
    runner.says("max.message.bytes is 1000", SOON);
    let others = input.iter().filter(|value| value.len() < 1_000).cloned().collect();
    exactly_once(&cluster.read("large-out", 49, SOON), others);
    assert_eq!(cluster.read("large-dead", 1, SOON).len(), 1);
}

#[test]
fn a_new_instance_remembers_what_was_before() {
    let cluster = Cluster::shared();
    cluster.topics(1, &["count-in", "count-out"], &[]);
    let input = |n: usize| vec!["x____".to_string(); n];
    let digits = |n: usize| (1..=n).map(|n| format!("x{n:04}")).collect::<Vec<_>>();
    cluster.produce("count-in", 1, input(300));
    let args = ["--warm-up", "all", "--instance", "one"];
    let runner = Runner::start(cluster, "count", &module(COUNT), &args);
    exactly_once(&cluster.read("count-out", 300, SOON), digits(300));
    runner.kill();
    let runner = Runner::start(cluster, "count", &module(COUNT), &args);
    runner.says("warm after", SOON);
    cluster.produce("count-in", 1, input(10));
    exactly_once(&cluster.read("count-out", 310, SOON), digits(310));
}

#[test]
fn a_missing_topic_is_named_with_the_command_that_makes_it() {
    let cluster = Cluster::shared();
    if !cluster.is_real() {
        return;
    }
    cluster.topics(1, &["missing-in"], &[]);
    let runner = Runner::start(cluster, "missing", &module(COPY), &[]);
    runner.says("rpk topic create missing-out", SOON);
    cluster.topics(1, &["missing-out"], &[]);
    cluster.produce("missing-in", 1, numbers(0..10));
    exactly_once(&cluster.read("missing-out", 10, SOON), numbers(0..10));
}

#[test]
fn a_runner_that_was_away_writes_nothing() {
    let cluster = Cluster::shared();
    if !cluster.is_real() {
        return;
    }
    cluster.topics(2, &["zombie-in", "zombie-out"], &[]);
    cluster.produce("zombie-in", 2, numbers(0..1_000));
    let args = ["--kafka", "session.timeout.ms=6000", "--warm-up", "none"];
    let zombie = Runner::start(cluster, "zombie", &module(COPY), &args);
    exactly_once(&cluster.read("zombie-out", 1_000, SOON), numbers(0..1_000));
    zombie.signal("STOP");
    let heir = Runner::start(cluster, "zombie", &module(COPY), &args);
    cluster.produce("zombie-in", 2, numbers(1_000..2_000));
    exactly_once(&cluster.read("zombie-out", 2_000, SOON), numbers(0..2_000));
    zombie.signal("CONT");
    cluster.produce("zombie-in", 2, numbers(2_000..3_000));
    exactly_once(&cluster.read("zombie-out", 3_000, SOON), numbers(0..3_000));
    drop(heir);
}

#[test]
fn partitions_that_are_added_are_read_from_their_start() {
    let cluster = Cluster::shared();
    if !cluster.is_real() {
        return;
    }
    cluster.topics(1, &["grow-in", "grow-out"], &[]);
    cluster.produce("grow-in", 1, numbers(0..10));
    let runner = Runner::start(cluster, "grow", &module(COPY), &["--from-offset", "now"]);
    runner.says("are assigned", SOON);
    cluster.produce("grow-in", 1, numbers(10..20));
    cluster.read("grow-out", 10, SOON);
    cluster.grow("grow-in", 3);
    std::thread::sleep(Duration::from_millis(500));
    cluster.produce("grow-in", 3, numbers(20..50));
    exactly_once(&cluster.read("grow-out", 40, SOON), numbers(10..50));
}

#[test]
fn a_broker_that_was_away_is_waited_for() {
    let dir = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("broker");
    let _ = std::fs::remove_dir_all(&dir);
    let Some(cluster) = Cluster::kafka(Some(&dir)) else { return };
    cluster.topics(2, &["away-in", "away-out"], &[]);
    cluster.produce("away-in", 2, numbers(0..1_000));
    let runner = Runner::start(&cluster, "away", &module(COPY), &["--instance", "a"]);
    exactly_once(&cluster.read("away-out", 1_000, SOON), numbers(0..1_000));
    cluster.stop();
    std::thread::sleep(Duration::from_secs(2));
    let cluster = Cluster::kafka(Some(&dir)).expect("the broker starts again");
    cluster.produce("away-in", 2, numbers(1_000..2_000));
    exactly_once(&cluster.read("away-out", 2_000, SOON * 2), numbers(0..2_000));
    assert_eq!(runner.terminate(), Some(0));
}
