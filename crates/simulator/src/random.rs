//! Independent streams of random numbers, and the distributions drawn from them.

use std::f64::consts::TAU;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// The use of a stream of random numbers. Each purpose, day and customer has a stream of its own, so a
/// knob changes only the part of the simulation that it is about.
#[derive(Clone, Copy)]
pub enum Purpose {
    Customer = 0,
    Terminal = 1,
    Purchases = 2,
    CompromisedTerminals = 3,
    CompromisedCustomers = 4,
    StolenCards = 5,
    // The rest is of the other worlds: what one person does, what is done to one, what is done to many.
    Place = 6,
    Life = 7,
    Crime = 8,
    Ring = 9,
    Aftermath = 10,
    Card = 11,
}

/// A stream. The distributions are written out here because their bits must never change: not with a
/// version of a library, and not with the platform (std's `ln`, `cos` and `exp` differ).
pub struct Random(ChaCha8Rng);

impl Random {
    /// Starts the stream of a purpose, on a day (below 2^28; 0 if it has none), for an index.
    pub fn new(seed: u64, purpose: Purpose, day: u32, index: u32) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream((purpose as u64) << 60 | u64::from(day) << 32 | u64::from(index));
        Random(rng)
    }

    /// Draws uniformly from [low, high), in steps of 2^-53 of the width.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        low + (high - low) * ((self.0.next_u64() >> 11) as f64 * STEP)
    }

    /// Draws uniformly from 0..n, for n > 0, by multiplication; the bias is below n / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// Draws from a normal distribution, by Box and Muller; the second value is not kept, so a draw
    /// has no memory.
    pub fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform(0.0, 1.0)));
        mean + deviation * (radius * libm::cos(self.uniform(0.0, TAU)))
    }

    /// Draws a number whose logarithm is normal with this deviation.
    pub fn log_normal(&mut self, median: f64, deviation: f64) -> f64 {
        median * libm::exp(self.normal(0.0, deviation))
    }

    /// Draws whether something of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform(0.0, 1.0) < probability
    }

    /// Draws from a Poisson distribution, by Knuth's product of uniforms; the time grows with the rate.
    pub fn poisson(&mut self, rate: f64) -> u32 {
        let limit = libm::exp(-rate);
        let mut product = self.uniform(0.0, 1.0);
        let mut count = 0;
        while product > limit {
            product *= self.uniform(0.0, 1.0);
            count += 1;
        }
        count
    }

    /// Draws `count` different numbers below n (all n, if there are no more), by Floyd's method: every
    /// set is equally likely, but not every order.
    pub fn distinct(&mut self, count: usize, n: usize) -> Vec<usize> {
        let mut chosen = Vec::new();
        for last in n.saturating_sub(count)..n {
            let candidate = self.below(last + 1);
            chosen.push(if chosen.contains(&candidate) { last } else { candidate });
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 200_000;

    /// Checks mean and variance over many draws, each within 5 standard errors. The variance's error
    /// is taken at a kurtosis of 4, which none of the distributions here reaches.
    #[track_caller]
    fn check(mean: f64, variance: f64, mut draw: impl FnMut(&mut Random) -> f64) {
        let mut random = Random::new(7, Purpose::Customer, 0, 0);
        let draws: Vec<f64> = (0..DRAWS).map(|_| draw(&mut random)).collect();
        let n = DRAWS as f64;
        let measured = draws.iter().sum::<f64>() / n;
        let spread = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n;
        assert!((measured - mean).abs() < 5.0 * (variance / n).sqrt(), "mean {measured}");
        assert!((spread - variance).abs() < 5.0 * variance * (3.0 / n).sqrt(), "variance {spread}");
    }

    #[test]
    fn distributions_have_their_moments() {
        check(4.0, 3.0, |r| r.uniform(1.0, 7.0));
        check(4.5, 8.25, |r| r.below(10) as f64);
        check(-3.0, 4.0, |r| r.normal(-3.0, 2.0));
        check(1.0, 1.0, |r| f64::from(r.poisson(1.0)));
        check(3.9, 3.9, |r| f64::from(r.poisson(3.9)));
        check(0.3, 0.21, |r| f64::from(u8::from(r.chance(0.3))));
        check(2.0 * 1.005_012_5, 0.040_607, |r| r.log_normal(2.0, 0.1));
        check(4.5, 8.25, |r| r.distinct(3, 10)[r.below(3)] as f64);
    }

    #[test]
    fn distinct_numbers_are_distinct() {
        let mut random = Random::new(7, Purpose::Customer, 0, 0);
        for (count, n) in [(0, 0), (0, 5), (3, 0), (2, 5), (5, 5), (9, 5)] {
            let mut chosen = random.distinct(count, n);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), count.min(n));
            assert!(chosen.iter().all(|&c| c < n));
        }
    }
}
