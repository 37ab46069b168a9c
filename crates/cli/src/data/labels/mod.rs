//! Which transactions were frauds, and when each of them is reported.
//!
//! - [`list`]: a file of ids; [`mod@column`]: a value in the records themselves
//!
//! A transaction is never labelled by its place in a file: files are sorted, cut and joined.

mod column;
mod list;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fraud_plan::Program;
use fraud_plan::program::{Role, Step};
use serde::Serialize;

use crate::show::units::count;
use column::Column;
pub use column::LabelPath;
use list::List;

/// The files of transactions whose frauds are known.
pub struct Labelled {
    pub input: PathBuf,
    pub labels: LabelSource,
}

/// Where labels are, and how long after its transaction a fraud is reported where they do not say.
pub struct LabelSource {
    pub place: LabelPlace,
    /// `None` if nobody says that either.
    pub report_delay: Option<Duration>,
}

/// Time from a transaction to the report that it is a fraud, unless somebody says otherwise.
const REPORT_DELAY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The place of the labels.
pub enum LabelPlace {
    /// A file that lists transactions by their ids.
    List(PathBuf),
    /// A value of each record.
    Column(LabelPath),
}

/// The known frauds.
pub struct Labels {
    place: Place,
    /// The reported frauds by their ids, where labels are a column.
    met: RefCell<HashSet<Vec<u8>>>,
    /// Transactions without a label, where all should have one.
    without: Cell<u64>,
}

enum Place {
    List(List),
    Column(Column),
}

/// A known fraud.
pub struct Fraud {
    /// The scenario; 1 where the labels do not say.
    pub scenario: u8,
    /// When it is reported, in milliseconds since 1970, if the labels say so.
    pub reported_at: Option<i64>,
    /// True once its transaction has been met.
    found: Cell<bool>,
}

/// Labels, and how long after its transaction each fraud is reported if they do not say.
#[derive(Clone, Copy)]
pub struct Reporting<'l> {
    pub labels: &'l Labels,
    delay: Option<Duration>,
}

/// When it becomes known whether a transaction is a fraud.
#[derive(Clone, Copy)]
pub struct Due {
    /// In milliseconds since 1970.
    pub at: i64,
    /// Whether somebody said so; otherwise it is after the usual time.
    pub is_said: bool,
}

impl Reporting<'_> {
    /// Returns when it becomes known what a transaction of this time is, which may be a known fraud.
    pub fn due(&self, time: i64, fraud: Option<&Fraud>) -> Due {
        let said = fraud.and_then(|fraud| fraud.reported_at);
        let delay = self.delay.unwrap_or(REPORT_DELAY).as_millis();
        let after = time.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX));
        Due { at: said.unwrap_or(after), is_said: said.is_some() || self.delay.is_some() }
    }
}

/// The notes on labels and transactions that do not match.
#[derive(Serialize)]
pub struct LabelNotes {
    /// Listed frauds that are not among the transactions.
    frauds_not_found: u64,
    /// Transactions that count as genuine for want of a label: in the record, or in a list that has genuine
    /// ones too.
    without_label: u64,
    /// All of it for people, a line each.
    #[serde(skip)]
    text: String,
}

impl fmt::Display for LabelNotes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl LabelSource {
    /// Returns when the frauds of `labels`, which were read from here, are reported.
    pub fn reporting<'l>(&self, labels: &'l Labels) -> Reporting<'l> {
        Reporting { labels, delay: self.report_delay }
    }

    /// Returns the file that lists the frauds, if there is one.
    pub fn list(&self) -> Option<&Path> {
        match &self.place {
            LabelPlace::List(path) => Some(path),
            LabelPlace::Column(_) => None,
        }
    }
}

impl fmt::Display for LabelSource {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.place {
            LabelPlace::List(path) => write!(f, "{}", path.display()),
            LabelPlace::Column(path) => write!(f, "--label {path}"),
        }
    }
}

impl Labels {
    /// Reads a list of frauds, or prepares to read the labels of records that `program` describes.
    pub fn read(source: &LabelSource, program: &Program) -> Result<Self> {
        let fields = || program.fields.iter().enumerate();
        let place = match &source.place {
            LabelPlace::List(path) => {
                let id = fields().find(|(_, field)| field.role == Role::Id).context(
                    "a list of frauds names transactions by their ids, but the feature spec does not say \
                     where an id is; add [transaction] with id = \"…\", the path of the id, or name the \
                     records' own label with --label",
                )?;
                let name = match &id.1.step {
                    Step::Name(name) => name,
                    Step::Item(_) => "transaction_id",
                };
                Place::List(List::read(path, name)?)
            }
            LabelPlace::Column(path) => {
                let is_around =
                    |role: Role| matches!(role, Role::Object | Role::Array | Role::Reports);
                let is_label = |at: usize| program.path(at) == path.to_string();
                ensure!(
                    !fields().any(|(at, field)| !is_around(field.role) && is_label(at)),
                    "--label {path} is a field of the feature spec: a model that reads the label learns \
                     nothing else, and no transaction has one when it is scored; take {path} out of the spec"
                );
                Place::Column(Column::new(path.clone()))
            }
        };
        Ok(Self { place, met: RefCell::default(), without: Cell::default() })
    }

    /// Reads a list of frauds for records of which no spec says yet where an id is.
    pub fn listed(path: &Path) -> Result<Self> {
        let place = Place::List(List::read(path, "transaction_id")?);
        Ok(Self { place, met: RefCell::default(), without: Cell::default() })
    }

    /// Returns whether transactions are labelled by their ids.
    pub fn are_by_id(&self) -> bool {
        matches!(self.place, Place::List(_))
    }

    /// Returns the fraud that a transaction is; fails on a label that cannot be read. The record
    /// may have gained its verdict since.
    pub fn find(&self, id: Option<&[u8]>, record: &[u8]) -> Result<Option<&Fraud>> {
        match &self.place {
            Place::List(list) => Ok(id.and_then(|id| list.get(id))),
            Place::Column(column) => Ok(column.read(record)?.and_then(|label| label)),
        }
    }

    /// Finds the fraud that a transaction of the input is, and marks it as found. Returns it with
    /// whether it is to be reported: a transaction that comes twice is reported once.
    pub fn meet(
        &self,
        line: u64,
        id: Option<&[u8]>,
        record: &[u8],
    ) -> Result<Option<(&Fraud, bool)>> {
        match &self.place {
            Place::List(list) => {
                let Some(id) = id else { return Ok(None) };
                self.without.set(self.without.get() + u64::from(!list.has(id)?));
                Ok(list.get(id).map(|fraud| (fraud, !fraud.found.replace(true))))
            }
            Place::Column(column) => {
                let label = column.read(record).with_context(|| format!("line {line}"))?;
                self.without.set(self.without.get() + u64::from(label.is_none()));
                let Some(fraud) = label.flatten() else { return Ok(None) };
                fraud.found.set(true);
                let is_new = id.is_none_or(|id| self.met.borrow_mut().insert(id.to_vec()));
                Ok(Some((fraud, is_new)))
            }
        }
    }

    /// Returns how many listed frauds have not been met among the transactions.
    fn missing(&self) -> u64 {
        match &self.place {
            Place::List(list) => list.missing().count() as u64,
            Place::Column(_) => 0,
        }
    }

    /// Returns what is to be said of labels and transactions that do not match.
    pub fn notes(&self) -> LabelNotes {
        let mut notes = String::new();
        if let (Place::List(list), missing @ 1..) = (&self.place, self.missing()) {
            let first: Vec<_> = list.missing().take(3).map(String::from_utf8_lossy).collect();
            let first = first.join(", ");
            let missing = count(missing);
            notes += &format!(
                "{missing} of the listed frauds are not among these transactions: {first}{}\n",
                if list.missing().nth(3).is_some() { " …" } else { "" },
            );
        }
        if let Place::List(list @ List { repeated: 1.., .. }) = &self.place {
            let repeated = count(list.repeated);
            notes += &format!(
                "{repeated} rows of {} have an id that came before, the first of them {}\n",
                list.path.display(),
                list.first_repeated,
            );
        }
        if self.without.get() > 0 {
            notes += &format!(
                "{} transactions have no label and count as genuine\n",
                count(self.without.get())
            );
        }
        LabelNotes {
            frauds_not_found: self.missing(),
            without_label: self.without.get(),
            text: notes,
        }
    }

    /// Fails if none of the listed frauds is among the transactions of `input`, or no transaction
    /// of it has a label.
    pub fn check_belong_to(&self, input: &Path, transactions: u64) -> Result<()> {
        let input: &dyn Display = &input.display();
        match &self.place {
            Place::List(list) => ensure!(
                list.len() == 0 || self.missing() < list.len(),
                "none of the {} ids in {} is a transaction's in {input}; do they belong together?",
                list.len(),
                list.path.display(),
            ),
            Place::Column(column) => ensure!(
                transactions == 0 || self.without.get() < transactions,
                "no transaction of {input} has a value at --label {}; is the path right?",
                column.path,
            ),
        }
        Ok(())
    }
}

/// Reads a label; `None` if the text is none.
pub fn label(text: &[u8]) -> Option<bool> {
    const FRAUD: [&str; 5] = ["1", "true", "yes", "y", "t"];
    const GENUINE: [&str; 5] = ["0", "false", "no", "n", "f"];
    let text = std::str::from_utf8(text).ok()?.trim();
    let is = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match text {
        _ if is(FRAUD) => Some(true),
        _ if is(GENUINE) => Some(false),
        // Tables without integers write 1.0.
        _ => match text.parse() {
            Ok(1.0) => Some(true),
            Ok(0.0) => Some(false),
            _ => None,
        },
    }
}

/// The values that are read as labels, for an error.
const LABELS: &str = "a label is 1 or 0, true or false, yes or no";
