//! The reports that are not due yet.

use std::collections::BTreeMap;

use super::shape::ReportShape;

/// Maximum number of bytes of a record with several reports.
const MAX_BYTES: usize = 32 << 10;

/// The reports that are not due yet, by when they are made; at equal times in the order of their
/// transactions.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) reports: BTreeMap<(i64, u64), Vec<u8>>,
    pub(super) added: u64,
}

impl Pending {
    pub(super) fn add(&mut self, at: i64, report: Vec<u8>) {
        self.reports.insert((at, self.added), report);
        self.added += 1;
    }

    /// Takes out reports that are due at `now` and writes them to `record`, until it is full; a single
    /// report may be of any size. Returns the time of the last one and their number.
    pub(super) fn take_due(
        &mut self,
        now: i64,
        shape: &ReportShape,
        record: &mut Vec<u8>,
    ) -> Option<(i64, u64)> {
        record.clear();
        record.extend_from_slice(shape.open.as_bytes());
        let mut last = None;
        while let Some(entry) = self.reports.first_entry() {
            let ((at, _), count) = (*entry.key(), last.map_or(0, |(_, count)| count));
            let size = record.len() + 1 + entry.get().len() + shape.close.len();
            let full = count > 0 && (count == shape.most || size > MAX_BYTES);
            if at > now || full {
                break;
            }
            if count > 0 {
                record.push(b',');
            }
            record.extend_from_slice(&entry.remove());
            last = Some((at, count + 1));
        }
        record.extend_from_slice(shape.close.as_bytes());
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_bounded() {
        let shape =
            ReportShape { open: "[".into(), close: "]".into(), most: 100, time: None, typed: None };
        let mut pending = Pending::default();
        let mut record = Vec::new();
        for at in 0..150 {
            pending.add(at, b"1".to_vec());
        }
        let big = vec![b' '; MAX_BYTES];
        pending.add(150, big.clone());
        pending.add(150, b"2".to_vec());
        let mut sizes = Vec::new();
        while let Some((last, count)) = pending.take_due(1000, &shape, &mut record) {
            sizes.push((last, count));
            assert!(count == 1 || record.len() <= MAX_BYTES);
        }
        assert_eq!(sizes, [(99, 100), (149, 50), (150, 1), (150, 1)]);
    }
}
