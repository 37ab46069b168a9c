//! A record of the changelog, as text: what prints and reads topics need not know of it.
//!
//! ```text
//! key    H table id            an entity's whole slot
//!        P table id segment    what one instance saw of it since its start
//!        R place               the id of a fraud report, by its place among those remembered
//! value  1 slot                of H and P
//!        2 segment slot slot   of H on the input: a segment's slot, and the whole one before it
//!        1 report              of R
//! slot   events last words…
//! ```
//!
//! A letter, and the rest in base64url without padding; a value is base64url throughout. `table` (4
//! bytes) is the table's meaning in the program, `id` (8) the hash of the entity's id, `segment` 4, `place` 2, `report` 8 bytes,
//! the first byte of a value 1, `events` 2, `last` and each word 4; little-endian. So neither begins as a
//! transaction does. With a key, eight bytes of SipHash-2-4 of the key's text and the value's bytes
//! follow: a signature that takes 2⁶⁴ records to guess.
//!
//! **A worked example**: the shipped spec's customer table has three words, so a whole slot has a key of
//! 1 + 16 characters and a value of 26, for 19 bytes.

use fraud_plan::Program;

use super::{MAX_EVENTS, Slot};
use crate::record::event::MISSING;

/// The reason why a record of the changelog was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is none, or cannot have come of events until now.
    Malformed,
    /// It is of a table that the spec does not have.
    OtherTable,
    /// It is not signed with the key.
    NotSigned,
}

impl Refused {
    /// All reasons.
    pub const ALL: [Refused; 3] = [Refused::Malformed, Refused::OtherTable, Refused::NotSigned];

    /// Returns the code in the header `fraud-error`.
    pub fn code(self) -> &'static str {
        match self {
            Refused::Malformed => "history_malformed",
            Refused::OtherTable => "history_other_table",
            Refused::NotSigned => "history_not_signed",
        }
    }
}

/// A record of the changelog.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The state of an entity.
    Entity {
        /// Number of the table in the program.
        table: usize,
        /// The hash of the entity's id.
        id: u64,
        /// The state that is remembered.
        parts: Parts,
    },
    /// A report that was counted.
    Report(ReportId),
}

/// The parts of an entity's history: at least one of them is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// The state when the slot was last whole.
    pub whole: Option<Slot>,
    /// The events that an instance saw after that, and the instance's segment.
    pub since: Option<(u32, Slot)>,
}

/// The id of a fraud report that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportId {
    /// Its place among those that are remembered.
    pub place: u16,
    /// The hash of the id.
    pub id: u64,
}

/// The writer and reader of records; keeps the last one that it wrote.
pub struct Codec {
    /// Each table's meaning, and the number of its words.
    tables: Vec<(u32, usize)>,
    signature: Option<[u64; 2]>,
    key: Vec<u8>,
    value: Vec<u8>,
    bytes: Vec<u8>,
}

/// First bytes of a value.
const ONE: u8 = 1;
const TWO: u8 = 2;
/// Bytes of a signature.
const SIGNED: usize = 8;
/// Most bytes of a key.
const MAX_KEY: usize = 16;

impl Codec {
    /// Makes a codec of the program's tables; with a key it signs, and reads nothing else.
    pub fn new(program: &Program, key: Option<[u64; 2]>) -> Self {
        Self {
            tables: program.tables.iter().map(|table| (table.meaning, table.words())).collect(),
            signature: key,
            key: Vec::new(),
            value: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Writes a record; returns its key and value.
    pub fn write(&mut self, entry: &Entry) -> (&[u8], &[u8]) {
        match entry {
            Entry::Report(report) => self.write_report(*report),
            Entry::Entity { table, id, parts } => {
                let Parts { whole, since } = parts;
                let Some(slot) = since.as_ref().map(|(_, slot)| slot).or(whole.as_ref()) else {
                    return (&[], &[]);
                };
                let segment = since.as_ref().map(|(segment, _)| *segment);
                let Some(whole) = whole.as_ref().filter(|_| since.is_some()) else {
                    return self.write_slot(
                        *table,
                        *id,
                        segment,
                        slot.last,
                        slot.events,
                        &slot.words,
                    );
                };
                self.begin(b'H', *table, *id, None);
                self.bytes.push(TWO);
                self.bytes.extend_from_slice(&segment.unwrap_or(0).to_le_bytes());
                for slot in [slot, whole] {
                    self.slot(slot.last, slot.events, &slot.words);
                }
                self.end()
            }
        }
    }

    /// Writes a slot: a whole one, or one of a segment.
    pub(crate) fn write_slot(
        &mut self,
        table: usize,
        id: u64,
        segment: Option<u32>,
        last: u32,
        events: u32,
        words: &[u32],
    ) -> (&[u8], &[u8]) {
        self.begin(if segment.is_some() { b'P' } else { b'H' }, table, id, segment);
        self.bytes.push(ONE);
        self.slot(last, events, words);
        self.end()
    }

    /// Writes the id of a report.
    pub(crate) fn write_report(&mut self, ReportId { place, id }: ReportId) -> (&[u8], &[u8]) {
        self.key.clear();
        self.key.push(b'R');
        encode(&place.to_le_bytes(), &mut self.key);
        self.bytes.clear();
        self.bytes.push(ONE);
        self.bytes.extend_from_slice(&id.to_le_bytes());
        self.end()
    }

    /// Makes an entity's key, and an empty value.
    fn begin(&mut self, letter: u8, table: usize, id: u64, segment: Option<u32>) {
        let Self { key, bytes, .. } = self;
        bytes.clear();
        bytes.extend_from_slice(&self.tables[table].0.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
        if let Some(segment) = segment {
            bytes.extend_from_slice(&segment.to_le_bytes());
        }
        key.clear();
        key.push(letter);
        encode(bytes, key);
        bytes.clear();
    }

    fn slot(&mut self, last: u32, events: u32, words: &[u32]) {
        // At most 65,535.
        self.bytes.extend_from_slice(&(events as u16).to_le_bytes());
        self.bytes.extend_from_slice(&last.to_le_bytes());
        for word in words {
            self.bytes.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Signs the value and makes text of it.
    fn end(&mut self) -> (&[u8], &[u8]) {
        if let Some(signature) = self.signature {
            let signature = sign(signature, &self.key, &self.bytes);
            self.bytes.extend_from_slice(&signature.to_le_bytes());
        }
        self.value.clear();
        encode(&self.bytes, &mut self.value);
        (&self.key, &self.value)
    }

    /// Reads a record. What it holds is of the right length, and no more is checked of it.
    pub fn read(&mut self, key: &[u8], value: &[u8]) -> Result<Entry, Refused> {
        self.read_as_far(key, value).unwrap_or(Err(Refused::Malformed))
    }

    /// Reads a record; `None` if it is none.
    fn read_as_far(&mut self, key: &[u8], value: &[u8]) -> Option<Result<Entry, Refused>> {
        let (&letter, id) = key.split_first().filter(|_| key.len() <= 2 * MAX_KEY)?;
        let mut room = Vec::with_capacity(MAX_KEY);
        decode(id, &mut room)?;
        self.bytes.clear();
        decode(value, &mut self.bytes)?;
        let mut bytes = Bytes(&self.bytes);
        if let Some(signature) = self.signature {
            let (value, signed) = self.bytes.split_last_chunk::<SIGNED>()?;
            // One comparison of two words takes the same time wherever they differ.
            if sign(signature, key, value) != u64::from_le_bytes(*signed) {
                return Some(Err(Refused::NotSigned));
            }
            bytes = Bytes(value);
        }
        let form = bytes.take::<1>()?[0];
        let mut key = Bytes(&room);
        let entry = if letter == b'R' {
            let place = u16::from_le_bytes(key.take()?);
            let id = u64::from_le_bytes(bytes.take()?);
            (form == ONE).then_some(Entry::Report(ReportId { place, id }))?
        } else {
            let (table_id, id) = (key.word()?, u64::from_le_bytes(key.take()?));
            let Some(table) = self.tables.iter().position(|(of, _)| *of == table_id) else {
                return Some(Err(Refused::OtherTable));
            };
            let words = self.tables[table].1;
            let mut parts = Parts::default();
            match (letter, form) {
                (b'H', ONE) => parts.whole = Some(bytes.slot(words)?),
                (b'P', ONE) => parts.since = Some((key.word()?, bytes.slot(words)?)),
                (b'H', TWO) => {
                    parts.since = Some((bytes.word()?, bytes.slot(words)?));
                    parts.whole = Some(bytes.slot(words)?);
                }
                _ => return None,
            }
            (id != MISSING).then_some(Entry::Entity { table, id, parts })?
        };
        // A signature that nobody asks for is passed over.
        let is_end = bytes.0.is_empty() || self.signature.is_none() && bytes.0.len() == SIGNED;
        (key.0.is_empty() && is_end).then_some(Ok(entry))
    }
}

/// Bytes that are being read.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn word(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn slot(&mut self, words: usize) -> Option<Slot> {
        let events = u16::from_le_bytes(self.take()?).into();
        const { assert!(MAX_EVENTS == u16::MAX as u32) };
        let last = self.word()?;
        let words = (0..words).map(|_| self.word()).collect::<Option<_>>()?;
        Some(Slot { last, events, words })
    }
}

/// Returns SipHash-2-4 of a record, a message authentication code of 64 bits.
#[allow(deprecated, reason = "as a hasher of maps; it is SipHash-2-4 by its documentation")]
fn sign([first, second]: [u64; 2], key: &[u8], value: &[u8]) -> u64 {
    use std::hash::{Hasher, SipHasher};

    let mut hasher = SipHasher::new_with_keys(first, second);
    hasher.write(key);
    hasher.write(value);
    hasher.finish()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Appends bytes in base64url.
fn encode(bytes: &[u8], text: &mut Vec<u8>) {
    let digits = |[a, b, c]: [u8; 3]| {
        let word = u32::from_be_bytes([0, a, b, c]);
        [18, 12, 6, 0].map(|shift| ALPHABET[(word >> shift) as usize & 63])
    };
    let (chunks, rest) = bytes.as_chunks();
    for chunk in chunks {
        text.extend_from_slice(&digits(*chunk));
    }
    match *rest {
        [a] => text.extend_from_slice(&digits([a, 0, 0])[..2]),
        [a, b] => text.extend_from_slice(&digits([a, b, 0])[..3]),
        _ => {}
    }
}

/// Appends the bytes of a text in base64url; `None` if it is none.
fn decode(text: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    for chunk in text.chunks(4) {
        let digit = |&byte: &u8| {
            Some(match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            })
        };
        let mut word = 0;
        for at in 0..4 {
            word = word << 6 | u32::from(chunk.get(at).map_or(Some(0), digit)?);
        }
        let count = chunk.len() - 1;
        let of = word.to_be_bytes();
        // One character has no byte, and what is beyond the last byte is nothing.
        if count == 0 || word & ((1 << (24 - 8 * count)) - 1) != 0 {
            return None;
        }
        bytes.extend_from_slice(&of[1..=count]);
    }
    Some(())
}
