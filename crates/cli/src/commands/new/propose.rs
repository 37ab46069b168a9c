//! The proposal: from roles to the spec's text, with the vocabularies beside it.

use std::collections::HashSet;
use std::fmt::Write as _;

use fraud_detector::record::currency;
use fraud_plan::program::Step;

use super::columns::{in_spec, shown, toml_text};
use super::hints::{self, weigh};
use super::names::Names;
use super::numbers;
use super::roles::{Category, Roles};
use super::times::{Form, START};
use super::{Doubt, Sure};

/// Most features, but for those of `one_hot`.
const FEATURES: usize = 64;
/// Most values of a vocabulary in the spec itself, and of one that makes a feature of each.
const INLINE: usize = 20;
const ONE_HOT: usize = 6;
/// Pairs of who pays and another entity, for each of who pays, that memory is asked for.
const PAIRS: u64 = 5;
/// Entities beside the key whose own history has features too.
const FULL: usize = 2;

/// A spec, and the files beside it.
pub struct Proposal {
    pub text: String,
    /// Name and values of each vocabulary that has a file.
    pub vocabularies: Vec<(String, Vec<String>)>,
    pub features: usize,
}

impl Proposal {
    /// Returns the spec with its vocabularies in it, which needs no files.
    pub fn inline(&self) -> String {
        self.vocabularies.iter().fold(self.text.clone(), |text, (file, values)| {
            text.replace(
                &format!("values = {}\n", toml_text(file)),
                &format!("values = {}\n", list(values)),
            )
        })
    }
}

fn list<'t>(values: impl IntoIterator<Item = &'t String>) -> String {
    format!("[{}]", values.into_iter().map(|value| toml_text(value)).collect::<Vec<_>>().join(", "))
}

/// A spec while it is written.
struct Writer<'r, 'v> {
    roles: &'r mut Roles<'v>,
    names: Names,
    head: String,
    features: String,
    count: usize,
    /// Names of features and entities, each of which is there once.
    written: HashSet<String>,
    vocabularies: Vec<(String, Vec<String>)>,
    /// Records in the file.
    records: u64,
    /// Half-lives, from short to long.
    lives: [&'static str; 4],
}

/// Writes the spec for roles; `records` is the number of records in the file, `source` its name.
pub fn propose(roles: &mut Roles, source: &str, records: u64, has_labels: bool) -> Proposal {
    let lives = half_lives(roles, records);
    let mut writer = Writer {
        roles,
        names: Names::default(),
        head: String::new(),
        features: String::new(),
        count: 0,
        written: HashSet::new(),
        vocabularies: Vec::new(),
        records,
        lives,
    };
    writer.opening(source);
    writer.time();
    let reports = writer.transaction(has_labels);
    let entities = writer.entities();
    let amount = writer.amount();
    let balances = writer.balances();
    let points = writer.points();
    let categories = writer.categories();
    let habits = writer.habit_entities(&entities, &categories);
    let key = entities.first().cloned();
    writer.of_amount(key.as_deref(), amount.as_deref());
    writer.of_pace(key.as_deref(), amount.as_deref());
    writer.of_others(&entities, amount.as_deref());
    writer.of_categories(&categories);
    writer.of_habits(key.as_deref(), &habits, amount.as_deref());
    writer.of_points(key.as_deref(), &points);
    writer.of_balances(&balances, amount.as_deref());
    writer.of_reports(&reports, &entities, amount.as_deref());
    writer.of_time();
    writer.of_numbers();
    Proposal {
        text: format!("{}\n\n{}\n", writer.head.trim_end(), writer.features.trim_end()),
        vocabularies: writer.vocabularies,
        features: writer.count,
    }
}

/// Returns half-lives for the pace at which who pays pays.
fn half_lives(roles: &Roles, records: u64) -> [&'static str; 4] {
    let pace = roles.key().zip(roles.time.as_ref()).map(|(key, time)| {
        let column = &roles.columns[key];
        let days = ((time.span.1 - time.span.0) / 86_400.0).max(0.01);
        records as f64 / days / population(column.filled as f64, column.distinct.len() as f64)
    });
    match pace {
        Some(pace) if pace > 20.0 => ["10m", "1h", "1d", "7d"],
        Some(pace) if pace < 0.1 => ["1d", "7d", "30d", "90d"],
        _ => ["1h", "1d", "7d", "30d"],
    }
}

/// Returns how many there are of whom `drawn` transactions show `distinct`, if all pay equally often.
fn population(drawn: f64, distinct: f64) -> f64 {
    let (mut low, mut high) = (distinct.max(1.0), 1e9);
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        match middle * (1.0 - (-drawn / middle).exp()) < distinct {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}

impl Writer<'_, '_> {
    fn path(&self, at: usize) -> String {
        in_spec(&self.roles.columns[at].path)
    }

    fn name(&mut self, at: usize) -> String {
        self.names.of(at, &self.roles.columns[at])
    }

    fn doubt(&mut self, what: impl Into<String>, settle: impl Into<String>) {
        self.roles.doubts.push(Doubt { what: what.into(), settle: settle.into() });
    }

    /// Adds a section to the head, with a comment in front of it.
    fn section(&mut self, comment: &str, keys: &str) {
        for line in comment.lines() {
            let _ = writeln!(self.head, "# {line}");
        }
        let _ = writeln!(self.head, "{keys}");
    }

    /// Begins a group of features.
    fn group(&mut self, comment: &str) {
        for line in comment.lines() {
            let _ = writeln!(self.features, "# {line}");
        }
    }

    /// Adds a feature, unless there is one of its name.
    fn feature(&mut self, name: &str, keys: &str) {
        if self.written.insert(name.to_owned()) {
            let _ = writeln!(self.features, "[[feature]]\nname = {}\n{keys}", toml_text(name));
            self.count += 1;
        }
    }

    fn window(&mut self, name: &str, entity: &str, keys: &str) {
        self.feature(name, &format!("kind = \"window\"\nentity = {}\n{keys}", toml_text(entity)));
    }

    fn opening(&mut self, source: &str) {
        let _ = writeln!(
            self.head,
            "# Proposed by `fraud new` from {}; docs/spec.md explains every key.",
            source.replace(char::is_control, " ")
        );
        let _ = writeln!(self.head, "version = 1");
        let taken =
            self.roles.columns.iter().any(|column| column.path[0] == Step::Name("fraud".into()));
        if taken {
            let _ = writeln!(
                self.head,
                "verdict = \"fraud_verdict\"   # records have a member \"fraud\" of their own"
            );
        }
        let _ = writeln!(self.head, "warm_after = 5\n");
    }

    fn time(&mut self) {
        let Some(time) = &self.roles.time else {
            let comment = "No [time]: the broker's timestamp is the time of a transaction.";
            return self.section(comment, "");
        };
        let path = in_spec(&time.path);
        let (comment, keys) = match time.form {
            Form::Zoned => ("", String::new()),
            Form::Local => (
                "Assumed: the times, which name no zone, are UTC.",
                "utc_offset = \"+00:00\"\n".into(),
            ),
            Form::Parts => (
                "Assumed: the times, which name no zone, are UTC.",
                "unit = \"parts\"\nutc_offset = \"+00:00\"\n".into(),
            ),
            Form::Unit(unit) => {
                ("The unit goes by the size of the numbers.", format!("unit = \"{unit}\"\n"))
            }
            Form::Steps(step) => (
                "Assumed: a step's length, and when step 0 was, which no record tells.",
                format!("step = \"{step}\"\nstart = \"{START}\"\n"),
            ),
        };
        self.section(comment, &format!("[time]\npath = {path}\n{keys}"));
    }

    /// Writes what a transaction is, and where reports are; returns which entities are reported.
    fn transaction(&mut self, has_labels: bool) -> Reports {
        let by_type = self.roles.events.as_ref().is_some_and(|events| !events.reports.is_empty())
            && self.roles.id.is_some();
        if let Some(id) = self.roles.id {
            let mut keys = format!("[transaction]\nid = {}\n", self.path(id));
            if self.roles.comes_twice || by_type {
                keys += "known = 8192   # one that comes twice counts once, and a report needs its id only\n";
            }
            self.section(
                "What a list of frauds, and a fraud report, call the transaction by.",
                &keys,
            );
        }
        if let Some(events) = &mut self.roles.events {
            if !by_type {
                let reports = std::mem::take(&mut events.reports);
                events.passed.extend(reports);
            }
            let comment = format!("Which records are transactions: {}.", events.why);
            let keys = events.section();
            self.section(&comment, &keys);
        }
        if by_type {
            let (id, time) = self.roles.report_paths.clone();
            let keys = [("id", id), ("time", time)]
                .into_iter()
                .filter_map(|(key, path)| Some(format!("{key} = {}\n", in_spec(&path?))))
                .collect::<String>();
            let comment = match keys.is_empty() {
                true => "A report has its id and its time where a transaction has them.",
                false => "A report's own id and time.",
            };
            self.section(comment, &format!("[reports]\n{keys}"));
            return Reports::All;
        }
        let id = self.roles.id.map(|id| self.roles.columns[id].path.clone());
        if let Some(carried) = &self.roles.carried
            && let Some(keys) = carried.section(id.as_deref())
        {
            self.section("Records with this member bring fraud reports.", &keys);
            return Reports::All;
        }
        let has_items = |at: &usize| {
            self.roles.columns[*at].path.iter().any(|step| matches!(step, Step::Item(_)))
        };
        let simple = self.roles.id.is_some_and(|id| !has_items(&id))
            && !self.roles.entities.iter().any(has_items);
        if has_labels && simple && self.roles.events.is_none() && self.roles.entities.len() > 1 {
            let comment = "Fraud reports, which somebody has to publish to every partition of the topic (docs/spec.md). If nobody\n\
                           will, take out this section and the features of kind \"reports\" before training.";
            self.section(comment, "[reports]\npath = \"fraud_reports\"\ntime = \"reported_at\"\n");
            self.doubt(
                "the spec counts fraud reports, as records {\"fraud_reports\":[…]} that somebody publishes",
                "take out [reports] and its features if nobody will",
            );
            return Reports::Others;
        }
        Reports::None
    }

    fn entities(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for (number, at) in self.roles.entities.clone().into_iter().enumerate() {
            let (name, path) = (self.name(at), self.path(at));
            let column = &self.roles.columns[at];
            let missing =
                !column.is_full() || column.distinct.iter().any(|(value, _)| value.is_empty());
            let mut keys = format!(
                "[[entity]]\nname = {}\npath = {path}\nexpected = {}\n",
                toml_text(&name),
                self.expected(&[at])
            );
            keys += if missing { "optional = true\n" } else { "" };
            let comment = match number {
                0 => {
                    "The partition key: the topic must be keyed by it. `expected` is how many there are, about; memory is\n\
                      divided in this proportion."
                }
                _ => {
                    keys += "scope = \"instance\"\n";
                    if number == 1 {
                        "Not the partition key: an instance sees what its own partitions bring."
                    } else {
                        ""
                    }
                }
            };
            self.section(comment, &keys);
            names.push(name);
        }
        if names.is_empty() {
            let comment = "No member looks like who pays: history knows nobody. Name one (fraud new --key PATH), if there is one.";
            self.section(
                comment,
                "[[entity]]\nname = \"nobody\"\npath = \"customer_id\"\noptional = true\n",
            );
        }
        for at in 1..names.len() {
            let pair = format!("{}_at_{}", names[0], names[at]);
            let of = list([&names[0], &names[at]]);
            let (key, other) = (self.roles.entities[0], self.roles.entities[at]);
            let expected = self.expected(&[key, other]);
            self.section(
                "",
                &format!(
                    "[[entity]]\nname = {}\nof = {of}\nexpected = {expected}\n",
                    toml_text(&pair)
                ),
            );
        }
        names
    }

    /// Returns how many entities there are, about, of which columns are the parts: of pairs at most
    /// [`PAIRS`] for one of who pays, for most are never met again.
    fn expected(&self, of: &[usize]) -> u64 {
        let part = |at: &usize, row| self.roles.columns[*at].text(row);
        let rows = 0..self.roles.columns[of[0]].rows();
        let ids: Vec<Vec<String>> =
            rows.filter_map(|row| of.iter().map(|at| part(at, row)).collect()).collect();
        let distinct: HashSet<_> = ids.iter().collect();
        let all = population(ids.len() as f64, distinct.len() as f64).min(self.records as f64);
        match of {
            // Room for those whom the sample does not have.
            [_] => (2.0 * all).round().clamp(1.0, 1e7) as u64,
            _ => (all.round() as u64).clamp(1, PAIRS * self.expected(&of[..1])),
        }
    }

    fn number(&mut self, comment: &str, at: usize, form: &numbers::Form) -> String {
        let (name, path) = (self.name(at), self.path(at));
        let optional = if self.roles.columns[at].is_full() { "" } else { "optional = true\n" };
        let keys = format!(
            "[[number]]\nname = {}\npath = {path}\n{optional}{}",
            toml_text(&name),
            form.keys
        );
        self.section(comment, &keys);
        name
    }

    fn plain_number(&mut self, comment: &str, at: usize) -> String {
        self.number(comment, at, &numbers::Form { keys: String::new(), assumed: None })
    }

    fn amount(&mut self) -> Option<String> {
        let (at, form) = self.roles.amount.clone()?;
        let comment = form.assumed.clone().map(|assumed| format!("Assumed: {assumed}."));
        Some(self.number(&comment.unwrap_or_default(), at, &form))
    }

    fn balances(&mut self) -> Vec<(String, Option<String>)> {
        let pairs = self.roles.balances.clone();
        let mut named = Vec::new();
        for (number, (before, after)) in pairs.into_iter().enumerate() {
            let comment = if number == 0 { "Balances." } else { "" };
            named.push((
                self.plain_number(comment, before),
                after.map(|after| self.plain_number("", after)),
            ));
        }
        named
    }

    fn points(&mut self) -> [Option<[String; 2]>; 2] {
        let pairs = [self.roles.place, self.roles.home];
        let comments = ["Where the transaction is.", "Where who pays is at home."];
        let mut points = [None, None];
        for ((pair, comment), point) in pairs.into_iter().zip(comments).zip(&mut points) {
            *point = pair.map(|(latitude, longitude)| {
                [self.plain_number(comment, latitude), self.plain_number("", longitude)]
            });
        }
        points
    }

    fn categories(&mut self) -> Vec<(String, Category)> {
        let mut named = Vec::new();
        for category in std::mem::take(&mut self.roles.categories) {
            let (name, path) = (self.name(category.column), self.path(category.column));
            let column = &self.roles.columns[category.column];
            let values: Vec<String> =
                column.distinct.iter().map(|(value, _)| value.clone()).collect();
            let mut keys = format!("[[category]]\nname = {}\npath = {path}\n", toml_text(&name));
            keys += if column.is_full() { "" } else { "optional = true\n" };
            match (category.hashed, values.len() <= INLINE) {
                (true, _) => {}
                (false, true) => keys += &format!("values = {}\n", list(&values)),
                (false, false) => {
                    let file = format!("{name}.txt");
                    keys += &format!("values = {}\n", toml_text(&file));
                    self.vocabularies.push((file, values));
                }
            }
            let comment = if named.is_empty() {
                "Vocabularies are the sample's values, the most frequent first."
            } else {
                ""
            };
            self.section(comment, &keys);
            named.push((name, category));
        }
        named
    }

    /// Writes the entities that stand for who pays in one value of a category; returns their names and the
    /// categories'.
    fn habit_entities(
        &mut self,
        entities: &[String],
        categories: &[(String, Category)],
    ) -> Vec<(String, String)> {
        let Some(key) = entities.first() else { return Vec::new() };
        let mut habits = Vec::new();
        for (name, category) in categories.iter().filter(|(_, category)| category.varies) {
            let (column, path) = (&self.roles.columns[category.column], self.path(category.column));
            let optional = if column.is_full() { "" } else { "optional = true\n" };
            let (one, of) = (toml_text(name), list([key, name]));
            let habit = format!("{key}_in_{name}");
            let expected = self.expected(&[self.roles.entities[0], category.column]);
            let keys = format!(
                "[[entity]]\nname = {one}\npath = {path}\n{optional}scope = \"instance\"\nexpected = 1\n\n\
                 [[entity]]\nname = {}\nof = {of}\nexpected = {expected}\n",
                toml_text(&habit)
            );
            self.section("A category as an entity, for what one customer did in it.", &keys);
            habits.push((habit, name.clone()));
        }
        habits
    }

    /// Returns the middle amount of the sample, in the unit of the number.
    fn usual_amount(&self) -> Option<f64> {
        let (at, form) = self.roles.amount.as_ref()?;
        let scale = |row: usize| match self.roles.currency {
            Some(currency) => {
                let code = self.roles.columns[currency].text(row).unwrap_or_default();
                10_f64.powi(currency::decimals(code.as_bytes()).unwrap_or(2).into())
            }
            None if form.keys.contains("decimals = 2") => 100.0,
            None => 1.0,
        };
        let values = numbers::values(&self.roles.columns[*at], form).into_iter().enumerate();
        let mut values: Vec<f64> =
            values.filter_map(|(row, value)| Some(value? / scale(row))).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().filter(|usual| *usual > 0.0 && *usual < 1e9)
    }

    fn of_amount(&mut self, key: Option<&str>, amount: Option<&str>) {
        let Some(amount) = amount else { return };
        self.group("The amount, beside what the customer usually spends: a mean over all events, in which one counts at\n\
                    most 2.5 times the mean; of somebody new, the sample's middle amount is taken to be usual.");
        let of = toml_text(amount);
        self.feature(amount, &format!("kind = \"number\"\nof = {of}\n"));
        let Some(key) = key else { return };
        let prior =
            self.usual_amount().map_or(String::new(), |usual| format!("prior = {usual:.4}\n"));
        let mean = format!("stat = \"mean\"\nof = {of}\nclip = 2.5\n{prior}");
        self.window(&format!("{amount}_to_mean"), key, &format!("{mean}ratio = true\n"));
        self.window(&format!("mean_{amount}"), key, &mean);
        let [_, _, week, _] = self.lives;
        let step = toml_text(&format!("{amount}_to_mean"));
        self.window(
            &format!("peak_{amount}_to_mean_{week}"),
            key,
            &format!("stat = \"max\"\nof = {step}\nhalf_life = \"{week}\"\n"),
        );
        self.window(
            &format!("peak_{amount}_{week}"),
            key,
            &format!("stat = \"max\"\nof = {of}\nhalf_life = \"{week}\"\n"),
        );
    }

    fn of_pace(&mut self, key: Option<&str>, amount: Option<&str>) {
        let Some(key) = key else { return };
        self.group("How often, how much, and how soon after the last time.");
        self.window("events", key, "stat = \"events\"\ncap = 200\n");
        self.window("since_last", key, "stat = \"since_last\"\n");
        for life in self.lives {
            self.window(
                &format!("count_{life}"),
                key,
                &format!("stat = \"count\"\nhalf_life = \"{life}\"\n"),
            );
        }
        let [_, day, week, _] = self.lives;
        for (life, amount) in [day, week].into_iter().zip(amount.into_iter().cycle()) {
            let of = toml_text(amount);
            self.window(
                &format!("sum_{amount}_{life}"),
                key,
                &format!("stat = \"sum\"\nof = {of}\nhalf_life = \"{life}\"\n"),
            );
        }
    }

    fn of_others(&mut self, entities: &[String], amount: Option<&str>) {
        let Some((key, others)) = entities.split_first() else { return };
        let [_, day, week, month] = self.lives;
        for (number, other) in others.iter().enumerate() {
            self.group(&format!(
                "Has {key} been with this {other} before (0: never), and how many of them lately? And {other} itself:\n\
                 how much it takes lately, from how many, and how well they knew it."
            ));
            let pair = format!("{key}_at_{other}");
            self.window(&format!("times_at_{other}"), &pair, "stat = \"events\"\ncap = 100\n");
            self.window(&format!("since_last_at_{other}"), &pair, "stat = \"since_last\"\n");
            // Of other cards or accounts of one person there are few, over days; of shops, many a day.
            let within = if self.is_payer(number + 1) { week } else { day };
            let distinct = |of: &str| {
                format!("stat = \"distinct\"\nof = {}\nwithin = \"{within}\"\n", toml_text(of))
            };
            self.window(&format!("{other}s_{within}"), key, &distinct(other));
            let times = toml_text(&format!("times_at_{other}"));
            self.window(
                &format!("mean_times_at_{other}_{day}"),
                key,
                &format!("stat = \"mean\"\nof = {times}\nhalf_life = \"{day}\"\n"),
            );
            if number >= FULL {
                continue;
            }
            self.window(
                &format!("{other}_count_{day}"),
                other,
                &format!("stat = \"count\"\nhalf_life = \"{day}\"\n"),
            );
            self.window(
                &format!("{other}_count_{month}"),
                other,
                &format!("stat = \"count\"\nhalf_life = \"{month}\"\n"),
            );
            self.window(&format!("{other}_since_last"), other, "stat = \"since_last\"\n");
            self.window(&format!("{other}_{key}s_{within}"), other, &distinct(key));
            self.window(
                &format!("{other}_mean_times_{day}"),
                other,
                &format!("stat = \"mean\"\nof = {times}\nhalf_life = \"{day}\"\n"),
            );
            if let Some(amount) = amount {
                let mean = format!(
                    "stat = \"mean\"\nof = {}\nhalf_life = \"{month}\"\nratio = true\n",
                    toml_text(amount)
                );
                self.window(&format!("{amount}_to_mean_of_{other}"), other, &mean);
            }
        }
    }

    /// Whether an entity is one that pays, as the key is.
    fn is_payer(&self, number: usize) -> bool {
        weigh(&self.roles.columns[self.roles.entities[number]], hints::PAYER) > 3
    }

    fn of_categories(&mut self, categories: &[(String, Category)]) {
        if !categories.is_empty() {
            self.group("Categories.");
        }
        for (name, category) in categories {
            let of = format!("kind = \"category\"\nof = {}\n", toml_text(name));
            let values = self.roles.columns[category.column].distinct.len();
            match (category.hashed, values <= ONE_HOT) {
                (true, _) => self.feature(
                    &format!("{name}_hashed"),
                    &format!("{of}as = \"hashed\"\nbuckets = 1024\n"),
                ),
                (false, true) => {
                    self.feature(&format!("is_{name}"), &format!("{of}as = \"one_hot\"\n"))
                }
                (false, false) => {
                    self.feature(&format!("{name}_code"), &format!("{of}as = \"ordinal\"\n"))
                }
            }
        }
    }

    fn of_habits(&mut self, key: Option<&str>, habits: &[(String, String)], amount: Option<&str>) {
        let (Some(key), false) = (key, habits.is_empty()) else { return };
        let [_, day, ..] = self.lives;
        self.group("Habits: how often the customer did this before, as a number and as a share of all; and how many\n\
                    different ones there were lately.");
        for (habit, name) in habits {
            self.window(&format!("times_in_{name}"), habit, "stat = \"events\"\ncap = 200\n");
            let of = list([&format!("times_in_{name}"), &"events".to_owned()]);
            self.feature(
                &format!("share_in_{name}"),
                &format!("kind = \"combine\"\nof = {of}\nas = \"ratio\"\n"),
            );
            let share = toml_text(&format!("share_in_{name}"));
            self.window(
                &format!("mean_share_in_{name}_{day}"),
                key,
                &format!("stat = \"mean\"\nof = {share}\nhalf_life = \"{day}\"\n"),
            );
            self.window(
                &format!("{name}s_{day}"),
                key,
                &format!(
                    "stat = \"distinct\"\nof = {}\nwithin = \"{day}\"\ncap = 4\n",
                    toml_text(name)
                ),
            );
            if let Some(amount) = amount {
                let keys = format!(
                    "stat = \"mean\"\nof = {}\nclip = 2.5\nratio = true\n",
                    toml_text(amount)
                );
                self.window(&format!("{amount}_to_mean_in_{name}"), habit, &keys);
            }
        }
    }

    fn of_points(&mut self, key: Option<&str>, [place, home]: &[Option<[String; 2]>; 2]) {
        let Some(place) = place else { return };
        self.group("Distances, in kilometres, and the speed that they ask for.");
        let from = format!("kind = \"distance\"\nfrom = {}\n", list(place));
        if let Some(home) = home {
            self.feature("km_from_home", &format!("{from}to = {}\n", list(home)));
        }
        let Some(key) = key else { return };
        let entity = toml_text(key);
        let [_, day, ..] = self.lives;
        self.feature("km_from_last", &format!("{from}entity = {entity}\n"));
        self.feature("km_per_hour", &format!("{from}entity = {entity}\nas = \"km_per_hour\"\n"));
        self.window(
            &format!("peak_km_per_hour_{day}"),
            key,
            &format!("stat = \"max\"\nof = \"km_per_hour\"\nhalf_life = \"{day}\"\n"),
        );
    }

    fn of_balances(&mut self, balances: &[(String, Option<String>)], amount: Option<&str>) {
        if balances.is_empty() {
            return;
        }
        self.group("Balances: the part of them that is moved, and what is left.");
        for (before, after) in balances {
            self.feature(before, &format!("kind = \"number\"\nof = {}\n", toml_text(before)));
            if let Some(amount) = amount {
                let of = list([&amount.to_owned(), before]);
                self.feature(
                    &format!("{amount}_to_{before}"),
                    &format!("kind = \"combine\"\nof = {of}\nas = \"ratio\"\n"),
                );
            }
            if let Some(after) = after {
                self.feature(after, &format!("kind = \"number\"\nof = {}\n", toml_text(after)));
                let of = list([after, before]);
                self.feature(
                    &format!("{after}_to_{before}"),
                    &format!("kind = \"combine\"\nof = {of}\nas = \"ratio\"\n"),
                );
            }
        }
    }

    fn of_reports(&mut self, reports: &Reports, entities: &[String], amount: Option<&str>) {
        let reported = match reports {
            Reports::None => return,
            Reports::Others => entities.get(1..3.min(entities.len())).unwrap_or_default(),
            Reports::All => &entities[..3.min(entities.len())],
        };
        if reported.is_empty() {
            return;
        }
        self.group("Fraud reports lately.");
        let [_, _, week, _] = self.lives;
        for entity in reported {
            let keys = format!("kind = \"reports\"\nentity = {}\n", toml_text(entity));
            self.feature(
                &format!("{entity}_reports_{week}"),
                &format!("{keys}stat = \"count\"\nhalf_life = \"{week}\"\n"),
            );
            self.feature(
                &format!("{entity}_days_since_first_report"),
                &format!("{keys}stat = \"days_since_first\"\n"),
            );
            self.feature(
                &format!("{entity}_days_since_last_report"),
                &format!("{keys}stat = \"days_since_last\"\n"),
            );
            if let (Some(amount), Reports::Others) = (amount, reports) {
                let mean = format!(
                    "{keys}stat = \"mean\"\nof = {}\nhalf_life = \"{week}\"\n",
                    toml_text(amount)
                );
                self.feature(&format!("{entity}_reported_{amount}_{week}"), &mean);
            }
        }
    }

    fn of_time(&mut self) {
        if self.roles.time.is_none() {
            return;
        }
        self.group("The hour as a point on the clock's circle, so that 23:59 is near 00:00; the day of the week.");
        for (name, keys) in [
            ("hour_sin", "part = \"hour\"\nform = \"sin\"\n"),
            ("hour_cos", "part = \"hour\"\nform = \"cos\"\n"),
            ("is_night", "part = \"is_night\"\n"),
            ("weekday", "part = \"weekday\"\n"),
        ] {
            self.feature(name, &format!("kind = \"time\"\n{keys}"));
        }
    }

    fn of_numbers(&mut self) {
        let room = FEATURES.saturating_sub(self.count).max(10);
        let mut numbers = std::mem::take(&mut self.roles.numbers);
        for (at, _) in numbers.drain(room.min(numbers.len())..) {
            self.roles.leave_out_for_room(at);
        }
        let mut named = Vec::new();
        for (number, (at, form)) in numbers.iter().enumerate() {
            let comment = if number == 0 { "Other numbers, as they are." } else { "" };
            named.push(self.number(comment, *at, form));
            let path = shown(&self.roles.columns[*at].path);
            self.roles.found.push(super::Found {
                role: "number",
                path,
                sure: Sure::Likely,
                why: "as it is".into(),
            });
        }
        if !named.is_empty() {
            self.group("Other numbers, as they are.");
        }
        for name in named {
            self.feature(&name, &format!("kind = \"number\"\nof = {}\n", toml_text(&name)));
        }
        if self.count == 0 {
            self.feature("always_1", "kind = \"time\"\npart = \"is_night\"\n");
            self.doubt("nothing in the sample makes a feature", "features by hand");
        }
    }
}

/// Which entities are reported.
enum Reports {
    None,
    /// All but the key.
    Others,
    All,
}
