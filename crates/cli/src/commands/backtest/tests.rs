//! The measures against cases worked out by hand, and against scikit-learn 1.9.1.

use super::cases::Case;
use super::evaluation::Evaluation;
use super::metrics::{Ranking, Tally, at_alerts, card_precision};
use super::protocol::Period;
use fraud_plan::time::millis::DAY;

fn check(scores: &[(f32, u8)], auc_roc: Option<f64>, average_precision: Option<f64>) {
    let ranking = Ranking::new(scores.iter().map(|&(score, fraud)| (score, fraud > 0)));
    for (is, expect) in
        [(ranking.auc_roc(), auc_roc), (ranking.average_precision(), average_precision)]
    {
        match (is, expect) {
            (Some(is), Some(expect)) => assert!((is - expect).abs() < 1e-12, "{is} {scores:?}"),
            _ => assert_eq!(is, expect, "{scores:?}"),
        }
    }
}

#[test]
fn rankings_by_hand() {
    check(&[], None, None);
    check(&[(0.5, 0)], None, None);
    check(&[(0.5, 1)], None, Some(1.0));
    check(&[(0.9, 1), (0.1, 0)], Some(1.0), Some(1.0));
    check(&[(0.1, 1), (0.9, 0)], Some(0.0), Some(0.5));
    check(&[(0.5, 1), (0.5, 0), (0.5, 0), (0.5, 0)], Some(0.5), Some(0.25));
    // 5 + (2 + 2/2) + (1 + 1/2) of 15 pairs; (1/1 + 2/5 + 3/7) / 3
    let ties = [(0.9, 1), (0.8, 0), (0.7, 1), (0.7, 0), (0.7, 0), (0.3, 1), (0.3, 0), (0.1, 0)];
    check(&ties, Some(9.5 / 15.0), Some((1.0 + 0.4 + 3.0 / 7.0) / 3.0));
}

/// `roc_auc_score` and `average_precision_score` of tenths, the frauds first.
#[test]
fn rankings_as_scikit_learn() {
    let tenths = |digits: &str, fraud: u8| -> Vec<(f32, u8)> {
        digits.bytes().map(|digit| (f32::from(digit - b'0') / 10.0, fraud)).collect()
    };
    let frauds = tenths("7684588434476", 1);
    let others = tenths("22101541204564026524523262001522163001031615263", 0);
    check(&[frauds, others].concat(), Some(0.854_337_152_209_492_7), Some(0.660_396_014_242_168_1));
}

/// Makes cases of days of words `customer score`, with `!` for a fraud and `*` for an alert.
fn cases(days: &[&[&str]]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (day, words) in days.iter().enumerate() {
        for (minute, word) in words.iter().enumerate() {
            let (customer, score) = word.split_once(' ').expect("customer and score");
            cases.push(Case {
                millis: day as i64 * DAY + minute as i64 * 60_000,
                customer: customer.parse().expect("a number"),
                score: score.trim_end_matches(['!', '*']).parse().expect("a number"),
                scenario: if word.contains('!') { 2 } else { 0 },
                alert: word.contains('*'),
                amount: 10.0,
                warm: minute > 0,
                ..Case::default()
            });
        }
    }
    cases
}

#[test]
fn card_precision_by_hand() {
    let cases = cases(&[
        // Card 1 counts once, by its highest score, and its fraud counts though that scores low.
        &["1 .9", "1 .1!", "2 .8", "3 .7!", "4 .6!"],
        // Card 1 is gone; 3 was not found, because the second place was 2's.
        &["1 .9!", "2 .8!", "3 .7!", "4 .6!"],
        // Card 4 is left, and a card that is no fraud. There are fewer cards than places.
        &["4 .1!", "3 .9!"],
        &["5 .1"],
    ]);
    let cases: Vec<&Case> = cases.iter().collect();
    let days: Vec<f64> = card_precision(&cases, 2).into_values().collect();
    assert_eq!(days, [0.5, 1.0, 0.5, 0.0]);
}

#[test]
fn alerts_by_day() {
    let cases = cases(&[&["1 .1!", "2 .2", "3 .3!"], &["1 .9!", "2 .8", "3 .7"], &["1 0"]]);
    let cases: Vec<&Case> = cases.iter().collect();
    for (top, expect) in [(1, (3, 2)), (2, (5, 2)), (3, (7, 3)), (100, (7, 3))] {
        assert_eq!(at_alerts(&cases, top), expect, "{top}");
    }
}

#[test]
fn an_evaluation_by_hand() {
    let cases = cases(&[&["1 .9!*", "2 .8*", "3 .3!"], &[], &["1 .6!*", "2 .1"]]);
    let cases: Vec<&Case> = cases.iter().collect();
    let period = Period { first: 0, last: 3 };
    let evaluation = Evaluation::of(&cases, period, 0, &[1]);
    let expect =
        Tally { transactions: 5, frauds: 3, alerts: 3, caught: 2, saved: 20.0, missed: 10.0 };
    assert_eq!(evaluation.all.tally, expect);
    assert_eq!((expect.precision(), expect.recall()), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
    assert_eq!(evaluation.alerts_per_day, 0.75);
    let alerts: Vec<u64> = evaluation.days.iter().map(|day| day.tally.alerts).collect();
    assert_eq!(alerts, [2, 0, 1, 0]);
    assert_eq!((evaluation.cold.tally.frauds, evaluation.warm.tally.frauds), (2, 1));
    assert_eq!(evaluation.scenarios.keys().collect::<Vec<_>>(), [&2]);
    let at = &evaluation.at_alerts[0];
    assert_eq!((at.alerts, at.caught, at.threshold), (2, 2, Some(0.3)));
    let json = serde_json::to_value(&evaluation).expect("plain data");
    for key in ["auc_roc", "average_precision", "card_precision_100", "precision", "recall"] {
        assert!(json[key].is_f64(), "{key}");
    }
    assert_eq!(json["days"][1]["precision"], serde_json::Value::Null);
    assert_eq!(json["at_alerts"]["1"]["threshold"], 0.3);
}
