//! Account transfers. People earn, shop, draw cash, send money to friends, pay the dues of a club, and
//! put aside what a month has left. Some are paymasters, who send money to many friends at once; some
//! are treasurers, who get the dues of all members at once. Three things give a fraud away:
//!
//! 1. a transfer empties an account, to a payee new to it; within hours that account is emptied too;
//! 2. a paymaster's account sends the usual sums to many payees, all of them new to it;
//! 3. a treasurer's account gets the usual sums from many payers, all of them new to it, and is then
//!    emptied.
//!
//! Every account in a crime is a person's, with a history; and whatever a fraud does, people do with
//! friends, clubs and savings. So sums and counts tell little without the partner and the balance.
//!
//! Intents are drawn first, person by person. Then they are carried out in order of time, with the
//! balances of that time; an intent that the balance does not cover is dropped.

use std::fmt;
use std::io::{self, Write};

use super::table::Table;
use super::{Format, FraudList, Population, hours, seconds_of_day};
use crate::random::{Purpose, Random};

/// Cases of scenarios 1, 2 and 3 for each person and day.
const TAKEOVERS: f64 = 0.001_1;
const FAN_OUTS: f64 = 0.000_22;
const FAN_INS: f64 = 0.000_13;
/// Payees of a fan-out: from 8 to 13.
const PAYEES: usize = 8;
/// Payers of a fan-in: from 10 to 21.
const PAYERS: usize = 10;
/// Days in a month: of pay, dues and savings.
const MONTH: u32 = 30;
/// Share of transfers to somebody new.
const STRANGERS: f64 = 0.08;
/// Share of transfers to somebody new that are of all there is: for a car, say.
const CARS: f64 = 0.02;
/// Members of a club. The first is a paymaster, the second the treasurer.
const CLUB: usize = 20;
/// Share of days on which a paymaster pays.
const PAYDAYS: f64 = 0.1;

#[derive(Clone, Copy)]
enum Kind {
    Purchase,
    Withdrawal,
    Salary,
    Transfer,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Purchase => "PURCHASE",
            Kind::Withdrawal => "WITHDRAWAL",
            Kind::Salary => "SALARY",
            Kind::Transfer => "TRANSFER",
        }
    }
}

/// A payer or payee. Only accounts have balances in the records; others have 0 there.
#[derive(Clone, Copy)]
enum Party {
    Account(usize),
    Savings(usize),
    Shop(usize),
    CashPoint(usize),
    Employer(usize),
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Party::Account(number) => write!(f, "AC{number:07}"),
            Party::Savings(number) => write!(f, "SV{number:07}"),
            Party::Shop(number) => write!(f, "SH{number:04}"),
            Party::CashPoint(number) => write!(f, "CP{number:04}"),
            Party::Employer(number) => write!(f, "EM{number:04}"),
        }
    }
}

#[derive(Clone, Copy)]
enum Sum {
    Cents(i64),
    /// This share of the payer's balance.
    Share(f64),
}

struct Intent {
    second: i64,
    kind: Kind,
    payer: Party,
    payee: Party,
    sum: Sum,
    scenario: u8,
}

struct Person {
    /// Salary of a month, in currency units.
    income: f64,
    /// Median of the purchases, in currency units.
    spends: f64,
    /// Balance at the start, in currency units.
    opening: f64,
    /// Day of the month on which the salary comes.
    payday: u32,
    /// Purchases a day.
    rate: f64,
    /// Usual payees.
    friends: Vec<usize>,
}

/// Writes the world.
pub fn write(
    population: &Population,
    format: Format,
    records: &mut dyn Write,
    frauds: &mut FraudList,
) -> io::Result<()> {
    let people: Vec<Person> =
        (0..population.customers).map(|index| Person::new(population, index)).collect();
    let mut balances: Vec<i64> = people.iter().map(|person| cents(person.opening)).collect();
    let intents = intents(population, &people);

    let mut table = Table::new(records, format);
    for intent in intents {
        let [payer_before, payee_before] = [intent.payer, intent.payee].map(|party| match party {
            Party::Account(number) => Some(balances[number]),
            _ => None,
        });
        let sum = match intent.sum {
            Sum::Cents(cents) => cents,
            Sum::Share(share) => (payer_before.unwrap_or(0) as f64 * share) as i64,
        };
        if sum <= 0 || payer_before.is_some_and(|before| before < sum) {
            continue;
        }
        let change = |party: Party, by: i64, balances: &mut Vec<i64>| {
            if let Party::Account(number) = party {
                balances[number] += by;
            }
        };
        change(intent.payer, -sum, &mut balances);
        change(intent.payee, sum, &mut balances);

        let reference = format!("TR{:08}", frauds.written.records);
        frauds.written.records += 1;
        frauds.add(&reference, intent.scenario)?;
        let after = |before: Option<i64>, by: i64| before.map_or(0, |before| before + by);
        table.number("hour", (intent.second - population.day_start(0)) / 3_600);
        table.text("reference", reference);
        table.text("kind", intent.kind.name());
        table.number("sum", Money(sum));
        table.text("payer", intent.payer);
        table.number("payer_before", Money(after(payer_before, 0)));
        table.number("payer_after", Money(after(payer_before, -sum)));
        table.text("payee", intent.payee);
        table.number("payee_before", Money(after(payee_before, 0)));
        table.number("payee_after", Money(after(payee_before, sum)));
        table.number("illicit", u8::from(intent.scenario > 0));
        table.end()?;
    }
    Ok(())
}

/// Returns everybody's intents in order of time.
fn intents(population: &Population, people: &[Person]) -> Vec<Intent> {
    let mut intents = Vec::new();
    for (person, index) in people.iter().zip(0..) {
        let mut random = Random::new(population.seed, Purpose::Life, 0, index);
        person.live(population, index as usize, &mut random, &mut intents);
        let mut random = Random::new(population.seed, Purpose::Crime, 0, index);
        for day in 0..population.days {
            let start = population.day_start(day);
            if random.chance(TAKEOVERS) {
                let first = start + hours(&mut random, 0.0, 24.0);
                empty(first, index as usize, people, 1, &mut random, &mut intents);
            }
            if is_paymaster(index as usize) && random.chance(FAN_OUTS * CLUB as f64) {
                fan_out(start, index as usize, people, &mut random, &mut intents);
            }
        }
    }
    for day in 0..population.days {
        let mut random = Random::new(population.seed, Purpose::Ring, day, 0);
        for _ in 0..random.poisson(FAN_INS * people.len() as f64) {
            fan_in(population.day_start(day), people, &mut random, &mut intents);
        }
    }
    let end = population.day_start(population.days);
    intents.retain(|intent| intent.second < end);
    intents.sort_by_key(|intent| intent.second);
    intents
}

impl Person {
    fn new(population: &Population, index: u32) -> Self {
        let people = population.customers as usize;
        let mut random = Random::new(population.seed, Purpose::Customer, 0, index);
        let (friends, wealth) = if is_paymaster(index as usize) { (20, 10.0) } else { (4, 1.0) };
        let usual = random.log_normal(2_500.0, 0.5);
        let income = usual * wealth;
        Person {
            income,
            spends: usual / 60.0,
            opening: income * random.uniform(0.2, 2.0),
            payday: random.below(MONTH as usize) as u32,
            rate: random.uniform(0.0, 2.0),
            friends: (random.distinct(friends, people).into_iter())
                .filter(|&friend| friend != index as usize)
                .collect(),
        }
    }

    /// Adds one person's genuine intents.
    fn live(
        &self,
        population: &Population,
        index: usize,
        random: &mut Random,
        intents: &mut Vec<Intent>,
    ) {
        let account = Party::Account(index);
        for day in 0..population.days {
            let start = population.day_start(day);
            let day_of_month = (day + MONTH - self.payday) % MONTH;
            let mut pay = |hour: f64, kind, payee, sum| {
                let second = start + (hour * 3_600.0) as i64;
                intents.push(Intent { second, kind, payer: account, payee, sum, scenario: 0 });
            };
            for second in seconds_of_day(random, self.rate) {
                let sum = Sum::Cents(cents(random.log_normal(self.spends, 0.9)));
                let shop = Party::Shop(random.below(500));
                pay(second as f64 / 3_600.0, Kind::Purchase, shop, sum);
            }
            if random.chance(0.1) {
                let sum = Sum::Cents(2_000 * (1 + random.below(10) as i64));
                let cash_point = Party::CashPoint(random.below(50));
                pay(random.uniform(7.0, 23.0), Kind::Withdrawal, cash_point, sum);
            }
            if random.chance(0.12) {
                let hour = random.uniform(7.0, 23.0);
                let (payee, sum) = if random.chance(STRANGERS) {
                    let payee = random.below(population.customers as usize);
                    let all = random.chance(CARS);
                    (Some(payee), if all { Sum::Share(1.0) } else { self.gift(random) })
                } else {
                    let friend = random.below(self.friends.len());
                    (self.friends.get(friend).copied(), self.gift(random))
                };
                if let Some(payee) = payee.filter(|&payee| payee != index) {
                    pay(hour, Kind::Transfer, Party::Account(payee), sum);
                }
            }
            if is_paymaster(index) && random.chance(PAYDAYS) {
                let first = random.uniform(0.0, 20.0);
                let count = PAYEES + random.below(6);
                for friend in random.distinct(count, self.friends.len()) {
                    let payee = Party::Account(self.friends[friend]);
                    let hour = first + random.uniform(0.0, 6.0);
                    pay(hour, Kind::Transfer, payee, self.gift(random));
                }
            }
            let treasurer = treasurer_of(index);
            if (day + treasurer as u32).is_multiple_of(MONTH) && treasurer != index {
                let hour = random.uniform(0.0, 72.0);
                pay(hour, Kind::Transfer, Party::Account(treasurer), self.dues(random));
            }
            if day_of_month == MONTH - 1 {
                let rest = if random.chance(0.4) { 1.0 } else { random.uniform(0.3, 0.9) };
                // Every other person saves together with a friend.
                let payee = match self.friends.first() {
                    Some(&friend) if index.is_multiple_of(2) => Party::Account(friend),
                    _ => Party::Savings(index),
                };
                pay(random.uniform(0.0, 24.0), Kind::Transfer, payee, Sum::Share(rest));
            }
            if day_of_month == 0 {
                intents.push(Intent {
                    second: start + 6 * 3_600,
                    kind: Kind::Salary,
                    payer: Party::Employer(index % 97),
                    payee: account,
                    sum: Sum::Cents(cents(self.income)),
                    scenario: 0,
                });
            }
        }
    }

    /// Draws a sum for a friend; frauds that should not stand out send such sums too.
    fn gift(&self, random: &mut Random) -> Sum {
        Sum::Cents(cents(random.log_normal(self.spends * 1.5, 0.7)))
    }

    /// Draws the dues of a club; frauds ask for such sums too.
    fn dues(&self, random: &mut Random) -> Sum {
        Sum::Cents(cents(random.log_normal(self.spends, 0.5)))
    }
}

fn is_paymaster(index: usize) -> bool {
    index.is_multiple_of(CLUB)
}

/// Returns the treasurer of a person's club. The paymaster and the treasurer pay no dues.
fn treasurer_of(index: usize) -> usize {
    if is_paymaster(index) { index } else { index - index % CLUB + 1 }
}

/// Empties an account into another, and that one into a third: a case of scenario 1, the end of one
/// of scenario 3.
fn empty(
    mut second: i64,
    mut payer: usize,
    people: &[Person],
    scenario: u8,
    random: &mut Random,
    intents: &mut Vec<Intent>,
) {
    for _ in 0..2 {
        let payee = random.below(people.len());
        if payee != payer && !people[payer].friends.contains(&payee) {
            intents.push(Intent {
                second,
                kind: Kind::Transfer,
                payer: Party::Account(payer),
                payee: Party::Account(payee),
                sum: Sum::Share(1.0),
                scenario,
            });
            payer = payee;
        }
        second += hours(random, 0.2, 3.0);
    }
}

/// Adds a case of scenario 2.
fn fan_out(
    start: i64,
    payer: usize,
    people: &[Person],
    random: &mut Random,
    intents: &mut Vec<Intent>,
) {
    let first = start + hours(random, 0.0, 20.0);
    let count = PAYEES + random.below(6);
    for payee in random.distinct(count, people.len()) {
        if payee != payer && !people[payer].friends.contains(&payee) {
            intents.push(Intent {
                second: first + hours(random, 0.0, 6.0),
                kind: Kind::Transfer,
                payer: Party::Account(payer),
                payee: Party::Account(payee),
                sum: people[payer].gift(random),
                scenario: 2,
            });
        }
    }
}

/// Adds a case of scenario 3.
fn fan_in(start: i64, people: &[Person], random: &mut Random, intents: &mut Vec<Intent>) {
    let collector = random.below(people.len() / CLUB + 1) * CLUB + 1;
    if collector >= people.len() {
        return;
    }
    let count = PAYERS + random.below(12);
    for payer in random.distinct(count, people.len()) {
        let knows = treasurer_of(payer) == collector || people[payer].friends.contains(&collector);
        if payer != collector && !knows {
            intents.push(Intent {
                second: start + hours(random, 0.0, 72.0),
                kind: Kind::Transfer,
                payer: Party::Account(payer),
                payee: Party::Account(collector),
                sum: people[payer].dues(random),
                scenario: 3,
            });
        }
    }
    let second = start + hours(random, 72.0, 80.0);
    empty(second, collector, people, 3, random, intents);
}

fn cents(units: f64) -> i64 {
    libm::round(units * 100.0) as i64
}

/// A sum in cents, written in units with two decimals.
struct Money(i64);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}
