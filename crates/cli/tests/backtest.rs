//! `fraud backtest`, `fraud reports`, and `fraud run` with a list of frauds, on small simulated files.

mod place;

use place::{Place, fraud_detector, lines, text};
use serde_json::Value;

/// Makes a place with ten days of transactions and the project's module.
fn simulated() -> Place {
    let place = Place::new();
    std::fs::copy(fraud_detector(), place.path("fraud-detector.wasm")).expect("writable");
    place.json("simulate --days 10 --customers 500 --output t.jsonl.zst --frauds f.csv");
    place
}

fn backtest(place: &Place, options: &str) -> Value {
    let command = format!("backtest --input t.jsonl.zst --frauds f.csv{options}");
    let (report, status) = place.json(&command);
    assert_eq!((status, &report["lost"]), (0, &0.into()), "{report:#}");
    report
}

fn sum(days: &Value, key: &str) -> u64 {
    let days = days.as_array().expect("a list");
    days.iter().map(|day| day[key].as_u64().expect("a count")).sum()
}

#[test]
fn a_backtest_counts_everything_once() {
    let place = simulated();
    let report = backtest(&place, "");
    let frauds = lines(&place.read("f.csv")).len() as u64 - 1;
    assert_eq!(report["frauds"], frauds);
    assert_eq!(report["records"], report["transactions"]);
    assert_eq!((&report["from"], &report["to"]), (&"2018-04-01".into(), &"2018-04-10".into()));
    for key in ["transactions", "frauds", "alerts", "caught", "false_alarms"] {
        assert_eq!(report[key], sum(&report["days"], key), "{key}");
        let halves = ["cold", "warm"].map(|half| report[half][key].as_u64().expect("a count"));
        assert_eq!(report[key], halves[0] + halves[1], "{key}");
    }
    for key in ["auc_roc", "average_precision", "card_precision_100", "precision", "recall"] {
        assert!((0.0..=1.0).contains(&report[key].as_f64().expect("a share")), "{key}");
    }
    for a_day in [20, 50, 100] {
        assert_eq!(report["at_alerts"][a_day.to_string()]["alerts"], a_day * 10);
    }
    assert_eq!(backtest(&place, "")["days"], report["days"]);

    // Only transactions of the period are counted, but the whole file is scored.
    let week = backtest(&place, " --from 2018-04-03 --to 2018-04-09 --alerts 5");
    let caught = |report: &Value| -> Vec<u64> {
        let days = report["days"].as_array().expect("a list");
        days.iter().map(|day| day["caught"].as_u64().expect("a count")).collect()
    };
    assert_eq!(caught(&week), caught(&report)[2..9]);
    assert_eq!(week["records"], report["records"]);
    assert_eq!(week["at_alerts"].as_object().map(|at| at.len()), Some(1));
    let weeks = backtest(&place, " --from 2018-04-04 --weeks 2");
    assert_eq!(weeks["weeks"][0]["days"], weeks["days"]);
    assert_eq!(weeks["weeks"][1]["from"], "2018-03-28");

    let human = place.fraud("backtest --input t.jsonl.zst --frauds f.csv");
    assert!(text(&human.stdout).contains("average precision"), "{}", text(&human.stdout));
}

#[test]
fn a_report_needs_nothing_beside_itself() {
    let place = simulated();
    let report = backtest(&place, " --from 2018-04-04 --weeks 2 --html report.html");
    let page = text(&place.read("report.html"));
    for part in ["http", "src=", "href=", "url(", "<script", "@import", "NaN", "inf%"] {
        assert!(!page.contains(part), "{part}");
    }
    let headline = format!("{} of {} frauds caught", report["caught"], report["frauds"]);
    for part in [headline.as_str(), "threshold", "Scenario 3", "Worst misses", "Week by week"] {
        assert!(page.contains(part), "{part}");
    }
    for tag in ["section", "div", "table", "tr", "td", "th", "span", "ol", "li", "small", "em"] {
        let open =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(open, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn a_wipe_makes_history_cold() {
    let place = simulated();
    let (warm, wiped) = (backtest(&place, ""), backtest(&place, " --wipe 2018-04-08"));
    assert_eq!(wiped["restarts"], 0);
    assert_eq!(wiped["wipe"], "2018-04-08");
    let days = |report: &Value, range: std::ops::Range<usize>| {
        report["days"].as_array().expect("a list")[range].to_vec()
    };
    assert_eq!(days(&warm, 0..7), days(&wiped, 0..7));
    let cold = |report: &Value| report["cold"]["transactions"].as_u64();
    assert!(cold(&wiped) > cold(&warm), "{:?} {:?}", cold(&wiped), cold(&warm));
}

/// What the topic of history has restores all that a restart takes, if each event is in it.
#[test]
fn the_topic_of_history_restores_what_a_restart_took() {
    let place = simulated();
    let restart = " --restart 2018-04-08 --restore --var FRAUD_HISTORY_EVERY=1";
    let (warm, restored) = (backtest(&place, ""), backtest(&place, restart));
    assert_eq!(restored["days"], warm["days"]);
    assert_ne!(backtest(&place, " --restart 2018-04-08")["days"], warm["days"]);
    let of = |key: &str| restored["history"][key].as_u64().expect("a count");
    assert!(of("restored") > 400 && of("records") > of("restored"), "{}", restored["history"]);
}

/// A wipe costs precision, and reports published again bring part of it back.
#[test]
fn reports_published_again_restore_what_a_wipe_took() {
    let place = Place::new();
    std::fs::copy(fraud_detector(), place.path("fraud-detector.wasm")).expect("writable");
    let simulate = "simulate --days 40 --customers 1500 --terminals 3000";
    place.json(&format!("{simulate} --output t.jsonl.zst --frauds f.csv"));
    let week = " --from 2018-05-04";
    let [never, republished, wiped] =
        ["", " --wipe 2018-05-04 --republish 35d", " --wipe 2018-05-04"]
            .map(|options| backtest(&place, &format!("{week}{options}")));
    let precision = |report: &Value| report["average_precision"].as_f64().expect("a share");
    let of_three = [precision(&never), precision(&republished), precision(&wiped)];
    println!("average precision: never wiped, republished, wiped: {of_three:.3?}");
    let [never_wiped, again, cold] = of_three;
    assert!(never_wiped > again + 0.03 && again > cold + 0.05, "{of_three:?}");

    // The republished reports are the ones that `fraud reports` writes, and none counts as new.
    let reports = "reports --input t.jsonl.zst --frauds f.csv".to_string();
    let (written, _) =
        place.json(&format!("{reports} --since 2018-03-30 --until 2018-05-04 --output r.jsonl"));
    assert_eq!(republished["republished"], written["reports"]);
    for key in ["reports", "records", "transactions", "frauds"] {
        assert_eq!(republished[key], wiped[key], "{key}");
    }
    assert_eq!(wiped["republished"], Value::Null);
    let more = |report: &Value| report["report_records"].as_u64().expect("a count");
    let again = more(&republished) - more(&wiped);
    assert_eq!(again, 4 * written["records"].as_u64().expect("a count"));
    let without_wipe = "backtest --input t.jsonl.zst --frauds f.csv".to_string();
    place.refused(&format!("{without_wipe} --republish 35d"), "--wipe");
}

#[test]
fn what_settings_silence_is_not_lost() {
    let place = simulated();
    let run = "run --input t.jsonl.zst --frauds f.csv --output o".to_string();
    let (all, _) = place.json(&run);
    assert_eq!(all["silenced"], 0);
    let (from, to) = ("2018-04-04T00:00:00Z", "2018-04-06T12:00:00Z");
    let (some, status) =
        place.json(&format!("{run} --var FRAUD_EMIT_FROM={from} --var FRAUD_EMIT_UNTIL={to}"));
    assert_eq!((status, &some["lost"]), (0, &0.into()), "{some:#}");
    let lines = zstd::decode_all(&place.read("t.jsonl.zst")[..]).expect("valid zstd");
    let time = |line: &String| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["timestamp"].as_str().expect("text").to_owned()
    };
    let times: Vec<String> = place::lines(&lines).iter().map(time).collect();
    let silenced = times.iter().filter(|&time| !(from..to).contains(&time.as_str())).count();
    assert!(silenced > 0 && silenced < times.len());
    assert_eq!(some["silenced"], silenced);
    let by_topic = some["by_topic"].as_object().expect("by topic").values();
    assert_eq!(by_topic.filter_map(Value::as_u64).sum::<u64>(), (times.len() - silenced) as u64);
}

#[test]
fn a_backtest_refuses_what_cannot_be() {
    let place = simulated();
    place.write("strangers.csv", "transaction_id\nx\n");
    place.write("when.csv", "transaction_id,reported_at\n1,yesterday\n");
    let backtest = "backtest --input t.jsonl.zst".to_string();
    for (options, expect) in [
        (" --frauds strangers.csv", "do they belong together?"),
        (" --frauds when.csv", "line 2: reported_at \"yesterday\""),
        (" --frauds f.csv --from 2019-01-01", "no transaction could be scored from 2019-01-01"),
        (" --frauds f.csv --from 2018-04-09 --to 2018-04-08", "--to 2018-04-08 lies before"),
        (" --frauds f.csv --weeks 2", "--from"),
        (" --frauds f.csv --wipe 2019-01-01", "no transaction is of 2019-01-01"),
        (" --frauds f.csv --protocol nobody", "handbook"),
        ("", "--frauds"),
    ] {
        place.refused(&format!("{backtest}{options}"), expect);
    }
    place.refused("run --input t.jsonl.zst --output o --report-delay 7d", "--frauds");
}

#[test]
fn a_run_says_what_it_caught() {
    let place = simulated();
    let options = "--input t.jsonl.zst --frauds f.csv --report-delay 2d --partitions 3";
    let (summary, status) = place.json(&format!("run {options} --output o"));
    assert_eq!((status, &summary["lost"]), (0, &0.into()), "{summary:#}");
    let (report, _) = place.json(&format!("backtest {options}"));
    for key in ["frauds", "caught", "false_alarms", "precision", "recall"] {
        assert_eq!(summary[key], report[key], "{key}");
    }
    for (scenario, part) in report["scenarios"].as_object().expect("by scenario") {
        for key in ["frauds", "caught", "recall"] {
            assert_eq!(summary["scenarios"][scenario][key], part[key], "{scenario} {key}");
        }
    }

    // Every report goes to each partition once, and does not count as a transaction.
    let number = |key: &str| summary[key].as_u64().expect("a count");
    let again = "--since 2018-04-01 --output r.jsonl";
    let options = options.trim_end_matches(" --partitions 3");
    let (reports, _) = place.json(&format!("reports {options} {again}"));
    assert_eq!(summary["reports"], reports["reports"]);
    assert!(number("reports") > 0 && number("report_records") <= 3 * number("reports"));
    assert_eq!(number("report_records") % 3, 0);
    assert!(summary["fuel_per_report_record"].as_f64() > Some(0.0), "{summary:#}");
    let topics = summary["by_topic"].as_object().expect("by topic").values();
    assert_eq!(topics.filter_map(Value::as_u64).sum::<u64>(), number("records"));
    let (unreported, _) = place.json("run --input t.jsonl.zst --output o");
    assert_eq!((&unreported["reports"], &unreported["frauds"]), (&0.into(), &Value::Null));
    assert_eq!(unreported["records"], summary["records"]);
}

#[test]
fn reports_to_be_published_again() {
    let place = simulated();
    let reports =
        "reports --input t.jsonl.zst --frauds f.csv --report-delay 2d --output r.jsonl".to_string();
    let (all, status) = place.json(&format!("{reports} --since 2018-04-01"));
    let frauds = lines(&place.read("f.csv")).len() as u64 - 1;
    let count = |report: &Value, key: &str| report[key].as_u64().expect("a count");
    assert_eq!((status, count(&all, "reports") + count(&all, "later")), (0, frauds));
    let mut times = Vec::new();
    let records = lines(&place.read("r.jsonl"));
    assert_eq!(records.len() as u64, count(&all, "records"));
    for record in records {
        let record: Value = serde_json::from_str(&record).expect("JSON");
        for report in record["fraud_reports"].as_array().expect("a list") {
            for key in ["transaction_id", "customer_id", "terminal_id", "timestamp"] {
                assert!(report[key].is_string(), "{report}");
            }
            assert!(report["amount"].is_f64(), "{report}");
            times.push(report["reported_at"].as_str().expect("text").to_owned());
        }
    }
    assert_eq!(times.len() as u64, count(&all, "reports"));
    assert!(times.is_sorted());

    let (some, _) =
        place.json(&format!("{reports} --since 2018-04-05 --until 2018-04-08T00:00:00Z"));
    let expect = times.iter().filter(|time| ("2018-04-05".."2018-04-08").contains(&time.as_str()));
    assert_eq!(count(&some, "reports"), expect.count() as u64);
    let (with_later, _) = place.json(&format!("{reports} --since 2018-04-01 --until 2018-05-01"));
    assert_eq!(count(&with_later, "reports"), frauds);
    place.refused(&format!("{reports} --since 2018-04-08 --until 2018-04-08"), "not after --since");
}
