//! Finding the spec's fields in a record's bytes, in one pass.

use fraud_plan::Program;
use fraud_plan::program::{Field, Number, Role, TimeUnit};

use crate::json::{self, Fault, Member, Token, Visitor};
use crate::timestamp;

/// Why a record cannot be scored. Where several hold, the first in this order is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The record has no value (a tombstone).
    NoValue,
    /// The value begins with a zero byte, as the schema registry's wire format does.
    SchemaFramed,
    /// The value is not valid UTF-8.
    InvalidUtf8,
    /// Objects and arrays are nested deeper than [`json::MAX_DEPTH`].
    TooDeep,
    /// The value is not one JSON value.
    InvalidJson,
    /// The value is JSON, but no object.
    NotAnObject,
    /// A field of the spec stands twice.
    DuplicateField,
    /// The record already has a member with the verdict's name.
    VerdictPresent,
    /// A field of the spec is absent or `null`.
    MissingField,
    /// A field of the spec has another type than the spec says.
    WrongType,
    /// A number is beyond what a 32-bit float holds.
    NotFinite,
    /// The time is no time, before 2000, or more than a day after the broker's; or the record has
    /// none and neither has the broker.
    BadTime,
}

impl Reason {
    /// All of them, in order.
    pub const ALL: [Reason; 12] = [
        Reason::NoValue,
        Reason::SchemaFramed,
        Reason::InvalidUtf8,
        Reason::TooDeep,
        Reason::InvalidJson,
        Reason::NotAnObject,
        Reason::DuplicateField,
        Reason::VerdictPresent,
        Reason::MissingField,
        Reason::WrongType,
        Reason::NotFinite,
        Reason::BadTime,
    ];

    /// The code in the header `fraud-error`.
    pub fn code(self) -> &'static str {
        match self {
            Reason::NoValue => "no_value",
            Reason::SchemaFramed => "schema_framed",
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::TooDeep => "too_deep",
            Reason::InvalidJson => "invalid_json",
            Reason::NotAnObject => "not_an_object",
            Reason::DuplicateField => "duplicate_field",
            Reason::VerdictPresent => "verdict_present",
            Reason::MissingField => "missing_field",
            Reason::WrongType => "wrong_type",
            Reason::NotFinite => "not_finite",
            Reason::BadTime => "bad_time",
        }
    }
}

/// What the spec wants of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// Event time, whole seconds since 2000-01-01T00:00:00Z.
    pub seconds: u32,
    /// The entities' ids as hashes: 64 well-mixed bits of the id's text.
    pub ids: Vec<u64>,
    /// The spec's numbers; NaN is missing.
    pub numbers: Vec<f32>,
}

/// Milliseconds from 1970 to 2000.
const EPOCH_2000: i64 = 946_684_800_000;
const DAY: i64 = 86_400_000;

/// Reads records; keeps its buffers.
pub struct Reader {
    verdict: String,
    fields: Vec<Field>,
    numbers: Vec<Number>,
    time_unit: TimeUnit,
    transaction: Transaction,
    end: usize,
}

impl Reader {
    /// A reader of the program's fields.
    pub fn new(program: &Program) -> Self {
        Self {
            verdict: program.verdict.clone(),
            fields: program.fields.clone(),
            numbers: program.numbers.clone(),
            time_unit: program.time_unit,
            transaction: Transaction {
                seconds: 0,
                ids: vec![0; program.entities.len()],
                numbers: vec![0.0; program.numbers.len()],
            },
            end: 0,
        }
    }

    /// Reads one record; `broker_timestamp` in milliseconds since 1970, negative if there is none.
    pub fn read(
        &mut self,
        value: Option<&[u8]>,
        broker_timestamp: i64,
    ) -> Result<&Transaction, Reason> {
        let value = value.ok_or(Reason::NoValue)?;
        if value.first() == Some(&0) {
            return Err(Reason::SchemaFramed);
        }
        self.transaction.numbers.fill(f32::NAN);
        let mut pass =
            Pass { text: value, reader: self, seen: 0, absent: u64::MAX, time: None, fault: None };
        let (root, end) = json::scan(value, &mut pass).map_err(|fault| match fault {
            Fault::Utf8 => Reason::InvalidUtf8,
            Fault::Grammar => Reason::InvalidJson,
            Fault::TooDeep => Reason::TooDeep,
        })?;
        if root != Token::Object {
            return Err(Reason::NotAnObject);
        }
        let (absent, time, mut fault) = (pass.absent, pass.time, pass.fault);
        if self.lacks_one(absent) {
            fault = first(fault, Reason::MissingField);
        }
        let millis = time.unwrap_or(broker_timestamp);
        let latest = match broker_timestamp {
            ..0 => i64::MAX,
            known => known.saturating_add(DAY),
        };
        let seconds = u32::try_from(millis.saturating_sub(EPOCH_2000).div_euclid(1000));
        match seconds {
            Ok(seconds) if millis <= latest => self.transaction.seconds = seconds,
            _ => fault = first(fault, Reason::BadTime),
        }
        self.end = end;
        match fault {
            Some(reason) => Err(reason),
            None => Ok(&self.transaction),
        }
    }

    /// Offset of the last record's closing brace.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The first entity's id as text: what the record is keyed by. `None` if the record has none.
    pub fn partition_key(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut key = KeyPass { reader: self, key: None };
        json::scan(value, &mut key).ok()?;
        match key.key? {
            Token::Text { from, to, .. } => Some(json::unescape(&value[from..to]).collect()),
            Token::Number { from, to, integer: true } => Some(value[from..to].to_vec()),
            _ => None,
        }
    }

    /// The field called `name` in `parent`.
    fn field(&self, parent: Option<u8>, name: &[u8], escaped: bool) -> Option<usize> {
        self.fields.iter().position(|field| {
            field.parent == parent && is_name(field.name.as_bytes(), name, escaped)
        })
    }

    /// A required field is among the absent ones.
    fn lacks_one(&self, absent: u64) -> bool {
        self.fields.iter().enumerate().any(|(at, field)| {
            let required = match field.role {
                Role::Entity(_) => true,
                Role::Number(number) => !self.numbers[usize::from(number)].optional,
                Role::Object | Role::Time => false,
            };
            required && absent >> at & 1 == 1
        })
    }
}

fn is_name(name: &[u8], found: &[u8], escaped: bool) -> bool {
    if escaped { json::unescape(found).eq(name.iter().copied()) } else { name == found }
}

fn first(fault: Option<Reason>, other: Reason) -> Option<Reason> {
    Some(fault.map_or(other, |fault| fault.min(other)))
}

/// One pass over one record.
struct Pass<'r> {
    text: &'r [u8],
    reader: &'r mut Reader,
    /// Fields whose name has stood, a bit each.
    seen: u64,
    /// Fields without a value so far, a bit each.
    absent: u64,
    time: Option<i64>,
    fault: Option<Reason>,
}

impl Visitor for Pass<'_> {
    fn member(&mut self, parent: Option<u8>, name: &[u8], escaped: bool) -> Member {
        let Some(field) = self.reader.field(parent, name, escaped) else {
            if parent.is_none() && is_name(self.reader.verdict.as_bytes(), name, escaped) {
                self.fail(Reason::VerdictPresent);
            }
            return Member::Skip;
        };
        if self.seen >> field & 1 == 1 {
            self.fail(Reason::DuplicateField);
        }
        self.seen |= 1 << field;
        Member::Take(field as u8)
    }

    fn value(&mut self, field: u8, token: Token) {
        if token == Token::Null {
            return;
        }
        self.absent &= !(1 << field);
        let read = match self.reader.fields[usize::from(field)].role {
            Role::Object => match token {
                Token::Object => Ok(()),
                _ => Err(Reason::WrongType),
            },
            Role::Entity(entity) => id(self.text, token).map(|id| {
                self.reader.transaction.ids[usize::from(entity)] = id;
            }),
            Role::Number(number) => self::number(self.text, token).map(|value| {
                self.reader.transaction.numbers[usize::from(number)] = value;
            }),
            Role::Time => time(self.text, token, self.reader.time_unit).map(|millis| {
                self.time = Some(millis);
            }),
        };
        if let Err(reason) = read {
            self.fail(reason);
        }
    }
}

impl Pass<'_> {
    fn fail(&mut self, reason: Reason) {
        self.fault = first(self.fault, reason);
    }
}

/// Finds the first entity's id, whatever else the record lacks.
struct KeyPass<'r> {
    reader: &'r Reader,
    key: Option<Token>,
}

impl Visitor for KeyPass<'_> {
    fn member(&mut self, parent: Option<u8>, name: &[u8], escaped: bool) -> Member {
        let field = self.reader.field(parent, name, escaped);
        field.map_or(Member::Skip, |field| Member::Take(field as u8))
    }

    fn value(&mut self, field: u8, token: Token) {
        if self.reader.fields[usize::from(field)].role == Role::Entity(0) {
            self.key.get_or_insert(token);
        }
    }
}

/// An id is a text or an integer; `596` and `"596"` are the same.
fn id(text: &[u8], token: Token) -> Result<u64, Reason> {
    match token {
        Token::Text { from, to, escaped: true } => Ok(hash(json::unescape(&text[from..to]))),
        Token::Text { from, to, .. } | Token::Number { from, to, integer: true } => {
            Ok(hash(text[from..to].iter().copied()))
        }
        _ => Err(Reason::WrongType),
    }
}

/// 64 well-mixed bits of a text: eight bytes at a time through MurmurHash3's finisher. It has no
/// secret: who can choose ids freely can make two of them share history.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let (mut word, mut filled) = (0, 0);
    let mut length = 0_u64;
    for byte in bytes {
        word |= u64::from(byte) << filled;
        filled += 8;
        length += 1;
        if filled == 64 {
            hash = mix(hash ^ word);
            (word, filled) = (0, 0);
        }
    }
    mix(mix(hash ^ word) ^ length)
}

fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

fn number(text: &[u8], token: Token) -> Result<f32, Reason> {
    let Token::Number { from, to, .. } = token else {
        return Err(Reason::WrongType);
    };
    // Rust reads every number of JSON's grammar, exactly, and the same on every target.
    let digits = std::str::from_utf8(&text[from..to]).map_err(|_| Reason::InvalidUtf8)?;
    let value: f32 = digits.parse().map_err(|_| Reason::WrongType)?;
    if value.is_finite() { Ok(value) } else { Err(Reason::NotFinite) }
}

fn time(text: &[u8], token: Token, unit: TimeUnit) -> Result<i64, Reason> {
    match token {
        Token::Text { from, to, escaped: false } => timestamp::parse(&text[from..to]),
        Token::Text { from, to, escaped: true } => {
            // Longer than any time once unescaped: not a time.
            let mut plain = [0; 64];
            let mut length = 0;
            for byte in json::unescape(&text[from..to]) {
                *plain.get_mut(length).ok_or(Reason::BadTime)? = byte;
                length += 1;
            }
            timestamp::parse(&plain[..length])
        }
        Token::Number { from, to, integer: true } => std::str::from_utf8(&text[from..to])
            .ok()
            .and_then(|digits| digits.parse::<i64>().ok())
            .and_then(|count| match unit {
                TimeUnit::Seconds => count.checked_mul(1000),
                TimeUnit::Milliseconds => Some(count),
            }),
        _ => return Err(Reason::WrongType),
    }
    .ok_or(Reason::BadTime)
}
