//! CSV with a header: each row as a JSON object.
//!
//! A cell that is a JSON number becomes that number, to the digit; an empty cell becomes null; every
//! other cell is text. A number with an exponent has to have the exponent's sign, as programs write it
//! (`1e-05`), for an id may look like `12e5`. So `596` is a number, `007` a text and `true` a text.

use std::io::Read;

use csv::{ByteRecord, Position, Reader, ReaderBuilder};

/// The separators that are known.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The rows of a table.
pub struct Table {
    rows: Reader<Box<dyn Read>>,
    /// The columns' names as members: `"name":`.
    members: Vec<Vec<u8>>,
    row: ByteRecord,
}

impl Table {
    /// Returns the separator of the columns, if the data begin as a table does: the first line has two names
    /// or more, all different, none of them empty or a number, and the second line is no JSON object.
    pub fn separator(head: &[u8]) -> Option<u8> {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let mut lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        let first = lines.find(|line| !line.is_empty())?;
        let begins = |line: &[u8]| line.first().is_some_and(|byte| b"{[".contains(byte));
        if begins(first) || lines.next().is_some_and(begins) || std::str::from_utf8(first).is_err()
        {
            return None;
        }
        let count = |separator: u8| first.iter().filter(|&&byte| byte == separator).count();
        let separator = SEPARATORS.into_iter().rev().max_by_key(|&separator| count(separator))?;
        let mut names: Vec<_> = first.split(|&byte| byte == separator).collect();
        let many = names.len() > 1;
        names.sort_unstable();
        let differ = names.windows(2).all(|pair| pair[0] != pair[1]);
        let good = |name: &&[u8]| !name.is_empty() && !is_number(name);
        (many && differ && names.iter().all(good)).then_some(separator)
    }

    /// Reads the header.
    pub fn new(reader: Box<dyn Read>, separator: u8) -> csv::Result<Self> {
        let mut rows = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(reader);
        let names = rows.byte_headers()?.iter();
        let members = names.map(|name| {
            let mut member = json_text(name);
            member.push(b':');
            member
        });
        Ok(Self { members: members.collect(), rows, row: ByteRecord::new() })
    }

    /// Writes the next row as an object; returns its line, or `None` at the end. Cells beyond the header's
    /// are left out, and so are the columns of cells that a short row lacks.
    pub fn next(&mut self, object: &mut Vec<u8>) -> csv::Result<Option<u64>> {
        if !self.rows.read_byte_record(&mut self.row)? {
            return Ok(None);
        }
        object.push(b'{');
        for (at, (member, cell)) in self.members.iter().zip(&self.row).enumerate() {
            if at > 0 {
                object.push(b',');
            }
            object.extend_from_slice(member);
            match cell {
                b"" => object.extend_from_slice(b"null"),
                number if is_number(number) => object.extend_from_slice(number),
                text => object.extend_from_slice(&json_text(text)),
            }
        }
        object.push(b'}');
        Ok(Some(self.row.position().map_or(0, Position::line)))
    }
}

/// Writes text as JSON.
pub fn json_text(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    serde_json::to_vec(&text).expect("a text is JSON")
}

/// Returns whether a cell is a JSON number whose exponent, if it has one, has a sign.
fn is_number(cell: &[u8]) -> bool {
    let starts = cell.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
    let ends = cell.last().is_some_and(u8::is_ascii_digit);
    let exponent = cell.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e'));
    let signed = exponent.is_none_or(|at| matches!(cell.get(at + 1), Some(b'+' | b'-')));
    starts && ends && signed && serde_json::from_slice::<&serde_json::value::RawValue>(cell).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_objects() {
        let table = "id,amount,\"na\"\"me\"\n7,1.10,\"a,\"\"b\"\"\"\n007,-1e-05,\n12e5,1e400,x,y\n\"5\n6\",.5\n";
        let mut rows = Table::new(Box::new(table.as_bytes()), b',').expect("a header");
        for (line, expect) in [
            (2, r#"{"id":7,"amount":1.10,"na\"me":"a,\"b\""}"#),
            (3, r#"{"id":"007","amount":-1e-05,"na\"me":null}"#),
            (4, r#"{"id":"12e5","amount":"1e400","na\"me":"x"}"#),
            (5, r#"{"id":"5\n6","amount":".5"}"#),
        ] {
            let mut object = Vec::new();
            assert_eq!(rows.next(&mut object).expect("readable"), Some(line));
            assert_eq!(String::from_utf8_lossy(&object), expect);
        }
        assert_eq!(rows.next(&mut Vec::new()).expect("readable"), None);
    }

    #[test]
    fn tables_are_told_from_other_files() {
        for (head, expect) in [
            ("a,b\n1,2\n", Some(b',')),
            ("a;b,c;d\n", Some(b';')),
            ("a\tb\n", Some(b'\t')),
            ("a,a\n1,2\n", None),
            ("a,\n", None),
            ("1,2\n3,4\n", None),
            ("a\nb\n", None),
            ("not JSON, so\n{\"a\":1}\n", None),
            ("{\"a\":1,\"b\":2}\n", None),
            ("\u{feff}{\"a\":1,\"b\":2}\n", None),
            ("\u{feff}a,b\n1,2\n", Some(b',')),
            ("[1,2]\n", None),
            ("", None),
        ] {
            assert_eq!(Table::separator(head.as_bytes()), expect, "{head:?}");
        }
    }
}
