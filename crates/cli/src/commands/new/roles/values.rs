//! Balances, categories, and other numbers.

use super::super::columns::Kind;
use super::super::hints::{self, weigh};
use super::super::{Sure, numbers};
use super::label::auc;
use super::{Balance, Category, Roles};

/// Most values of a category whose vocabulary is kept.
const VOCABULARY: usize = 500;
/// Most numbers beside the amount, the balances and the coordinates.
const NUMBERS: usize = 30;
/// Most categories in which a habit is remembered.
const HABITS: usize = 3;

impl Roles<'_> {
    pub(super) fn find_balances(&mut self) {
        let is = |word: &str, names: &[&str]| {
            names.iter().any(|name| word.starts_with(name) || word.ends_with(name))
        };
        let has =
            |at: usize, names: &[&str]| self.columns[at].words.iter().any(|word| is(word, names));
        // What is left of the name tells whose it is.
        let owner = |at: usize| {
            let words = self.columns[at].words.iter().map(String::as_str);
            let is_owner = |word: &&str| {
                !is(word, &hints::BEFORE) && !is(word, &hints::AFTER) && !word.contains("balan")
            };
            words.filter(is_owner).collect::<String>()
        };
        let is_balance = |at: &usize| {
            let column = &self.columns[*at];
            !self.used.contains(at)
                && column.is_number()
                && !column.is_constant()
                && weigh(column, hints::AMOUNT) < 0
        };
        let all: Vec<usize> = (0..self.columns.len()).filter(is_balance).collect();
        let mut afters: Vec<usize> =
            all.iter().copied().filter(|at| has(*at, &hints::AFTER)).collect();
        let mut balances = Vec::new();
        for &before in all.iter().filter(|at| has(**at, &hints::BEFORE)) {
            // Two letters do, for some say org and orig; but the same word is better.
            let same = afters.iter().position(|after| owner(*after) == owner(before));
            let near = |after: &usize| {
                owner(*after).chars().take(2).eq(owner(before).chars().take(2))
                    && !all.iter().any(|other| {
                        *other != before
                            && has(*other, &hints::BEFORE)
                            && owner(*other) == owner(*after)
                    })
            };
            let after = same.or_else(|| afters.iter().position(near)).map(|at| afters.remove(at));
            balances.push(Balance { before, after });
        }
        let is_known = |at: usize| has(at, &hints::BEFORE) || has(at, &hints::AFTER);
        let alone = all.iter().copied().filter(|at| {
            !is_known(*at) && self.columns[*at].words.iter().any(|word| word.contains("balance"))
        });
        balances.extend(alone.map(|before| Balance { before, after: None }));
        for Balance { before, after } in &balances {
            self.note("balance", self.path(*before), Sure::Likely, "by its name");
            self.used.extend([Some(*before), *after].into_iter().flatten());
        }
        self.balances = balances;
    }

    pub(super) fn find_categories(&mut self) {
        let mut habits: Vec<(usize, f64)> = Vec::new();
        for at in 0..self.columns.len() {
            let column = &self.columns[at];
            let is_text = matches!(column.kind, Kind::Text | Kind::TextOrNumber);
            let is_code = column.kind == Kind::Whole
                && column
                    .words
                    .iter()
                    .any(|word| hints::of_words(std::slice::from_ref(word), hints::CODE) >= 4);
            if self.used.contains(&at)
                || !is_text && !is_code
                || is_text && numbers::form(column).is_some()
            {
                continue;
            }
            let all_words: Vec<&str> =
                column.words.iter().chain(&column.around).map(String::as_str).collect();
            let is_personal = hints::PERSONAL
                .iter()
                .any(|words| words.iter().all(|word| all_words.contains(word)))
                || column.distinct.iter().filter(|(value, _)| value.contains('@')).count() * 2
                    > column.distinct.len();
            let values = column.distinct.len();
            if is_personal {
                self.leave_out(at, "a person's data: no vocabulary of it is kept");
            } else if column.is_constant() && column.is_full() {
                self.leave_out(at, "the same in every record");
            } else if values > 20 && column.percent_distinct() >= 50
                || column.distinct.iter().any(|(value, _)| value.len() > 200)
            {
                self.leave_out(at, "nearly every record has a text of its own");
            } else {
                let hashed = values > VOCABULARY
                    || column
                        .distinct
                        .iter()
                        .any(|(value, _)| value.is_empty() || value.contains(['\n', '\r']));
                let entropy = if hashed {
                    0.0
                } else {
                    self.key().map_or(0.0, |key| self.variation(key, at))
                };
                if entropy > 0.1 && values > 2 {
                    habits.push((at, entropy));
                }
                let why = if hashed {
                    format!("{values} texts or more: hashed")
                } else {
                    format!("{values} different values")
                };
                self.note("category", self.path(at), Sure::Likely, why);
                self.used.insert(at);
                self.categories.push(Category { column: at, hashed, varies: false });
            }
        }
        habits.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (at, _) in habits.into_iter().take(HABITS) {
            for category in self.categories.iter_mut().filter(|category| category.column == at) {
                category.varies = true;
            }
        }
    }

    pub(super) fn find_numbers(&mut self) {
        let label = self.label.and_then(|label| self.flags(label));
        let mut numbers: Vec<(usize, numbers::Form, f64)> = Vec::new();
        for at in 0..self.columns.len() {
            let column = &self.columns[at];
            if self.used.contains(&at) {
                continue;
            }
            let Some(form) = numbers::form(column) else {
                let why = match column.kind {
                    Kind::List => "an array",
                    _ => "sometimes of one type, sometimes of another",
                };
                self.leave_out(at, why);
                continue;
            };
            let last = column.words.last().map_or("", String::as_str);
            if column.is_constant() && column.is_full() {
                self.leave_out(at, "the same in every record");
            } else if ["id", "uuid", "hash"].contains(&last)
                || column.words.iter().any(|word| word == "unnamed")
            {
                self.leave_out(at, "an id or a counter of rows");
            } else {
                let tells = match &label {
                    Some(label) if label.len() == column.rows() => (auc(column, label) - 0.5).abs(),
                    _ => column.filled as f64 / column.rows() as f64,
                };
                numbers.push((at, form, tells));
            }
        }
        numbers.sort_by(|a, b| b.2.total_cmp(&a.2));
        for (at, ..) in numbers.iter().skip(NUMBERS) {
            self.leave_out(*at, "there are too many numbers; add it by hand if it tells something");
        }
        numbers.truncate(NUMBERS);
        numbers.sort_by_key(|(at, ..)| *at);
        self.numbers = numbers.into_iter().map(|(at, form, _)| (at, form)).collect();
    }
}
