//! A record of the input topic, as made or read here.

use std::sync::Arc;

use transform_host::{Batch, BatchBuilder};

/// A record of the input topic, without headers.
#[derive(Clone)]
pub struct PlainRecord {
    /// The broker's timestamp, milliseconds since 1970.
    pub millis: i64,
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
}

impl PlainRecord {
    /// Returns the number of bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.len()
    }

    /// Makes a batch of this record alone.
    pub fn alone(&self) -> Arc<Batch> {
        let mut batch = BatchBuilder::new(0);
        self.push(0, &mut batch);
        Arc::new(batch.build())
    }

    /// Adds the record to a batch, with this number of empty headers.
    pub fn push(&self, headers: usize, batch: &mut BatchBuilder) {
        let empty: (&[u8], Option<&[u8]>) = (b"", Some(b""));
        batch.push(self.millis, self.key.as_deref(), Some(&self.value), &vec![empty; headers]);
    }

    /// Pads the record with a member that no module looks at, so that key and value have `size`
    /// bytes. A record that is too large for that stays as it is.
    pub fn padded(self, size: usize) -> Self {
        let missing = size.checked_sub(self.bytes() + MEMBER.len() + 2);
        match missing {
            Some(missing) => self.with_member(&format!("\"{}\"", "x".repeat(missing))),
            None => self,
        }
    }

    /// Adds a member with arrays in arrays, so that the record is `depth` deep.
    pub fn nested(self, depth: usize) -> Self {
        self.with_member(&("[".repeat(depth - 1) + &"]".repeat(depth - 1)))
    }

    fn with_member(mut self, value: &str) -> Self {
        let end = self.value.iter().rposition(|&byte| byte == b'}').unwrap_or(0);
        self.value.splice(end..end, [MEMBER, value].concat().into_bytes());
        self
    }

    /// Replaces the value by one that is no transaction.
    pub fn broken(self) -> Self {
        Self { value: b"{}".into(), ..self }
    }
}

/// The beginning of the member that [`PlainRecord::with_member`] adds before the last brace.
const MEMBER: &str = ",\"padding\":";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_exact() {
        for value in [r#"{"a":1}"#, "{\"a\":1} \n"] {
            let record = PlainRecord { millis: 0, key: Some(b"key".to_vec()), value: value.into() };
            for size in [200, 1000, 65_536] {
                let padded = record.clone().padded(size);
                assert_eq!(padded.bytes(), size);
                assert!(serde_json::from_slice::<serde_json::Value>(&padded.value).is_ok());
            }
            assert_eq!(record.clone().padded(record.bytes() + 3).bytes(), record.bytes());
        }
    }
}
