//! Features: what the model sees of a transaction, for the names that the spec has given.
//!
//! **Idea**: frauds show in what is unusual. So each value stands beside what is usual for the one who pays; and
//! each meeting, of a customer and a shop, say, beside the meetings before. There are about sixty features at
//! most, and few that cost memory: four bytes a half-life, and `cap` times four for `distinct`.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::columns::{list, toml_text};

/// Entities beside the key whose own history has features too.
const FULL: usize = 2;

/// The names that the spec gives, by what they are.
#[derive(Default)]
pub struct Named {
    /// The partition key first, if there is one.
    pub entities: Vec<Entity>,
    pub amount: Option<String>,
    /// The middle amount of the sample.
    pub usual: Option<f64>,
    /// Latitude and longitude of the transaction, and of who pays.
    pub place: Option<[String; 2]>,
    pub home: Option<[String; 2]>,
    /// Balances before, and after where there is one.
    pub balances: Vec<(String, Option<String>)>,
    pub categories: Vec<Category>,
    pub numbers: Vec<String>,
    /// The entities that are reported.
    pub reported: Vec<String>,
    pub reports_have_amounts: bool,
    pub has_time: bool,
    /// Half-lives: short, of a day, of a week, long.
    pub lives: [&'static str; 4],
}

pub struct Entity {
    pub name: String,
    /// Whether it is one who pays, as the key is: another card of the customer.
    pub pays: bool,
    /// Whether the key's meetings with it are remembered.
    pub meets: bool,
}

pub struct Category {
    pub name: String,
    /// `one_hot`, `ordinal` or `hashed`.
    pub form: &'static str,
    /// The entity that stands for who pays in one value of it, if habits are remembered.
    pub habit: Option<String>,
}

impl Named {
    /// Forgets an entity that is made of others; returns the name of the copy of a category that it needed, if
    /// it did.
    pub fn forget(&mut self, entity: &str) -> Option<String> {
        let key = self.entities.first()?.name.clone();
        let met = |other: &&mut Entity| pair(&key, &other.name) == entity;
        if let Some(other) = self.entities.iter_mut().find(met) {
            other.meets = false;
            return None;
        }
        let mut categories = self.categories.iter_mut();
        let category = categories.find(|category| category.habit.as_deref() == Some(entity))?;
        category.habit = None;
        Some(category.name.clone())
    }
}

/// Returns the name of the entity that is the key together with another.
pub fn pair(key: &str, other: &str) -> String {
    format!("{key}_at_{other}")
}

/// Features while they are written.
#[derive(Default)]
pub struct Features {
    pub text: String,
    pub count: usize,
    names: HashSet<String>,
}

impl Features {
    /// Writes the features.
    pub fn of(named: &Named) -> Self {
        let mut features = Self::default();
        let key = named.entities.first().map(|entity| entity.name.as_str());
        features.of_amount(named, key);
        if let Some(key) = key {
            features.of_pace(named, key);
            features.of_meetings(named, key);
        }
        features.of_categories(named);
        features.of_habits(named, key);
        features.of_points(named, key);
        features.of_balances(named);
        features.of_reports(named);
        features.of_time(named);
        features.group("Other numbers, as they are.", &named.numbers);
        for number in &named.numbers {
            features.number(number);
        }
        features
    }

    /// Begins a group of features with a comment, unless there are none of it.
    fn group<T>(&mut self, comment: &str, of: impl IntoIterator<Item = T>) {
        if of.into_iter().next().is_some() {
            let lines = comment.lines().map(|line| format!("# {line}\n"));
            self.text.extend(lines);
        }
    }

    /// Adds a feature, unless there is one of its name.
    fn add(&mut self, name: &str, keys: &str) {
        if self.names.insert(name.to_owned()) {
            let _ = writeln!(self.text, "[[feature]]\nname = {}\n{keys}", toml_text(name));
            self.count += 1;
        }
    }

    fn number(&mut self, of: &str) {
        self.add(of, &format!("kind = \"number\"\nof = {}\n", toml_text(of)));
    }

    fn window(&mut self, name: &str, entity: &str, keys: &str) {
        self.add(name, &format!("kind = \"window\"\nentity = {}\n{keys}", toml_text(entity)));
    }

    fn events(&mut self, name: &str, entity: &str, cap: u32) {
        self.window(name, entity, &format!("stat = \"events\"\ncap = {cap}\n"));
    }

    fn since_last(&mut self, name: &str, entity: &str) {
        self.window(name, entity, "stat = \"since_last\"\n");
    }

    fn count(&mut self, name: &str, entity: &str, half_life: &str) {
        self.window(name, entity, &format!("stat = \"count\"\nhalf_life = \"{half_life}\"\n"));
    }

    /// Adds a decayed sum, mean or maximum of a value.
    fn decayed(&mut self, name: &str, entity: &str, stat: &str, of: &str, half_life: &str) {
        let of = toml_text(of);
        self.window(
            name,
            entity,
            &format!("stat = \"{stat}\"\nof = {of}\nhalf_life = \"{half_life}\"\n"),
        );
    }

    fn distinct(&mut self, name: &str, entity: &str, of: &str, within: &str, cap: u32) {
        let of = toml_text(of);
        self.window(
            name,
            entity,
            &format!("stat = \"distinct\"\nof = {of}\nwithin = \"{within}\"\ncap = {cap}\n"),
        );
    }

    fn ratio(&mut self, name: &str, of: [&str; 2]) {
        self.add(name, &format!("kind = \"combine\"\nof = {}\nas = \"ratio\"\n", list(of)));
    }

    fn of_amount(&mut self, named: &Named, key: Option<&str>) {
        let Some(amount) = named.amount.as_deref() else { return };
        self.group(
            "The amount, beside what the customer usually spends: a mean over all events, in which one counts at\n\
             most 2.5 times the mean; for somebody new, the sample's middle amount is taken to be usual.",
            [amount],
        );
        self.number(amount);
        let Some(key) = key else { return };
        let [_, _, week, _] = named.lives;
        let prior = named.usual.map_or(String::new(), |usual| format!("prior = {usual:.4}\n"));
        let mean = format!("stat = \"mean\"\nof = {}\nclip = 2.5\n{prior}", toml_text(amount));
        let to_mean = format!("{amount}_to_mean");
        self.window(&to_mean, key, &format!("{mean}ratio = true\n"));
        self.window(&format!("mean_{amount}"), key, &mean);
        self.decayed(&format!("peak_{to_mean}_{week}"), key, "max", &to_mean, week);
        self.decayed(&format!("peak_{amount}_{week}"), key, "max", amount, week);
    }

    fn of_pace(&mut self, named: &Named, key: &str) {
        self.group("How often, how much, and how soon after the last time.", [key]);
        self.events("events", key, 200);
        self.since_last("since_last", key);
        for life in named.lives {
            self.count(&format!("count_{life}"), key, life);
        }
        let [_, day, week, _] = named.lives;
        for (life, amount) in [day, week].into_iter().zip(named.amount.iter().cycle()) {
            self.decayed(&format!("sum_{amount}_{life}"), key, "sum", amount, life);
        }
    }

    fn of_meetings(&mut self, named: &Named, key: &str) {
        let [_, day, week, month] = named.lives;
        for (number, Entity { name: other, pays, meets }) in
            named.entities.iter().enumerate().skip(1)
        {
            let knows = format!("knows_{other}");
            // Another card of the same person comes within days; another shop, within hours.
            let within = if *pays { week } else { day };
            if *meets {
                self.group(
                    &format!(
                        "Has {key} met this {other} before (0: never)? How many of them lately, and which part of them was known?"
                    ),
                    [other],
                );
                let pair = pair(key, other);
                self.events(&knows, &pair, 1);
                self.events(&format!("times_at_{other}"), &pair, 100);
                self.since_last(&format!("since_last_at_{other}"), &pair);
                self.decayed(&format!("mean_{knows}_{day}"), key, "mean", &knows, day);
            }
            self.distinct(&format!("distinct_{other}_{within}"), key, other, within, 8);
            if number > FULL {
                continue;
            }
            self.group(&format!("{other} itself: how much it takes lately, from how many, and which part of them knew it."), [other]);
            self.count(&format!("{other}_count_{day}"), other, day);
            self.count(&format!("{other}_count_{month}"), other, month);
            self.since_last(&format!("{other}_since_last"), other);
            self.distinct(&format!("{other}_distinct_{key}_{within}"), other, key, within, 8);
            if *meets {
                self.decayed(&format!("{other}_mean_{knows}_{day}"), other, "mean", &knows, day);
            }
            if let Some(amount) = &named.amount {
                let of = toml_text(amount);
                let keys =
                    format!("stat = \"mean\"\nof = {of}\nhalf_life = \"{month}\"\nratio = true\n");
                self.window(&format!("{amount}_to_mean_of_{other}"), other, &keys);
            }
        }
    }

    fn of_categories(&mut self, named: &Named) {
        self.group("Categories.", &named.categories);
        for Category { name, form, .. } in &named.categories {
            let of = format!("kind = \"category\"\nof = {}\nas = \"{form}\"\n", toml_text(name));
            match *form {
                "one_hot" => self.add(&format!("is_{name}"), &of),
                "hashed" => self.add(&format!("{name}_hashed"), &format!("{of}buckets = 1024\n")),
                _ => self.add(&format!("{name}_code"), &of),
            }
        }
    }

    fn of_habits(&mut self, named: &Named, key: Option<&str>) {
        let habits = named
            .categories
            .iter()
            .filter_map(|category| Some((&category.name, category.habit.as_ref()?)));
        let (Some(key), [_, day, ..]) = (key, named.lives) else { return };
        self.group(
            "Habits: how often the customer did this before, as a number and as a share of all; whether what came\n\
             lately is usual (0: never before, 3: often), and how many different ones came.",
            habits.clone(),
        );
        for (name, habit) in habits {
            let (times, usual) = (format!("times_in_{name}"), format!("usual_{name}"));
            self.events(&times, habit, 200);
            self.events(&usual, habit, 3);
            self.since_last(&format!("since_last_in_{name}"), habit);
            self.ratio(&format!("share_in_{name}"), [&times, "events"]);
            self.decayed(&format!("mean_{usual}_{day}"), key, "mean", &usual, day);
            self.distinct(&format!("distinct_{name}_{day}"), key, name, day, 4);
            if let Some(amount) = &named.amount {
                let keys = format!(
                    "stat = \"mean\"\nof = {}\nclip = 2.5\nratio = true\n",
                    toml_text(amount)
                );
                self.window(&format!("{amount}_to_mean_in_{name}"), habit, &keys);
            }
        }
    }

    fn of_points(&mut self, named: &Named, key: Option<&str>) {
        let Some([latitude, longitude]) = &named.place else { return };
        if named.home.is_none() && key.is_none() {
            self.number(latitude);
            return self.number(longitude);
        }
        self.group("Distances, in kilometres, and the speed that they ask for.", [latitude]);
        let from = format!("kind = \"distance\"\nfrom = {}\n", list([latitude, longitude]));
        if let Some(home) = &named.home {
            self.add("km_from_home", &format!("{from}to = {}\n", list(home)));
        }
        if let Some(key) = key {
            let entity = toml_text(key);
            let [_, day, ..] = named.lives;
            self.add("km_from_last", &format!("{from}entity = {entity}\n"));
            self.add("km_per_hour", &format!("{from}entity = {entity}\nas = \"km_per_hour\"\n"));
            self.decayed(&format!("peak_km_per_hour_{day}"), key, "max", "km_per_hour", day);
        }
    }

    fn of_balances(&mut self, named: &Named) {
        self.group("Balances: the part of them that is moved, and what is left.", &named.balances);
        for (before, after) in &named.balances {
            self.number(before);
            if let Some(amount) = &named.amount {
                self.ratio(&format!("{amount}_to_{before}"), [amount, before]);
            }
            if let Some(after) = after {
                self.number(after);
                self.ratio(&format!("{after}_to_{before}"), [after, before]);
            }
        }
    }

    fn of_reports(&mut self, named: &Named) {
        self.group("Fraud reports.", &named.reported);
        let [_, _, week, _] = named.lives;
        for entity in &named.reported {
            let keys = format!("kind = \"reports\"\nentity = {}\n", toml_text(entity));
            self.add(
                &format!("{entity}_reports_{week}"),
                &format!("{keys}stat = \"count\"\nhalf_life = \"{week}\"\n"),
            );
            if let (Some(amount), true) = (&named.amount, named.reports_have_amounts) {
                let mean = format!(
                    "{keys}stat = \"mean\"\nof = {}\nhalf_life = \"{week}\"\n",
                    toml_text(amount)
                );
                self.add(&format!("{entity}_reported_{amount}_{week}"), &mean);
            }
            self.add(
                &format!("{entity}_days_since_first_report"),
                &format!("{keys}stat = \"days_since_first\"\n"),
            );
            self.add(
                &format!("{entity}_days_since_last_report"),
                &format!("{keys}stat = \"days_since_last\"\n"),
            );
        }
    }

    fn of_time(&mut self, named: &Named) {
        if !named.has_time {
            return;
        }
        self.group(
            "The hour as a point on the clock's circle, so that 23:59 is near 00:00; and the day.",
            [()],
        );
        for (name, keys) in [
            ("hour_sin", "part = \"hour\"\nform = \"sin\"\n"),
            ("hour_cos", "part = \"hour\"\nform = \"cos\"\n"),
            ("is_night", "part = \"is_night\"\n"),
            ("weekday", "part = \"weekday\"\n"),
        ] {
            self.add(name, &format!("kind = \"time\"\n{keys}"));
        }
    }
}
