//! Which transactions have come by, and what was said of each: one that is delivered again is answered
//! again, and does not count twice.
//!
//! A duplicate is known by its id. Where its fields are those of the first delivery too,
//! the first score is repeated: history has the transaction by now, so that a score made afresh would
//! compare it with itself. With other contents it is scored afresh, since whoever gives the ids could
//! otherwise have a small transaction judged, and a large one waved through.
//!
//! A fraud report that names its transaction alone finds the entities here.

use super::reported::Reported;
use crate::record::Event;
use crate::record::event::MISSING;

/// The last `N` distinct transactions by id, each with the answer that it was given.
pub struct Known {
    ids: Reported,
    answers: Vec<Answer>,
    /// For each of the ids the transaction's entities, where reports may ask for them.
    entities: Vec<u64>,
    /// Number of ids for each.
    width: usize,
}

/// The answer that was given to a transaction.
#[derive(Clone, Copy)]
struct Answer {
    /// NaN while nothing has been said: the transaction was remembered only.
    score: f32,
    /// A hash of what the transaction's fields were.
    contents: u32,
}

/// A transaction's place among the known ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    at: u16,
    duplicate: bool,
    /// Whether its answer is the one that it was given before, or will be given again.
    same: bool,
}

impl Place {
    /// Whether the transaction has come by before.
    pub fn is_duplicate(self) -> bool {
        self.duplicate
    }
}

impl Known {
    /// Remembers `capacity` transactions, at most 65,535, and of each its first `width` entities.
    pub fn new(capacity: usize, width: usize) -> Self {
        let ids = Reported::new(capacity);
        let capacity = ids.capacity();
        let answers = vec![Answer { score: f32::NAN, contents: 0 }; capacity];
        Self { answers, entities: vec![MISSING; capacity * width], width, ids }
    }

    /// Bytes of memory that `capacity` transactions take.
    pub const fn bytes(capacity: usize, width: usize) -> usize {
        let each = size_of::<Answer>() + width * size_of::<u64>();
        Reported::bytes(capacity) + capacity * each
    }

    /// Finds a transaction's place, which it takes if it is new; `None` if it has no id.
    // Not inlined: few specs ask for it.
    #[inline(never)]
    pub fn place(&mut self, transaction: &Event) -> Option<Place> {
        let contents = contents(transaction);
        let (at, new) = self.ids.place(transaction.id?);
        if new {
            self.answers[at] = Answer { score: f32::NAN, contents };
            let entities = &transaction.ids[..self.width];
            self.entities[at * self.width..][..self.width].copy_from_slice(entities);
        }
        let same = self.answers[at].contents == contents;
        // There are at most 65,535 places.
        Some(Place { at: at as u16, duplicate: !new, same })
    }

    /// Gives a report the entities that it lacks, as its transaction has them if that is known.
    pub fn complete(&self, report: &mut Event) {
        let Some(at) = self.ids.find(report.report) else {
            return;
        };
        let known = &self.entities[at * self.width..][..self.width];
        for (id, &known) in report.ids.iter_mut().zip(known) {
            if *id == MISSING {
                *id = known;
            }
        }
    }

    /// Returns the answer to a transaction whose score by itself is `score`: the first answer, if there
    /// was one.
    pub fn answer(&mut self, place: Place, score: f32) -> f32 {
        let first = &mut self.answers[usize::from(place.at)].score;
        if !place.same {
            return score;
        }
        if first.is_nan() {
            *first = score;
        }
        *first
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.ids.clear();
    }
}

/// A hash of a transaction's entities, numbers and categories. Its time does not count: where a record has none, a
/// second delivery has another.
fn contents(transaction: &Event) -> u32 {
    let ids = transaction.ids.iter().copied();
    let numbers = transaction.numbers.iter().map(|number| u64::from(number.to_bits()));
    let categories = transaction.categories.iter().map(|value| value.unwrap_or(MISSING));
    let hash = ids
        .chain(numbers)
        .chain(categories)
        .fold(0, |hash, word| crate::record::value::mix(hash ^ word));
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<u64>, amount: f32) -> Event {
        Event { id, ids: vec![1, 2], numbers: vec![amount], ..Event::default() }
    }

    /// The answer, and whether it is a duplicate's.
    fn answer(known: &mut Known, event: &Event, score: f32) -> (f32, bool) {
        let place = known.place(event).expect("it has an id");
        (known.answer(place, score), place.is_duplicate())
    }

    #[test]
    fn a_duplicate_is_answered_as_the_first() {
        let mut known = Known::new(2, 0);
        assert_eq!(answer(&mut known, &event(Some(7), 1.0), 0.4), (0.4, false));
        assert_eq!(answer(&mut known, &event(Some(7), 1.0), 0.9), (0.4, true));
        assert_eq!(answer(&mut known, &event(Some(7), 2.0), 0.9), (0.9, true), "other contents");
        assert_eq!(answer(&mut known, &event(Some(7), 1.0), 0.8), (0.4, true));
        assert_eq!(answer(&mut known, &event(Some(8), 1.0), 0.9), (0.9, false));
        assert_eq!(answer(&mut known, &event(Some(9), 1.0), 0.9), (0.9, false));
        assert_eq!(answer(&mut known, &event(Some(7), 1.0), 0.6), (0.6, false), "forgotten");
    }

    #[test]
    fn a_report_finds_the_entities_of_its_transaction() {
        let mut known = Known::new(2, 2);
        let mut transaction = event(Some(7), 1.0);
        transaction.ids[1] = MISSING;
        known.place(&transaction).expect("it has an id");
        for (id, ids, expect) in [
            (7, [MISSING, 5], [1, 5]),
            (7, [3, MISSING], [3, MISSING]),
            (8, [MISSING, 5], [MISSING, 5]),
        ] {
            let mut report = Event { report: id, ids: ids.to_vec(), ..Event::default() };
            known.complete(&mut report);
            assert_eq!(report.ids, expect, "{id} {ids:?}");
        }
    }

    #[test]
    fn one_that_was_not_answered_is_scored_when_it_comes_again() {
        let mut known = Known::new(2, 0);
        assert_eq!(known.place(&event(None, 1.0)), None, "nothing is known of one without an id");
        let place = known.place(&event(Some(7), 1.0)).expect("it has an id");
        assert!(!place.is_duplicate());
        assert_eq!(answer(&mut known, &event(Some(7), 1.0), 0.9), (0.9, true));
        assert_eq!(answer(&mut known, &event(Some(7), 1.0), 0.1), (0.9, true));
    }
}
