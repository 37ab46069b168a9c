//! Turns the model's raw outputs into probabilities, and measures how far to believe them.

use anyhow::{Result, ensure};
use fraud_plan::MAX_KNOTS;
use serde::Serialize;

use super::threshold::Scored;

/// Maximum number of steps: after these a fit has converged, or never will.
const MAX_STEPS: usize = 100;
/// Least distance of an output from 0 and 1, so that its log-odds are finite: the distance of
/// 32-bit floats around 1.
const NEAREST: f64 = 1.0 / (1 << 24) as f64;

/// Fits Platt's calibration to pairs (output, is fraud), where an output is a probability: returns
/// slope and offset of the likeliest logistic curve over the outputs' log-odds, to four decimals.
pub fn platt(outputs: impl Iterator<Item = (f32, bool)>) -> Result<(f32, f32)> {
    let points = outputs.map(|(raw, fraud)| {
        let raw = f64::from(raw).clamp(NEAREST, 1.0 - NEAREST);
        ((raw / (1.0 - raw)).ln(), fraud)
    });
    let [slope, offset] = newton(&points.collect::<Vec<_>>()).map(|x| (x * 1e4).round() / 1e4);
    ensure!(
        slope > 0.0,
        "the model ranks frauds no higher than genuine transactions: calibrated, its output has the \
         slope {slope}, which must be above 0; do model, spec and list of frauds belong together?"
    );
    Ok((slope as f32, offset as f32))
}

/// Finds slope and offset with the least loss. Platt, "Probabilistic outputs for support vector machines"
/// (1999), by Newton's method as in Lin, Lin and Weng, "A note on Platt's probabilistic outputs"
/// (2007).
fn newton(points: &[(f64, bool)]) -> [f64; 2] {
    let frauds = points.iter().filter(|(_, fraud)| *fraud).count() as f64;
    let genuine = points.len() as f64 - frauds;
    // As if one more of each kind had been seen: with targets 0 and 1 a slope could be infinite.
    let targets = [1.0 / (genuine + 2.0), (frauds + 1.0) / (frauds + 2.0)];
    let loss = |[slope, offset]: [f64; 2]| -> f64 {
        let of = |&(x, fraud): &(f64, bool)| {
            let odds = slope * x + offset;
            // -t ln p - (1 - t) ln (1 - p), without overflow
            odds.max(0.0) - odds * targets[usize::from(fraud)] + (-odds.abs()).exp().ln_1p()
        };
        points.iter().map(of).sum()
    };
    let mut best = [0.0, ((frauds + 1.0) / (genuine + 1.0)).ln()];
    let mut least = loss(best);
    for _ in 0..MAX_STEPS {
        // The gradient, and the matrix of second derivatives, kept invertible.
        let (mut gradient, mut xx, mut x1, mut one) = ([0.0; 2], 1e-12, 0.0, 1e-12);
        for &(x, fraud) in points {
            let p = 1.0 / (1.0 + (-(best[0] * x + best[1])).exp());
            let (error, weight) = (p - targets[usize::from(fraud)], p * (1.0 - p));
            gradient = [gradient[0] + error * x, gradient[1] + error];
            (xx, x1, one) = (xx + weight * x * x, x1 + weight * x, one + weight);
        }
        let [g, h] = gradient;
        let step = [x1 * h - one * g, x1 * g - xx * h].map(|part| part / (xx * one - x1 * x1));
        let downhill = g * step[0] + h * step[1];
        // The whole step, or half of it, or a quarter, whichever first leads down enough.
        let shares = (0..40).map(|halved| 0.5_f64.powi(halved));
        let next = shares
            .map(|share| (share, [best[0] + share * step[0], best[1] + share * step[1]]))
            .find(|&(share, next)| loss(next) < least + 1e-4 * share * downhill);
        let Some((_, next)) = next else { break };
        (best, least) = (next, loss(next));
    }
    best
}

/// Fits an isotonic regression to pairs (output, is fraud): returns the knots of a line that
/// increases everywhere, so that outputs which the regression puts on one step keep their order.
///
/// The regression pools adjacent violators. The line goes through the middles of its steps. While
/// there are too many knots, the one is dropped whose absence raises the logarithmic loss least.
pub fn isotonic(outputs: impl Iterator<Item = (f32, bool)>) -> Vec<[f32; 2]> {
    let mut outputs: Vec<_> = outputs.collect();
    outputs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut steps = Vec::new();
    for tie in outputs.chunk_by(|a, b| a.0 == b.0) {
        let count = tie.len() as f64;
        let frauds = tie.iter().filter(|(_, fraud)| *fraud).count() as f64;
        pool(&mut steps, Step { count, frauds, sum: count * f64::from(tie[0].0) }, 0.0);
    }
    // As if one more of each kind had been seen on every step, so that no score is 0 or 1.
    let mut smooth = Vec::new();
    steps.into_iter().for_each(|step| pool(&mut smooth, step, 1.0));
    let steps = smooth;

    let middles: Vec<_> =
        steps.iter().map(|step| [step.sum / step.count, step.share(1.0)]).collect();
    // The loss of the steps between two knots.
    let loss = |from: usize, to: usize| -> f64 {
        let [[x0, y0], [x1, y1]] = [middles[from], middles[to]];
        let score = |at: usize| y0 + (middles[at][0] - x0) * (y1 - y0) / (x1 - x0);
        (from + 1..to).map(|at| steps[at].loss(score(at))).sum()
    };
    let mut knots: Vec<usize> = (0..steps.len()).collect();
    while knots.len() > MAX_KNOTS - 2 {
        let cost = |at: &usize| {
            let [below, knot, above] = [knots[at - 1], knots[*at], knots[at + 1]];
            let own = steps[knot].loss(middles[knot][1]);
            loss(below, above) - loss(below, knot) - own - loss(knot, above)
        };
        let least = (1..knots.len() - 1).min_by(|a, b| cost(a).total_cmp(&cost(b)));
        knots.remove(least.expect("more than two are left"));
    }
    let inner = knots.into_iter().map(|at| middles[at].map(|number| number as f32));
    let inner = inner.filter(|&[output, _]| output > 0.0 && output < 1.0);
    [[0.0, 0.0]].into_iter().chain(inner).chain([[1.0, 1.0]]).collect()
}

/// A run of neighbouring outputs that share one score.
struct Step {
    count: f64,
    frauds: f64,
    /// Sum of the outputs.
    sum: f64,
}

impl Step {
    /// Returns the share of frauds, as if `more` of each kind had been seen.
    fn share(&self, more: f64) -> f64 {
        (self.frauds + more) / (self.count + 2.0 * more)
    }

    /// Returns the logarithmic loss if all have this score.
    fn loss(&self, score: f64) -> f64 {
        -self.frauds * score.ln() - (self.count - self.frauds) * (1.0 - score).ln()
    }
}

/// Adds a step; joins it with the steps below it that are not lower.
fn pool(steps: &mut Vec<Step>, mut step: Step, more: f64) {
    while let Some(below) = steps.pop_if(|below| below.share(more) >= step.share(more)) {
        step = Step {
            count: below.count + step.count,
            frauds: below.frauds + step.frauds,
            sum: below.sum + step.sum,
        };
    }
    steps.push(step);
}

/// Number of equal ranges of scores.
const BINS: usize = 5;

/// Scores of one range against the truth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    pub transactions: u64,
    pub mean_score: Option<f64>,
    pub fraud_share: Option<f64>,
}

/// Sorts scores into bins, from the lowest to the highest.
pub fn bins(rows: &[Scored]) -> Vec<Bin> {
    let bin_of = |score: f32| ((score * BINS as f32) as usize).min(BINS - 1);
    let bin = |at: usize| {
        let (mut transactions, mut frauds, mut sum) = (0, 0, 0.0);
        for row in rows.iter().filter(|row| bin_of(row.score) == at) {
            transactions += 1;
            frauds += u64::from(row.fraud);
            sum += f64::from(row.score);
        }
        let mean = |sum: f64| (transactions > 0).then(|| sum / transactions as f64);
        let limit = |at: usize| at as f64 / BINS as f64;
        Bin {
            from: limit(at),
            to: limit(at + 1),
            transactions,
            mean_score: mean(sum),
            fraud_share: mean(frauds as f64),
        }
    };
    (0..BINS).map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a fit to groups of equal outputs: (log-odds, frauds, others).
    fn check(groups: &[(f64, usize, usize)], slope: f64, offset: f64, tolerance: f64) {
        let outputs = groups.iter().flat_map(|&(odds, frauds, genuine)| {
            let raw = (1.0 / (1.0 + (-odds).exp())) as f32;
            let of = move |fraud, count| std::iter::repeat_n((raw, fraud), count);
            of(true, frauds).chain(of(false, genuine))
        });
        let (a, b) = platt(outputs).expect("a slope above 0");
        let near = |is: f32, expect: f64| (f64::from(is) - expect).abs() < tolerance;
        assert!(near(a, slope) && near(b, offset), "{a} {b} instead of {slope} {offset}");
    }

    /// The curve passes through the mean target at both of two distinct outputs.
    #[test]
    fn two_outputs_by_hand() {
        let odds = |p: f64| (p / (1.0 - p)).ln();
        // Frauds aim at 5/6, others at 1/6: (3 · 5/6 + 1/6) / 4 = 2/3 on one side, 1/3 on the other.
        check(&[(-1.0, 1, 3), (1.0, 3, 1)], 2_f64.ln(), 0.0, 1e-4);
        check(&[(0.0, 1, 3), (2.0, 3, 1)], 2_f64.ln(), -(2_f64.ln()), 1e-4);
        // Told apart without a mistake, and still finite: 5/6 and 1/6.
        check(&[(-1.0, 0, 4), (1.0, 4, 0)], 5_f64.ln(), 0.0, 1e-4);
        // 2 frauds aim at 3/4, 98 others at 1/100.
        let (high, low) = (odds((2.0 * 0.75 + 8.0 * 0.01) / 10.0), odds(0.01));
        check(&[(-4.0, 0, 90), (0.0, 2, 8)], (high - low) / 4.0, high, 1e-4);
    }

    #[test]
    fn probabilities_stay_what_they_are() {
        let group = |tenths: usize| {
            let p = tenths as f64 / 10.0;
            ((p / (1.0 - p)).ln(), 1000 * tenths, 1000 * (10 - tenths))
        };
        check(&[1, 3, 5, 7, 9].map(group), 1.0, 0.0, 2e-3);
    }

    #[test]
    fn certain_outputs_have_a_finite_curve() {
        let all = [(0.0, false), (1.0, true), (1.0, true), (0.0, false), (1.0, false)];
        let (slope, offset) = platt(all.into_iter()).expect("a slope above 0");
        assert!(slope.is_finite() && offset.is_finite());
    }

    #[test]
    fn a_model_the_wrong_way_round_is_refused() {
        for outputs in [[(0.9, false), (0.1, true)], [(0.5, false), (0.5, true)]] {
            let refused = platt(outputs.into_iter()).expect_err("no slope above 0").to_string();
            assert!(refused.contains("no higher than genuine"), "{refused}");
        }
    }

    /// Checks a fit to groups `output frauds/count …` against its knots `output score …` between the
    /// ends.
    #[track_caller]
    fn check_isotonic(groups: &str, expect: &str) {
        let outputs = groups.split(", ").flat_map(|group| {
            let (raw, group) = group.split_once(' ').expect("output and group");
            let (frauds, count) = group.split_once('/').expect("frauds and count");
            let [frauds, count] = [frauds, count].map(|n| n.parse::<usize>().expect("a count"));
            let raw: f32 = raw.parse().expect("a number");
            (0..count).map(move |at| (raw, at < frauds))
        });
        let knots = isotonic(outputs);
        assert_eq!((knots[0], knots[knots.len() - 1]), ([0.0; 2], [1.0; 2]));
        let inner = &knots[1..knots.len() - 1];
        let found: Vec<_> = inner.iter().map(|[x, y]| format!("{x:.3} {y:.3}")).collect();
        assert_eq!(found.join(", "), expect);
    }

    #[test]
    fn steps_by_hand() {
        // Shares with one more of each: 1/10, 5/10.
        check_isotonic("0.2 0/8, 0.6 4/8", "0.200 0.100, 0.600 0.500");
        // Of two that fall, one in the middle: 3 of 10, with one more of each 4/12.
        check_isotonic(
            "0.2 0/8, 0.4 2/5, 0.5 1/5, 0.9 8/8",
            "0.200 0.100, 0.450 0.333, 0.900 0.900",
        );
        // Outputs at the ends are where the line begins and ends.
        check_isotonic("0.0 0/8, 0.5 1/2, 1.0 8/8", "0.500 0.500");
        // Steps that rise no more with one more of each are one: 68 of 105.
        check_isotonic("0.1 0/2, 0.3 65/100, 0.4 2/3", "0.100 0.250, 0.303 0.648");
    }

    #[test]
    fn no_more_knots_than_allowed_and_all_rise() {
        // A parabola, to which sixteen knots come close.
        let groups = (1..100).map(|at| {
            let p = f64::from(at) / 100.0;
            (p as f32, (p * p * 10_000.0) as usize)
        });
        let outputs =
            groups.flat_map(|(raw, frauds)| (0..10_000).map(move |at| (raw, at < frauds)));
        let knots = isotonic(outputs);
        assert_eq!(knots.len(), MAX_KNOTS);
        for pair in knots.windows(2) {
            assert!(pair[0][0] < pair[1][0] && pair[0][1] < pair[1][1], "{knots:?}");
            let [x, y] = [0, 1].map(|at| (pair[0][at] + pair[1][at]) / 2.0);
            assert!((y - x * x).abs() < 0.01, "{x} {y} {knots:?}");
        }
    }

    #[test]
    fn five_bins() {
        let rows = [(0.0, false), (0.1, true), (0.2, false), (1.0, true)];
        let rows = rows.map(|(score, fraud)| Scored { score, fraud, amount: 1.0 });
        let bins = bins(&rows);
        let figures: Vec<_> = bins.iter().map(|bin| (bin.transactions, bin.fraud_share)).collect();
        assert_eq!(figures, [(2, Some(0.5)), (1, Some(0.0)), (0, None), (0, None), (1, Some(1.0))]);
        assert!((bins[0].mean_score.expect("two") - 0.05).abs() < 1e-6);
    }
}
