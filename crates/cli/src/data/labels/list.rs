//! Labels that are a file of transactions' ids.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use csv::{ByteRecord, ReaderBuilder, Trim};
use fraud_detector::record::timestamp;

use super::{Fraud, LABELS, label};
use crate::data::input::Source;

/// The separators of a list's columns.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Names of a column that says which of the transactions are frauds, in small letters and without what is
/// neither a letter nor a digit.
const LABEL_NAMES: [&str; 9] = [
    "isfraud",
    "fraud",
    "label",
    "class",
    "fraudulent",
    "isfraudulent",
    "ischargeback",
    "target",
    "txfraud",
];

/// A list of frauds, in the file's order.
pub(super) struct List {
    pub(super) path: PathBuf,
    frauds: Vec<(Vec<u8>, Fraud)>,
    by_id: HashMap<Vec<u8>, usize>,
    /// The ids of genuine transactions, where the file lists them too.
    genuine: Option<HashSet<Vec<u8>>>,
    /// The first line, if it may be an id: the file may lack its header.
    header: Option<Vec<u8>>,
    /// Rows whose id is in a row before, and the first such id.
    pub(super) repeated: u64,
    pub(super) first_repeated: String,
}

/// The columns of a list.
struct Columns {
    id: usize,
    /// 1 for a fraud, where genuine transactions are listed too.
    label: Option<usize>,
    scenario: Option<usize>,
    reported_at: Option<usize>,
    /// True if nothing but its place says that the first line has names.
    is_nameless: bool,
}

impl List {
    /// Reads a CSV with a column of ids, and perhaps a label, `scenario` and `reported_at`. The ids' column
    /// is called `id_name`, like the last step to an id in a record; or else `transaction_id`, or it is the
    /// only one.
    pub(super) fn read(path: &Path, id_name: &str) -> Result<Self> {
        let file = path.display();
        let mut source =
            Source::open(path).with_context(|| format!("cannot read the list of frauds {file}"))?;
        let first = source.head.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let count = |separator: &u8| first.iter().filter(|byte| *byte == separator).count();
        let separator = SEPARATORS.into_iter().rev().max_by_key(count).expect("there are some");
        let mut reader = ReaderBuilder::new()
            .delimiter(separator)
            .trim(Trim::All)
            .from_reader(&mut source.reader);
        let cannot_read = || format!("cannot read {file}");
        let names = reader.byte_headers().with_context(cannot_read)?.clone();
        let rows: Vec<ByteRecord> =
            reader.byte_records().collect::<Result<_, _>>().with_context(cannot_read)?;
        let columns = Columns::find(&names, &rows, id_name).with_context(|| file.to_string())?;
        let mut list = Self {
            path: path.into(),
            frauds: Vec::new(),
            by_id: HashMap::new(),
            genuine: columns.label.map(|_| HashSet::new()),
            header: columns.is_nameless.then(|| names[columns.id].to_vec()),
            repeated: 0,
            first_repeated: String::new(),
        };
        // The label of each id, and the line that it is from.
        let mut labels: HashMap<&[u8], (bool, u64)> = HashMap::new();
        for row in &rows {
            let number = row.position().map_or(0, csv::Position::line);
            let line = || format!("{file} line {number}");
            let (id, is_fraud) = (whole(&row[columns.id]), columns.label(row).with_context(line)?);
            if let Some((other, before)) = labels.insert(id, (is_fraud, number)) {
                let id = String::from_utf8_lossy(id);
                ensure!(
                    other == is_fraud,
                    "{} has the id {id:?} once as a fraud and once as genuine, in line {before}",
                    line(),
                );
                if list.repeated == 0 {
                    list.first_repeated = id.into_owned();
                }
                list.repeated += 1;
            }
            if is_fraud {
                let fraud = columns.fraud(row).with_context(line)?;
                match list.by_id.get(id) {
                    Some(&at) => list.frauds[at].1 = fraud,
                    None => {
                        list.by_id.insert(id.to_vec(), list.frauds.len());
                        list.frauds.push((id.to_vec(), fraud));
                    }
                }
            } else if let Some(genuine) = &mut list.genuine {
                genuine.insert(id.to_vec());
            }
        }
        Ok(list)
    }

    /// Returns whether the file lists frauds alone, or this transaction too; fails if the file's first line,
    /// which should name its columns, is the transaction's id.
    pub(super) fn has(&self, id: &[u8]) -> Result<bool> {
        let id = whole(id);
        ensure!(
            self.header.as_deref().is_none_or(|header| whole(header) != id),
            "the first line of {} is a transaction's id, {}; it has to name the column",
            self.path.display(),
            String::from_utf8_lossy(id),
        );
        let is_listed = |genuine: &HashSet<Vec<u8>>| genuine.contains(id);
        Ok(self.genuine.as_ref().is_none_or(is_listed) || self.by_id.contains_key(id))
    }

    /// Returns the fraud with this id.
    pub(super) fn get(&self, id: &[u8]) -> Option<&Fraud> {
        self.by_id.get(whole(id)).map(|&at| &self.frauds[at].1)
    }

    /// Returns how many frauds are listed.
    pub(super) fn len(&self) -> u64 {
        self.frauds.len() as u64
    }

    /// Returns the ids of the frauds that have not been met among the transactions.
    pub(super) fn missing(&self) -> impl Iterator<Item = &[u8]> {
        let missing = self.frauds.iter().filter(|(_, fraud)| !fraud.found.get());
        missing.map(|(id, _)| id.as_slice())
    }
}

impl Columns {
    /// Finds the columns by their names, and where those leave it open by what is in them: a label
    /// is a column of nothing but labels, and the one column that is left has the ids.
    fn find(names: &ByteRecord, rows: &[ByteRecord], id_name: &str) -> Result<Self> {
        let name = |at: usize| String::from_utf8_lossy(&names[at]).into_owned();
        let list = |of: &[usize]| of.iter().map(|at| name(*at)).collect::<Vec<_>>().join(", ");
        let all: Vec<usize> = (0..names.len()).collect();
        let is_name = |at: &usize| !names[*at].is_empty() && name(*at).parse::<f64>().is_err();
        ensure!(
            all.iter().all(is_name),
            "the first line has to name the columns, and it is {}",
            list(&all)
        );
        let place = |name: &str| names.iter().position(|found| found == name.as_bytes());
        let [scenario, reported_at] = ["scenario", "reported_at"].map(place);
        let id = place(id_name).or(place("transaction_id"));
        let is_known = |at: &usize| [id, scenario, reported_at].contains(&Some(*at));
        let has_labels = |at: usize| {
            let labels: Option<Vec<bool>> = rows.iter().map(|row| label(&row[at])).collect();
            // Where no column is called as ids are, a column of one value alone may be them.
            labels.is_some_and(|all| match id {
                Some(_) => !all.is_empty(),
                None => all.contains(&true) && all.contains(&false),
            })
        };
        let is_label_name = |at: usize| {
            let letters = name(at).to_lowercase();
            let letters: String =
                letters.chars().filter(|letter| letter.is_alphanumeric()).collect();
            LABEL_NAMES.contains(&&*letters)
        };
        let others: Vec<usize> = all.iter().copied().filter(|at| !is_known(at)).collect();
        let named: Vec<usize> = others.iter().copied().filter(|at| is_label_name(*at)).collect();
        let (labels, rest): (Vec<usize>, Vec<usize>) = match (id, others.as_slice()) {
            // A single column has ids, even if they are 0 and 1.
            (None, [only]) => (vec![], vec![*only]),
            (None, [one, other]) if has_labels(*one) && has_labels(*other) => match *named {
                [label] => (vec![label], vec![if label == *one { *other } else { *one }]),
                _ => (vec![*other], vec![*one]),
            },
            // By its name it is the label, whatever is in it: a value that is none is told with its line.
            _ if named.len() == 1 => {
                (named, others.into_iter().filter(|at| !is_label_name(*at)).collect())
            }
            _ => others.iter().partition(|at| has_labels(**at)),
        };
        let is_nameless = id.is_none() && names.len() == 1;
        let id = match (id, rest.as_slice()) {
            (Some(id), _) => id,
            (None, [id]) => *id,
            (None, _) => bail!(
                "which column has the transactions' ids? Its first line names {}; call the column \
                 {id_name}",
                list(&all),
            ),
        };
        let label = match labels.as_slice() {
            [] => None,
            [label] => Some(*label),
            labels => bail!(
                "several columns could be the label: {}; leave the label alone in it",
                list(labels)
            ),
        };
        Ok(Self { id, label, scenario, reported_at, is_nameless })
    }

    /// Reads whether a row lists a fraud.
    fn label(&self, row: &ByteRecord) -> Result<bool> {
        let Some(at) = self.label else { return Ok(true) };
        label(&row[at]).with_context(|| {
            format!(
                "{:?} is no label, in the column of labels; {LABELS}",
                String::from_utf8_lossy(&row[at])
            )
        })
    }

    /// Reads the fraud of a row.
    fn fraud(&self, row: &ByteRecord) -> Result<Fraud> {
        let cell = |at: Option<usize>| at.and_then(|at| row.get(at));
        let scenario = cell(self.scenario).map_or(Ok(1), scenario)?;
        let reported_at = cell(self.reported_at).map(reported).transpose()?.flatten();
        Ok(Fraud { scenario, reported_at, found: Cell::new(false) })
    }
}

/// Returns an id without the fraction of a whole number: tables without integers write 596.0.
fn whole(id: &[u8]) -> &[u8] {
    let whole = id.strip_suffix(b".0").unwrap_or(id);
    if whole.iter().all(u8::is_ascii_digit) { whole } else { id }
}

/// Reads a scenario, a number from 1 to 255.
fn scenario(text: &[u8]) -> Result<u8> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.filter(|&number| number > 0).with_context(|| {
        format!("scenario {:?} is no number from 1 to 255", String::from_utf8_lossy(text))
    })
}

/// Reads when a fraud was reported; the list need not say.
fn reported(text: &[u8]) -> Result<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    let millis = timestamp::parse(text).with_context(|| {
        let text = String::from_utf8_lossy(text);
        format!("reported_at {text:?} is no time like 2018-04-08T09:30:00Z")
    })?;
    Ok(Some(millis))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The ids of the frauds in a list, or the error.
    fn frauds(content: &str) -> Result<String, String> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(content.as_bytes()).expect("a writable file");
        let list = List::read(file.path(), "trans_num").map_err(|error| format!("{error:#}"))?;
        let ids: Vec<_> = list.missing().map(String::from_utf8_lossy).collect();
        Ok(ids.join(" "))
    }

    #[test]
    fn columns_by_name_and_content() {
        for (content, expect) in [
            ("transaction_id\n2\n9\n", "2 9"),
            ("reference\nch_1\n", "ch_1"),
            ("id\n1\n0\n", "1 0"),
            ("transaction_id,is_fraud\n1,0\n2,1\n", "2"),
            ("is_chargeback,reference\nfalse,a\nTRUE,b\n", "b"),
            ("id,fraud\n1,0\n0,1\n", "0"),
            ("trans_num,Class\nx,1.0\ny,0.0\n", "x"),
            ("transaction_id,scenario\n1,2\n", "1"),
            ("transaction_id,scenario,reported_at\n1,1,\n", "1"),
            ("transaction_id,note\n1,seen\n", "1"),
            ("transaction_id,is_fraud\n2,1\n2,1\n", "2"),
            ("transaction_id,is_fraud\n", ""),
            ("amount,trans_num,transaction_id\n7,b,c\n", "b"),
            ("id;is_fraud\n1;0\n 2 ; 1 \n", "2"),
            ("transaction_id,is_fraud,is_night\n1,0,1\n2,1,1\n", "2"),
            ("is_fraud,id\n0,1\n1,0\n", "0"),
            ("\u{feff}id\r\n1.0\r\n", "1"),
        ] {
            assert_eq!(frauds(content).as_deref(), Ok(expect), "{content}");
        }
    }

    #[test]
    fn errors_name_the_column_or_the_line() {
        for (content, expect) in [
            ("a,b\nx,z\n", "which column has the transactions' ids? Its first line names a, b;"),
            (
                "transaction_id,is_fraud\n1,no\n2,maybe\n",
                "line 3: \"maybe\" is no label, in the column",
            ),
            ("9\n4\n", "the first line has to name the columns, and it is 9"),
            ("transaction_id,a,b\n1,0,1\n", "several columns could be the label: a, b;"),
            ("transaction_id,f\n1,1\n1,0\n", "line 3 has the id \"1\" once as a fraud"),
            ("transaction_id,scenario\n1,0\n", "line 2: scenario \"0\" is no number from 1 to 255"),
        ] {
            let error = frauds(content).expect_err(content);
            assert!(error.contains(expect), "{error}");
        }
    }
}
