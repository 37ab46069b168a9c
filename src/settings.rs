//! Settings: `FRAUD_*` variables → [`Settings`], or a clear refusal at the start.

use std::fmt;

use fraud_plan::time::millis::YEAR_2000;

use crate::record::timestamp;

/// The settings of a deployment, which need no new module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// `FRAUD_THRESHOLD`: overrides the model's own, 0 to 1.
    pub threshold: Option<f32>,
    /// `FRAUD_MAX_RECORD`: bytes of the largest record (key, value and headers) that memory is kept
    /// free for; history gets the rest. A larger record is tried all the same: if memory does not
    /// suffice, the module traps, and the record's partition stalls.
    pub max_record: usize,
    /// `FRAUD_EMIT_FROM`: records whose broker timestamp is before this (milliseconds since 1970)
    /// are remembered, but not written. Those without one are written.
    pub emit_from: Option<i64>,
    /// `FRAUD_EMIT_UNTIL`: records whose broker timestamp is at or after this are remembered, but
    /// not written.
    pub emit_until: Option<i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { threshold: None, max_record: 64 << 10, emit_from: None, emit_until: None }
    }
}

/// Largest `FRAUD_MAX_RECORD`.
const MAX_RECORD: usize = 32 << 20;

/// The reason why the transform cannot start with its variables. Every message names the variable,
/// its value and a value that would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// A variable that begins with `FRAUD_` is not known.
    Unknown(String),
    /// `FRAUD_THRESHOLD` is not a number from 0 to 1.
    Threshold(String),
    /// `FRAUD_MAX_RECORD` is not a size from 1 KiB to 32 MiB.
    MaxRecord(String),
    /// `FRAUD_EMIT_FROM` or `FRAUD_EMIT_UNTIL`, which `.0` names, is not a time.
    Time(&'static str, String),
    /// The first is a time before 2000.
    Before2000(&'static str, String),
    /// `FRAUD_EMIT_FROM` is not before `FRAUD_EMIT_UNTIL`: nothing would ever be written.
    EmitsNothing,
}

/// The known variables.
const KNOWN: [&str; 4] =
    ["FRAUD_THRESHOLD", "FRAUD_MAX_RECORD", "FRAUD_EMIT_FROM", "FRAUD_EMIT_UNTIL"];

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::Unknown(name) => {
                write!(f, "unknown variable {name}; known are {}", KNOWN.join(", "))
            }
            SettingsError::Threshold(value) => write!(
                f,
                "FRAUD_THRESHOLD is {value:?}; it must be a number from 0 to 1, for instance 0.5"
            ),
            SettingsError::MaxRecord(value) => write!(
                f,
                "FRAUD_MAX_RECORD is {value:?}; it must be a size from 1KiB to 32MiB, for \
                 instance 64KiB"
            ),
            SettingsError::Time(name, value) => write!(
                f,
                "{name} is {value:?}; it must be a time such as 2026-01-31T12:00:00Z, or \
                 milliseconds since 1970"
            ),
            SettingsError::Before2000(name, value) => write!(
                f,
                "{name} is {value:?}, which is before 2000; it must be milliseconds since 1970 (three \
                 more digits than seconds), or a time such as 2026-01-31T12:00:00Z"
            ),
            SettingsError::EmitsNothing => write!(
                f,
                "FRAUD_EMIT_FROM is not before FRAUD_EMIT_UNTIL: nothing would ever be written"
            ),
        }
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// Reads the variables that begin with `FRAUD_`; other variables are left to others.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut settings = Settings::default();
        for (name, value) in variables {
            match name.as_str() {
                "FRAUD_THRESHOLD" => {
                    let threshold = value.parse().ok().filter(|t| (0.0..=1.0).contains(t));
                    settings.threshold = Some(threshold.ok_or(SettingsError::Threshold(value))?);
                }
                "FRAUD_MAX_RECORD" => {
                    let size = size(&value).filter(|size| (1 << 10..=MAX_RECORD).contains(size));
                    settings.max_record = size.ok_or(SettingsError::MaxRecord(value))?;
                }
                "FRAUD_EMIT_FROM" => settings.emit_from = Some(time("FRAUD_EMIT_FROM", value)?),
                "FRAUD_EMIT_UNTIL" => settings.emit_until = Some(time("FRAUD_EMIT_UNTIL", value)?),
                name if name.starts_with("FRAUD_") => {
                    return Err(SettingsError::Unknown(name.to_owned()));
                }
                _ => {}
            }
        }
        match (settings.emit_from, settings.emit_until) {
            (Some(from), Some(until)) if from >= until => Err(SettingsError::EmitsNothing),
            _ => Ok(settings),
        }
    }

    /// Returns whether a record with this broker timestamp is remembered, but not written. A record
    /// without the broker's time is written: better twice than not at all.
    pub fn silences(&self, broker_timestamp: i64) -> bool {
        self.emit_from.is_some_and(|from| (0..from).contains(&broker_timestamp))
            || self.emit_until.is_some_and(|until| broker_timestamp >= until)
    }
}

/// Reads a time of the variable `name`: RFC 3339, or milliseconds since 1970.
fn time(name: &'static str, value: String) -> Result<i64, SettingsError> {
    match value.parse().ok().or_else(|| timestamp::parse(value.as_bytes())) {
        Some(time) if time >= YEAR_2000 => Ok(time),
        Some(_) => Err(SettingsError::Before2000(name, value)),
        None => Err(SettingsError::Time(name, value)),
    }
}

/// Reads a size such as `65536`, `64KiB` or `1MiB`, in bytes.
fn size(text: &str) -> Option<usize> {
    let (digits, unit) = match text {
        _ if text.ends_with("KiB") => (&text[..text.len() - 3], 1 << 10),
        _ if text.ends_with("MiB") => (&text[..text.len() - 3], 1 << 20),
        _ => (text, 1),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings of one variable.
    fn with(name: &str, value: &str) -> Result<Settings, String> {
        let variables = [(name.to_owned(), value.to_owned())];
        Settings::from_variables(variables).map_err(|error| error.to_string())
    }

    #[test]
    fn a_time_is_text_or_milliseconds() {
        for (value, expect) in [
            ("2026-01-01T00:00:00Z", 1_767_225_600_000),
            ("1767225600000", 1_767_225_600_000),
            ("946684800000", YEAR_2000),
        ] {
            let from = with("FRAUD_EMIT_FROM", value).map(|settings| settings.emit_from);
            assert_eq!(from, Ok(Some(expect)), "{value}");
            let until = with("FRAUD_EMIT_UNTIL", value).map(|settings| settings.emit_until);
            assert_eq!(until, Ok(Some(expect)), "{value}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for name in ["FRAUD_EMIT_FROM", "FRAUD_EMIT_UNTIL"] {
            // The first is a time of 2026 in seconds.
            for value in ["1767225600", "0", "-1767225600000", "1999-12-31T23:59:59Z"] {
                let expect = format!(
                    "{name} is {value:?}, which is before 2000; it must be milliseconds since 1970 \
                     (three more digits than seconds), or a time such as 2026-01-31T12:00:00Z"
                );
                assert_eq!(with(name, value), Err(expect));
            }
            for value in ["", "soon", "1767225600.5", "2026-01-01"] {
                let expect = format!(
                    "{name} is {value:?}; it must be a time such as 2026-01-31T12:00:00Z, or \
                     milliseconds since 1970"
                );
                assert_eq!(with(name, value), Err(expect));
            }
        }
    }
}
