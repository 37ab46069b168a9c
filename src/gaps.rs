//! Names known by sight: the records of a stream look alike, so what stands between two values, the
//! comma, the name and the colon, is most likely what stood at this place in the record before. It
//! saves the time of reading it, nothing else: what a gap means is always the same.

use crate::bytes;
use crate::json::{Member, RECORD};

/// Gaps of a record that are remembered, and the longest.
const PLACES: usize = 32;
const LONGEST: usize = 32;

/// The gaps in the last records, by their place.
pub struct Gaps {
    places: [Gap; PLACES],
    /// The place of the next one.
    next: usize,
}

#[derive(Clone, Copy)]
struct Gap {
    text: [u8; LONGEST],
    /// Greater than [`LONGEST`] where nothing is remembered.
    length: usize,
    parent: u8,
    first: bool,
    member: Member,
}

impl Gaps {
    /// None yet.
    pub fn new() -> Self {
        let none = Gap {
            text: [0; _],
            length: usize::MAX,
            parent: RECORD,
            first: false,
            member: Member::Skip,
        };
        Self { places: [none; _], next: 0 }
    }

    /// A new record begins.
    pub fn restart(&mut self) {
        self.next = 0;
    }

    /// As [`crate::json::Visitor::recognise`].
    #[inline(always)]
    pub fn recognise(&mut self, parent: u8, first: bool, text: &[u8]) -> Option<(usize, Member)> {
        let place = self.places.get(self.next);
        self.next += 1;
        let gap = place?;
        let found = text.get(..gap.length)?;
        let same = (parent, first) == (gap.parent, gap.first)
            && bytes::equal(found, gap.text.get(..gap.length)?);
        same.then_some((gap.length, gap.member))
    }

    /// Remembers the gap that was not recognised.
    pub fn learn(&mut self, parent: u8, first: bool, gap: &[u8], member: Member) {
        let place = self.next.checked_sub(1).and_then(|at| self.places.get_mut(at));
        if let Some(place) = place
            && let Some(text) = place.text.get_mut(..gap.len())
        {
            text.copy_from_slice(gap);
            *place = Gap { length: gap.len(), parent, first, member, ..*place };
        }
    }
}
