//! Events about charges in online shops. People pay with their card, as customers or as guests, in
//! the shop's currency; some share a card, some get a new one. Three things give a fraud away:
//!
//! 1. within days a stolen card is used by several customers, none of whom ever had it;
//! 2. within days one customer uses several stolen cards;
//! 3. a guest pays a multiple of what the card usually pays in that currency.
//!
//! All customers have a history, people have days on which they buy much, and many charges are in
//! another currency than the person's: so counts and minor units alone tell little.
//!
//! Beside each charge there may be its refund, a dispute (most frauds have one days later, with the
//! reason `fraudulent`; a few genuine charges too, with another), and second deliveries of any of
//! these events. Shops are paid out. Only events of the type `charge.captured` are transactions.

use std::fmt;
use std::io::{self, Write};

use super::{FraudList, Population, hours, seconds_of_day};
use crate::random::{Purpose, Random};
use crate::split_mix::SplitMix64;

/// Cases of scenarios 1, 2 and 3 for each person and day.
const SHARED_CARDS: f64 = 0.000_35;
const MANY_CARDS: f64 = 0.000_47;
const EXCESSES: f64 = 0.001_4;

struct Currency {
    code: &'static str,
    country: &'static str,
    /// Digits of the minor unit, by ISO 4217.
    decimals: u32,
    /// Price of one unit of the first currency.
    rate: f64,
}

const CURRENCIES: [Currency; 7] = [
    Currency { code: "USD", country: "US", decimals: 2, rate: 1.0 },
    Currency { code: "EUR", country: "DE", decimals: 2, rate: 0.9 },
    Currency { code: "GBP", country: "GB", decimals: 2, rate: 0.8 },
    Currency { code: "JPY", country: "JP", decimals: 0, rate: 110.0 },
    Currency { code: "KRW", country: "KR", decimals: 0, rate: 1_100.0 },
    Currency { code: "KWD", country: "KW", decimals: 3, rate: 0.3 },
    Currency { code: "TND", country: "TN", decimals: 3, rate: 2.8 },
];
/// Indices of people's currencies, each as likely.
const HOMES: [usize; 13] = [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6];
/// Shops of each currency.
const SHOPS: usize = 40;
/// Share of charges by shops of another currency.
const ABROAD: f64 = 0.3;
/// Share of people who use the card of the person before them.
const COUPLES: f64 = 0.05;
/// Chance of a new card on a day.
const NEW_CARD: f64 = 0.002;
/// Share of days on which a person buys [`SPREE`] times as much.
const SPREES: f64 = 0.05;
const SPREE: f64 = 5.0;
/// Hours within which a case of scenario 1 or 2 happens.
const CASE: f64 = 60.0;

struct Person {
    currency: usize,
    /// Median of the totals, in the first currency.
    spends: f64,
    /// Charges a day.
    rate: f64,
    /// Share of charges without a customer.
    guest: f64,
    /// The first card.
    card: usize,
    /// Shops of the currency.
    favourites: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Charge {
    second: i64,
    /// A guest has none.
    customer: Option<usize>,
    card: usize,
    /// Index of the currency of the card's country.
    issuer: usize,
    shop: usize,
    minor: i64,
    scenario: u8,
}

#[derive(Clone, Copy)]
enum Event {
    /// Index of the charge.
    Captured(usize),
    Refunded(usize, i64),
    Disputed(usize),
    /// Shop and sum.
    PaidOut(usize, i64),
}

/// Writes the world.
pub fn write(
    population: &Population,
    records: &mut dyn Write,
    frauds: &mut FraudList,
) -> io::Result<()> {
    let charges = charges(population);
    let writer = Writer { seed: population.seed, charges: &charges };
    let mut captured = 0;
    for delivery in deliveries(population, &charges) {
        frauds.written.records += 1;
        writer.write(&delivery, records)?;
        // Charges come in order; a second delivery is of a charge that has been counted.
        if let Event::Captured(charge) = delivery.event
            && charge == captured
        {
            frauds.add(Id("ch", population.seed, charge), charges[charge].scenario)?;
            captured += 1;
        }
    }
    Ok(())
}

/// Returns all charges in order of time.
fn charges(population: &Population) -> Vec<Charge> {
    let people: Vec<Person> =
        (0..population.customers).map(|index| Person::new(population, index)).collect();
    let mut charges = Vec::new();
    for (person, index) in people.iter().zip(0..) {
        let mut random = Random::new(population.seed, Purpose::Life, 0, index);
        person.live(population, index as usize, &mut random, &mut charges);
        let mut random = Random::new(population.seed, Purpose::Crime, 0, index);
        for day in 0..population.days {
            let start = population.day_start(day);
            if random.chance(SHARED_CARDS) {
                for _ in 0..4 + random.below(5) {
                    let second = start + hours(&mut random, 0.0, CASE);
                    let charge = person.charge(second, ABROAD, &mut random);
                    let customer = Some(person.compatriot(&people, &mut random));
                    charges.push(Charge { customer, scenario: 1, ..charge });
                }
            }
            if random.chance(MANY_CARDS) {
                for _ in 0..3 + random.below(4) {
                    let second = start + hours(&mut random, 0.0, CASE);
                    let stolen = &people[person.compatriot(&people, &mut random)];
                    let charge = stolen.charge(second, ABROAD, &mut random);
                    let customer = Some(index as usize);
                    charges.push(Charge { customer, scenario: 2, ..charge });
                }
            }
            if random.chance(EXCESSES) {
                for _ in 0..1 + random.below(2) {
                    let second = start + hours(&mut random, 0.0, 24.0);
                    let charge = person.charge(second, 0.0, &mut random);
                    let minor = (charge.minor as f64 * random.uniform(4.0, 8.0)) as i64;
                    charges.push(Charge { customer: None, minor, scenario: 3, ..charge });
                }
            }
        }
    }
    let end = population.day_start(population.days);
    charges.retain(|charge| charge.second < end);
    charges.sort_by_key(|charge| charge.second);
    charges
}

impl Person {
    fn new(population: &Population, index: u32) -> Self {
        let mut random = Random::new(population.seed, Purpose::Customer, 0, index);
        let shares = random.chance(COUPLES) && index > 0;
        let card = index - u32::from(shares);
        // The currency belongs to the card: people who share a card have the same.
        let mut home = Random::new(population.seed, Purpose::Card, 0, card);
        Person {
            currency: HOMES[home.below(HOMES.len())],
            spends: random.log_normal(40.0, 0.8),
            rate: random.uniform(0.0, 2.0),
            guest: random.uniform(0.0, 0.5),
            card: card as usize,
            favourites: random.distinct(6, SHOPS),
        }
    }

    /// Adds one person's genuine charges.
    fn live(
        &self,
        population: &Population,
        index: usize,
        random: &mut Random,
        charges: &mut Vec<Charge>,
    ) {
        let mut card = self.card;
        for day in 0..population.days {
            if random.chance(NEW_CARD) {
                // Nobody's first card has a number from the number of people on.
                card += population.customers as usize;
            }
            let much = if random.chance(SPREES) { SPREE } else { 1.0 };
            for second in seconds_of_day(random, self.rate * much) {
                let charge = self.charge(population.day_start(day) + second, ABROAD, random);
                let customer = (!random.chance(self.guest)).then_some(index);
                charges.push(Charge { customer, card, ..charge });
            }
        }
    }

    /// Draws somebody of this person's currency; whoever was drawn last, if chance finds nobody.
    fn compatriot(&self, people: &[Person], random: &mut Random) -> usize {
        let mut index = random.below(people.len());
        for _ in 0..50 {
            if people[index].currency == self.currency {
                break;
            }
            index = random.below(people.len());
        }
        index
    }

    /// Draws an ordinary charge of the first card, without a customer, with this chance abroad.
    fn charge(&self, second: i64, abroad: f64, random: &mut Random) -> Charge {
        let shop = match random.chance(abroad) {
            true => random.below(CURRENCIES.len() * SHOPS),
            false => self.currency * SHOPS + self.favourites[random.below(self.favourites.len())],
        };
        let currency = currency_of(shop);
        let units = random.log_normal(self.spends, 0.4) * currency.rate;
        let minor = libm::round(units * f64::from(10_u32.pow(currency.decimals))) as i64;
        Charge {
            second,
            customer: None,
            card: self.card,
            issuer: self.currency,
            shop,
            minor: minor.max(1),
            scenario: 0,
        }
    }
}

fn currency_of(shop: usize) -> &'static Currency {
    &CURRENCIES[shop / SHOPS]
}

struct Delivery {
    /// Time of the delivery.
    second: i64,
    /// Time of the event.
    happened: i64,
    /// Number of the event.
    number: usize,
    event: Event,
}

/// Returns all events in order of their delivery.
fn deliveries(population: &Population, charges: &[Charge]) -> Vec<Delivery> {
    let mut random = Random::new(population.seed, Purpose::Aftermath, 0, 0);
    let mut events = Vec::new();
    for (index, charge) in charges.iter().enumerate() {
        events.push((charge.second, Event::Captured(index)));
        let fraud = charge.scenario > 0;
        if random.chance(if fraud { 0.85 } else { 0.000_5 }) {
            let later = hours(&mut random, 24.0, 480.0);
            events.push((charge.second + later, Event::Disputed(index)));
        } else if random.chance(0.04) {
            let later = hours(&mut random, 1.0, 240.0);
            let half = random.chance(0.3) && charge.minor > 1;
            let minor = if half { charge.minor / 2 } else { charge.minor };
            events.push((charge.second + later, Event::Refunded(index, minor)));
        }
    }
    for day in 0..population.days {
        let shops = CURRENCIES.len() * SHOPS;
        for shop in (0..shops).filter(|shop| (shop + day as usize).is_multiple_of(7)) {
            let units = random.log_normal(3_000.0, 0.5) * currency_of(shop).rate;
            let minor = libm::round(units * f64::from(10_u32.pow(currency_of(shop).decimals)));
            let second = population.day_start(day) + hours(&mut random, 3.0, 4.0);
            events.push((second, Event::PaidOut(shop, minor as i64)));
        }
    }
    let mut deliveries = Vec::new();
    for (number, (happened, event)) in events.into_iter().enumerate() {
        deliveries.push(Delivery { second: happened, happened, number, event });
        if random.chance(0.03) {
            let second = happened + 1 + hours(&mut random, 0.0, 0.25);
            deliveries.push(Delivery { second, happened, number, event });
        }
    }
    let end = population.day_start(population.days);
    deliveries.retain(|delivery| delivery.second < end);
    deliveries.sort_by_key(|delivery| delivery.second);
    deliveries
}

struct Writer<'c> {
    seed: u64,
    charges: &'c [Charge],
}

impl Writer<'_> {
    fn write(&self, delivery: &Delivery, out: &mut dyn Write) -> io::Result<()> {
        let id = |prefix, number| Id(prefix, self.seed, number);
        let type_of_event = match delivery.event {
            Event::Captured(_) => "charge.captured",
            Event::Refunded(..) => "charge.refunded",
            Event::Disputed(_) => "dispute.opened",
            Event::PaidOut(..) => "payout.sent",
        };
        write!(
            out,
            "{{\"event_id\":\"{}\",\"event_type\":\"{type_of_event}\",\"occurred_at\":{},\"live\":true,\"data\":{{\"object\":{{",
            id("ev", delivery.number),
            delivery.happened,
        )?;
        match delivery.event {
            Event::Captured(charge) => {
                write!(out, "\"object\":\"charge\",\"charge_id\":\"{}\"", id("ch", charge))?;
                write!(out, ",\"refunded_minor\":0")?;
                self.charges[charge].write(self.seed, out)?;
            }
            Event::Refunded(charge, minor) => {
                write!(out, "\"object\":\"charge\",\"charge_id\":\"{}\"", id("ch", charge))?;
                write!(out, ",\"refunded_minor\":{minor}")?;
                self.charges[charge].write(self.seed, out)?;
            }
            Event::Disputed(charge) => {
                let fraud = self.charges[charge].scenario > 0;
                let reason = if fraud { "fraudulent" } else { "not_received" };
                write!(out, "\"object\":\"dispute\",\"dispute_id\":\"{}\"", id("di", charge))?;
                write!(out, ",\"charge_id\":\"{}\",\"reason\":\"{reason}\"", id("ch", charge))?;
                self.charges[charge].write(self.seed, out)?;
            }
            Event::PaidOut(shop, minor) => write!(
                out,
                "\"object\":\"payout\",\"payout_id\":\"{}\",\"shop\":\"shop_{shop:04}\",\"total_minor\":{minor},\"currency\":\"{}\"",
                id("po", delivery.number),
                currency_of(shop).code
            )?,
        }
        writeln!(out, "}}}}}}")
    }
}

impl Charge {
    /// Writes what a charge, its refund and its dispute have in common.
    fn write(&self, seed: u64, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            ",\"charged_at\":{},\"shop\":\"shop_{:04}\",\"total_minor\":{},\"currency\":\"{}\",\"customer\":",
            self.second,
            self.shop,
            self.minor,
            currency_of(self.shop).code,
        )?;
        match self.customer {
            Some(customer) => write!(out, "\"cus_{customer:07}\"")?,
            None => write!(out, "null")?,
        }
        write!(
            out,
            ",\"method\":{{\"type\":\"card\",\"card\":{{\"fingerprint\":\"{}\",\"country\":\"{}\",\"expiry\":{{\"month\":{},\"year\":{}}}}}}}",
            Id("fp", seed, self.card),
            CURRENCIES[self.issuer].country,
            1 + self.card % 12,
            2_030 + self.card % 4,
        )
    }
}

/// An id: a prefix and 64 bits that look random.
struct Id(&'static str, u64, usize);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let &Id(prefix, seed, number) = self;
        let salt = prefix.bytes().fold(seed, |salt, byte| salt << 8 ^ u64::from(byte));
        let bits = SplitMix64::new(SplitMix64::new(salt).draw() ^ number as u64).draw();
        write!(f, "{prefix}_{bits:016x}")
    }
}
