//! The proposal: from roles to the spec's text, with the vocabularies beside it.

use std::fmt::Write as _;

use fraud_detector::record::currency;
use fraud_plan::program::{Events, Step};

use super::budget::Room;
use super::columns::{in_spec, list, toml_text};
use super::features::{self, Features, Named};
use super::hints::{self, weigh};
use super::names::Names;
use super::numbers;
use super::roles::{Balance, Category, Point, Roles};
use super::times::{Form, START};
use super::{Doubt, Found, Sure};
use crate::show::units::{count, percent};

/// Most features, but for those of `one_hot`.
const FEATURES: usize = 64;
/// Fewest plain numbers for which there is room, however many features there are.
const NUMBERS: usize = 10;
/// Most values of a vocabulary in the spec itself, and of one that makes a feature of each.
const INLINE: usize = 20;
const ONE_HOT: usize = 6;
/// Entities that are reported.
const REPORTED: usize = 3;

/// A spec, and the files beside it.
pub struct Proposal {
    pub text: String,
    /// Name and values of each vocabulary that has a file.
    pub vocabularies: Vec<(String, Vec<String>)>,
    pub features: usize,
    /// The text before the features: paragraphs, each with its comment.
    head: Vec<String>,
    named: Named,
}

impl Proposal {
    fn new(head: Head) -> Self {
        let Head { text, named, vocabularies, .. } = head;
        let head = text.split_terminator("\n\n").map(str::to_owned).collect();
        let mut proposal = Self { text: String::new(), vocabularies, features: 0, head, named };
        proposal.write();
        proposal
    }

    /// Writes the text anew.
    fn write(&mut self) {
        let features = Features::of(&self.named);
        self.text = format!("{}\n\n{}\n", self.head.join("\n\n"), features.text.trim_end());
        self.features = features.count;
    }

    /// Takes out an entity that is made of others, and its features, with a comment in their place.
    pub fn leave_out(&mut self, room: &Room) {
        let copy = self.named.forget(&room.entity);
        let of_entity = |name: &str| format!("[[entity]]\nname = {}\n", toml_text(name));
        let begins = of_entity(&room.entity);
        if let Some(copy) = copy.map(|copy| of_entity(&copy)) {
            self.head.retain(|paragraph| !paragraph.contains(&copy));
        }
        if let Some(paragraph) = self.head.iter_mut().find(|text| text.contains(&begins)) {
            *paragraph = format!(
                "# Left out: {}. Of its {} bytes each there is room for {}: found by {} of transactions, with\n\
                 # endless memory by {}.",
                room.entity,
                room.bytes,
                count(room.capacity),
                percent(Some(room.found)),
                percent(Some(room.again)),
            );
        }
        self.write();
    }

    /// Gives each entity its room, and the transactions that are known theirs; none if none has to be.
    pub fn make_room(&mut self, rooms: &[Room], known: Option<u64>) {
        for paragraph in &mut self.head {
            if let Some(at) = paragraph.find(KNOWN) {
                let end = paragraph[at..].find('\n').map_or(paragraph.len(), |end| at + end);
                match known {
                    Some(known) => paragraph.replace_range(at..end, &known_line(known)),
                    None => paragraph.replace_range(at - 1..end, ""),
                }
            }
            let keys: Vec<String> = rooms
                .iter()
                .filter_map(|room| {
                    let name = format!("[[entity]]\nname = {}\n", toml_text(&room.entity));
                    paragraph.contains(&name).then(|| room_line(room))
                })
                .collect();
            for key in keys {
                *paragraph += "\n";
                *paragraph += &key;
            }
        }
        self.write();
    }

    /// Returns the spec with its vocabularies in it, which needs no files.
    pub fn inline(&self) -> String {
        self.vocabularies.iter().fold(self.text.clone(), |text, (file, values)| {
            text.replace(&in_file(file), &format!("values = {}\n", list(values)))
        })
    }
}

fn in_file(file: &str) -> String {
    format!("values = {}\n", toml_text(file))
}

/// The key of transactions that are known, before it is settled how many have to be.
const KNOWN: &str = "known = 8192";

fn known_line(known: u64) -> String {
    format!("known = {known}   # one that comes twice counts once, and a report needs its id only")
}

/// Returns the key of the spec that gives a table its room, with the reason.
fn room_line(room: &Room) -> String {
    let key = if room.events == Events::Reports { "reported" } else { "expected" };
    let Room { capacity, bytes, found, again, .. } = room;
    let [found, again] = [*found, *again].map(|share| percent(Some(share)));
    let endless = match found == again {
        true => String::new(),
        false => format!("; with endless memory by {again}"),
    };
    format!("{key} = {capacity}   # {bytes} bytes each; found by {found} of transactions{endless}")
}

/// Writes the spec for roles; `records` is the number of records in the file, `source` its name.
pub fn propose(roles: &mut Roles, source: &str, records: u64, has_labels: bool) -> Proposal {
    let named = Named {
        lives: half_lives(roles, records),
        has_time: roles.time.is_some(),
        ..Named::default()
    };
    let names = Names::default();
    let mut head = Head { roles, names, named, text: String::new(), vocabularies: Vec::new() };
    head.opening(source);
    head.time();
    head.entities();
    head.transaction(has_labels);
    head.amount();
    head.balances();
    head.points();
    head.categories();
    head.numbers();
    Proposal::new(head)
}

/// Returns half-lives for the pace at which who pays pays.
fn half_lives(roles: &Roles, records: u64) -> [&'static str; 4] {
    let key = roles.key().map(|key| &roles.columns[key]);
    // Where hardly anybody comes twice, nobody knows the pace.
    let key = key.filter(|column| column.rows() >= 50 && column.percent_distinct() < 95);
    let pace = key.zip(roles.time.as_ref()).map(|(column, time)| {
        let days = ((time.span.1 - time.span.0) / 86_400.0).max(1.0);
        records as f64 / days / population(column.filled, column.distinct.len())
    });
    match pace {
        Some(pace) if pace > 20.0 => ["10m", "1h", "1d", "7d"],
        Some(pace) if pace < 0.1 => ["1d", "7d", "30d", "90d"],
        _ => ["1h", "1d", "7d", "30d"],
    }
}

/// Returns how many there are of whom `drawn` transactions show `distinct`, if all pay equally often: of n,
/// they would show n (1 − e^(−drawn/n)).
fn population(drawn: usize, distinct: usize) -> f64 {
    let (mut low, mut high) = (distinct.max(1) as f64, 1e9);
    for _ in 0..60 {
        let middle: f64 = (low * high).sqrt();
        match middle * (1.0 - (-(drawn as f64) / middle).exp()) < distinct as f64 {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}

/// The part of the spec before the features.
struct Head<'r, 'v> {
    roles: &'r mut Roles<'v>,
    names: Names,
    named: Named,
    text: String,
    vocabularies: Vec<(String, Vec<String>)>,
}

impl Head<'_, '_> {
    fn path(&self, at: usize) -> String {
        in_spec(&self.roles.columns[at].path)
    }

    fn name(&mut self, at: usize) -> String {
        self.names.of(at, &self.roles.columns[at])
    }

    /// Adds a section, with a comment in front of it.
    fn section(&mut self, comment: &str, keys: &str) {
        let lines = comment.lines().map(|line| format!("# {line}\n"));
        self.text.extend(lines);
        let _ = writeln!(self.text, "{keys}");
    }

    /// Whether a record's member `fraud` is read, or one in it.
    fn names_fraud(&self) -> bool {
        let roles = &self.roles;
        let (id, time) = &roles.report_paths;
        let columns = roles.columns.iter().map(|column| &column.path);
        let carried = roles.carried.iter().map(|carried| &carried.path);
        let events = roles.events.iter().map(|events| &events.path);
        let mut paths = columns.chain(carried).chain(events).chain(id).chain(time);
        paths.any(|path| path.first() == Some(&Step::Name("fraud".into())))
    }

    fn opening(&mut self, source: &str) {
        let source = source.replace(char::is_control, " ");
        let mut keys = String::from("version = 1\n");
        if self.names_fraud() {
            keys += "verdict = \"fraud_verdict\"   # the records have a member \"fraud\" of their own\n";
        }
        self.section(
            &format!("Proposed by `fraud new` from {source}; docs/spec.md explains every key."),
            &keys,
        );
    }

    fn time(&mut self) {
        let Some(time) = &self.roles.time else {
            return self
                .section("No [time]: the broker's timestamp is the time of a transaction.", "");
        };
        let path = in_spec(&time.path);
        let zone = "Assumed: the times, which name no zone, are UTC.";
        let (comment, keys) = match time.form {
            Form::Zoned => ("", String::new()),
            Form::Local => (zone, "utc_offset = \"+00:00\"\n".into()),
            Form::Parts => (zone, "unit = \"parts\"\nutc_offset = \"+00:00\"\n".into()),
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

    /// Writes what a transaction is, and where reports are.
    fn transaction(&mut self, has_labels: bool) {
        let has_id = self.roles.id.is_some();
        let by_type =
            has_id && self.roles.events.as_ref().is_some_and(|events| !events.reports.is_empty());
        if let Some(id) = self.roles.id {
            let mut keys = format!("[transaction]\nid = {}\n", self.path(id));
            if self.roles.comes_twice || by_type {
                keys += &format!("{KNOWN}\n");
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
            let (comment, keys) =
                (format!("Which records are transactions: {}.", events.why), events.section());
            self.section(&comment, &keys);
        }
        let names: Vec<String> =
            self.named.entities.iter().map(|entity| entity.name.clone()).collect();
        let all = || names.iter().take(REPORTED).cloned().collect();
        if by_type {
            self.typed_reports();
            self.named.reported = all();
            return;
        }
        let id = self.roles.id.map(|id| self.roles.columns[id].path.clone());
        let carried = self.roles.carried.as_ref();
        if let Some((carried, keys)) =
            carried.and_then(|carried| Some((carried, carried.section(id.as_deref())?)))
        {
            let entities = names.iter().zip(&self.roles.entities);
            let is_there = |at: usize| carried.holds(&self.roles.columns[at].path);
            self.named.reported =
                entities.filter(|(_, at)| is_there(**at)).map(|(name, _)| name.clone()).collect();
            return self.section("Records with this member bring fraud reports.", &keys);
        }
        let has_items = |at: &usize| {
            self.roles.columns[*at].path.iter().any(|step| matches!(step, Step::Item(_)))
        };
        let has_item = self
            .roles
            .id
            .iter()
            .chain(&self.roles.entities)
            .chain(self.roles.amount.iter().map(|(at, _)| at))
            .any(has_items);
        // A member of this name that is none of ours would be read as one.
        let is_taken = self.roles.columns.iter().any(|column| {
            column.path[0] == Step::Name("fraud_reports".into()) && column.filled > 0
        });
        if has_labels
            && !is_taken
            && has_id
            && !has_item
            && self.roles.events.is_none()
            && names.len() > 1
        {
            let comment = "Fraud reports, which somebody has to publish to every partition of the topic (docs/spec.md). If nobody\n\
                           will, take out this section and the features of kind \"reports\" before training.";
            self.section(comment, "[reports]\npath = \"fraud_reports\"\ntime = \"reported_at\"\n");
            self.roles.doubts.push(Doubt {
                what: "the spec counts fraud reports, as records {\"fraud_reports\":[…]} that somebody publishes".into(),
                settle: "take out [reports] and its features if nobody will".into(),
            });
            self.named.reported = names[1..].iter().take(REPORTED - 1).cloned().collect();
            self.named.reports_have_amounts = true;
        }
    }

    fn typed_reports(&mut self) {
        let (id, time) = &self.roles.report_paths;
        let key = |name: &str, path: &Option<Vec<Step>>| {
            path.as_ref().map_or(String::new(), |path| format!("{name} = {}\n", in_spec(path)))
        };
        let keys = key("id", id) + &key("time", time);
        let comment = match keys.is_empty() {
            true => "A report has its id and its time where a transaction has them.",
            false => "A report's own id and time.",
        };
        self.section(comment, &format!("[reports]\n{keys}"));
    }

    fn entities(&mut self) {
        for (number, at) in self.roles.entities.clone().into_iter().enumerate() {
            let (name, path) = (self.name(at), self.path(at));
            let column = &self.roles.columns[at];
            let pays = weigh(column, hints::PAYER) > 3;
            let missing =
                !column.is_full() || column.distinct.iter().any(|(value, _)| value.is_empty());
            let mut keys = format!("[[entity]]\nname = {}\npath = {path}\n", toml_text(&name));
            keys += if missing { "optional = true\n" } else { "" };
            keys += if number > 0 { "scope = \"instance\"\n" } else { "" };
            let comment = match number {
                0 => {
                    "The partition key: the topic must be keyed by it. Memory is divided in the proportion of `expected`, how\n\
                      many entities there is room for, and of `reported`, of which with fraud reports."
                }
                1 => "Not the partition key: an instance sees what its own partitions bring.",
                _ => "",
            };
            self.section(comment, &keys);
            self.named.entities.push(features::Entity { name, pays, meets: true });
        }
        if self.roles.key().is_none() {
            let comment = "No member looks like who pays: history knows nobody. Name one (fraud new --key PATH), if there is one.";
            return self.section(
                comment,
                "[[entity]]\nname = \"nobody\"\npath = \"no_such_member\"\noptional = true\n",
            );
        };
        for number in 1..self.roles.entities.len() {
            let [of, with] = [0, number].map(|number| self.named.entities[number].name.clone());
            self.pair(&features::pair(&of, &with), [&of, &with]);
        }
    }

    /// Writes the entity that is a pair of two.
    fn pair(&mut self, name: &str, of: [&str; 2]) {
        let keys = format!("[[entity]]\nname = {}\nof = {}\n", toml_text(name), list(of));
        self.section("", &keys);
    }

    fn number(&mut self, comment: &str, at: usize, form: &str) -> String {
        let (name, path) = (self.name(at), self.path(at));
        let optional = if self.roles.columns[at].is_full() { "" } else { "optional = true\n" };
        self.section(
            comment,
            &format!("[[number]]\nname = {}\npath = {path}\n{optional}{form}", toml_text(&name)),
        );
        name
    }

    fn amount(&mut self) {
        let Some((at, form)) = self.roles.amount.clone() else { return };
        let comment =
            form.assumed.as_ref().map_or(String::new(), |assumed| format!("Assumed: {assumed}."));
        self.named.amount = Some(self.number(&comment, at, &form.keys));
        self.named.usual = self.usual_amount(at, &form);
    }

    /// Returns the middle amount of the sample, in the unit of the number.
    fn usual_amount(&self, at: usize, form: &numbers::Form) -> Option<f64> {
        let scale = |row: usize| match self.roles.currency {
            Some(currency) => {
                let code = self.roles.columns[currency].text(row).unwrap_or_default();
                10_f64.powi(currency::decimals(code.as_bytes()).unwrap_or(2).into())
            }
            None if form.keys.contains("decimals = 2") => 100.0,
            None => 1.0,
        };
        let values = numbers::values(&self.roles.columns[at], form).into_iter().enumerate();
        let mut values: Vec<f64> =
            values.filter_map(|(row, value)| Some(value? / scale(row))).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().filter(|usual| *usual > 0.0 && *usual < 1e9)
    }

    fn balances(&mut self) {
        for (number, Balance { before, after }) in
            self.roles.balances.clone().into_iter().enumerate()
        {
            let comment = if number == 0 { "Balances." } else { "" };
            let before = self.number(comment, before, "");
            let after = after.map(|after| self.number("", after, ""));
            self.named.balances.push((before, after));
        }
    }

    fn points(&mut self) {
        let points = [self.roles.place, self.roles.home];
        let comments = ["Where the transaction is.", "Where who pays is at home."];
        let [place, home] = [0, 1].map(|at| {
            let Point { latitude, longitude } = points[at]?;
            Some([self.number(comments[at], latitude, ""), self.number("", longitude, "")])
        });
        (self.named.place, self.named.home) = (place, home);
    }

    fn categories(&mut self) {
        for (number, category) in std::mem::take(&mut self.roles.categories).into_iter().enumerate()
        {
            let Category { column: at, hashed, varies } = category;
            let (name, path) = (self.name(at), self.path(at));
            let column = &self.roles.columns[at];
            let values: Vec<String> =
                column.distinct.iter().map(|(value, _)| value.clone()).collect();
            let optional = if column.is_full() { "" } else { "optional = true\n" };
            let mut keys =
                format!("[[category]]\nname = {}\npath = {path}\n{optional}", toml_text(&name));
            let form = match values.len() {
                _ if hashed => "hashed",
                ..=ONE_HOT => "one_hot",
                _ => "ordinal",
            };
            match values.len() {
                _ if hashed => {}
                ..=INLINE => keys += &format!("values = {}\n", list(&values)),
                _ => {
                    let file = format!("{name}.txt");
                    keys += &in_file(&file);
                    self.vocabularies.push((file, values));
                }
            }
            let comment = "Vocabularies are the sample's values, the most frequent first.";
            self.section(if number == 0 { comment } else { "" }, &keys);
            let key =
                self.named.entities.first().map(|entity| entity.name.clone()).filter(|_| varies);
            let habit = key.as_ref().map(|key| format!("{key}_in_{name}"));
            if let (Some(key), Some(habit)) = (key, &habit) {
                let entity = format!(
                    "[[entity]]\nname = {}\npath = {path}\n{optional}scope = \"instance\"\n",
                    toml_text(&name)
                );
                self.section("The same as an entity, for what one customer did in it.", &entity);
                self.pair(habit, [&key, &name]);
            }
            self.named.categories.push(features::Category { name, form, habit });
        }
    }

    fn numbers(&mut self) {
        let room = FEATURES.saturating_sub(Features::of(&self.named).count).max(NUMBERS);
        let mut numbers = std::mem::take(&mut self.roles.numbers);
        for (at, _) in numbers.drain(room.min(numbers.len())..) {
            self.roles
                .leave_out(at, "there are enough features; add it by hand if it tells something");
        }
        for (number, (at, form)) in numbers.into_iter().enumerate() {
            let comment = if number == 0 { "Other numbers." } else { "" };
            let name = self.number(comment, at, &form.keys);
            self.named.numbers.push(name);
            let path = self.roles.columns[at].to_string();
            self.roles.found.push(Found {
                role: "number",
                path,
                sure: Sure::Likely,
                why: "as it is".into(),
            });
        }
        if Features::of(&self.named).count == 0 {
            // A spec has a feature at least.
            self.named.has_time = true;
        }
    }
}
