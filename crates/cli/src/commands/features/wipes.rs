//! Restarts of the broker, as history sees them.

use std::time::Duration;

use fraud_detector::Detector;
use fraud_plan::program::Events;
use fraud_simulator::SplitMix64;

/// When history is forgotten, and which part of it.
#[derive(Default)]
pub struct Wipes {
    /// Milliseconds between two wipes; `None` for none.
    every: Option<i64>,
    /// Draws the pauses and what is spared; without it, everything is forgotten at fixed intervals.
    random: Option<SplitMix64>,
    /// When the next wipe is due, milliseconds since 1970.
    next: Option<i64>,
    /// Number of wipes so far.
    pub count: u64,
}

impl Wipes {
    /// Makes wipes of everything, at this interval.
    pub fn restarts(every: Duration) -> Self {
        Self { every: Some(millis(every)), ..Self::default() }
    }

    /// Makes wipes of transactions, reports or both, at random about this often.
    pub fn scattered(every: Duration, seed: u64) -> Self {
        Self { random: Some(SplitMix64::new(seed)), ..Self::restarts(every) }
    }

    /// Makes the detector forget if a wipe is due at `now`.
    pub fn wipe_if_due(&mut self, now: i64, detector: &mut Detector) {
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
    // Half of the number range, so that adding half as much again cannot overflow.
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).min(i64::MAX / 2)
}
