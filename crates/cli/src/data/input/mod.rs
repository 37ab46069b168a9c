//! The records of a file, whatever kind of file it is; its content tells the kind, not its name.
//!
//! - [`source`]: bytes, decompressed
//! - [`table`]: CSV; [`parquet`]: Parquet; [`dump`]: dumps of a topic; JSON lines need no file of their own

pub mod dump;
mod parquet;
mod source;
mod table;

use std::cell::Cell;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;

use crate::show::progress;
use dump::Delivery;
use parquet::Parquet;
pub use source::{STANDARD_INPUT, Source};
use table::Table;

/// The records of a file, one after the other.
pub struct Records {
    path: PathBuf,
    form: Form,
    /// The first bytes, decompressed.
    pub head: Vec<u8>,
    value: Vec<u8>,
    delivery: Option<Delivery>,
    /// Number of records so far.
    number: u64,
    consumed: Rc<Cell<u64>>,
    /// Bytes of the file; 0 if that is not known.
    total: u64,
    bar: ProgressBar,
}

/// The way in which a file holds its records.
enum Form {
    /// One a line.
    Lines(Lines<'static>),
    /// One object of a topic's dump after the other.
    Dump(Lines<'static>),
    Table(Table),
    Parquet(Parquet),
}

/// One record.
pub struct Record<'r> {
    /// The line on which it begins, or its row where there are no lines, from 1.
    pub line: u64,
    /// Its value; `None` for a tombstone, which only a dump has.
    pub value: Option<&'r [u8]>,
    /// Its delivery, in a dump.
    pub delivery: Option<&'r Delivery>,
}

impl Records {
    /// Opens a file, or standard input if `path` is `-`; progress is shown as `what`.
    pub fn open(path: &Path, what: &'static str) -> Result<Self> {
        let Source { reader, head, consumed, total } = Source::open(path)?;
        let cannot_read = || format!("cannot read {}", path.display());
        let form = match Table::separator(&head) {
            _ if Parquet::is(&head) => {
                Form::Parquet(Parquet::open(path, Box::new(reader)).with_context(cannot_read)?)
            }
            Some(separator) => {
                let table = Table::new(Box::new(reader), separator);
                Form::Table(table.with_context(cannot_read)?)
            }
            None => {
                // Indented objects are told by the brace that is alone on its line.
                let first = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
                let is_indented = first.trim_ascii() == b"{";
                let mut sample = Lines { reader: Box::new(&head[..]), is_indented, number: 0 };
                let mut first = Vec::new();
                sample.next(&mut first).with_context(cannot_read)?;
                let is_dump = dump::is_dump(&first);
                let lines = Lines { reader, is_indented, number: 0 };
                if is_dump { Form::Dump(lines) } else { Form::Lines(lines) }
            }
        };
        Ok(Self {
            path: path.into(),
            form,
            head,
            value: Vec::new(),
            delivery: None,
            number: 0,
            consumed,
            total,
            bar: progress::bytes(what, total),
        })
    }

    /// Reads the next record; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Record<'_>>> {
        self.value.clear();
        let (path, number) = (self.path.display(), self.number);
        let read = match &mut self.form {
            Form::Lines(lines) | Form::Dump(lines) => {
                lines.next(&mut self.value).map_err(anyhow::Error::from)
            }
            Form::Table(table) => table.next(&mut self.value).map_err(anyhow::Error::from),
            Form::Parquet(rows) => {
                self.consumed.set((rows.done() * self.total as f64) as u64);
                rows.next(&mut self.value)
            }
        };
        let read = read.with_context(|| format!("cannot read {path} after record {number}"))?;
        let Some(line) = read else {
            self.done();
            return Ok(None);
        };
        if self.number.is_multiple_of(4096) {
            self.bar.set_position(self.consumed.get());
        }
        self.number += 1;
        let mut is_tombstone = false;
        if let Form::Dump(_) = self.form {
            match dump::read(&self.value) {
                Ok((value, delivery)) => {
                    is_tombstone = value.is_none();
                    self.value = value.unwrap_or_default();
                    self.delivery = Some(delivery);
                }
                Err(wrong) => bail!("{path} line {line}: {wrong}"),
            }
        }
        let value = (!is_tombstone).then_some(&*self.value);
        Ok(Some(Record { line, value, delivery: self.delivery.as_ref() }))
    }

    /// Clears the progress bar. The end of the file does so too; an early end must call this.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}

/// Lines without their line feeds, or objects that take several lines.
struct Lines<'l> {
    reader: Box<dyn BufRead + 'l>,
    /// Whether each record is an indented object.
    is_indented: bool,
    number: u64,
}

impl Lines<'_> {
    /// Reads the next record; returns the line on which it begins, or `None` at the end.
    fn next(&mut self, record: &mut Vec<u8>) -> io::Result<Option<u64>> {
        let begins = self.number + 1;
        loop {
            let start = record.len();
            if self.reader.read_until(b'\n', record)? == 0 {
                return Ok((!record.is_empty()).then_some(begins));
            }
            self.number += 1;
            if record.last() == Some(&b'\n') {
                record.pop();
            }
            // An indented object ends with the brace that is not indented.
            if !self.is_indented || record[start..].starts_with(b"}") {
                return Ok(Some(begins));
            }
        }
    }
}

/// Returns the name by which an answer speaks of a file: without its directories.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn records(content: &[u8]) -> Vec<(u64, Option<String>)> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(content).expect("a writable file");
        let mut records = Records::open(file.path(), "test").expect("readable");
        let mut all = Vec::new();
        while let Some(Record { line, value, .. }) = records.next().expect("readable") {
            all.push((line, value.map(|value| String::from_utf8_lossy(value).into_owned())));
        }
        all
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("a vector");
        encoder.finish().expect("a vector")
    }

    #[test]
    fn compression_is_told_by_content() {
        let lines = b"{\"a\":1}\nnot JSON\n\n{\"a\":2}";
        let expect = records(lines);
        assert_eq!(expect.len(), 4, "{expect:?}");
        assert_eq!(expect[3], (4, Some(r#"{"a":2}"#.to_owned())));
        let zstd = zstd::encode_all(&lines[..], 1).expect("a vector");
        let members = [gzip(&lines[..5]), gzip(&lines[5..])].concat();
        for compressed in [gzip(lines), members, zstd] {
            assert_eq!(records(&compressed), expect);
        }
        assert_eq!(records(b""), []);
    }

    #[test]
    fn kinds_are_told_by_content() {
        let value = |line: u64, value: &str| (line, Some(value.to_owned()));
        let indented = "{\n\"topic\":\"t\",\n\"value\":\"{\\\"a\\\":1}\",\n\"partition\":0,\n\"offset\":0\n}\n";
        for (content, expect) in [
            ("a,b\n1,x\n", vec![value(2, r#"{"a":1,"b":"x"}"#)]),
            (
                "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n",
                vec![value(1, "{  \"a\": 1}"), value(4, "{  \"a\": 2}")],
            ),
            (indented, vec![value(1, r#"{"a":1}"#)]),
            (r#"{"topic":"t","key":"k","partition":0,"offset":0}"#, vec![(1, None)]),
            ("[{\"a\":1}]", vec![value(1, "[{\"a\":1}]")]),
        ] {
            assert_eq!(records(content.as_bytes()), expect, "{content}");
        }
    }
}
