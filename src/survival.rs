//! History beyond a restart: what the detector has of it for the changelog, and takes back from there.

use fraud_plan::program::Events;
use fraud_plan::time::millis::{SECOND, YEAR_2000};

use crate::features::merge::{is_sound, merge};
use crate::history::changelog::{Entry, Parts, Refused, ReportId, Slot, Taken};
use crate::history::known::Place;
use crate::record::Record;
use crate::record::event::MISSING;
use crate::{Detector, Outcome, Unscored};

/// The changes of the last record that are still to be written.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    queue: Vec<Change>,
    /// Where the record has reports that have not come into the queue: the number of the first of them.
    reports_from: Option<usize>,
}

/// Something that is to be written, as it is known then.
#[derive(Debug)]
enum Change {
    /// An entity's slot, by the number of its table and its id's hash.
    Slot(usize, u64),
    /// That a report was counted, by its id's hash.
    Report(u64),
}

/// Number of reports whose changes are in the queue at a time: a record may have any number of them.
const REPORTS: usize = 128;

impl<'p> Detector<'p> {
    /// Returns whether the last record, which had this outcome, changed something in history that is to be
    /// written: every so many events of an entity, as the settings say. [`Detector::next_change`] has it
    /// then.
    #[inline(always)]
    pub fn find_changes(&mut self, outcome: Outcome, broker_timestamp: i64) -> bool {
        match outcome {
            Outcome::Scored(_) | Outcome::Unscored(Unscored::Remembered) => {
                self.find_due();
                !self.changes.queue.is_empty()
            }
            Outcome::Silent if !self.settings.silences(broker_timestamp) => {
                self.changes.reports_from = Some(0);
                true
            }
            Outcome::Silent | Outcome::Unscored(Unscored::Passed) | Outcome::Unscorable(_) => false,
        }
    }

    /// Puts the slots of the last transaction that are to be written into the queue.
    #[inline(never)]
    fn find_due(&mut self) {
        let Self { changelog, changes, features, reader, place, .. } = self;
        if !place.is_some_and(Place::is_duplicate) {
            features.each_due(changelog, reader.transaction(), |table, id| {
                changes.queue.push(Change::Slot(table, id));
            });
        }
    }

    /// Returns the next record of the changelog, key and value, of what the last record changed in
    /// history; `None` if there are no more. The last record is given once more.
    pub fn next_change(&mut self, record: &[u8], broker_timestamp: i64) -> Option<(&[u8], &[u8])> {
        if self.changes.queue.is_empty()
            && let Some(from) = self.changes.reports_from.take()
        {
            self.queue_reports(from, record, broker_timestamp);
        }
        let Self { changelog, changes, history, reported, .. } = self;
        Some(match changes.queue.pop()? {
            Change::Slot(at, id) => {
                let segment = changelog.segment(record, broker_timestamp);
                let table = &history.tables()[at];
                let place = table.find(id);
                let (last, events) = place.seen.unwrap_or_default();
                let segment = (!table.is_whole(&place)).then_some(segment);
                changelog.codec.write_slot(at, id, segment, last, events, table.cells(&place))
            }
            Change::Report(id) => {
                let place = reported.find(id).unwrap_or_default() as u16;
                changelog.codec.write_report(ReportId { place, id })
            }
        })
    }

    /// Puts reports, from number `from` on, and the slots of their entities into the queue.
    #[cold]
    fn queue_reports(&mut self, from: usize, record: &[u8], broker_timestamp: i64) {
        let Self { changes, known, plan, reader, .. } = self;
        let Ok(Record::Reports(reports)) = reader.read(record, broker_timestamp) else { return };
        let mut at = 0;
        reports.for_each(|report| {
            if (from..from + REPORTS).contains(&at) {
                let mut report = report.clone();
                if let Some(known) = known {
                    known.complete(&mut report);
                }
                changes.queue.push(Change::Report(report.report));
                for (at, table) in plan.program.tables.iter().enumerate() {
                    let id = report.ids[usize::from(table.entity)];
                    if table.events == Events::Reports && id != MISSING {
                        changes.queue.push(Change::Slot(at, id));
                    }
                }
            }
            at += 1;
        });
        changes.reports_from = (at > from + REPORTS).then_some(from + REPORTS);
    }

    /// Takes a record of the changelog back into history. One that is refused changes nothing.
    #[cold]
    #[inline(never)]
    pub fn restore(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        broker_timestamp: i64,
    ) -> Result<(), Refused> {
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        let restored = self.changelog.codec.read(key, value).and_then(|entry| match entry {
            Entry::Report(report) => {
                self.reported.insert(report.id);
                Ok(())
            }
            Entry::Entity { table, id, parts } => {
                self.restore_entity(table, id, parts, broker_timestamp)
            }
        });
        self.changelog.count(restored.is_ok());
        restored
    }

    fn restore_entity(
        &mut self,
        table: usize,
        id: u64,
        Parts { whole, since }: Parts,
        broker_timestamp: i64,
    ) -> Result<(), Refused> {
        let of = &self.plan.program.tables[table];
        // As of a transaction: the future would make every later event a late one.
        let is_past = |slot: &Slot| {
            let ahead = i64::from(self.plan.program.max_ahead);
            let now = broker_timestamp.saturating_sub(YEAR_2000) / SECOND;
            broker_timestamp < 0 || i64::from(slot.last) <= now.saturating_add(ahead)
        };
        let mut slots = whole.iter().chain(since.iter().map(|(_, slot)| slot));
        if !slots.all(|slot| is_sound(of, slot) && is_past(slot)) {
            return Err(Refused::Malformed);
        }
        let known = &self.history.tables()[table];
        let place = known.find(id);
        let is_whole = known.is_whole(&place);
        let knows = place.seen.is_some() && !is_whole;
        let since = since.filter(|(segment, _)| !(knows && self.changelog.is_own(*segment)));
        let slot = match (whole, since) {
            (None, None) => return Ok(()),
            (Some(slot), None) | (None, Some((_, slot))) => slot,
            (Some(whole), Some((_, mut slot))) => {
                merge(of, &whole, &mut slot);
                slot
            }
        };
        let slot = match place.seen {
            None => slot,
            Some((last, events)) if is_whole => {
                if (slot.events, slot.last) <= (events, last) {
                    return Ok(());
                }
                slot
            }
            Some((last, events)) => {
                let words = known.cells(&place).to_vec();
                let mut known = Slot { last, events, words };
                merge(of, &slot, &mut known);
                known
            }
        };
        self.history.table_mut(table).restore(&place, slot.last, slot.events, &slot.words);
        Ok(())
    }

    /// Returns how many records of the changelog have come in.
    pub fn taken(&self) -> Taken {
        self.changelog.taken
    }
}
