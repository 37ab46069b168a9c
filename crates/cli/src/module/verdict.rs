//! The module's output on a transaction: its verdict, or why it could not be scored.

use fraud_detector::shell::{ERROR_HEADER, UNSCORED_HEADER};
use serde::Deserialize;
use transform_host::Written;

/// Returns the reason code in the header of a record that could not be scored.
pub fn error<'o>(written: &Written<'o>) -> Option<&'o [u8]> {
    let error = written.headers().find(|(name, _)| *name == ERROR_HEADER.as_bytes())?;
    Some(error.1.unwrap_or_default())
}

/// Returns whether a record is one that is not to be scored, by its type.
pub fn is_unscored(written: &Written) -> bool {
    written.headers().any(|(name, _)| *name == *UNSCORED_HEADER.as_bytes())
}

/// The verdict in a scored record.
#[derive(Debug, Deserialize, PartialEq)]
pub struct Verdict<'r> {
    /// `fraud` or `valid`.
    pub decision: &'r str,
    pub score: f32,
    pub threshold: f32,
    /// `warm` or `cold`.
    pub history: &'r str,
    /// Names of features, the one that raised the score most first.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// Finds the verdict in a record; holds the text with which the member begins.
pub struct Verdicts(Vec<u8>);

impl Verdicts {
    /// Makes a finder of the member `name`, which a scored record gains.
    pub fn new(name: &str) -> Self {
        Self(format!(",{}:", serde_json::Value::from(name)).into_bytes())
    }

    /// Reads the verdict, which is the last member of a scored record.
    pub fn find<'r>(&self, record: &'r [u8]) -> Option<Verdict<'r>> {
        let at = record.windows(self.0.len()).rposition(|window| window == self.0)?;
        let rest = &record[at + self.0.len()..];
        serde_json::Deserializer::from_slice(rest).into_iter().next()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_member() {
        let verdicts = Verdicts::new("fraud");
        let record = br#"{"a":{"b":1,"fraud":{}},"fraud":{"decision":"fraud","score":0.9,"threshold":0.5,"model":"00000000","history":"warm","reasons":["a \"b\""]}} "#;
        let expect = Verdict {
            decision: "fraud",
            score: 0.9,
            threshold: 0.5,
            history: "warm",
            reasons: vec!["a \"b\"".into()],
        };
        assert_eq!(verdicts.find(record), Some(expect));
        for record in [r#"{"a":1}"#, "", r#"{"a":1,"fraud":{"score":1}}"#] {
            assert_eq!(verdicts.find(record.as_bytes()), None, "{record}");
        }
    }
}
