//! Dumps of a topic, as `rpk topic consume` and `kcat -J` print them: an object for each record, with its
//! key, headers, partition and timestamp beside its value.
//!
//! Both write bytes as text, and what is no UTF-8 is lost in it. rpk leaves out an empty key and a
//! tombstone's value; kcat writes null for what is absent.

use serde_json::{Map, Value};

/// A header's name and value.
pub type Header = (Vec<u8>, Option<Vec<u8>>);

/// The part of a topic's record that is not its value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivery {
    pub key: Option<Vec<u8>>,
    pub headers: Vec<Header>,
    pub partition: u32,
    /// The broker's timestamp, milliseconds since 1970; −1 for none.
    pub millis: i64,
}

/// Members that every record of a dump has.
const ALWAYS: [&str; 3] = ["topic", "partition", "offset"];
/// Members that it may have besides, by either program.
const OTHERS: [&str; 13] = [
    "key",
    "value",
    "payload",
    "headers",
    "timestamp",
    "ts",
    "tstype",
    "broker",
    "key_schema_id",
    "value_schema_id",
    "key_error",
    "payload_error",
    "value_size",
];

/// Returns whether this is a record of a dump.
pub fn is_dump(record: &[u8]) -> bool {
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(record) else { return false };
    ALWAYS.iter().all(|name| members.contains_key(*name))
        && members.keys().all(|name| ALWAYS.contains(&&**name) || OTHERS.contains(&&**name))
}

/// Takes a record apart: its value, if it has one, and all else. The error says what is wrong.
pub fn read(record: &[u8]) -> Result<(Option<Vec<u8>>, Delivery), String> {
    let wrong = |name: &str| format!("its {name} is not as rpk topic consume or kcat -J write it");
    let mut members: Map<String, Value> = serde_json::from_slice(record)
        .map_err(|_| "it is no object of a topic's dump, as the lines before it are".to_owned())?;
    let mut bytes = |names: [&str; 2]| match names.iter().find_map(|name| members.remove(*name)) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.into_bytes()),
        // kcat writes a value that is JSON as it is if it is told to.
        Some(value) => Some(value.to_string().into_bytes()),
    };
    let (value, key) = (bytes(["value", "payload"]), bytes(["key", "key"]));
    for (member, why) in [
        ("value_size", "the dump has no values; write it without --meta-only"),
        ("payload_error", "kcat could not read its value, as payload_error says"),
    ] {
        if value.is_none() && members.contains_key(member) {
            return Err(why.into());
        }
    }
    let partition = members.get("partition").and_then(Value::as_u64);
    let partition = partition.and_then(|number| u32::try_from(number).ok());
    let partition =
        partition.filter(|number| *number < 10_000).ok_or_else(|| wrong("partition"))?;
    let millis = match members.get("timestamp").or(members.get("ts")) {
        None => -1,
        Some(millis) => millis.as_i64().ok_or_else(|| wrong("timestamp"))?,
    };
    let headers = match members.get("headers") {
        None | Some(Value::Null) => Vec::new(),
        Some(headers) => read_headers(headers).ok_or_else(|| wrong("headers"))?,
    };
    Ok((value, Delivery { key, headers, partition, millis }))
}

/// Reads rpk's headers, objects with key and value, or kcat's, names and values in turn or an object with
/// a list of values for each name.
fn read_headers(headers: &Value) -> Option<Vec<Header>> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(|text| text.into());
    if let Some(names) = headers.as_object() {
        let all = names.iter().map(|(name, values)| {
            let values = values.as_array()?.iter();
            Some(values.map(|value| (name.clone().into_bytes(), text(Some(value)))))
        });
        return Some(all.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect());
    }
    let headers = headers.as_array()?;
    if headers.iter().all(Value::is_object) {
        return headers
            .iter()
            .map(|one| Some((text(one.get("key"))?, text(one.get("value")))))
            .collect();
    }
    headers.chunks(2).map(|pair| Some((text(pair.first())?, text(pair.get(1))))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_programs() {
        let header = |name: &str, value: Option<&str>| {
            (name.as_bytes().to_vec(), value.map(|value| value.as_bytes().to_vec()))
        };
        let trace = vec![header("trace", Some("a1"))];
        for (record, value, key, headers, partition, millis) in [
            (
                r#"{"topic":"t","key":"7","value":"{\"a\":1}","headers":[{"key":"trace","value":"a1"}],"timestamp":5,"partition":3,"offset":0}"#,
                Some(r#"{"a":1}"#),
                Some("7"),
                trace.clone(),
                3,
                5,
            ),
            (
                r#"{"topic":"t","key":"7","timestamp":6,"partition":0,"offset":1}"#,
                None,
                Some("7"),
                vec![],
                0,
                6,
            ),
            (
                r#"{"topic":"t","partition":1,"offset":0,"tstype":"create","ts":8,"broker":0,"headers":["trace","a1","b",null],"key":null,"payload":""}"#,
                Some(""),
                None,
                [trace.clone(), vec![header("b", None)]].concat(),
                1,
                8,
            ),
            (
                r#"{"topic":"t","partition":1,"offset":0,"headers":{"b":[null],"trace":["a1"]},"key":"","payload":{"a":1}}"#,
                Some(r#"{"a":1}"#),
                Some(""),
                [vec![header("b", None)], trace].concat(),
                1,
                -1,
            ),
        ] {
            assert!(is_dump(record.as_bytes()), "{record}");
            let key = key.map(|key| key.as_bytes().to_vec());
            let value = value.map(|value| value.as_bytes().to_vec());
            let expect = (value, Delivery { key, headers, partition, millis });
            assert_eq!(read(record.as_bytes()), Ok(expect), "{record}");
        }
        for record in [
            r#"{"topic":"t","partition":1,"amount":7}"#,
            "{}",
            "x",
            r#"{"topic":"t","partition":1,"offset":0,"sum":1}"#,
        ] {
            assert!(!is_dump(record.as_bytes()), "{record}");
        }
        for record in [
            r#"{"partition":-1}"#,
            r#"{"partition":0,"ts":"now"}"#,
            r#"{"partition":0,"headers":[7]}"#,
            r#"{"partition":0,"headers":{"a":7}}"#,
            r#"{"partition":0,"value_size":12}"#,
            r#"{"partition":0,"payload":null,"payload_error":"no schema"}"#,
            "x",
        ] {
            assert!(read(record.as_bytes()).is_err(), "{record}");
        }
    }
}
