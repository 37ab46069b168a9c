//! The threshold that reaches a goal, which is given in the user's terms.

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::show::units::shortest;

/// The goal of a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most this many alerts a day on average.
    Alerts(f64),
    /// At least this share of the alerts are frauds.
    Precision(f64),
    /// The least sum of missed frauds' amounts and reviews, at this cost of a review.
    Cost(f64),
    /// The best balance of precision and recall: their harmonic mean, F1, is highest. It suits a file of any
    /// size and any share of frauds.
    Balance,
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Goal::Alerts(most) => write!(f, "at most {most} alerts a day"),
            Goal::Precision(least) => write!(f, "a precision of at least {least}"),
            Goal::Cost(cost) => write!(f, "least cost, {cost} a review"),
            Goal::Balance => f.write_str("the highest F1, which balances precision and recall"),
        }
    }
}

/// A scored transaction and the truth about it.
#[derive(Clone, Copy, Debug)]
pub struct Scored {
    /// The calibrated score.
    pub score: f32,
    pub fraud: bool,
    pub amount: f64,
}

/// A threshold, and what it achieves.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Choice {
    /// A 32-bit float, with the digits that it is written with.
    pub threshold: f64,
    pub precision: f64,
    pub recall: f64,
    pub alerts_per_day: f64,
    /// The share of the frauds' amounts that is caught.
    pub amount_caught: f64,
}

/// Every way to divide the transactions of some days into alerts and the rest by score.
pub struct Cuts {
    /// The highest score first; each cut has more alerts than the one before.
    cuts: Vec<Cut>,
    days: f64,
}

/// One such division.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    /// The lowest score that is an alert.
    score: f32,
    /// The highest score that is none; 0 if all are alerts.
    below: f32,
    alerts: u64,
    caught: u64,
    /// Sum of the amounts of caught frauds.
    saved: f64,
}

impl Cut {
    fn precision(&self) -> f64 {
        self.caught as f64 / self.alerts as f64
    }

    /// Returns a threshold that parts exactly these alerts from the rest, with as few decimals as
    /// possible.
    fn threshold(&self) -> f32 {
        let middle = (f64::from(self.below) + f64::from(self.score)) / 2.0;
        (2..12)
            .filter_map(|decimals| format!("{middle:.decimals$}").parse().ok())
            .find(|threshold| self.below < *threshold && *threshold <= self.score)
            .unwrap_or(self.score)
    }
}

impl Cuts {
    /// Makes the cuts of at least one transaction.
    pub fn new(mut rows: Vec<Scored>, days: usize) -> Self {
        rows.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
        let mut cut = Cut::default();
        let mut cuts: Vec<Cut> = Vec::new();
        for tie in rows.chunk_by(|a, b| a.score == b.score) {
            cut.score = tie[0].score;
            if let Some(above) = cuts.last_mut() {
                above.below = cut.score;
            }
            cut.alerts += tie.len() as u64;
            for row in tie.iter().filter(|row| row.fraud) {
                cut.caught += 1;
                cut.saved += row.amount;
            }
            cuts.push(cut);
        }
        Self { cuts, days: days as f64 }
    }

    /// Chooses the threshold that achieves a goal, if there is one.
    pub fn choose(&self, goal: Goal) -> Result<Choice> {
        let top = self.cuts.first().context("there are no transactions")?;
        let cuts = self.cuts.iter();
        let a_day = |cut: &Cut| cut.alerts as f64 / self.days;
        let chosen = match goal {
            Goal::Alerts(most) => {
                cuts.take_while(|cut| a_day(cut) <= most).last().with_context(|| {
                    format!(
                        "--alerts-per-day {most} is too few: the highest score alone gives {:.2} \
                         alerts a day; allow at least that many",
                        a_day(top)
                    )
                })?
            }
            Goal::Precision(least) => {
                let best = cuts.clone().map(Cut::precision).fold(0.0, f64::max);
                cuts.rev().find(|cut| cut.precision() >= least).with_context(|| {
                    format!(
                        "--min-precision {least} cannot be reached: the best is {best:.3}; ask for \
                         less"
                    )
                })?
            }
            Goal::Cost(cost) => {
                let gain = |cut: &Cut| cut.saved - cut.alerts as f64 * cost;
                // `max_by` takes the last of equal cuts: in this order, the one with the fewest alerts.
                let best = cuts.rev().max_by(|a, b| gain(a).total_cmp(&gain(b))).unwrap_or(top);
                ensure!(
                    gain(best) > 0.0,
                    "--review-cost {cost} is too much: at no threshold do alerts save more than \
                     their reviews cost, at best {:.2} each; is it in the unit of the amounts?",
                    self.cuts.iter().map(|cut| cut.saved / cut.alerts as f64).fold(0.0, f64::max),
                );
                best
            }
            Goal::Balance => {
                let all = self.cuts.last().unwrap_or(top).caught;
                let f1 = |cut: &Cut| 2.0 * cut.caught as f64 / (cut.alerts + all) as f64;
                cuts.rev().max_by(|a, b| f1(a).total_cmp(&f1(b))).unwrap_or(top)
            }
        };
        Ok(self.choice(chosen))
    }

    fn choice(&self, cut: &Cut) -> Choice {
        let all = self.cuts.last().unwrap_or(cut);
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Choice {
            threshold: shortest(cut.threshold()),
            precision: cut.precision(),
            recall: share(cut.caught as f64, all.caught as f64),
            alerts_per_day: cut.alerts as f64 / self.days,
            amount_caught: share(cut.saved, all.saved),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes cuts of two days from words `score amount`, with `!` for a fraud.
    fn cuts(words: &[&str]) -> Cuts {
        let row = |word: &&str| {
            let (score, amount) = word.split_once(' ').expect("score and amount");
            Scored {
                score: score.parse().expect("a number"),
                fraud: amount.ends_with('!'),
                amount: amount.trim_end_matches('!').parse().expect("a number"),
            }
        };
        Cuts::new(words.iter().map(row).collect(), 2)
    }

    /// Makes ten cuts: two frauds on top, ties at 0.7 and at 0.2.
    fn ten() -> Cuts {
        cuts(&[
            "0.2 1", "0.7 20!", "0.9 100!", "0.7 2", "0.8 50!", "0.7 3", "0.2 60!", "0.4 4",
            "0.2 1", "0.2 1",
        ])
    }

    fn check(goal: Goal, expect: Option<(f32, u64, u64)>) {
        let cuts = ten();
        let chosen = cuts.choose(goal).ok().map(|choice| {
            let cut = cuts.cuts.iter().find(|cut| shortest(cut.threshold()) == choice.threshold);
            cut.map(|cut| (cut.score, cut.alerts, cut.caught)).expect("one of the cuts")
        });
        assert_eq!(chosen, expect, "{goal}");
    }

    #[test]
    fn alerts_within_a_budget() {
        // A tie is alerted whole or not at all.
        for (a_day, expect) in [
            (0.4, None),
            (0.5, Some((0.9, 1, 1))),
            (1.0, Some((0.8, 2, 2))),
            (2.4, Some((0.8, 2, 2))),
            (2.5, Some((0.7, 5, 3))),
            (3.0, Some((0.4, 6, 3))),
            (5.0, Some((0.2, 10, 4))),
            (99.0, Some((0.2, 10, 4))),
        ] {
            check(Goal::Alerts(a_day), expect);
        }
    }

    #[test]
    fn the_lowest_threshold_of_a_precision() {
        for (least, expect) in [
            (0.4, Some((0.2, 10, 4))),
            (0.5, Some((0.4, 6, 3))),
            (0.6, Some((0.7, 5, 3))),
            (0.61, Some((0.8, 2, 2))),
            (1.0, Some((0.8, 2, 2))),
        ] {
            check(Goal::Precision(least), expect);
        }
        let worse = cuts(&["0.9 1", "0.8 1!", "0.7 1!", "0.6 1!", "0.5 1"]);
        let refused = worse.choose(Goal::Precision(0.8)).expect_err("at most 3 of 4").to_string();
        assert!(refused.contains("the best is 0.750"), "{refused}");
    }

    #[test]
    fn amounts_against_reviews() {
        // At 0.9, 0.8, 0.7, 0.4, 0.2 alerts save 100, 150, 170, 170, 230 and are 1, 2, 5, 6, 10.
        for (cost, expect) in [
            (1.0, Some((0.2, 10, 4))),
            (9.0, Some((0.2, 10, 4))),
            // 230 - 100 = 150 - 20 = 130: the fewest alerts win among equal gains.
            (10.0, Some((0.8, 2, 2))),
            (60.0, Some((0.9, 1, 1))),
            (100.0, None),
        ] {
            check(Goal::Cost(cost), expect);
        }
    }

    #[test]
    fn the_best_balance() {
        // F1 at 0.9, 0.8, 0.7, 0.4, 0.2 is 2/5, 4/6, 6/9, 6/10, 8/14: the fewest alerts win among equals.
        check(Goal::Balance, Some((0.8, 2, 2)));
        // Whether frauds are few or many.
        let rare = cuts(&["0.9 1!", "0.5 1", "0.4 1", "0.3 1", "0.2 1", "0.1 1"]);
        assert_eq!(rare.choose(Goal::Balance).expect("a fraud").precision, 1.0);
        let usual = cuts(&["0.9 1!", "0.9 1!", "0.5 1!", "0.4 1", "0.3 1!", "0.2 1"]);
        assert_eq!(usual.choose(Goal::Balance).expect("a fraud").recall, 1.0);
    }

    #[test]
    fn thresholds_part_exactly() {
        let threshold = |below, score| Cut { below, score, ..Cut::default() }.threshold();
        assert_eq!(threshold(0.2, 0.7), 0.45);
        assert_eq!(threshold(0.811, 0.813), 0.812);
        assert_eq!(threshold(0.811, 0.8112), 0.8111);
        assert_eq!(threshold(0.0, 0.0), 0.0);
        assert_eq!(threshold(0.0, 1e-6), 0.000_000_5);
        // Only the upper of two neighbouring floats parts them.
        let next = f32::from_bits(0.3_f32.to_bits() + 1);
        for (below, score) in [(0.3, next), (0.999_999_94, 1.0), (0.0, f32::from_bits(1))] {
            assert_eq!(threshold(below, score), score);
        }
    }
}
