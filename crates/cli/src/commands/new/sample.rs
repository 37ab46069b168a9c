//! The sample: some thousand records of a file, of any kind that the commands read.
//!
//! **Idea**: the first half are the file's first records, one after the other: they tell what comes twice and
//! whether times are in order. The others are spread evenly over the rest, and tell what is rare and how long
//! the file is: every k-th record, where k doubles whenever there are too many.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::data::envelope::Envelopes;
use crate::data::input::{Records, STANDARD_INPUT};

/// Arrival of a record that has no time: 2024-01-01T00:00:00Z, milliseconds since 1970.
const SOME_TIME: i64 = 1_704_067_200_000;

/// Records of a file.
pub struct Sample {
    pub rows: Vec<Row>,
    /// Number of rows that follow one another, from the first on.
    pub head: usize,
    /// Records of the file, as far as it was read.
    pub records: u64,
    /// Records of the sample that are no JSON objects, and tombstones.
    pub others: u64,
}

/// A record of the sample.
pub struct Row {
    pub line: u64,
    pub bytes: Vec<u8>,
    pub value: Value,
    /// The key and the broker's timestamp, if the file is a dump of a topic.
    pub delivery: Option<(Option<Vec<u8>>, i64)>,
}

impl Row {
    /// Returns when the record arrives, by its own time, its delivery, or else some time.
    pub fn arrival(&self, envelopes: &mut Envelopes) -> i64 {
        let own = envelopes.read(&self.bytes).millis;
        own.or(self.delivery.as_ref().map(|(_, millis)| *millis)).unwrap_or(SOME_TIME)
    }
}

impl Sample {
    /// Reads at most `limit` records. Of standard input it takes the first ones only, for it may not end.
    pub fn read(path: &Path, limit: usize) -> Result<Self> {
        let mut input = Records::open(path, "sampling")?;
        let only_head = path == Path::new(STANDARD_INPUT);
        let head = if only_head { limit } else { limit.div_ceil(2) };
        let (mut rows, mut spread, mut stride) = (Vec::new(), Vec::new(), 1);
        let (mut records, mut others) = (0_u64, 0);
        while let Some(record) = input.next()? {
            let behind = records.checked_sub(head as u64);
            records += 1;
            if behind.is_some_and(|behind| behind % stride != 0) {
                continue;
            }
            let bytes = record.value.unwrap_or_default();
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            let Ok(value @ Value::Object(_)) = serde_json::from_slice(bytes) else {
                others += 1;
                continue;
            };
            let delivery = record.delivery.map(|delivery| (delivery.key.clone(), delivery.millis));
            let row = Row { line: record.line, bytes: bytes.to_vec(), value, delivery };
            match behind {
                None => rows.push(row),
                Some(at) => spread.push((at, row)),
            }
            if only_head && records as usize == limit {
                break;
            }
            if spread.len() > limit - head {
                stride *= 2;
                spread.retain(|(at, _)| at % stride == 0);
            }
        }
        input.done();
        let file = path.display();
        ensure!(records > 0, "{file} is empty");
        ensure!(
            !rows.is_empty(),
            "none of the first {records} records of {file} is a JSON object; records are lines of JSON, or CSV \
             with a header, plain, gzip or zstd, or a dump of rpk topic consume"
        );
        let head = rows.len();
        rows.extend(spread.into_iter().map(|(_, row)| row));
        Ok(Self { rows, head, records, others })
    }
}
