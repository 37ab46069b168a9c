//! A record as a tree, with its numbers as they are written and with each member that comes twice.

use std::str::Chars;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Reads a text that is JSON; `None` if it has half of a surrogate pair, which serde_json refuses.
pub fn read(text: &str) -> Option<Json> {
    value(&mut text.trim_start_matches(is_space).chars())
}

/// Whether objects and arrays are nested deeper than 64.
pub fn is_deep(text: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
        if depth > 64 {
            return true;
        }
    }
    false
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\n' | '\r' | '\t')
}

/// Passes white space, commas and colons; returns the letter behind them.
fn next(rest: &mut Chars) -> char {
    rest.find(|&letter| !is_space(letter) && letter != ',' && letter != ':').expect("a whole text")
}

fn value(rest: &mut Chars) -> Option<Json> {
    let written = rest.as_str();
    Some(match next(rest) {
        '{' => {
            let mut members = Vec::new();
            while next(rest) != '}' {
                let name = text(rest)?;
                members.push((name, value_behind(rest)?));
            }
            Json::Object(members)
        }
        '[' => {
            let mut items = Vec::new();
            loop {
                let before = rest.clone();
                if next(rest) == ']' {
                    break;
                }
                *rest = before;
                items.push(value_behind(rest)?);
            }
            Json::Array(items)
        }
        '"' => Json::Text(text(rest)?),
        _ => {
            let end = |letter| is_space(letter) || matches!(letter, ',' | ']' | '}');
            let word = written.split(end).next().expect("a first part");
            *rest = written[word.len()..].chars();
            match word {
                "null" => Json::Null,
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                number => Json::Number(number.to_owned()),
            }
        }
    })
}

/// Reads a value behind white space, a comma or a colon.
fn value_behind(rest: &mut Chars) -> Option<Json> {
    let written = rest.as_str();
    *rest = written
        .trim_start_matches(|letter| is_space(letter) || matches!(letter, ',' | ':'))
        .chars();
    value(rest)
}

/// Reads a text whose opening quote has passed.
fn text(rest: &mut Chars) -> Option<String> {
    let written = rest.as_str();
    let mut escaped = false;
    let end = written.find(|letter| {
        let is_end = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        is_end
    });
    let (inside, behind) = written.split_at(end.expect("a whole text"));
    *rest = behind[1..].chars();
    serde_json::from_str(&format!("\"{inside}\"")).ok()
}
