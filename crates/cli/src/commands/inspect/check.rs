//! One check, and the table of all.

use serde::Serialize;
use serde_json::Value;

use crate::show::units;

/// A property of the module, and whether the broker can live with it.
#[derive(Serialize)]
pub struct Check {
    name: &'static str,
    value: Value,
    #[serde(skip)]
    shown: String,
    limit: Value,
    #[serde(skip)]
    limit_shown: String,
    note: String,
    pub ok: bool,
}

impl Check {
    /// Checks a text, of which `ok` is known.
    pub fn text(name: &'static str, value: impl ToString, ok: bool) -> Self {
        let shown = value.to_string();
        Self {
            name,
            value: shown.clone().into(),
            shown,
            limit: Value::Null,
            limit_shown: String::new(),
            note: String::new(),
            ok,
        }
    }

    /// Says no, and why.
    pub fn no(name: &'static str, why: impl ToString) -> Self {
        Self::text(name, "no", false).note(why)
    }

    /// Shows a number without a limit.
    pub fn figure(name: &'static str, value: u64) -> Self {
        Self { value: value.into(), ..Self::text(name, units::count(value), true) }
    }

    /// Checks a number of bytes, at most `limit`.
    pub fn bytes(name: &'static str, value: u64, limit: u64) -> Self {
        Self::number(name, value, limit, value <= limit, units::size)
    }

    /// Checks a number of bytes, at least `limit`.
    pub fn bytes_at_least(name: &'static str, value: u64, limit: u64) -> Self {
        let check = Self::number(name, value, limit, value >= limit, units::size);
        Self { limit_shown: format!("at least {}", check.limit_shown), ..check }
    }

    /// Checks a number, at most `limit`.
    pub fn count(name: &'static str, value: u64, limit: u64) -> Self {
        Self::number(name, value, limit, value <= limit, units::count)
    }

    fn number(
        name: &'static str,
        value: u64,
        limit: u64,
        ok: bool,
        show: fn(u64) -> String,
    ) -> Self {
        Self {
            name,
            value: value.into(),
            shown: show(value),
            limit: limit.into(),
            limit_shown: show(limit),
            note: String::new(),
            ok,
        }
    }

    /// Turns the check into a no.
    pub fn refused(self) -> Self {
        Self { ok: false, ..self }
    }

    /// Adds an explanation.
    pub fn note(self, note: impl ToString) -> Self {
        Self { note: note.to_string(), ..self }
    }
}

/// Writes all checks, aligned; a note is below its check.
pub fn table(checks: &[Check]) -> String {
    let width = |text: fn(&Check) -> &str| {
        checks.iter().map(|check| text(check).chars().count()).max().unwrap_or(0)
    };
    let (names, values) = (width(|check| check.name), width(|check| &check.shown));
    let mut table = String::new();
    for check in checks {
        let mark = if check.ok { "ok" } else { "NO" };
        let row = format!(
            "  {mark}  {:names$}  {:>values$}  {}",
            check.name, check.shown, check.limit_shown
        );
        table += row.trim_end();
        table.push('\n');
        if !check.note.is_empty() {
            table += &format!("        {}\n", check.note);
        }
    }
    table
}
