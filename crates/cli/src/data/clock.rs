//! The broker's clock, as a file tells it.
//!
//! **Idea**: a broker knows what time it is, and a file does not say. The clock follows the records' times,
//! but a time moves it only if at least half of the records behind confirm it: if they are of that time or
//! later. So a record that is dated 2099 by mistake is far ahead of the clock, as it would be in a
//! broker, and moves nothing: no later record is late because of it, and no report falls due too early.
//!
//! **Invariant**: the clock never goes back; in a file in order of time it is each record's own time.
//!
//! **Example**: of the times 1 2 99 3 4, 99 is confirmed by neither 3 nor 4: the clock says 1 2 2 3 4.
//!
//! Check a change with the tests below; all commands that read transactions go through
//! [`Stream`](super::stream::Stream), which holds the one clock.

use std::ops::Range;

use fraud_plan::time::millis::{DAY, SECOND};

/// Number of records behind a record that may confirm its time.
pub const LOOKAHEAD: usize = 64;

/// Times that are possible, milliseconds since 1970: up to the end of 2135.
const TIMES: Range<i64> = 0..5_238_518_400_000;
/// A pause that is believed at either end of a file, where there is little to confirm it.
const MAX_PAUSE: i64 = 31 * DAY;

/// 2020-01-01T00:00:00Z, milliseconds since 1970.
const FIRST_ARRIVAL: i64 = 1_577_836_800_000;

/// Tells when each record of a file arrives at the broker.
#[derive(Default)]
pub struct Clock {
    /// The first time, and the time now; `None` before the first record with a time.
    span: Option<(i64, i64)>,
    /// When the last record arrived; `None` before the first.
    last: Option<i64>,
}

impl Clock {
    /// Returns the time at which the next record arrives, milliseconds since 1970, by its own time and
    /// those of the records behind it. It is −1 before the first record with a time.
    pub fn tick(
        &mut self,
        time: Option<i64>,
        behind: impl Iterator<Item = Option<i64>> + Clone,
    ) -> i64 {
        let arrival = self.next(time, behind).max(self.last.unwrap_or(-1));
        self.last = Some(arrival);
        arrival
    }

    fn next(
        &mut self,
        time: Option<i64>,
        behind: impl Iterator<Item = Option<i64>> + Clone,
    ) -> i64 {
        let now = self.span.map(|(_, now)| now);
        let is_ahead = |time: &i64| TIMES.contains(time) && now.is_none_or(|now| *time >= now);
        let behind = behind.flatten().filter(is_ahead);
        let Some(time) = time.filter(is_ahead) else {
            return now.unwrap_or(-1);
        };
        let count = behind.clone().count();
        let is_confirmed = match (count, self.span) {
            (0, None) => true,
            (0, Some((first, now))) => time - now <= MAX_PAUSE.max(now - first),
            (_, None) if is_detached(time, behind.clone()) => false,
            _ => 2 * behind.clone().filter(|other| *other >= time).count() >= count,
        };
        if is_confirmed {
            self.span = Some((self.span.map_or(time, |(first, _)| first), time));
            return time;
        }
        now.or(behind.min()).unwrap_or(-1)
    }
}

/// Returns whether the first time of a file is further before the next later one than that is before the
/// last: it is wrong.
fn is_detached(time: i64, behind: impl Iterator<Item = i64> + Clone) -> bool {
    let later = || behind.clone().filter(|other| *other >= time);
    let (Some(next), Some(last)) = (later().min(), later().max()) else { return false };
    next - time > MAX_PAUSE.max(last - next)
}

/// Returns when record number `number` arrives, from 0, if the spec has no time: one a second, from 2020 on.
pub fn without_time(number: u64) -> i64 {
    FIRST_ARRIVAL + i64::try_from(number).unwrap_or(0) * SECOND
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arrivals(times: &[Option<i64>]) -> Vec<i64> {
        let mut clock = Clock::default();
        let each = times.iter().enumerate();
        each.map(|(at, time)| clock.tick(*time, times[at + 1..].iter().take(LOOKAHEAD).copied()))
            .collect()
    }

    #[test]
    fn one_time_moves_nothing() {
        let year = 365 * DAY;
        for (times, expect) in [
            (vec![1, 2, 99, 3, 4], vec![1, 2, 2, 3, 4]),
            (vec![99, 1, 2, 3], vec![1, 1, 2, 3]),
            (vec![1, 2, 3, 99 * year], vec![1, 2, 3, 3]),
            (vec![1, 2, 3, -5], vec![1, 2, 3, 3]),
            (vec![1, 2, 0, 3], vec![1, 2, 2, 3]),
            // A pause, however long, that what follows confirms.
            (vec![1, 2, 9 * year, 9 * year + 1], vec![1, 2, 9 * year, 9 * year + 1]),
            (vec![7], vec![7]),
            (vec![0, 9 * year, 9 * year + 1], vec![9 * year, 9 * year, 9 * year + 1]),
        ] {
            let some: Vec<_> = times.iter().copied().map(Some).collect();
            assert_eq!(arrivals(&some), expect, "{times:?}");
        }
        assert_eq!(arrivals(&[None, Some(5), None, Some(6)]), [-1, 5, 5, 6]);
    }

    proptest! {
        /// Wherever a record with a wrong time is put into a file, all others arrive when they arrived.
        /// The file has three records at least: between two, nobody can say which one is wrong.
        #[test]
        fn a_wrong_time_moves_no_other(
            steps in prop::collection::vec(0..31 * DAY, 2..200),
            at in any::<prop::sample::Index>(),
            wrong in prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), Just(4_070_908_800_000_i64)],
        ) {
            let mut now = 1_500_000_000_000;
            let mut times: Vec<_> = steps.iter().map(|step| {
                now += step;
                Some(now)
            }).collect();
            let expect: Vec<i64> = times.iter().flatten().copied().collect();
            prop_assert_eq!(&arrivals(&times), &expect);
            let at = at.index(times.len() + 1);
            times.insert(at, Some(wrong));
            let mut moved = arrivals(&times);
            let own = moved.remove(at);
            prop_assert_eq!(moved, expect);
            prop_assert!(own <= now, "{}", own);
        }

        /// Whatever the order, the clock never goes back.
        #[test]
        fn it_never_goes_back(times in prop::collection::vec(prop::option::of(0..1000_i64), 0..200)) {
            let arrivals = arrivals(&times);
            prop_assert!(arrivals.is_sorted(), "{:?}", arrivals);
        }
    }
}
