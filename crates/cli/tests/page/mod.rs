//! `docs/cli-json.md`, held against the commands' answers.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const PAGE: &str = include_str!("../../../../docs/cli-json.md");

/// Fails unless the sections of the page document every key of these answers, and the answers
/// together have every key of the sections.
#[track_caller]
pub fn check(sections: &[&str], answers: &[Value]) {
    let page = Page::read();
    let documented: BTreeSet<String> =
        sections.iter().flat_map(|section| page.keys(section)).collect();
    let mut found = BTreeSet::new();
    for answer in answers {
        visit(answer, "", &documented, &mut found);
    }
    let missing: Vec<_> = documented.difference(&found).collect();
    assert!(missing.is_empty(), "no answer has these keys of docs/cli-json.md: {missing:#?}");
}

/// The page's sections: the keys in the first column of each one's tables.
struct Page(BTreeMap<&'static str, Vec<&'static str>>);

impl Page {
    fn read() -> Self {
        let mut sections = BTreeMap::<_, Vec<_>>::new();
        let mut title = "";
        for line in PAGE.lines() {
            if let Some(heading) = line.strip_prefix("##") {
                title = heading.trim_start_matches('#').trim();
            } else if let Some(cell) = line.strip_prefix("| ").and_then(|row| row.split('|').next())
            {
                let keys = cell.split('`').skip(1).step_by(2);
                sections.entry(title).or_default().extend(keys);
            }
        }
        Self(sections)
    }

    /// Returns the keys of a section, each `<title>` replaced by the keys of the section `title`.
    fn keys(&self, section: &str) -> Vec<String> {
        let keys = self.0.get(section).unwrap_or_else(|| panic!("no section {section}"));
        let expand = |key: &&'static str| match key.split_once('<') {
            Some((before, title)) => {
                let keys = self.keys(title.trim_end_matches('>')).into_iter();
                keys.map(|key| format!("{before}{key}")).collect()
            }
            None => vec![key.to_string()],
        };
        keys.iter().flat_map(expand).collect()
    }
}

/// Looks up the path of everything in an answer, and collects the documented ones.
fn visit(value: &Value, path: &str, documented: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    let is_prefix = |path: &str, key: &str| {
        let rest = key.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let dot = if path.is_empty() { "" } else { "." };
                let own = format!("{path}{dot}{name}");
                let any = format!("{path}{dot}*");
                let known = [own.clone(), any]
                    .into_iter()
                    .find(|path| documented.iter().any(|key| is_prefix(path, key)));
                let known =
                    known.unwrap_or_else(|| panic!("docs/cli-json.md does not have the key {own}"));
                visit(member, &known, documented, found);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| visit(item, &format!("{path}[]"), documented, found));
        }
        Value::Null => {}
        _ => assert!(documented.contains(path), "docs/cli-json.md does not have the key {path}"),
    }
}
