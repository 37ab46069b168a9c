//! Labels that are a file of transactions' ids.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use csv::ByteRecord;
use fraud_detector::record::timestamp;

use super::{Fraud, LABELS, label};

/// A list of frauds, in the file's order.
pub(super) struct List {
    pub(super) path: PathBuf,
    frauds: Vec<(Vec<u8>, Fraud)>,
    by_id: HashMap<Vec<u8>, usize>,
}

/// The columns of a list.
struct Columns {
    id: usize,
    /// 1 for a fraud, where genuine transactions are listed too.
    label: Option<usize>,
    scenario: Option<usize>,
    reported_at: Option<usize>,
}

impl List {
    /// Reads a CSV with a column of ids, and perhaps a label, `scenario` and `reported_at`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = path.display();
        let mut reader = csv::Reader::from_path(path)
            .with_context(|| format!("cannot read the list of frauds {file}"))?;
        let cannot_read = || format!("cannot read {file}");
        let names = reader.byte_headers().with_context(cannot_read)?.clone();
        let rows: Vec<ByteRecord> =
            reader.byte_records().collect::<Result<_, _>>().with_context(cannot_read)?;
        let columns = Columns::find(&names, &rows).with_context(|| file.to_string())?;
        let mut list = Self { path: path.into(), frauds: Vec::new(), by_id: HashMap::new() };
        // The label of each id, and the line that it is from.
        let mut labels: HashMap<&[u8], (bool, u64)> = HashMap::new();
        for row in &rows {
            let number = row.position().map_or(0, csv::Position::line);
            let line = || format!("{file} line {number}");
            let (id, is_fraud) = (&row[columns.id], columns.label(row).with_context(line)?);
            if let Some((other, before)) = labels.insert(id, (is_fraud, number)) {
                ensure!(
                    other == is_fraud,
                    "{} has the id {:?} once as a fraud and once as genuine, in line {before}",
                    line(),
                    String::from_utf8_lossy(id),
                );
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
            }
        }
        Ok(list)
    }

    /// Returns the fraud with this id.
    pub(super) fn get(&self, id: &[u8]) -> Option<&Fraud> {
        self.by_id.get(id).map(|&at| &self.frauds[at].1)
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
    fn find(names: &ByteRecord, rows: &[ByteRecord]) -> Result<Self> {
        let place = |name: &str| names.iter().position(|found| found == name.as_bytes());
        let [id, scenario, reported_at] = ["transaction_id", "scenario", "reported_at"].map(place);
        let is_known = |at: &usize| [id, scenario, reported_at].contains(&Some(*at));
        let has_labels =
            |at: usize| !rows.is_empty() && rows.iter().all(|row| label(&row[at]).is_some());
        let others: Vec<usize> = (0..names.len()).filter(|at| !is_known(at)).collect();
        let name = |at: usize| String::from_utf8_lossy(&names[at]).into_owned();
        let list = |of: &[usize]| of.iter().map(|at| name(*at)).collect::<Vec<_>>().join(", ");
        let (labels, rest): (Vec<usize>, Vec<usize>) = match (id, others.as_slice()) {
            // A single column has ids, even if they are 0 and 1.
            (None, [only]) => (vec![], vec![*only]),
            (None, [one, other]) if has_labels(*one) && has_labels(*other) => {
                (vec![*other], vec![*one])
            }
            _ => others.iter().partition(|at| has_labels(**at)),
        };
        let id = match (id, rest.as_slice()) {
            (Some(id), _) => id,
            (None, [id]) => *id,
            (None, _) => bail!(
                "which column has the transactions' ids? Its first line names {}; call the column \
                 transaction_id",
                list(&(0..names.len()).collect::<Vec<_>>()),
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
        Ok(Self { id, label, scenario, reported_at })
    }

    /// Reads whether a row lists a fraud.
    fn label(&self, row: &ByteRecord) -> Result<bool> {
        let Some(at) = self.label else { return Ok(true) };
        label(&row[at]).with_context(|| {
            format!("{:?} is no label; {LABELS}", String::from_utf8_lossy(&row[at]))
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
        let list = List::read(file.path()).map_err(|error| format!("{error:#}"))?;
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
        ] {
            assert_eq!(frauds(content).as_deref(), Ok(expect), "{content}");
        }
    }

    #[test]
    fn errors_name_the_column_or_the_line() {
        for (content, expect) in [
            ("a,b\nx,z\n", "which column has the transactions' ids? Its first line names a, b;"),
            ("transaction_id,a,b\n1,0,1\n", "several columns could be the label: a, b;"),
            ("transaction_id,f\n1,1\n1,0\n", "line 3 has the id \"1\" once as a fraud"),
            ("transaction_id,scenario\n1,0\n", "line 2: scenario \"0\" is no number from 1 to 255"),
        ] {
            let error = frauds(content).expect_err(content);
            assert!(error.contains(expect), "{error}");
        }
    }
}
