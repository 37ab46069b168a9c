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
    /// `FRAUD_TOPICS`: the roles of the output topics, in the deployment's order; without it they are
    /// known by their number ([`Roles::of`]).
    pub topics: Option<Roles>,
    /// `FRAUD_HISTORY_EVERY`: events of an entity from one record in the topic of history to the next.
    pub history_every: u32,
    /// `FRAUD_HISTORY_KEY`: the key with which those records are signed; no others are taken back.
    pub history_key: Option<[u64; 2]>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threshold: None,
            max_record: 64 << 10,
            emit_from: None,
            emit_until: None,
            topics: None,
            history_every: 32,
            history_key: None,
        }
    }
}

/// The role of an output topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Transactions that are fraud.
    Fraud,
    /// Transactions that are not.
    Valid,
    /// Transactions of both kinds.
    Scored,
    /// Records that cannot be scored.
    Unscorable,
    /// The changelog of history.
    History,
}

impl Role {
    /// All roles, with their names in `FRAUD_TOPICS`.
    pub const ALL: [(Role, &str); 5] = [
        (Role::Fraud, "fraud"),
        (Role::Valid, "valid"),
        (Role::Scored, "scored"),
        (Role::Unscorable, "unscorable"),
        (Role::History, "history"),
    ];
}

/// The roles of the output topics, in their order: fraud and valid or both in one, and the others if they
/// are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles([Option<Role>; 4]);

impl Roles {
    /// Returns the roles of so many topics that nobody has named: one for all that is scored; or fraud,
    /// valid, unscorable, history, as far as there are topics.
    pub fn of(topics: usize) -> Option<Self> {
        use Role::{Fraud, History, Scored, Unscorable, Valid};
        let all = [Some(Fraud), Some(Valid), Some(Unscorable), Some(History)];
        match topics {
            1 => Some(Self([Some(Scored), None, None, None])),
            2..=4 => Some(Self(std::array::from_fn(|at| all[at].filter(|_| at < topics)))),
            _ => None,
        }
    }

    /// Reads names that are separated by commas; `None` if one is unknown or given twice, or if not all
    /// that is scored has a topic.
    fn read(names: &str) -> Option<Self> {
        let mut roles = Self([None; 4]);
        for (at, name) in names.split(',').enumerate() {
            let role = Role::ALL.iter().find(|(_, known)| *known == name.trim())?.0;
            if roles.place(role).is_some() {
                return None;
            }
            *roles.0.get_mut(at)? = Some(role);
        }
        let has = |role: Role| roles.place(role).is_some();
        let [fraud, valid, scored] = [Role::Fraud, Role::Valid, Role::Scored].map(has);
        (fraud == valid && fraud != scored).then_some(roles)
    }

    /// Returns the number of topics.
    pub fn count(self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Returns the place of the topic with this role.
    pub fn place(self, role: Role) -> Option<usize> {
        self.0.iter().position(|&found| found == Some(role))
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
    /// `FRAUD_TOPICS` does not name the topics' roles.
    Topics(String),
    /// `FRAUD_HISTORY_EVERY` is not a number from 1 to 65,535.
    HistoryEvery(String),
    /// `FRAUD_HISTORY_KEY` is not 32 hexadecimal digits; the value is a secret, and not kept.
    HistoryKey,
    /// `FRAUD_EMIT_FROM` is not before `FRAUD_EMIT_UNTIL`: nothing would ever be written.
    EmitsNothing,
}

/// The known variables.
const KNOWN: [&str; 7] = [
    "FRAUD_THRESHOLD",
    "FRAUD_MAX_RECORD",
    "FRAUD_EMIT_FROM",
    "FRAUD_EMIT_UNTIL",
    "FRAUD_TOPICS",
    "FRAUD_HISTORY_EVERY",
    "FRAUD_HISTORY_KEY",
];

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
            SettingsError::Topics(value) => write!(
                f,
                "FRAUD_TOPICS is {value:?}; it must name the role of each output topic in order, \
                 each once: fraud and valid, or scored for both in one, and unscorable and history \
                 if you want them, for instance fraud,valid,unscorable,history"
            ),
            SettingsError::HistoryEvery(value) => write!(
                f,
                "FRAUD_HISTORY_EVERY is {value:?}; it must be a number of events from 1 to 65535, \
                 for instance 32"
            ),
            SettingsError::HistoryKey => write!(
                f,
                "FRAUD_HISTORY_KEY must be 32 hexadecimal digits, for instance from: openssl rand \
                 -hex 16"
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
                "FRAUD_TOPICS" => {
                    let roles = Roles::read(&value).ok_or(SettingsError::Topics(value))?;
                    settings.topics = Some(roles);
                }
                "FRAUD_HISTORY_EVERY" => {
                    let every = value.parse().ok().filter(|every| (1..=65_535).contains(every));
                    settings.history_every = every.ok_or(SettingsError::HistoryEvery(value))?;
                }
                "FRAUD_HISTORY_KEY" => {
                    let key = key(&value).ok_or(SettingsError::HistoryKey)?;
                    settings.history_key = Some(key);
                }
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

/// Reads a key of 32 hexadecimal digits.
fn key(text: &str) -> Option<[u64; 2]> {
    let is_hex = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let (first, second) = is_hex.then(|| text.split_at(16))?;
    let half = |digits| u64::from_str_radix(digits, 16).ok();
    Some([half(first)?, half(second)?])
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
    fn the_roles_of_topics() {
        let places = |value| {
            let roles = with("FRAUD_TOPICS", value)?.topics.expect("given");
            let place = |(role, _)| roles.place(role);
            Ok::<_, String>((roles.count(), Role::ALL.map(place)))
        };
        let four = [Some(0), Some(1), None, Some(2), Some(3)];
        assert_eq!(places("fraud,valid,unscorable,history"), Ok((4, four)));
        assert_eq!(places("history, scored"), Ok((2, [None, None, Some(1), None, Some(0)])));
        for value in ["", "fraud", "valid,history", "fraud,valid,scored", "fraud,valid,valid", "a"]
        {
            let error = places(value).expect_err("refused");
            assert!(error.starts_with(&format!("FRAUD_TOPICS is {value:?}; it must")), "{error}");
        }
        let of = |count| Roles::of(count).map(|roles| (roles.count(), roles.place(Role::History)));
        let found = [0, 1, 2, 3, 4, 5].map(of);
        let expect = [None, Some((1, None)), Some((2, None)), Some((3, None)), Some((4, Some(3)))];
        assert_eq!(found[..5], expect);
        assert_eq!(found[5], None);
    }

    #[test]
    fn a_key_is_hexadecimal_and_never_shown() {
        let key = with("FRAUD_HISTORY_KEY", "00112233445566778899aabbccddeeff");
        let expect = Some([0x0011_2233_4455_6677, 0x8899_aabb_ccdd_eeff]);
        assert_eq!(key.map(|settings| settings.history_key), Ok(expect));
        for value in ["", "secret", "+0112233445566778899aabbccddeeff"] {
            let error = with("FRAUD_HISTORY_KEY", value).expect_err("refused");
            assert!(error.starts_with("FRAUD_HISTORY_KEY must be 32"), "{error}");
            assert!(value.is_empty() || !error.contains(value), "{error}");
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
