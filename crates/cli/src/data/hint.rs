//! The kind of file that one seems to be of which no record can be scored.

use fraud_detector::Reason;
use fraud_plan::Program;
use fraud_plan::program::Role;
use serde_json::{Map, Value};

use super::unreadable::Unreadable;

/// Beginnings of files that hold no lines of JSON, and what to do with them.
const MAGIC: [(&[u8], &str); 8] = [
    (b"PAR1", "a Parquet file; write its rows as CSV or as JSON lines, for instance with duckdb"),
    (
        b"Obj\x01",
        "an Avro file; write its records as JSON lines, for instance with avro-tools tojson",
    ),
    (b"ORC", "an ORC file; write its rows as CSV or as JSON lines"),
    (b"ARROW1", "an Arrow file; write its rows as CSV or as JSON lines"),
    (b"PK\x03\x04", "a zip archive; give the file in it: unzip -p FILE | fraud … --input -"),
    (b"BZh", "a bzip2 file; decompress it: bzcat FILE | fraud … --input -"),
    (b"\xfd7zXZ\0", "an xz file; decompress it: xzcat FILE | fraud … --input -"),
    (b"\xff\xfe", "UTF-16 text; write it as UTF-8: iconv -f UTF-16 -t UTF-8"),
];

/// Says what the file seems to be, of which `head` are the first bytes, decompressed.
pub fn hint(head: &[u8], unreadable: &Unreadable, program: &Program) -> String {
    let is = |what: &str| format!("the file seems to be {what}");
    if head.is_empty() {
        return "the file is empty".into();
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return is(what);
    }
    if head.trim_ascii_start().starts_with(b"[") {
        return is("a JSON array; write an object a line: jq -c '.[]' FILE | fraud … --input -");
    }
    if unreadable.first(Reason::BadTime).is_some() {
        let time = program.fields.iter().position(|field| field.role == Role::Time);
        return match time {
            Some(time) => format!(
                "the times at {} are not as [time] in the spec says: look at its unit, its form and its \
                 offset",
                program.path(time)
            ),
            None => "the records have no time".into(),
        };
    }
    let first = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice::<Map<String, Value>>(first) {
        Ok(members) => {
            let names: Vec<_> = members.keys().map(|name| name.as_str()).collect();
            format!(
                "the first record has the members {}; does the spec belong to this file?",
                names.join(", ")
            )
        }
        Err(_)
            if first
                .iter()
                .filter(|&&byte| byte < b' ' && byte != b'\t' && byte != b'\r')
                .count()
                > 0 =>
        {
            is("binary; records are lines of JSON, or CSV with a header, plain, gzip or zstd")
        }
        Err(_) => "its lines are neither JSON objects nor CSV with a header of names".into(),
    }
}
