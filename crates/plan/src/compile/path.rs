//! The path of a value in a record, as a spec writes it, to its steps.
//!
//! A path is names with dots between them, and `[0]` behind an array for one of its items, counted from
//! 0. What is a path in another language (JSONPath, JSON Pointer, jq) is refused with the spelling that
//! is right here: taken for a name, it would only make every record unscorable.

use toml::de::DeValue;

use crate::program::Step;

/// The rule for a path, as an error says it.
pub(super) const WANTED: &str = "it takes names with dots between them, or a list of names";

/// Reads a path; an error says what is wanted of it.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    if let Some(steps) = foreign(text) {
        return Err(spelled(&steps));
    }
    let mut steps = Vec::new();
    for (at, part) in text.split('.').enumerate() {
        let (name, mut items) = match part.find('[') {
            Some(open) => part.split_at(open),
            None => (part, ""),
        };
        if name.is_empty() || name.contains(']') {
            return Err(WANTED.to_owned());
        }
        if at > 0 && is_number(name) {
            return Err(spelled(&split(text)));
        }
        steps.push(Step::Name(name.to_owned()));
        while !items.is_empty() {
            let (inner, rest) =
                (items.strip_prefix('[')).and_then(|items| items.split_once(']')).ok_or(
                    "it takes an item of an array as its number in brackets, such as items[0]",
                )?;
            steps.push(Step::Item(item(inner)?));
            items = rest;
        }
    }
    Ok(steps)
}

/// Reads a path that is a list: texts are names, whole numbers are items.
pub(super) fn of_list<'v>(
    steps: impl Iterator<Item = &'v DeValue<'v>>,
) -> Result<Vec<Step>, String> {
    let steps: Vec<Step> = steps
        .map(|step| match step {
            DeValue::String(name) if !name.is_empty() => Ok(Step::Name(name.as_ref().to_owned())),
            DeValue::Integer(digits) if digits.radix() == 10 => {
                item(digits.as_str()).map(Step::Item)
            }
            _ => Err(WANTED.to_owned()),
        })
        .collect::<Result<_, _>>()?;
    match steps.first() {
        Some(Step::Name(_)) => Ok(steps),
        Some(Step::Item(_)) => Err("a record is an object, so its path begins with a name".into()),
        None => Err(WANTED.to_owned()),
    }
}

/// Writes steps as a path that [`parse`] reads, or as a list where a name has dots or brackets in it.
pub(super) fn write(steps: &[Step]) -> String {
    let is_plain = |name: &str| parse(name).is_ok_and(|steps| steps.len() == 1) && !is_number(name);
    let all_plain = steps.iter().all(|step| match step {
        Step::Name(name) => is_plain(name),
        Step::Item(_) => true,
    });
    if all_plain {
        let mut text = String::new();
        for step in steps {
            match step {
                Step::Name(name) if text.is_empty() => text += name,
                Step::Name(name) => text += &format!(".{name}"),
                Step::Item(item) => text += &format!("[{item}]"),
            }
        }
        return format!("\"{text}\"");
    }
    let steps = steps.iter().map(|step| match step {
        Step::Name(name) => format!("{name:?}"),
        Step::Item(item) => item.to_string(),
    });
    format!("[{}]", steps.collect::<Vec<_>>().join(", "))
}

/// Words the error of a path that is spelled otherwise here.
fn spelled(steps: &[Step]) -> String {
    let mut wanted = format!("here that is written {}", write(steps));
    // A number may be an item's, or a name: which of them, only the records know.
    let names: Vec<Step> = (steps.iter())
        .map(|step| match step {
            Step::Item(item) => Step::Name(item.to_string()),
            name => name.clone(),
        })
        .collect();
    if names != steps {
        wanted += &format!(", or {} if the number is a member's name", write(&names));
    }
    wanted
}

/// Reads a path of another language: JSONPath, JSON Pointer, jq. `None` if it is none.
fn foreign(text: &str) -> Option<Vec<Step>> {
    let is_pointer = text.starts_with('/') || text.starts_with("#/");
    let is_json_path = text == "$" || text.starts_with("$.") || text.starts_with("$[");
    let is_quoted = text.contains("['") || text.contains("[\"");
    let is_jq = text.starts_with('.') && !text.contains("..");
    let has_slash = text.contains('/') && !text.contains('.');
    if !(is_pointer || is_json_path || is_quoted || is_jq || has_slash) {
        return None;
    }
    let steps = if is_pointer || has_slash {
        let names = text.trim_start_matches('#').split('/').filter(|name| !name.is_empty());
        names.map(|name| step(&name.replace("~1", "/").replace("~0", "~"))).collect()
    } else {
        split(text.trim_start_matches('$'))
    };
    Some(if steps.is_empty() { vec![Step::Name("name".to_owned())] } else { steps })
}

/// Splits a text at dots and brackets, quotes taken off.
fn split(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("['").or_else(|| rest.strip_prefix("[\"")) {
            let end = inner.find(['\'', '"']).unwrap_or(inner.len());
            steps.push(Step::Name(inner[..end].to_owned()));
            rest = inner[end..].trim_start_matches(['\'', '"', ']']);
        } else {
            rest = rest.trim_start_matches(['.', '[', ']']);
            let end = rest.find(['.', '[', ']']).unwrap_or(rest.len());
            if end > 0 {
                steps.push(step(&rest[..end]));
            }
            rest = &rest[end..];
        }
    }
    steps
}

fn step(text: &str) -> Step {
    match item(text) {
        Ok(item) if is_number(text) => Step::Item(item),
        _ => Step::Name(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads the number of an item.
fn item(text: &str) -> Result<u16, String> {
    let max = u16::MAX;
    let wanted = format!("it takes one item of an array by its number, from [0] to [{max}]");
    if is_number(text) { text.parse().map_err(|_| wanted) } else { Err(wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Step {
        Step::Name(name.to_owned())
    }

    #[test]
    fn paths() {
        for (text, steps) in [
            ("amount", vec![name("amount")]),
            ("card.holder", vec![name("card"), name("holder")]),
            ("items[0].amount", vec![name("items"), Step::Item(0), name("amount")]),
            ("grid[1][20]", vec![name("grid"), Step::Item(1), Step::Item(20)]),
            ("_id.$oid", vec![name("_id"), name("$oid")]),
            ("2fa.ok", vec![name("2fa"), name("ok")]),
            ("0", vec![name("0")]),
            ("card number", vec![name("card number")]),
        ] {
            assert_eq!(parse(text), Ok(steps.clone()), "{text}");
            assert!(text == "0" || write(&steps) == format!("{text:?}"), "{}", write(&steps));
        }
    }

    #[test]
    fn what_is_written_otherwise_is_refused_with_the_right_spelling() {
        for (text, wanted) in [
            ("$.a.b", r#"here that is written "a.b""#),
            ("$['a']['b']", r#"here that is written "a.b""#),
            (r#"$["a.b"].c"#, r#"here that is written ["a.b", "c"]"#),
            ("a['b']", r#"here that is written "a.b""#),
            (
                "$[\"a\"][0]",
                r#"here that is written "a[0]", or ["a", "0"] if the number is a member's name"#,
            ),
            ("/a/b", r#"here that is written "a.b""#),
            ("#/a/b", r#"here that is written "a.b""#),
            ("a/b", r#"here that is written "a.b""#),
            ("/a~1b/c.d", r#"here that is written ["a/b", "c.d"]"#),
            (".a.b", r#"here that is written "a.b""#),
            (
                "items.0.amount",
                r#"here that is written "items[0].amount", or ["items", "0", "amount"] if the number is a member's name"#,
            ),
            (
                "/items/0",
                r#"here that is written "items[0]", or ["items", "0"] if the number is a member's name"#,
            ),
            ("$", r#"here that is written "name""#),
            ("", WANTED),
            ("a..b", WANTED),
            ("a.", WANTED),
            ("a]b", WANTED),
            ("[0].a", WANTED),
            ("a[0", "it takes an item of an array as its number in brackets, such as items[0]"),
            ("a[0]b", "it takes an item of an array as its number in brackets, such as items[0]"),
            ("a[*]", "it takes one item of an array by its number, from [0] to [65535]"),
            ("a[]", "it takes one item of an array by its number, from [0] to [65535]"),
            ("a[-1]", "it takes one item of an array by its number, from [0] to [65535]"),
            ("a[65536]", "it takes one item of an array by its number, from [0] to [65535]"),
        ] {
            assert_eq!(parse(text), Err(wanted.to_owned()), "{text}");
        }
    }
}
