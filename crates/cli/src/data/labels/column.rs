//! Labels that are a value of each record.

use std::cell::Cell;
use std::fmt;

use anyhow::{Result, bail};
use fraud_detector::record::scalar::Scalar;
use fraud_plan::compile::parse_path;
use fraud_plan::program::Step;

use super::{Fraud, LABELS, label};
use crate::data::at_path;

/// The path of the label in a record, written as in a spec.
#[derive(Clone, Debug)]
pub struct LabelPath {
    text: String,
    steps: Vec<Step>,
}

impl std::str::FromStr for LabelPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A column of a table may have any name, and tables have no paths.
        let steps = parse_path(text)?;
        Ok(Self { text: text.into(), steps })
    }
}

impl fmt::Display for LabelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A value of each record that says whether it is a fraud.
pub(super) struct Column {
    pub(super) path: LabelPath,
    fraud: Fraud,
}

impl Column {
    pub(super) fn new(path: LabelPath) -> Self {
        Self { path, fraud: Fraud { scenario: 1, reported_at: None, found: Cell::new(false) } }
    }

    /// Reads a record's label: the fraud that it is, if it is one. `None` if the record has no
    /// label; fails if its value is none.
    pub(super) fn read(&self, record: &[u8]) -> Result<Option<Option<&Fraud>>> {
        let Some(found) = at_path::value(record, &self.path.steps) else { return Ok(None) };
        let value = match found {
            Scalar::Null => return Ok(None),
            Scalar::Bool(is_fraud) => Some(is_fraud),
            Scalar::Number(number) => label(number.text),
            Scalar::Text(text) => match text.bytes().collect::<Vec<u8>>() {
                text if text.trim_ascii().is_empty() => return Ok(None),
                text => label(&text),
            },
            Scalar::Array | Scalar::Object => None,
        };
        match value {
            Some(is_fraud) => Ok(Some(is_fraud.then_some(&self.fraud))),
            None => {
                let found = match found {
                    Scalar::Number(number) => String::from_utf8_lossy(number.text).into_owned(),
                    Scalar::Text(text) => {
                        format!("{:?}", String::from_utf8_lossy(&text.bytes().collect::<Vec<u8>>()))
                    }
                    Scalar::Array => "an array".into(),
                    _ => "an object".into(),
                };
                bail!("{} is {found}; {LABELS}", self.path)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The label as text: F for a fraud, G for a genuine transaction, - for none, else the error.
    fn read(path: &str, record: &str) -> String {
        let column = Column::new(path.parse().expect("a path"));
        match column.read(record.as_bytes()) {
            Ok(Some(Some(_))) => "F".into(),
            Ok(Some(None)) => "G".into(),
            Ok(None) => "-".into(),
            Err(error) => format!("{error}"),
        }
    }

    #[test]
    fn values() {
        for (value, expect) in [
            ("1", "F"),
            ("0", "G"),
            ("1.0", "F"),
            ("0e0", "G"),
            ("true", "F"),
            ("false", "G"),
            ("\"1\"", "F"),
            ("\"No\"", "G"),
            ("\"TRUE\"", "F"),
            ("\" y \"", "F"),
            ("\"\\u0031\"", "F"),
            ("null", "-"),
            ("\"\"", "-"),
            ("2", "is_fraud is 2; a label is 1 or 0, true or false, yes or no"),
            ("\"fraud?\"", "is_fraud is \"fraud?\"; a label is 1 or 0, true or false, yes or no"),
            ("[1]", "is_fraud is an array; a label is 1 or 0, true or false, yes or no"),
            ("{}", "is_fraud is an object; a label is 1 or 0, true or false, yes or no"),
        ] {
            assert_eq!(read("is_fraud", &format!("{{\"a\":1,\"is_fraud\":{value}}}")), expect);
        }
    }

    #[test]
    fn paths() {
        let record =
            r#"{"x":{"f":0},"data":{"object":{"f":1,"g":[{"f":0},{"f":1,"e":[9,9]},0]}},"f":0}"#;
        for (path, expect) in [
            ("f", "G"),
            ("data.object.f", "F"),
            ("data.object.g[1].f", "F"),
            ("data.object.g[0].f", "G"),
            ("data.object.g[2]", "G"),
            ("data.object.g[7]", "-"),
            ("data.f", "-"),
        ] {
            assert_eq!(read(path, record), expect, "{path}");
        }
        assert_eq!(read("f", "no record"), "-");
        assert!("$.f".parse::<LabelPath>().is_err_and(|error| error.contains('f')));
    }
}
