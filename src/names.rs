//! Names known by sight: the records of a stream look alike, so the next name is most likely the one
//! that stood at this place in the record before. It saves the time of reading it, nothing else: what
//! a name means is always the same.

use crate::bytes;
use crate::json::{Member, RECORD};

/// Members of a record whose names are remembered; the longest name.
const PLACES: usize = 32;
const LONGEST: usize = 32;

/// The names in the last records, by their place.
pub struct Names {
    places: [Name; PLACES],
    /// The place of the next member.
    next: usize,
}

#[derive(Clone, Copy)]
struct Name {
    /// As it stands in a record, with quotes and colon.
    text: [u8; LONGEST],
    /// Greater than [`LONGEST`] where nothing is remembered.
    length: usize,
    parent: u8,
    member: Member,
}

impl Names {
    /// None yet.
    pub fn new() -> Self {
        let none = Name { text: [0; _], length: usize::MAX, parent: RECORD, member: Member::Skip };
        Self { places: [none; _], next: 0 }
    }

    /// A new record begins.
    pub fn restart(&mut self) {
        self.next = 0;
    }

    /// The next member's name in `parent`, with which `text` begins: how long it is with quotes and
    /// colon, and what it means.
    #[inline(always)]
    pub fn recognise(&mut self, parent: u8, text: &[u8]) -> Option<(usize, Member)> {
        let place = self.places.get(self.next);
        self.next += 1;
        let name = place?;
        let found = text.get(..name.length)?;
        let same = parent == name.parent && bytes::equal(found, name.text.get(..name.length)?);
        same.then_some((name.length, name.member))
    }

    /// Remembers the name that was not recognised; `name` has neither escapes nor quotes.
    pub fn learn(&mut self, parent: u8, name: &[u8], member: Member) {
        let Some(place) = self.next.checked_sub(1).and_then(|at| self.places.get_mut(at)) else {
            return;
        };
        // Beyond ASCII, the text would have to be checked each time.
        if name.len() + 3 <= LONGEST && name.is_ascii() {
            let length = name.len() + 3;
            place.text[0] = b'"';
            place.text[1..length - 2].copy_from_slice(name);
            place.text[length - 2..length].copy_from_slice(b"\":");
            *place = Name { length, parent, member, ..*place };
        }
    }
}
