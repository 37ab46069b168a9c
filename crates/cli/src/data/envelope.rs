//! The few fields that the commands themselves read of a record: the partition key, the event time,
//! the transaction's id and the amount. The detector and the module read records on their own.

use std::borrow::Cow;
use std::ops::Range;

use fraud_detector::record::fields;
use fraud_detector::record::json::{self, MAX_MEMBER, Member, RECORD, Token, Visitor, is_name};
use fraud_detector::record::value::{id_text, time};
use fraud_plan::program::{Program, Role};

/// Reads envelopes of records by a spec.
pub struct Envelopes {
    program: Program,
    /// Index of the number that is the amount: the one called `amount`, else the first.
    amount: u8,
    /// Event time of the last record that had one; −1 before the first.
    last_time: i64,
}

/// The envelope of one record.
#[derive(Debug, PartialEq)]
pub struct Envelope<'r> {
    /// The first entity's id as text.
    pub key: Option<Cow<'r, [u8]>>,
    /// Event time in milliseconds since 1970. A record without a time has that of the record before
    /// it; before the first time it is −1.
    pub millis: i64,
    /// The member `transaction_id`, if it is text or an integer.
    pub transaction_id: Option<Cow<'r, [u8]>>,
    /// The amount, if it is a number.
    pub amount: Option<f64>,
}

/// Number of a member `transaction_id` that is no field of the spec.
const ID: u8 = MAX_MEMBER;

impl Envelopes {
    /// Makes a reader for records that `program` describes.
    pub fn new(program: Program) -> Self {
        let amount = program.numbers.iter().position(|number| number.name == "amount");
        Self { program, amount: amount.unwrap_or(0) as u8, last_time: -1 }
    }

    /// Returns the program that describes the records.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Reads the next record. If it is not JSON, it has neither key nor id.
    pub fn read<'r>(&mut self, record: &'r [u8]) -> Envelope<'r> {
        let mut pass = Pass { envelopes: self, key: None, time: None, id: None, amount: None };
        if json::scan(record, &mut pass).is_err() {
            let millis = self.last_time;
            return Envelope { key: None, millis, transaction_id: None, amount: None };
        }
        let amount = pass.amount.and_then(|token| match token {
            Token::Number { from, to, .. } => {
                std::str::from_utf8(&record[from..to]).ok()?.parse().ok()
            }
            _ => None,
        });
        let (key, id) = (pass.key, pass.id);
        let unit = self.program.time_unit;
        let time = pass.time.and_then(|token| time(record, token, unit).ok());
        if let Some(time) = time.filter(|time| TIMES.contains(time)) {
            self.last_time = time;
        }
        let text = |token: Option<Token>| token.and_then(|token| id_text(record, token));
        Envelope { key: text(key), millis: self.last_time, transaction_id: text(id), amount }
    }
}

/// Times that are believed, milliseconds since 1970: up to the end of 2135. A single later time
/// would make every record after it count as late.
const TIMES: Range<i64> = 0..5_238_518_400_000;

/// One pass over a record: the values found so far, each the first of its kind.
struct Pass<'e> {
    envelopes: &'e Envelopes,
    key: Option<Token>,
    time: Option<Token>,
    id: Option<Token>,
    amount: Option<Token>,
}

impl Visitor for Pass<'_> {
    fn member(&mut self, parent: u8, name: &[u8], escaped: bool) -> Member {
        match fields::find(&self.envelopes.program.fields, parent, name, escaped) {
            Member::Skip if parent == RECORD && is_name(name, escaped, "transaction_id") => {
                Member::Take(ID)
            }
            member => member,
        }
    }

    fn value(&mut self, member: u8, token: Token) {
        let place = match self.envelopes.program.fields.get(usize::from(member)) {
            None => &mut self.id,
            Some(field) => match field.role {
                Role::Entity(0) => &mut self.key,
                Role::Time => &mut self.time,
                Role::Number(number) if number == self.envelopes.amount => &mut self.amount,
                _ if field.parent.is_none() && field.name == "transaction_id" => &mut self.id,
                _ => return,
            },
        };
        place.get_or_insert(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"
        version = 1
        [time]
        path = "at.time"
        unit = "seconds"
        [[entity]]
        name = "customer"
        path = "customer.id"
        [[number]]
        name = "amount"
        path = "amount"
        [[feature]]
        name = "amount"
        kind = "number"
        of = "amount"
    "#;

    #[test]
    fn of_good_and_bad_records() {
        let program = fraud_plan::compile::spec::parse(SPEC, "SPEC").expect("a valid spec");
        let mut envelopes = Envelopes::new(program);
        let text = |text: &'static str| Some(text.as_bytes().into());
        for (record, key, millis, transaction_id, amount) in [
            ("no json", None, -1, None, None),
            (
                r#"{"customer":{"id":596},"at":{"time":7},"amount":5e-1}"#,
                text("596"),
                7000,
                None,
                Some(0.5),
            ),
            (
                r#"{"customer":{"i\u0064":"5\u00396"},"transaction_id":8}"#,
                text("596"),
                7000,
                text("8"),
                None,
            ),
            (
                r#"{"at":{"time":"1970-01-01T00:00:09Z"},"transaction_id":"a"}"#,
                None,
                9000,
                text("a"),
                None,
            ),
            (
                r#"{"id":1,"customer":{"x":{"id":2}},"transaction_id":1.5,"amount":"1"}"#,
                None,
                9000,
                None,
                None,
            ),
        ] {
            let expect = Envelope { key, millis, transaction_id, amount };
            assert_eq!(envelopes.read(record.as_bytes()), expect, "{record}");
        }
    }
}
