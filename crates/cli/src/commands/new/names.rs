//! Names in the spec for columns of the sample: short, of small letters, each once.

use std::collections::{HashMap, HashSet};

use super::columns::Column;

/// The names that have been given.
#[derive(Default)]
pub struct Names {
    given: HashMap<usize, String>,
    taken: HashSet<String>,
}

impl Names {
    /// Returns the name of column `at`: the words of its last name, with those around it if need be.
    pub fn of(&mut self, at: usize, column: &Column) -> String {
        if let Some(name) = self.given.get(&at) {
            return name.clone();
        }
        let short = column.words.join("_");
        let long = [&column.around[..], &column.words[..]].concat().join("_");
        let numbered = (2..).map(|number| format!("{long}_{number}"));
        let mut names =
            [short, long.clone()].into_iter().chain(numbered).filter(|name| !name.is_empty());
        let name = names.find(|name| !self.taken.contains(name)).expect("numbers do not end");
        self.taken.insert(name.clone());
        self.given.insert(at, name.clone());
        name
    }
}
