//! The kind of file that one seems to be of which no record can be scored.

use fraud_detector::Reason;
use fraud_plan::Program;
use fraud_plan::program::Role;
use serde_json::{Map, Value};

use super::unreadable::Unreadable;

/// Beginnings of files that hold no lines of JSON, and what to do with them.
const MAGIC: [(&[u8], &str); 9] = [
    (b"PARE", "an encrypted Parquet file; write it without encryption"),
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
    (b"\xfe\xff", "UTF-16 text; write it as UTF-8: iconv -f UTF-16 -t UTF-8"),
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
    if let Some(list) = list_in_object(head) {
        return is(&format!(
            "one JSON object with its records in the list {list}; write an object a line: \
             jq -c '.{list}[]' FILE | fraud … --input -"
        ));
    }
    if let Some(first) = unreadable.first(Reason::BadTime) {
        let Some(time) = program.fields.iter().position(|field| field.role == Role::Time) else {
            return "the records have no time".into();
        };
        return format!(
            "the times at {} are not as [time] in the spec says; {}",
            program.path(time),
            time_form(first.value.as_deref().unwrap_or_default())
        );
    }
    if let Some(members) = first_object(head) {
        let names: Vec<_> = members.keys().map(String::as_str).collect();
        let names = names.join(", ");
        return format!(
            "the first record has the members {names}; does the spec belong to this file?"
        );
    }
    let is_control = |byte: &u8| *byte < b' ' && !b"\t\r\n".contains(byte);
    match head.split(|&byte| byte == b'\n').next().unwrap_or_default().iter().any(is_control) {
        true => is("binary; records are lines of JSON, CSV with a header, or Parquet"),
        false => "its lines are neither JSON objects nor CSV with a header of names".into(),
    }
}

/// Returns the first of the data's objects.
fn first_object(head: &[u8]) -> Option<Map<String, Value>> {
    serde_json::Deserializer::from_slice(head).into_iter().next()?.ok()
}

/// Returns the name of a list of objects in the one object that the data are, or begin with.
fn list_in_object(head: &[u8]) -> Option<String> {
    let is_record = |value: &Value| value.is_object();
    if let Ok(only) = serde_json::from_slice::<Map<String, Value>>(head) {
        let is_list = |value: &Value| value.as_array().is_some_and(|all| all.iter().any(is_record));
        return only.into_iter().find(|(_, value)| is_list(value)).map(|(name, _)| name);
    }
    if first_object(head).is_some() || !head.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let text = String::from_utf8_lossy(head);
    text.match_indices('[').find_map(|(at, _)| {
        let before = text[..at].trim_end().strip_suffix(':')?.trim_end().strip_suffix('"')?;
        let has_objects = text[at + 1..].trim_start().starts_with('{');
        before.rsplit('"').next().filter(|_| has_objects).map(str::to_owned)
    })
}

/// Says what is to be looked at in the spec for a time like this, a JSON value.
fn time_form(value: &str) -> String {
    let unit = match value.trim_matches('"').split('.').next().unwrap_or_default() {
        digits if !digits.bytes().all(|byte| byte.is_ascii_digit()) => None,
        digits => match digits.len() {
            9 | 10 => Some("seconds"),
            12 | 13 => Some("milliseconds"),
            15 | 16 => Some("microseconds"),
            18 | 19 => Some("nanoseconds"),
            _ => None,
        },
    };
    match unit {
        Some(unit) => format!("{value} looks like unit = \"{unit}\""),
        None => "look at its unit, its form and, for text without a zone, its utc_offset".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_in_objects() {
        for (head, expect) in [
            (r#"{"n":2,"data":[{"id":1},{"id":2}]}"#, Some("data")),
            ("{\n  \"n\": [1],\n  \"rows\" : [\n    {\n \"id\": 1", Some("rows")),
            ("{\"items\":[{\"p\":1}]}\n{\"items\":[{\"p\":1}]}\n", None),
            ("{\"a\":1}\n", None),
            ("rows: [{", None),
            ("", None),
        ] {
            assert_eq!(list_in_object(head.as_bytes()).as_deref(), expect, "{head}");
        }
    }

    #[test]
    fn times_by_their_length() {
        for (value, expect) in [
            ("1577836800", "unit = \"seconds\""),
            ("1577836800.25", "unit = \"seconds\""),
            ("1577836800000", "unit = \"milliseconds\""),
            ("\"1577836800000000\"", "unit = \"microseconds\""),
            ("1577836800000000000", "unit = \"nanoseconds\""),
            ("5", "its unit, its form"),
            ("\"2020-01-01 00:00:00\"", "its utc_offset"),
        ] {
            assert!(time_form(value).contains(expect), "{value}: {}", time_form(value));
        }
    }
}
