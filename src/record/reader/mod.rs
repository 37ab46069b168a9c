//! Reading a record: what its fields mean, in one pass over its bytes.
//!
//! The scanner and the layouts (`json/`) know where a record's members are; [`Fields`] knows which
//! of them the spec asks for; the pass here turns their values into an [`Event`] and judges the
//! whole: a transaction, fraud reports, or the reason why it is neither.
//!
//! **Invariant**: what a record is depends on its bytes and the broker's timestamp alone, never on
//! the records before it. The layouts only make it cheaper to find out.
//!
//! - `mod.rs`: the way of a record: by a known layout, or through the scanner
//! - `pass`: the values that nearly every spec reads, and the record's end
//! - `other`: the other uses of a value, fraud reports among them; `money`: amounts in minor units
//! - `scan`: what a record of an unknown layout must have besides
//!
//! To check a change: the property test in `tests` compares a reader that has read much with a fresh one,
//! `tests/forms.rs` and the fuzz target `record` compare it with a plain second reader (`tests/oracle`), and
//! `tests/reasons.rs` has records for each reason.

mod money;
mod other;
mod pass;
mod scan;
#[cfg(test)]
mod tests;

use fraud_plan::Program;

use super::fields::{Fields, Finder};
use super::json::layouts::Layouts;
use super::json::{self, Fault};
use super::{Event, Reason, Refusal};
use other::Rare;
use pass::Pass;
use scan::{Mark, Scan};

/// A record that was read.
#[derive(Debug)]
pub enum Record<'r> {
    /// A transaction.
    Transaction {
        /// Its fields.
        event: &'r Event,
        /// Offset of the record's closing brace: the verdict goes before it.
        end: usize,
        /// Whether it is to be scored, and not only remembered.
        is_scored: bool,
    },
    /// Fraud reports, all of them good.
    Reports(Reports<'r>),
    /// Another record, which goes on unread.
    Passed,
}

/// The fraud reports of a record.
pub struct Reports<'r> {
    reader: &'r mut Reader,
    record: &'r [u8],
    broker_timestamp: i64,
}

impl std::fmt::Debug for Reports<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reports")
    }
}

impl Reports<'_> {
    /// Hands the reports on in their order, by reading the record a second time. One bad report
    /// makes all reports of a record void, and the first reading passes a report before it knows the
    /// reports behind it. Reading twice needs no memory for reports, however many there are.
    pub fn for_each(self, mut report: impl FnMut(&Event)) {
        let read = self.reader.pass(self.record, self.broker_timestamp, &mut report);
        debug_assert_eq!(read.map(|(kind, _)| kind), Ok(Kind::Reports));
    }
}

/// A record's kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Transaction,
    Remembered,
    Reports,
    Passed,
}

/// A reader of records, with its buffers.
pub struct Reader {
    layouts: Layouts,
    fields: Fields,
    finder: Finder,
    /// The marks of each field of a record that is being scanned.
    marks: Vec<Mark>,
    /// The transaction that is being read.
    transaction: Event,
    rare: Rare,
}

impl Reader {
    /// Makes a reader of the program's fields.
    pub fn new(program: &Program) -> Self {
        let event = Event {
            seconds: 0,
            ids: vec![0; program.entities.len()],
            numbers: vec![f32::NAN; program.numbers.len()],
            categories: vec![None; program.categories.len()],
            id: None,
            report: 0,
        };
        let fields = Fields::new(program);
        let rare = Rare::new(program, &fields, event.clone());
        Self {
            layouts: Layouts::new(),
            fields,
            finder: Finder::of_read(program),
            marks: vec![Mark::default(); program.fields.len()],
            transaction: event,
            rare,
        }
    }

    /// Reads one record's value; `broker_timestamp` is in milliseconds since 1970, negative if
    /// there is none.
    pub fn read<'r>(
        &'r mut self,
        record: &'r [u8],
        broker_timestamp: i64,
    ) -> Result<Record<'r>, Refusal> {
        let mark = match record {
            [0, ..] => return Err(Reason::SchemaFramed.into()),
            [0xef, ..] => json::byte_order_mark(record),
            _ => 0,
        };
        let record = &record[mark..];
        Ok(match self.pass(record, broker_timestamp, &mut |_| ())? {
            (kind @ (Kind::Transaction | Kind::Remembered), end) => Record::Transaction {
                event: &self.transaction,
                end: end + mark,
                is_scored: kind == Kind::Transaction,
            },
            (Kind::Passed, _) => Record::Passed,
            (Kind::Reports, _) => {
                Record::Reports(Reports { reader: self, record, broker_timestamp })
            }
        })
    }

    /// Returns the transaction that was read last.
    pub fn transaction(&self) -> &Event {
        &self.transaction
    }

    /// Passes over a record, and hands on each good report. Returns the record's kind and the
    /// offset of its closing brace. Most records look as one before them did; the others are
    /// scanned.
    #[inline]
    fn pass(
        &mut self,
        record: &[u8],
        broker_timestamp: i64,
        report: &mut dyn FnMut(&Event),
    ) -> Result<(Kind, usize), Refusal> {
        for layout in self.layouts.known() {
            let (event, rare) = (&mut self.transaction, &mut self.rare);
            let mut pass = Pass::new(&self.fields, event, rare, broker_timestamp, report);
            if let Some(end) = layout.read(record, &mut pass) {
                if pass.is_rare && layout.sound & pass.bit() == 0 {
                    break;
                }
                return Ok((pass.finish()?, end));
            }
        }
        self.scan(record, broker_timestamp, report)
    }

    /// Scans a record of an unknown layout, and learns from it.
    // Not inlined: the module has one copy of the scanner for all of its uses.
    #[inline(never)]
    fn scan(
        &mut self,
        record: &[u8],
        broker_timestamp: i64,
        report: &mut dyn FnMut(&Event),
    ) -> Result<(Kind, usize), Refusal> {
        let mut reports = 0;
        let mut counted = |event: &Event| {
            reports += 1;
            report(event);
        };
        let (event, rare) = (&mut self.transaction, &mut self.rare);
        let mut pass = Pass::new(&self.fields, event, rare, broker_timestamp, &mut counted);
        pass.set_up();
        self.marks.fill(Mark::default());
        let mut scan = Scan { pass, finder: &mut self.finder, marks: &mut self.marks };
        let end = json::scan(record, &mut scan).map_err(|fault| match fault {
            Fault::Utf8 => Reason::InvalidUtf8,
            Fault::Grammar => Reason::InvalidJson,
            Fault::NotANumber => Reason::NotANumber,
            Fault::TooDeep => Reason::TooDeep,
        })?;
        let end = end.ok_or(Reason::NotAnObject)?;
        let (kind, sound) = scan.finish()?;
        // Not from several reports: `Layout::read` would hand on the first before it knows that the
        // rest of the record has the layout.
        if reports <= 1 && sound != 0 {
            self.layouts.learn(record, end, sound, &mut self.finder);
        }
        Ok((kind, end))
    }
}
