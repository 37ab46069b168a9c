//! The few fields that the commands themselves read of a record: the partition key, the event time,
//! the transaction's id and the amount. The detector and the module read records on their own.

use std::borrow::Cow;

use fraud_detector::record::fields::Finder;
use fraud_detector::record::scalar::{Member, Scalar, Text, Values, Visitor};
use fraud_detector::record::timestamp::Parts;
use fraud_detector::record::value::{id_text, time};
use fraud_detector::record::{amount, currency, json};
use fraud_plan::program::{Field, Program, Role, Scale, TimeUnit};

/// Reads envelopes of records by a spec.
pub struct Envelopes {
    program: Program,
    finder: Finder,
    /// The uses of each value, by the number of the first field at its place.
    uses: Vec<Vec<Role>>,
    /// Index of the number that is the amount: the one called `amount`, else the first.
    amount: u16,
}

/// The envelope of one record.
#[derive(Debug, PartialEq)]
pub struct Envelope<'r> {
    /// The first entity's id as text.
    pub key: Option<Cow<'r, [u8]>>,
    /// Event time in milliseconds since 1970, if the record has one.
    pub millis: Option<i64>,
    /// The transaction's id, if the spec says where it is, and it is text or an integer.
    pub transaction_id: Option<Cow<'r, [u8]>>,
    /// The amount, if it is a number.
    pub amount: Option<f64>,
}

impl Envelopes {
    /// Makes a reader for records that `program` describes.
    pub fn new(program: Program) -> Self {
        let amount = program.numbers.iter().position(|number| number.name == "amount");
        let amount = amount.unwrap_or(0) as u16;
        let mut uses = vec![Vec::new(); program.fields.len()];
        for field in &program.fields {
            let same = |f: &Field| f.parent == field.parent && f.step == field.step;
            let first = program.fields.iter().position(same).expect("the field itself is one");
            uses[first].push(field.role);
        }
        Self { finder: Finder::new(&program), uses, program, amount }
    }

    /// Returns the program that describes the records.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Reads a record. If it is not JSON, it has neither key nor id.
    pub fn read<'r>(&mut self, record: &'r [u8]) -> Envelope<'r> {
        let Self { program, uses, finder, amount, .. } = self;
        let mut pass = Pass {
            program,
            uses,
            finder,
            amount_field: *amount,
            key: None,
            time: None,
            parts: Parts::default(),
            id: None,
            amount: None,
            currency: None,
        };
        if json::scan(&record[json::byte_order_mark(record)..], &mut pass).is_err() {
            return Envelope { key: None, millis: None, transaction_id: None, amount: None };
        }
        let Pass { key, time, id, amount, currency, .. } = pass;
        let amount = self.program.numbers.get(usize::from(self.amount)).and_then(|number| {
            let amount = amount::read_f64(amount?, number).ok()??;
            let Scale::Currency(_) = number.scale else { return Some(amount) };
            let Scalar::Text(code) = currency? else { return None };
            Some(amount::of_minor_units(amount, currency::decimals(code.copy_to(&mut [0; 3])?)?))
        });
        let text = |value: Option<Scalar<'r>>| value.and_then(id_text).filter(|id| !id.is_empty());
        Envelope { key: text(key), millis: time, transaction_id: text(id), amount }
    }
}

/// One pass over a record: the values found so far, each the first of its kind.
struct Pass<'e, 'r> {
    program: &'e Program,
    uses: &'e [Vec<Role>],
    finder: &'e mut Finder,
    /// Which number is the amount.
    amount_field: u16,
    key: Option<Scalar<'r>>,
    time: Option<i64>,
    parts: Parts,
    id: Option<Scalar<'r>>,
    amount: Option<Scalar<'r>>,
    /// The currency that the amount is in.
    currency: Option<Scalar<'r>>,
}

impl Pass<'_, '_> {
    /// Whether the amount is in this currency.
    fn is_in(&self, currency: u16) -> bool {
        let amount = self.program.numbers.get(usize::from(self.amount_field));
        amount.is_some_and(|number| number.scale == Scale::Currency(currency))
    }
}

impl<'r> Visitor<'r> for Pass<'_, 'r> {
    fn member(&mut self, parent: u16, name: Text<'r>) -> Member {
        self.finder.member(parent, name)
    }

    fn item(&mut self, array: u16) -> Member {
        self.finder.item(array)
    }
}

impl<'r> Values<'r> for Pass<'_, 'r> {
    fn value(&mut self, member: u16, value: Scalar<'r>) {
        self.finder.value(member, value);
        for role in &self.uses[usize::from(member)] {
            let place = match *role {
                Role::Entity(0) => &mut self.key,
                Role::Id => &mut self.id,
                Role::Time => {
                    let read = || time(value, &self.program.time, &mut self.parts).ok();
                    self.time = self.time.or_else(read);
                    continue;
                }
                Role::Number(number) if number == self.amount_field => &mut self.amount,
                Role::Currency(currency) if self.is_in(currency) => &mut self.currency,
                _ => continue,
            };
            place.get_or_insert(value);
        }
    }

    fn end(&mut self, member: u16) {
        let time = self.program.time;
        let field = self.program.fields.get(usize::from(member));
        if time.unit == TimeUnit::Parts && field.is_some_and(|field| field.role == Role::Time) {
            self.time = self.time.or_else(|| self.parts.end(time.utc_offset));
        }
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
        [transaction]
        id = "payment.id"
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
            ("no json", None, None, None, None),
            (
                r#"{"customer":{"id":596},"at":{"time":7},"amount":5e-1}"#,
                text("596"),
                Some(7000),
                None,
                Some(0.5),
            ),
            (
                r#"{"customer":{"i\u0064":"5\u00396"},"payment":{"id":8}}"#,
                text("596"),
                None,
                text("8"),
                None,
            ),
            (
                r#"{"at":{"time":"1970-01-01T00:00:09Z"},"payment":{"id":"a"},"id":3}"#,
                None,
                Some(9000),
                text("a"),
                None,
            ),
            (r#"{"customer":{"id":""},"payment":{"id":""}}"#, None, None, None, None),
            (
                r#"{"id":1,"customer":{"x":{"id":2}},"payment":{"id":1.5},"amount":"1"}"#,
                None,
                None,
                None,
                None,
            ),
        ] {
            let expect = Envelope { key, millis, transaction_id, amount };
            assert_eq!(envelopes.read(record.as_bytes()), expect, "{record}");
        }
    }
}
