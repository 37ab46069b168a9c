//! Which transactions have come by, and what was said of each: one that is delivered again is answered
//! again, and does not count twice.
//!
//! A duplicate is known by its id. Where its fields are those of the first delivery too,
//! the first score is repeated: history has the transaction by now, so that a score made afresh would
//! compare it with itself. With other contents it is scored afresh, since whoever gives the ids could
//! otherwise have a small transaction judged, and a large one waved through.
//!
//! A fraud report that names its transaction alone finds the entities here.

use fraud_plan::Program;

use super::reported::Reported;
use crate::record::Event;
use crate::record::event::MISSING;

/// The last `N` distinct transactions by id, each with the answer that it was given.
pub struct Known {
    ids: Reported,
    answers: Vec<Answer>,
    /// For each of the ids the transaction's id of each entity of `asked`.
    entities: Vec<u64>,
    /// The entities that a report may lack and needs, by their numbers.
    asked: Vec<u8>,
    /// The entities that consist of them, each with its parts.
    composites: Vec<(u8, Vec<u8>)>,
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
    /// Remembers as many transactions as the program says, at least one.
    pub fn new(program: &Program) -> Self {
        let ids = Reported::new(program.known as usize);
        let capacity = ids.capacity();
        let answers = vec![Answer { score: f32::NAN, contents: 0 }; capacity];
        let asked: Vec<u8> = asked(program).collect();
        let entities = vec![MISSING; capacity * asked.len()];
        let composites = (0..).zip(&program.entities).map(|(at, entity)| (at, entity.of.clone()));
        let composites = composites.filter(|(_, of)| !of.is_empty()).collect();
        Self { ids, answers, entities, asked, composites }
    }

    /// Returns the bytes of memory that it takes for a program.
    pub fn bytes(program: &Program) -> usize {
        let (capacity, width) = (program.known as usize, asked(program).count());
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
            let width = self.asked.len();
            let entities = &mut self.entities[at * width..][..width];
            for (id, &entity) in entities.iter_mut().zip(&self.asked) {
                *id = transaction.ids[usize::from(entity)];
            }
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
        let width = self.asked.len();
        let known = &self.entities[at * width..][..width];
        for (&entity, &known) in self.asked.iter().zip(known) {
            let id = &mut report.ids[usize::from(entity)];
            if *id == MISSING {
                *id = known;
            }
        }
        report.compose(&self.composites);
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

/// Returns the entities of a known transaction that reports need: those with a path of their own of which
/// reports are remembered, or of which an entity consists whose reports are.
fn asked(program: &Program) -> impl Iterator<Item = u8> {
    let entities = (0..).zip(&program.entities);
    let has_path = entities.filter(|(_, entity)| entity.of.is_empty()).map(|(at, _)| at);
    has_path.filter(|&at| program.is_reported(at))
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
        Event { id, ids: vec![9, 1, 2, 7, 8], numbers: vec![amount], ..Event::default() }
    }

    /// The answer, and whether it is a duplicate's.
    fn answer(known: &mut Known, event: &Event, score: f32) -> (f32, bool) {
        let place = known.place(event).expect("it has an id");
        (known.answer(place, score), place.is_duplicate())
    }

    /// Remembers two transactions; reports need `a` and `b`, and none needs the two others.
    fn two() -> Known {
        let spec = r#"
            version = 1
            transaction = { id = "id", known = 2 }
            entity = [
                { name = "z", path = "z" },
                { name = "a", path = "a" },
                { name = "b", path = "b", scope = "instance" },
                { name = "a_at_z", of = ["z", "a"] },
                { name = "a_at_b", of = ["a", "b"], scope = "instance" },
            ]
            reports = { path = "reports", time = "at" }
            feature = [
                { name = "x", kind = "reports", entity = "a", stat = "days_since_last" },
                { name = "y", kind = "reports", entity = "a_at_b", stat = "days_since_last" },
            ]
        "#;
        Known::new(&fraud_plan::compile::spec::parse(spec, "spec").expect("a valid spec"))
    }

    #[test]
    fn a_duplicate_is_answered_as_the_first() {
        let mut known = two();
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
        let mut known = two();
        let mut transaction = event(Some(7), 1.0);
        known.place(&transaction).expect("it has an id");
        (transaction.id, transaction.ids[2]) = (Some(8), MISSING);
        known.place(&transaction).expect("it has an id");
        let each = known.entities.len() / known.answers.len();
        assert_eq!(each, 2, "of a and b");
        let pair = |a, b| {
            let mut event = Event { ids: vec![0, a, b, 0, 0], ..Event::default() };
            event.compose(&known.composites);
            event.ids[4]
        };
        for (id, [a, b], expect) in [
            (7, [MISSING, MISSING], [1, 2]),
            (7, [3, MISSING], [3, 2]),
            (8, [MISSING, MISSING], [1, MISSING]),
            (9, [MISSING, 5], [MISSING, 5]),
        ] {
            let ids = vec![MISSING, a, b, MISSING, MISSING];
            let mut report = Event { report: id, ids, ..Event::default() };
            known.complete(&mut report);
            let [a, b] = expect;
            assert_eq!(report.ids, [MISSING, a, b, MISSING, pair(a, b)], "{id}");
        }
    }

    #[test]
    fn one_that_was_not_answered_is_scored_when_it_comes_again() {
        let mut known = two();
        assert_eq!(known.place(&event(None, 1.0)), None, "nothing is known of one without an id");
        let place = known.place(&event(Some(7), 1.0)).expect("it has an id");
        assert!(!place.is_duplicate());
        assert_eq!(answer(&mut known, &event(Some(7), 1.0), 0.9), (0.9, true));
        assert_eq!(answer(&mut known, &event(Some(7), 1.0), 0.1), (0.9, true));
    }
}
