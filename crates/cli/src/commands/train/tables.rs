//! Tables of categories that training makes: the share of frauds of each value, or how often it comes.
//!
//! **Idea**: a rate that counts a transaction's own label tells the label, and a model that sees it learns
//! nothing else. So in training each transaction is given the rate as it was known before it, of transactions
//! whose labels were known then. The module, and validation, have the rate as it was known when
//! validation begins: that is the table in the file. A count tells no label, so it is the table's everywhere.
//!
//! **Formulas**, of n transactions of a value, f of them frauds, and N transactions in all, F of them frauds:
//! the count is n, the rate is (f + 100 · F ÷ N) ÷ (n + 100), and a value of which n < 20 has neither: it is
//! not in the table. So a rare value is near the usual rate, and never alone with its label.
//!
//! **Example**: with 5 frauds in 1,000 transactions, a value with 2 frauds in 50 has (2 + 0.5) ÷ 150 = 0.0167.
//!
//! To check a change: the tests compare each number with one that counts all transactions anew.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fraud_detector::record::value::id_text;
use fraud_plan::Program;
use fraud_plan::compile::spec::{MadeTable, TableOf};
use fraud_plan::program::{Role, Step};

use super::split::{Row, Split};
use crate::data::at_path;
use crate::data::stream::Transaction;

/// Fewest transactions of a value that is in a table.
const LEAST: u32 = 20;
/// Transactions of the usual rate that are added to those of a value.
const WEIGHT: f64 = 100.0;
/// Most values of a table, for each takes some fifty bytes of the module's memory: those that come most.
const MOST: usize = 4096;

/// The transactions of one value, or of all.
#[derive(Clone, Copy, Default)]
struct Tally {
    all: u32,
    frauds: u32,
}

impl Tally {
    fn add(&mut self, row: &Row) {
        self.all += 1;
        self.frauds += u32::from(row.is_fraud);
    }

    /// Returns the number of a value in a table; `None` if it is too rare. `usual` is the tally of all.
    fn number(&self, of: TableOf, usual: Tally) -> Option<f32> {
        let [all, frauds, usual_all, usual_frauds] =
            [self.all, self.frauds, usual.all, usual.frauds].map(f64::from);
        (self.all >= LEAST).then(|| match of {
            TableOf::Count => self.all as f32,
            TableOf::FraudRate => {
                ((frauds + WEIGHT * usual_frauds / usual_all) / (all + WEIGHT)) as f32
            }
        })
    }
}

/// A table that is made, and each transaction's value of its category.
pub struct Making {
    table: MadeTable,
    /// Path of the category.
    path: Vec<Step>,
    /// The values met, each once, and their numbers by text.
    texts: Vec<Vec<u8>>,
    numbers: HashMap<Vec<u8>, usize>,
    /// The number of each transaction's value, if it has one.
    values: Vec<Option<usize>>,
    /// In training, what each transaction has in place of the table's number; empty for a count.
    instead: Vec<f32>,
}

impl Making {
    pub fn new(table: MadeTable, program: &Program) -> Self {
        let role = Role::Category(table.category);
        let field = program.fields.iter().position(|field| field.role == role);
        let path = at_path::path_of(program, field.expect("each category has a field"));
        let (texts, numbers, values, instead) = Default::default();
        Self { table, path, texts, numbers, values, instead }
    }

    /// Returns the file of the table.
    pub fn file(&self) -> &Path {
        &self.table.file
    }

    /// Adds the next transaction.
    pub fn add(&mut self, transaction: &Transaction) {
        let value = transaction.value.and_then(|record| at_path::value(record, &self.path));
        let text = value.and_then(id_text);
        self.values.push(text.map(|text| match self.numbers.get(&*text) {
            Some(&number) => number,
            None => {
                let number = self.texts.len();
                self.texts.push(text.to_vec());
                self.numbers.insert(text.into_owned(), number);
                number
            }
        }));
    }

    /// Makes the table of the transactions, `rows`, and writes its file.
    pub fn make(&mut self, rows: &[Row], split: &Split) -> Result<()> {
        let lines = self.lines(rows, split);
        if self.table.of == TableOf::FraudRate {
            let mut listed = vec![false; self.texts.len()];
            lines.iter().for_each(|(value, _)| listed[*value] = true);
            self.instead = self.known_before(rows, &listed);
        }
        let path = &self.table.file;
        let cannot_write = || format!("cannot write {}", path.display());
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).with_context(cannot_write)?;
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["value", "number"]).with_context(cannot_write)?;
        for (number, is) in lines {
            let row = [self.texts[number].clone(), is.to_string().into_bytes()];
            writer.write_record(row).with_context(cannot_write)?;
        }
        let text = writer.into_inner().ok().with_context(cannot_write)?;
        fs::write(path, text).with_context(cannot_write)
    }

    /// Returns the table's lines in the order of their texts: values, by number, and what they have.
    fn lines(&self, rows: &[Row], split: &Split) -> Vec<(usize, f32)> {
        let mut tallies = vec![Tally::default(); self.texts.len()];
        let mut usual = Tally::default();
        for (row, value) in rows.iter().zip(&self.values).filter(|(row, _)| split.knows(row)) {
            usual.add(row);
            value.iter().for_each(|&value| tallies[value].add(row));
        }
        // A line of the file is a value.
        let fits = |text: &[u8]| std::str::from_utf8(text).is_ok() && !text.contains(&b'\n');
        let number = |value: usize| Some((value, tallies[value].number(self.table.of, usual)?));
        let mut lines: Vec<(usize, f32)> = (0..tallies.len()).filter_map(number).collect();
        lines.retain(|(value, _)| fits(&self.texts[*value]));
        lines.sort_by_key(|(value, _)| (Reverse(tallies[*value].all), &self.texts[*value]));
        lines.truncate(MOST);
        lines.sort_by_key(|(value, _)| &self.texts[*value]);
        lines
    }

    /// Returns what each transaction has by the labels that were known before it.
    fn known_before(&self, rows: &[Row], listed: &[bool]) -> Vec<f32> {
        let mut by_time: Vec<usize> = (0..rows.len()).collect();
        let mut by_known = by_time.clone();
        by_time.sort_by_key(|&at| rows[at].time);
        by_known.sort_by_key(|&at| rows[at].known);
        let mut known = by_known.into_iter().peekable();
        let (mut tallies, mut usual) = (vec![Tally::default(); self.texts.len()], Tally::default());
        let mut numbers = vec![f32::NAN; rows.len()];
        for at in by_time {
            while let Some(before) = known.next_if(|&before| rows[before].known < rows[at].time) {
                usual.add(&rows[before]);
                self.values[before].iter().for_each(|&value| tallies[value].add(&rows[before]));
            }
            if let Some(value) = self.values[at] {
                let number = tallies[value].number(self.table.of, usual);
                numbers[at] = number.filter(|_| listed[value]).unwrap_or(self.table.unknown);
            }
        }
        numbers
    }

    /// Puts into the vector of a transaction, the one at `at`, what it has in training.
    pub fn correct(&self, at: usize, vector: &mut [f32]) {
        if let Some(&number) = self.instead.get(at) {
            vector[self.table.feature] = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNKNOWN: f32 = -1.0;

    /// Makes a table that is to be of these values, each a letter, in a file that is not there yet.
    fn making(of: TableOf, values: &[Option<u8>], file: &Path) -> Making {
        let table =
            MadeTable { file: file.to_owned(), of, category: 0, feature: 1, unknown: UNKNOWN };
        Making {
            table,
            path: Vec::new(),
            texts: (b'a'..=b'z').map(|letter| vec![letter]).collect(),
            numbers: HashMap::new(),
            values: values.iter().map(|value| value.map(usize::from)).collect(),
            instead: Vec::new(),
        }
    }

    /// Returns a value's number by the formula over all the rows for which `holds`.
    fn by_formula(
        of: TableOf,
        value: u8,
        rows: &[Row],
        values: &[Option<u8>],
        holds: impl Fn(&Row) -> bool,
    ) -> Option<f32> {
        let frauds = |rows: &[&Row]| rows.iter().filter(|row| row.is_fraud).count() as f64;
        let all: Vec<&Row> = rows.iter().filter(|row| holds(row)).collect();
        let its: Vec<&Row> = (rows.iter().zip(values))
            .filter(|(row, is)| holds(row) && **is == Some(value))
            .map(|(row, _)| row)
            .collect();
        let usual = frauds(&all) / all.len() as f64;
        (its.len() >= 20).then(|| match of {
            TableOf::Count => its.len() as f32,
            TableOf::FraudRate => {
                ((frauds(&its) + 100.0 * usual) / (its.len() as f64 + 100.0)) as f32
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// Compares the file, and the number of each transaction in training, with the formula over all
        /// transactions that were known by then.
        #[test]
        fn tables_are_of_what_was_known(
            rows in prop::collection::vec((0..1000_i64, 0..200_i64, any::<bool>(), prop::option::of(0..4_u8)), 1..400),
            validate_from in 300..1200_i64,
        ) {
            let place = tempfile::tempdir().expect("a temporary directory");
            let file = place.path().join("tables/rate.csv");
            let values: Vec<_> = rows.iter().map(|row| row.3).collect();
            let row = |(line, &(time, delay, is_fraud, _))| Row { line, time, known: time + delay, is_fraud };
            let rows: Vec<Row> = (1..).zip(&rows).map(row).collect();
            let split = Split { learn_from: 0, validate_from };
            for of in [TableOf::FraudRate, TableOf::Count] {
                let mut making = making(of, &values, &file);
                making.make(&rows, &split).expect("writable");
                let number = |value| by_formula(of, value, &rows, &values, |row| row.known < validate_from);
                let lines = (0..4).filter_map(|value| {
                    Some(format!("{},{}\n", char::from(b'a' + value), number(value)?))
                });
                let expect = "value,number\n".to_owned() + &lines.collect::<String>();
                prop_assert_eq!(fs::read_to_string(&file).expect("written"), expect);

                for (at, (row, value)) in rows.iter().zip(&values).enumerate() {
                    let mut vector = [5.0, 6.0];
                    making.correct(at, &mut vector);
                    let before = |value: u8| {
                        number(value).and_then(|_| {
                            by_formula(of, value, &rows, &values, |other| other.known < row.time)
                        })
                    };
                    let expect = match (of, value) {
                        (TableOf::Count, _) => 6.0,
                        (TableOf::FraudRate, None) => f32::NAN,
                        (TableOf::FraudRate, &Some(value)) => before(value).unwrap_or(UNKNOWN),
                    };
                    prop_assert!(vector[1].to_bits() == expect.to_bits(), "{} {}", vector[1], expect);
                    prop_assert_eq!(vector[0], 5.0);
                }
            }
        }
    }

    #[test]
    fn the_values_that_come_most() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let file = place.path().join("count.csv");
        let mut making = making(TableOf::Count, &[], &file);
        making.texts = (0..MOST + 2).map(|value| format!("\"v\",{value}").into_bytes()).collect();
        making.texts.push(b"on\ntwo lines".to_vec());
        // The first two values come once less than the others.
        let times = |value: usize| if value < 2 { 20 } else { 21 };
        let values =
            (0..making.texts.len()).flat_map(|value| (0..times(value)).map(move |_| Some(value)));
        making.values = values.collect();
        let row = Row { line: 1, time: 0, known: 0, is_fraud: false };
        let split = Split { learn_from: 0, validate_from: 1 };
        making.make(&vec![row; making.values.len()], &split).expect("writable");
        let text = fs::read_to_string(&file).expect("written");
        assert_eq!(text.lines().count(), 1 + MOST, "{text}");
        assert!(text.lines().any(|line| line == r#""""v"",2",21"#), "{text}");
    }
}
