//! Restarts of the broker, as far as history sees them.

use std::time::Duration;

use fraud_detector::Detector;
use fraud_plan::program::Events;

use crate::data::random::Random;

/// When history is forgotten, and what of it.
#[derive(Default)]
pub struct Wipes {
    every: Option<i64>,
    /// Without it, everything is forgotten and on time.
    random: Option<Random>,
    next: Option<i64>,
    /// How often there was one.
    pub count: u64,
}

impl Wipes {
    /// Of everything, this often.
    pub fn restarts(every: Duration) -> Self {
        Self { every: Some(millis(every)), ..Self::default() }
    }

    /// Of transactions, reports or both, at random about this often.
    pub fn scattered(every: Duration, seed: u64) -> Self {
        Self { random: Some(Random::new(seed)), ..Self::restarts(every) }
    }

    /// Has the detector forget if it is time to.
    pub fn due(&mut self, now: i64, detector: &mut Detector) {
        let Some(every) = self.every else { return };
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        // Not at the very first transaction: there is nothing to forget.
        if self.next.is_some() {
            let which = self.random.as_mut().map_or(0, |random| random.below(3));
            for (events, spared) in [(Events::Transactions, 1), (Events::Reports, 2)] {
                if which != spared {
                    detector.forget(events);
                }
            }
            self.count += 1;
        }
        let pause = match &mut self.random {
            None => every,
            Some(random) => every / 2 + random.below(every as u64) as i64,
        };
        self.next = Some(now.saturating_add(pause));
    }
}

fn millis(time: Duration) -> i64 {
    // So that half as much again is a number too.
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).min(i64::MAX / 2)
}
