//! Records that a module has written: payloads in one piece of memory, each with its output topic.

use super::payload::Payload;

/// The output topic of a record, and the end of its payload, which begins where the one before ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    topic: u32,
    end: u32,
}

/// Records in the order in which they were written, over all outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    arena: Vec<u8>,
    entries: Vec<Entry>,
}

/// One written record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'a> {
    /// Position of the output topic in the deployment.
    pub topic: usize,
    /// Key, value and headers.
    pub payload: Payload<'a>,
}

impl Output {
    /// Bytes that a module may write for one batch. On the broker it would wait for the writers long
    /// before; here the batch fails, so that no module can take all of the host's memory.
    pub const MAX_BYTES: usize = 1 << 30;

    /// Adds a record, for instance one of a driver's own; returns `false` if there is no room left.
    #[inline]
    pub fn push(&mut self, topic: usize, payload: Payload<'_>) -> bool {
        let payload = payload.bytes();
        let end = self.arena.len() + payload.len();
        if end > Self::MAX_BYTES || self.entries.len() >= Self::MAX_BYTES / 16 {
            return false;
        }
        self.arena.extend_from_slice(payload);
        self.entries.push(Entry { topic: topic as u32, end: end as u32 });
        true
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the bytes of all payloads.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Returns the record at `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<Written<'_>> {
        let entry = self.entries.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.entries[before].end);
        Some(Written {
            topic: entry.topic as usize,
            payload: Payload::trusted(&self.arena[start as usize..entry.end as usize]),
        })
    }

    /// Returns all records, in order.
    pub fn iter(&self) -> impl Iterator<Item = Written<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Drops the records and keeps the memory for the next.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.entries.clear();
    }
}

impl<'a> Written<'a> {
    /// Returns the key; `None` is null.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.payload.key()
    }

    /// Returns the value; `None` is null (a tombstone).
    pub fn value(&self) -> Option<&'a [u8]> {
        self.payload.value()
    }

    /// Returns the names and values of the headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        self.payload.headers()
    }
}
