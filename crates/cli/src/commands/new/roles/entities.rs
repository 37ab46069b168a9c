//! Who pays, whom, and where.

use anyhow::Result;

use super::super::columns::{Column, Kind, shown};
use super::super::hints::{self, weigh};
use super::super::{Asked, LeftOut, Sure};
use super::{Point, Roles};

/// Most entities beside the partition key.
const ENTITIES: usize = 4;

impl Roles<'_> {
    pub(super) fn find_points(&mut self) {
        let has = |column: &Column, names: &[&str]| {
            column.words.iter().any(|word| names.contains(&word.as_str()))
        };
        let within = |column: &Column, limit: f64| {
            column.is_number() && column.numbers().flatten().all(|degrees| degrees.abs() <= limit)
        };
        // What is left of the path without the word for the coordinate tells the pair.
        let rest = |column: &Column, names: &[&str]| {
            let words = column.words.iter().filter(|word| !names.contains(&word.as_str()));
            words.chain(&column.around).cloned().collect::<Vec<_>>()
        };
        let mut pairs = Vec::new();
        for (at, latitude) in self.columns.iter().enumerate() {
            if has(latitude, &hints::LATITUDE) && within(latitude, 90.0) {
                let of = rest(latitude, &hints::LATITUDE);
                let longitude = self.columns.iter().position(|column| {
                    has(column, &hints::LONGITUDE)
                        && within(column, 360.0)
                        && rest(column, &hints::LONGITUDE) == of
                });
                pairs.extend(longitude.map(|longitude| (at, longitude)));
            }
        }
        pairs.retain(|(at, to)| {
            !self.columns[*at].is_constant() && !self.used.contains(at) && !self.used.contains(to)
        });
        self.used.extend(pairs.iter().flat_map(|(latitude, longitude)| [*latitude, *longitude]));
        let mut pairs =
            pairs.into_iter().map(|(latitude, longitude)| Point { latitude, longitude });
        (self.place, self.home) = (pairs.next(), pairs.next());
        for Point { latitude, .. } in pairs {
            let path = self.path(latitude);
            self.left_out.push(LeftOut { path, why: "a third point".into() });
        }
    }

    /// Tells who pays from where they pay: the point that varies for one of them.
    pub(super) fn choose_place(&mut self) {
        let Some(key) = self.key() else { return };
        if let (Some(place), Some(home)) = (self.place, self.home)
            && self.variation(key, home.latitude) > self.variation(key, place.latitude)
        {
            (self.place, self.home) = (Some(home), Some(place));
        }
        for (pair, what) in
            [(self.place, "the transaction is here"), (self.home, "who pays is here")]
        {
            if let Some(Point { latitude, longitude }) = pair {
                let path = format!("{}, {}", self.path(latitude), self.path(longitude));
                self.note("point", path, Sure::Likely, what);
            }
        }
    }

    pub(super) fn find_entities(&mut self, asked: &Asked, keys: &[Option<String>]) -> Result<()> {
        // A strong name needs less spread than a weak one.
        let is_entity = |column: &Column| {
            let others = hints::OTHERS.iter().map(|(_, hints)| weigh(column, hints)).max();
            let is_named = weigh(column, hints::PAYER).max(others.unwrap_or(0)) >= 8;
            let top = column.distinct.first().map_or(0, |(_, count)| *count);
            let (few, part) = if is_named { (4, 2) } else { (20, 3) };
            let spread = column.distinct.len() >= few && top * part <= column.filled;
            column.is_id()
                && (spread || column.rows() < 50)
                && hints::of_words(&column.words, hints::PROPERTY) <= 0
                && column.filled * 20 > column.rows()
                && !column.distinct[0].0.is_empty()
        };
        let rarely = |column: &Column| column.filled >= 200 && column.percent_distinct() >= 98;
        let is_record_key = |column: &Column| {
            let same = (0..column.rows())
                .filter(|row| keys[*row].is_some() && column.text(*row) == keys[*row])
                .count();
            same * 20 >= column.rows() * 19
        };
        let payer = |column: &Column| {
            let name = weigh(column, hints::PAYER);
            let full = if column.is_full() { 4 } else { 0 };
            let key = if is_record_key(column) { 100 } else { 0 };
            if name > 3 || key > 0 {
                2 * name.max(0) + full + key - if rarely(column) { 12 } else { 0 }
            } else {
                0
            }
        };
        let payers = self.best(is_entity, payer);
        let mut others: Vec<(usize, i32)> = Vec::new();
        for (_, hints) in hints::OTHERS {
            let of_kind = self.best(is_entity, |column| {
                weigh(column, hints) - if rarely(column) { 6 } else { 0 }
            });
            let of_kind = of_kind.into_iter().filter(|(_, weight)| *weight > 3);
            others.extend(
                of_kind.filter(|(at, _)| payers.iter().all(|(payer, _)| payer != at)).take(1),
            );
        }
        let key = match &asked.key {
            Some(path) => {
                self.note("partition key", shown(path), Sure::Certain, "--key says so");
                Some(self.named("--key", path)?)
            }
            None => self.guess_key(&payers, &others, &is_record_key),
        };
        let Some(key) = key else {
            let settle = "--key PATH; until then history knows nobody, and only what a record says itself counts";
            self.doubt("no member looks like who pays", settle);
            return Ok(());
        };
        if rarely(&self.columns[key]) {
            let what =
                format!("{} hardly ever repeats, so its history says little", self.path(key));
            self.doubt(what, "--key PATH, of somebody who comes again");
        }
        let more: Vec<usize> =
            payers.iter().chain(&others).map(|(at, _)| *at).filter(|at| *at != key).collect();
        self.entities.push(key);
        self.used.insert(key);
        for at in more {
            // One that goes with another in every record is the same one by another name.
            let is_same = |other: &usize| {
                self.columns[at].rows() >= 50
                    && self.variation(*other, at) == 0.0
                    && self.variation(at, *other) == 0.0
            };
            let repeats = self.columns[at].percent_distinct() < 98 || self.columns[at].rows() < 200;
            if self.entities.len() <= ENTITIES
                && repeats
                && !self.used.contains(&at)
                && !self.entities.iter().any(is_same)
            {
                self.note("entity", self.path(at), Sure::Likely, "by its name, and it comes again");
                self.entities.push(at);
                self.used.insert(at);
            } else {
                self.leave_out(
                    at,
                    "hardly ever repeats, or goes with another entity in every record",
                );
            }
        }
        Ok(())
    }

    fn guess_key(
        &mut self,
        payers: &[(usize, i32)],
        others: &[(usize, i32)],
        is_record_key: &dyn Fn(&Column) -> bool,
    ) -> Option<usize> {
        let by_repeats = || {
            let free = self.best(
                |column| {
                    column.kind == Kind::Text
                        && (1..70).contains(&column.percent_distinct())
                        && column.distinct.len() >= 20
                        && column.distinct[0].1 * 10 < column.filled
                        && hints::of_words(&column.words, hints::PROPERTY) <= 0
                },
                |column| 1 + column.percent_distinct() as i32,
            );
            free.first().map(|(at, _)| *at)
        };
        let (at, sure, why) = match (payers, others) {
            ([(at, _), ..], _) if is_record_key(&self.columns[*at]) => {
                (*at, Sure::Certain, "the records' key in the topic")
            }
            ([(at, weight), rest @ ..], _) if *weight > 0 => {
                let close = rest
                    .first()
                    .filter(|(_, second)| weight - second < 4)
                    .map(|(at, _)| self.path(*at));
                let sure = if close.is_some() { Sure::Guess } else { Sure::Likely };
                if let Some(close) = close {
                    let what =
                        format!("{close} may be the partition key as well as {}", self.path(*at));
                    self.doubt(what, format!("--key {close}; the topic must be keyed by it"));
                }
                (*at, sure, "who pays, by its name; the topic must be keyed by it")
            }
            (_, [(at, _), ..]) => {
                (*at, Sure::Guess, "no member looks like who pays, and this one repeats")
            }
            _ => (
                by_repeats()?,
                Sure::Guess,
                "no name tells who pays, and this one repeats as a customer does",
            ),
        };
        self.note("partition key", self.path(at), sure, why);
        Some(at)
    }
}
