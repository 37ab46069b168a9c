//! Card payments. A holder buys in a few categories, and in each nearly always at the same two
//! shops; now and then a holder travels. Three things give a fraud away, and none is the amount:
//!
//! 1. a thief in the holder's town buys in categories that the holder hardly ever uses;
//! 2. a copy of the card pays in a far town minutes after the holder paid at home. Nobody travels so
//!    fast: a genuine payment that needs more than [`AIRLINER`] does not happen;
//! 3. a dishonest shop charges many cards that have never been there, in ordinary amounts.

use std::collections::HashSet;
use std::f64::consts::PI;
use std::io::{self, Write};

use super::table::Table;
use super::{Format, FraudList, Population, hours, seconds_of_day};
use crate::date::{SECONDS_PER_DAY, civil_from_days};
use crate::random::{Purpose, Random};
use crate::split_mix::SplitMix64;

/// Categories, and the median payment in each. The last [`ONLINE`] are online: paid where the holder
/// is.
const CATEGORIES: [(&str, f64); 14] = [
    ("groceries", 45.0),
    ("fuel", 40.0),
    ("restaurant", 28.0),
    ("pharmacy", 18.0),
    ("clothing", 60.0),
    ("electronics", 120.0),
    ("home_garden", 70.0),
    ("books_toys", 22.0),
    ("leisure", 35.0),
    ("transport", 12.0),
    ("health", 50.0),
    ("pets", 30.0),
    ("shopping_online", 50.0),
    ("games_online", 15.0),
];
const ONLINE: usize = 2;
/// Shares of a holder's usual categories.
const HABITS: [f64; 4] = [0.4, 0.3, 0.2, 0.1];
/// Share of payments in another category.
const WHIM: f64 = 0.02;
/// Shops of a category in a town; each holder has two favourites among them.
const SHOPS: usize = 10;
/// Share of payments at home that are at a favourite shop.
const LOYALTY: f64 = 0.93;
/// Share of days at home on which a journey begins.
const JOURNEY: f64 = 0.01;
/// Highest speed of a holder, in kilometres an hour.
const AIRLINER: f64 = 800.0;

/// Cases of scenarios 1, 2 and 3 for each holder and day.
const THEFTS: f64 = 0.000_95;
const COPIES: f64 = 0.000_9;
const DISHONEST_SHOPS: f64 = 0.000_28;
/// Cards that a dishonest shop charges, and the days that it takes.
const CHARGED: usize = 12;
const CHARGED_FOR: u32 = 3;
/// Holders in a town, until there are no more towns.
const TOWN: u32 = 120;

/// Beginnings and ends of the towns' names.
const TOWNS: ([&str; 8], [&str; 5]) = (
    ["Alder", "Birk", "Cold", "Dun", "Elm", "Fair", "Glücks", "Hazel"],
    ["moor", "brook", "haven", "ford", "bury"],
);
const FAMILIES: [&str; 16] = [
    "Abbot", "Bell", "Crane", "Dorn", "Engel", "Frost", "Grove", "Holt", "Irving", "Jessen",
    "Kerr", "Lunt", "Moss", "Noble", "Orr", "Platt",
];

#[derive(Clone, Copy)]
struct Place {
    latitude: f64,
    longitude: f64,
}

struct Holder {
    town: usize,
    home: Place,
    /// Payments a day.
    rate: f64,
    /// Factor on the categories' medians.
    spends: f64,
    /// Categories, in the order of [`HABITS`].
    habits: Vec<usize>,
    /// Two shops for each habit, as numbers below [`SHOPS`].
    favourites: Vec<Vec<usize>>,
}

struct Country {
    towns: Vec<Place>,
    /// [`SHOPS`] for each category of each town.
    shops: Vec<Place>,
    holders: Vec<Holder>,
}

struct Payment {
    second: i64,
    holder: usize,
    shop: usize,
    /// Place of the shop; online, of the holder.
    place: Place,
    cents: i64,
    scenario: u8,
}

/// Writes the world.
pub fn write(
    population: &Population,
    format: Format,
    records: &mut dyn Write,
    frauds: &mut FraudList,
) -> io::Result<()> {
    let country = Country::new(population);
    let mut references = SplitMix64::new(population.seed);
    let mut table = Table::new(records, format);
    for payment in country.payments(population) {
        let (high, low) = (references.draw(), references.draw());
        let reference = format!("{high:016x}{low:016x}");
        frauds.add(&reference, payment.scenario)?;
        frauds.written.records += 1;
        country.describe(&payment, &reference, &mut table);
        table.end()?;
    }
    Ok(())
}

impl Country {
    fn new(population: &Population) -> Self {
        let towns = (population.customers / TOWN).clamp(4, (TOWNS.0.len() * TOWNS.1.len()) as u32);
        let towns: Vec<Place> = (0..towns)
            .map(|index| {
                let mut random = Random::new(population.seed, Purpose::Place, 0, index);
                Place {
                    latitude: random.uniform(31.0, 48.0),
                    longitude: random.uniform(-121.0, -76.0),
                }
            })
            .collect();
        let shops = (0..towns.len() * CATEGORIES.len() * SHOPS)
            .map(|shop| {
                let index = (towns.len() + shop) as u32;
                towns[town_of(shop)].near(&mut Random::new(
                    population.seed,
                    Purpose::Place,
                    0,
                    index,
                ))
            })
            .collect();
        let holder = |index| {
            let mut random = Random::new(population.seed, Purpose::Customer, 0, index);
            let town = random.below(towns.len());
            let home = towns[town].near(&mut random);
            let mut habits = random.distinct(HABITS.len(), CATEGORIES.len());
            for last in (1..habits.len()).rev() {
                habits.swap(last, random.below(last + 1));
            }
            let favourites = habits.iter().map(|_| random.distinct(2, SHOPS)).collect();
            let (rate, spends) = (random.uniform(0.0, 4.0), random.log_normal(1.0, 0.4));
            Holder { town, home, rate, spends, habits, favourites }
        };
        let holders = (0..population.customers).map(holder).collect();
        Country { towns, shops, holders }
    }

    /// Returns all payments in order of time; at equal seconds in order of holder.
    fn payments(&self, population: &Population) -> Vec<Payment> {
        let mut payments = Vec::new();
        for (holder, index) in self.holders.iter().zip(0..) {
            let mut random = Random::new(population.seed, Purpose::Life, 0, index);
            let genuine = self.live(population, holder, index as usize, &mut random);
            let mut random = Random::new(population.seed, Purpose::Crime, 0, index);
            self.steal(population, &genuine, index as usize, &mut random, &mut payments);
            payments.extend(genuine);
        }
        let visits: HashSet<(usize, usize)> =
            payments.iter().map(|payment| (payment.holder, payment.shop)).collect();
        for day in 0..population.days {
            self.charge_strangers(population, day, &visits, &mut payments);
        }
        let end = population.day_start(population.days);
        payments.retain(|payment| payment.second < end);
        payments.sort_by_key(|payment| (payment.second, payment.holder));
        payments
    }

    /// Returns one holder's genuine payments.
    fn live(
        &self,
        population: &Population,
        holder: &Holder,
        index: usize,
        random: &mut Random,
    ) -> Vec<Payment> {
        let mut payments: Vec<Payment> = Vec::new();
        let (mut town, mut home_on) = (holder.town, 0);
        for day in 0..population.days {
            if day == home_on {
                town = holder.town;
            }
            if town == holder.town && random.chance(JOURNEY) {
                (town, home_on) =
                    (random.below(self.towns.len()), day + 2 + random.below(5) as u32);
            }
            for second in seconds_of_day(random, holder.rate) {
                let second = population.day_start(day) + second;
                let shop = holder.choose_shop(town, random);
                let payment = self.pay(index, shop, town, second, random);
                let reachable = payments.last().is_none_or(|last| {
                    let time = (second - last.second) as f64 / 3_600.0;
                    last.place.kilometres_to(payment.place) <= AIRLINER * time
                });
                if reachable {
                    payments.push(payment);
                }
            }
        }
        payments
    }

    /// Adds the payments of thieves with one holder's card: scenarios 1 and 2.
    fn steal(
        &self,
        population: &Population,
        genuine: &[Payment],
        index: usize,
        random: &mut Random,
        payments: &mut Vec<Payment>,
    ) {
        let holder = &self.holders[index];
        for day in 0..population.days {
            let start = population.day_start(day);
            if random.chance(THEFTS) {
                for _ in 0..2 + random.below(4) {
                    let category = holder.unusual_category(random);
                    let shop = shop_at(holder.town, category, random.below(SHOPS));
                    let second = start + hours(random, 8.0, 46.0);
                    let payment = self.pay(index, shop, holder.town, second, random);
                    payments.push(Payment { scenario: 1, ..payment });
                }
            }
            if random.chance(COPIES) {
                let town = self.far_town(holder.town, random);
                let days = start..start + 2 * SECONDS_PER_DAY;
                for original in genuine.iter().filter(|payment| days.contains(&payment.second)) {
                    let category = holder.usual_category(random);
                    let shop = shop_at(town, category, random.below(SHOPS));
                    let second = original.second + hours(random, 0.05, 0.6);
                    let payment = self.pay(index, shop, town, second, random);
                    payments.push(Payment { scenario: 2, ..payment });
                }
            }
        }
    }

    /// Adds the charges of the shops that turn dishonest on a day: scenario 3.
    fn charge_strangers(
        &self,
        population: &Population,
        day: u32,
        visits: &HashSet<(usize, usize)>,
        payments: &mut Vec<Payment>,
    ) {
        let mut random = Random::new(population.seed, Purpose::Ring, day, 0);
        for _ in 0..random.poisson(DISHONEST_SHOPS * self.holders.len() as f64) {
            let shop = random.below(self.shops.len());
            let (town, category) = (town_of(shop), category_of(shop));
            let strangers: Vec<usize> = (self.holders.iter().enumerate())
                .filter(|(_, holder)| holder.town == town && holder.habits.contains(&category))
                .filter(|&(index, _)| !visits.contains(&(index, shop)))
                .map(|(index, _)| index)
                .collect();
            for chosen in random.distinct(CHARGED, strangers.len()) {
                let later = SECONDS_PER_DAY * random.below(CHARGED_FOR as usize) as i64;
                let second = population.day_start(day) + later + hours(&mut random, 8.0, 22.0);
                let payment = self.pay(strangers[chosen], shop, town, second, &mut random);
                payments.push(Payment { scenario: 3, ..payment });
            }
        }
    }

    /// Draws a genuine payment of a holder who is in a town.
    fn pay(
        &self,
        index: usize,
        shop: usize,
        town: usize,
        second: i64,
        random: &mut Random,
    ) -> Payment {
        let holder = &self.holders[index];
        let category = category_of(shop);
        let place = match category < CATEGORIES.len() - ONLINE {
            true => self.shops[shop],
            false if town == holder.town => holder.home,
            false => self.towns[town],
        };
        let paid = random.log_normal(CATEGORIES[category].1 * holder.spends, 0.5);
        let cents = libm::round(paid * 100.0).max(50.0) as i64;
        Payment { second, holder: index, shop, place, cents, scenario: 0 }
    }

    /// Draws some towns and returns the farthest.
    fn far_town(&self, from: usize, random: &mut Random) -> usize {
        let away = |&town: &usize| self.towns[from].kilometres_to(self.towns[town]);
        (0..5)
            .map(|_| random.below(self.towns.len()))
            .max_by(|a, b| away(a).total_cmp(&away(b)))
            .unwrap_or(from)
    }

    /// Writes a payment's members.
    fn describe(&self, payment: &Payment, reference: &str, table: &mut Table) {
        let holder = &self.holders[payment.holder];
        let (year, month, day) = civil_from_days(payment.second.div_euclid(SECONDS_PER_DAY));
        let second = payment.second.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        table.text(
            "local_time",
            format_args!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
        );
        table.text("reference", reference);
        // Neighbours differ in the last digits only, beyond what a double can tell apart.
        table.number("card_no", 630_418_000_000_000_000 + 11 * payment.holder as u64);
        let family = |step: usize| FAMILIES[payment.shop / step % FAMILIES.len()];
        match payment.shop % 3 {
            0 => table.text(
                "shop",
                format_args!("{}, {} and Co {}", family(1), family(16), payment.shop),
            ),
            _ => table.text("shop", format_args!("{} Ltd {}", family(1), payment.shop)),
        }
        table.text("category", CATEGORIES[category_of(payment.shop)].0);
        let (units, cents) = (payment.cents / 100, payment.cents % 100);
        match (cents, cents % 10) {
            (0, _) => table.number("paid", units),
            (_, 0) => table.number("paid", format_args!("{units}.{}", cents / 10)),
            _ => table.number("paid", format_args!("{units}.{cents:02}")),
        }
        table.text("sex", if payment.holder.is_multiple_of(2) { "F" } else { "M" });
        let (first, second) = (TOWNS.0[holder.town % 8], TOWNS.1[holder.town / 8]);
        table.text("town", format_args!("{first}{second}"));
        table.number("town_population", 2_000 + 7_919 * (holder.town * holder.town) as u64);
        table.number("home_lat", rounded(holder.home.latitude));
        table.number("home_lon", rounded(holder.home.longitude));
        table.number("shop_lat", rounded(payment.place.latitude));
        table.number("shop_lon", rounded(payment.place.longitude));
        table.number("is_chargeback", u8::from(payment.scenario > 0));
    }
}

impl Holder {
    fn choose_shop(&self, town: usize, random: &mut Random) -> usize {
        if random.chance(WHIM) {
            return shop_at(town, self.unusual_category(random), random.below(SHOPS));
        }
        let habit = self.habit(random);
        let shop = match town == self.town && random.chance(LOYALTY) {
            true => self.favourites[habit][random.below(2)],
            false => random.below(SHOPS),
        };
        shop_at(town, self.habits[habit], shop)
    }

    fn habit(&self, random: &mut Random) -> usize {
        let drawn = random.uniform(0.0, 1.0);
        let mut up_to = 0.0;
        for (habit, share) in HABITS.iter().enumerate() {
            up_to += share;
            if drawn < up_to {
                return habit;
            }
        }
        0
    }

    fn usual_category(&self, random: &mut Random) -> usize {
        self.habits[self.habit(random)]
    }

    fn unusual_category(&self, random: &mut Random) -> usize {
        loop {
            let category = random.below(CATEGORIES.len());
            if !self.habits.contains(&category) {
                return category;
            }
        }
    }
}

impl Place {
    /// Draws a place some kilometres around this one.
    fn near(self, random: &mut Random) -> Place {
        Place {
            latitude: random.normal(self.latitude, 0.03),
            longitude: random.normal(self.longitude, 0.03),
        }
    }

    /// Measures the great circle between two places, by haversines.
    fn kilometres_to(self, other: Place) -> f64 {
        let radians = |degrees: f64| degrees * (PI / 180.0);
        let half_sine_squared = |from: f64, to: f64| {
            let sine = libm::sin(radians(to - from) / 2.0);
            sine * sine
        };
        let haversine = half_sine_squared(self.latitude, other.latitude)
            + libm::cos(radians(self.latitude))
                * libm::cos(radians(other.latitude))
                * half_sine_squared(self.longitude, other.longitude);
        2.0 * 6_371.0 * libm::asin(libm::sqrt(haversine.min(1.0)))
    }
}

fn shop_at(town: usize, category: usize, shop: usize) -> usize {
    (town * CATEGORIES.len() + category) * SHOPS + shop
}

fn category_of(shop: usize) -> usize {
    shop / SHOPS % CATEGORIES.len()
}

fn town_of(shop: usize) -> usize {
    shop / SHOPS / CATEGORIES.len()
}

/// Rounds degrees to about ten metres.
fn rounded(degrees: f64) -> f64 {
    libm::round(degrees * 1e4) / 1e4
}
