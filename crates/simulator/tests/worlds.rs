//! The worlds besides the default: their bits, their shapes, and what gives their frauds away.
//!
//! An oracle for each world shows the last point: it reads the written records in order, and knows
//! what the frauds of the world depend on. Its AUC is compared with that of the amount alone.

use std::collections::{HashMap, HashSet};

use fraud_simulator::{Format, Population, World, Written};
use serde_json::Value;
use sha2::{Digest, Sha256};

const WORLDS: [World; 3] = [World::Cards, World::Transfers, World::Charges];

/// The first day, 2018-04-01.
const START: i64 = 17_622;

fn population(days: u32, customers: u32, seed: u64) -> Population {
    Population { start_date: START, days, customers, seed }
}

/// Writes a world, and returns its records and its list of frauds.
fn write(world: World, population: &Population, format: Format) -> (String, String, Written) {
    let (mut records, mut frauds) = (Vec::new(), Vec::new());
    let written =
        world.write(population, format, &mut records, &mut frauds).expect("a Vec takes everything");
    let text = |bytes| String::from_utf8(bytes).expect("records are UTF-8");
    (text(records), text(frauds), written)
}

fn json(records: &str) -> Vec<Value> {
    records.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Returns the scenario of each listed transaction.
fn listed(frauds: &str) -> HashMap<&str, u8> {
    let rows = frauds.strip_prefix("transaction_id,scenario\n").expect("the default's header");
    rows.lines()
        .map(|row| row.split_once(',').expect("two columns"))
        .map(|(id, scenario)| (id, scenario.parse().expect("a number")))
        .collect()
}

/// A change here makes every file of a world another: say so in the commit that makes it.
#[test]
fn bits_are_golden() {
    for (world, expected) in [
        (World::Cards, "9bcc1086a02aab37d42d3fbddd100e66cdd54ad47cc81d604a52cd9ccd9f7a75"),
        (World::Transfers, "05224c63c62bcae2227cb80ac2a99bfdade8ece096808bed42da66254d35830f"),
        (World::Charges, "d07867e16f172be5f2f40d43dd6dcb5af49ff034ad248c0aa6ab8b492000a828"),
    ] {
        let (records, frauds, _) = write(world, &population(20, 300, 42), Format::JsonLines);
        let hash = Sha256::digest([&*records, &*frauds].concat());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let (other, ..) = write(world, &population(20, 300, 43), Format::JsonLines);
        assert!(records != other, "{world:?}: the seed changes nothing");
        assert_eq!(hash, expected, "{world:?}");
    }
}

#[test]
fn nobody_does_nothing_and_few_do_little() {
    for world in WORLDS {
        for (days, customers) in [(0, 10), (1, 1), (200, 1), (200, 2)] {
            write(world, &population(days, customers, 9), Format::JsonLines);
        }
        let (_, frauds, written) = write(world, &population(5, 0, 9), Format::JsonLines);
        assert_eq!(listed(&frauds).len() as u64 + written.scenarios[0], 0, "{world:?}");
    }
}

#[test]
fn names_are_not_the_defaults() {
    const DEFAULT: [&str; 5] =
        ["transaction_id", "timestamp", "customer_id", "terminal_id", "amount"];
    fn names(value: &Value, into: &mut HashSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            into.insert(name.clone());
            names(value, into);
        }
    }
    for world in WORLDS {
        let mut all = HashSet::new();
        for record in json(&write(world, &population(20, 100, 1), Format::JsonLines).0) {
            names(&record, &mut all);
        }
        assert!(all.len() > 9, "{world:?}: {all:?}");
        assert!(DEFAULT.iter().all(|&name| !all.contains(name)), "{world:?}: {all:?}");
    }
}

#[test]
fn one_fraud_in_two_hundred() {
    for world in WORLDS {
        for customers in [500, 4_000] {
            let (_, frauds, written) =
                write(world, &population(60, customers, 3), Format::JsonLines);
            let [genuine, scenarios @ ..] = written.scenarios;
            let total: u64 = scenarios.iter().sum();
            assert_eq!(listed(&frauds).len() as u64, total, "{world:?}: an id twice");
            let share = total as f64 / (genuine + total) as f64;
            println!("{world:?} {customers}: {written:?} {share}");
            assert!((0.003..0.007).contains(&share), "{world:?}, {customers}: {share}");
            let fewest = *scenarios.iter().min().expect("three") as f64 / total as f64;
            assert!(fewest > 0.1, "{world:?}, {customers}: {scenarios:?}");
        }
    }
}

/// A transaction and an oracle's judgement.
struct Judged {
    scenario: u8,
    amount: f64,
    /// Higher is more likely a fraud.
    suspicion: f64,
}

/// Returns the probability that a fraud has a higher score than a genuine transaction; a tie counts
/// half. Frauds of other scenarios than the given one are left out.
fn auc(judged: &[Judged], scenario: Option<u8>, score: impl Fn(&Judged) -> f64) -> f64 {
    let mut scored: Vec<(f64, bool)> = (judged.iter())
        .filter(|j| j.scenario == 0 || scenario.is_none_or(|scenario| j.scenario == scenario))
        .map(|j| (score(j), j.scenario > 0))
        .collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut won, mut frauds) = (0.0, 0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|(_, fraud)| *fraud).count() as f64;
        let negative = tied.len() as f64 - positive;
        won += positive * (below + negative / 2.0);
        below += negative;
        frauds += positive;
    }
    won / (frauds * below)
}

/// Checks that the oracle's AUC is above a floor in each scenario, and the amount's below a ceiling
/// over all.
#[track_caller]
fn check(judged: &[Judged], floor: f64, ceiling: f64) {
    let of_amount = auc(judged, None, |j| j.amount);
    println!("all: amount {of_amount:.3}, oracle {:.3}", auc(judged, None, |j| j.suspicion));
    assert!(of_amount < ceiling, "amount alone: {of_amount}");
    for scenario in 1..=3 {
        let amount = auc(judged, Some(scenario), |j| j.amount);
        let oracle = auc(judged, Some(scenario), |j| j.suspicion);
        println!("scenario {scenario}: amount {amount:.3}, oracle {oracle:.3}");
        assert!(oracle > floor, "scenario {scenario}: {oracle}");
    }
}

/// Days that the oracles only watch.
const WARM_UP: i64 = 40;

/// Times of first meetings.
#[derive(Default)]
struct Strangers(Vec<i64>);

impl Strangers {
    /// Counts the strangers within a span before now. A stranger of now is added and counted.
    fn count(&mut self, now: i64, span: i64, stranger: bool) -> f64 {
        if stranger {
            self.0.push(now);
        }
        self.0.retain(|&met| now - met <= span);
        self.0.len() as f64
    }
}

#[test]
fn cards_are_given_away_by_category_speed_and_first_visits() {
    let (records, frauds, written) =
        write(World::Cards, &population(100, 1_500, 11), Format::JsonLines);
    assert_eq!(written.records, written.scenarios.iter().sum::<u64>());
    let frauds = listed(&frauds);
    let mut judged = Vec::new();
    let mut last: HashMap<u64, (i64, f64, f64)> = HashMap::new();
    let mut visits = HashSet::new();
    let mut categories: HashMap<(u64, String), f64> = HashMap::new();
    let mut strangers: HashMap<String, Strangers> = HashMap::new();
    let mut latest = String::new();
    for record in json(&records) {
        let text = |name: &str| record[name].as_str().expect(name).to_owned();
        let number = |name: &str| record[name].as_f64().expect(name);
        let time = text("local_time");
        assert!(time >= latest, "{time} after {latest}");
        latest = time.clone();
        let part = |range: std::ops::Range<usize>| time[range].parse::<i64>().expect("digits");
        let days = fraud_simulator::days_from_civil(part(0..4), part(5..7), part(8..10));
        let second = days * 86_400 + part(11..13) * 3_600 + part(14..16) * 60 + part(17..19);

        let card = record["card_no"].as_u64().expect("a whole number");
        let (latitude, longitude) = (number("shop_lat"), number("shop_lon"));
        let (before, from_latitude, from_longitude) = last
            .insert(card, (second, latitude, longitude))
            .unwrap_or((second, latitude, longitude));
        // Flat, as the towns are not near a pole.
        let north = (latitude - from_latitude) * 111.0;
        let east = (longitude - from_longitude) * 111.0 * from_latitude.to_radians().cos();
        let speed = north.hypot(east) / ((second - before) as f64 / 3_600.0).max(0.01);

        let uses = categories.entry((card, text("category"))).or_default();
        let unusual = 1.0 / (1.0 + *uses);
        *uses += 1.0;
        let stranger = visits.insert((card, text("shop")));
        let visited = strangers.entry(text("shop")).or_default();
        let crowd = visited.count(second, 3 * 86_400, stranger);

        let suspicion = unusual
            + 2.0 * f64::from(u8::from(speed > 800.0))
            + if stranger { crowd / 2.0 } else { 0.0 };
        let scenario = frauds.get(&*text("reference")).copied().unwrap_or(0);
        assert_eq!(record["is_chargeback"] == 1, scenario > 0, "{record}");
        if days - START >= WARM_UP {
            judged.push(Judged { scenario, amount: number("paid"), suspicion });
        }
    }
    check(&judged, 0.96, 0.6);
}

#[test]
fn transfers_are_given_away_by_balances_and_first_payments() {
    let (records, frauds, written) =
        write(World::Transfers, &population(100, 1_500, 11), Format::Csv);
    let frauds = listed(&frauds);
    let mut judged = Vec::new();
    let mut pairs = HashSet::new();
    let mut new_payees: HashMap<String, Strangers> = HashMap::new();
    let mut new_payers: HashMap<String, Strangers> = HashMap::new();
    let mut rows = records.lines();
    let names: Vec<&str> = rows.next().expect("a line of names").split(',').collect();
    let mut balances: HashMap<String, String> = HashMap::new();
    let mut latest = 0;
    for row in rows {
        let values: Vec<&str> = row.split(',').collect();
        assert_eq!(values.len(), names.len(), "{row}");
        let text =
            |name: &str| values[names.iter().position(|&n| n == name).expect(name)].to_owned();
        let number = |name| text(name).parse::<f64>().expect(name);
        let hour = number("hour") as i64;
        assert!(hour >= latest, "{row}");
        latest = hour;
        let (payer, payee, kind) = (text("payer"), text("payee"), text("kind"));
        for party in ["payer", "payee"] {
            let (before, after) =
                (text(&format!("{party}_before")), text(&format!("{party}_after")));
            let account = text(party);
            if account.starts_with("AC") {
                let known = balances.insert(account, after);
                assert!(known.is_none_or(|known| known == before), "{row}");
            }
        }

        let stranger = pairs.insert((payer.clone(), payee.clone()));
        let out = new_payees.entry(payer.clone()).or_default().count(hour, 8, stranger);
        let into = new_payers.entry(payee.clone()).or_default().count(hour, 72, stranger);
        let emptied = payer.starts_with("AC") && number("payer_after") == 0.0;
        let between_people = kind == "TRANSFER" && payee.starts_with("AC");
        let suspicion = if stranger && between_people {
            1.0 + out.max(into) / 2.0 + 4.0 * f64::from(u8::from(emptied))
        } else {
            0.0
        };
        let scenario = frauds.get(&*text("reference")).copied().unwrap_or(0);
        assert_eq!(text("illicit") == "1", scenario > 0, "{row}");
        if hour >= WARM_UP * 24 {
            judged.push(Judged { scenario, amount: number("sum"), suspicion });
        }
    }
    assert_eq!(written.records, written.scenarios.iter().sum::<u64>());
    check(&judged, 0.99, 0.8);
}

#[test]
fn charges_are_given_away_by_cards_customers_and_totals() {
    let (records, frauds, written) =
        write(World::Charges, &population(100, 1_500, 11), Format::JsonLines);
    let frauds = listed(&frauds);
    let mut judged = Vec::new();
    let mut known: HashMap<String, String> = HashMap::new();
    let mut types: HashMap<String, u32> = HashMap::new();
    let (mut duplicates, mut guests, mut currencies) = (0, 0, HashSet::new());
    let mut disputed = [0.0; 2];
    let mut customers_of: HashMap<String, HashSet<String>> = HashMap::new();
    let mut cards_of: HashMap<String, HashSet<String>> = HashMap::new();
    let mut means: HashMap<(String, String), (f64, f64)> = HashMap::new();
    let mut charge_ids = HashSet::new();
    let mut latest = 0;
    for line in records.lines() {
        let event: Value = serde_json::from_str(line).expect(line);
        let text = |value: &Value| {
            value.as_str().unwrap_or_else(|| panic!("{value} in {line}")).to_owned()
        };
        if let Some(earlier) = known.insert(text(&event["event_id"]), line.to_owned()) {
            assert_eq!(earlier, line, "another event with this id");
            duplicates += 1;
            continue;
        }
        let occurred = event["occurred_at"].as_i64().expect("whole seconds");
        assert!(occurred >= latest, "{line}");
        latest = occurred;
        let kind = text(&event["event_type"]);
        *types.entry(kind.clone()).or_default() += 1;
        let object = &event["data"]["object"];
        if kind == "payout.sent" {
            continue;
        }
        let id = text(&object["charge_id"]);
        let scenario = frauds.get(&*id).copied().unwrap_or(0);
        match &*kind {
            "charge.captured" => assert!(charge_ids.insert(id), "a charge twice: {line}"),
            _ => assert!(charge_ids.contains(&id), "of no charge: {line}"),
        }
        if kind == "dispute.opened" {
            assert_eq!(object["reason"] == "fraudulent", scenario > 0, "{line}");
            disputed[usize::from(scenario > 0)] += 1.0;
        }
        if kind != "charge.captured" {
            continue;
        }

        let card = text(&object["method"]["card"]["fingerprint"]);
        let currency = text(&object["currency"]);
        let exponent = match &*currency {
            "JPY" | "KRW" => 0,
            "KWD" | "TND" => 3,
            _ => 2,
        };
        let minor = object["total_minor"].as_f64().expect("a number");
        let amount = minor / 10_f64.powi(exponent);
        currencies.insert(currency.clone());

        let mut suspicion = 0.0;
        match object["customer"].as_str() {
            None => guests += 1,
            Some(customer) => {
                let owners = customers_of.entry(card.clone()).or_default();
                let owned = !owners.is_empty();
                let stranger = owners.insert(customer.to_owned());
                let cards = cards_of.entry(customer.to_owned()).or_default();
                cards.insert(card.clone());
                if owned && stranger {
                    suspicion += 3.0 + owners.len().max(cards.len()) as f64;
                }
            }
        }
        // To the card's mean in the currency; of a new card, to everybody's.
        let mut ratio = 1.0;
        for key in [(String::new(), currency.clone()), (card, currency)] {
            let (count, mean) = means.entry(key).or_insert((0.0, amount));
            if *count > 1.0 {
                ratio = amount / *mean;
            }
            *count += 1.0;
            *mean += (amount - *mean) / *count;
        }
        suspicion += ratio;
        if occurred / 86_400 - START >= WARM_UP {
            judged.push(Judged { scenario, amount: minor, suspicion });
        }
    }
    println!("{types:?}, {duplicates} duplicates, {guests} guests, disputed {disputed:?}");
    assert_eq!(types.len(), 4, "{types:?}");
    assert_eq!(currencies.len(), 7, "{currencies:?}");
    let share = |part: f64| part / charge_ids.len() as f64;
    assert!((0.02..0.04).contains(&(f64::from(duplicates) / known.len() as f64)));
    assert!((0.2..0.3).contains(&share(f64::from(guests))));
    assert_eq!(charge_ids.len() as u64, written.scenarios.iter().sum::<u64>());
    assert_eq!(known.len() as u64 + duplicates as u64, written.records);
    check(&judged, 0.98, 0.7);
}
