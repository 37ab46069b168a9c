//! One row of the answer.

use serde_json::{Value, json};

use crate::show::units;

/// Something that was looked at.
pub struct Check {
    name: &'static str,
    value: Value,
    shown: String,
    limit: Value,
    limit_shown: String,
    note: String,
    /// The verdict.
    pub ok: bool,
}

impl Check {
    /// A text to which the verdict is `ok`.
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

    /// Why it cannot be.
    pub fn no(name: &'static str, why: impl ToString) -> Self {
        Self::text(name, "no", false).note(why)
    }

    /// A number without a limit.
    pub fn figure(name: &'static str, value: u64) -> Self {
        Self { value: value.into(), ..Self::text(name, units::count(value), true) }
    }

    /// A number of bytes that must not be more than `limit`.
    pub fn bytes(name: &'static str, value: u64, limit: u64) -> Self {
        Self::number(name, value, limit, value <= limit, units::size)
    }

    /// A number of bytes that must not be less than `limit`.
    pub fn bytes_at_least(name: &'static str, value: u64, limit: u64) -> Self {
        let check = Self::number(name, value, limit, value >= limit, units::size);
        Self { limit_shown: format!("at least {}", check.limit_shown), ..check }
    }

    /// A number that must not be more than `limit`.
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

    /// The same with the verdict no.
    pub fn refused(self) -> Self {
        Self { ok: false, ..self }
    }

    /// With an explanation.
    pub fn note(self, note: impl ToString) -> Self {
        Self { note: note.to_string(), ..self }
    }

    /// For machines.
    pub fn json(&self) -> Value {
        json!({
            "name": self.name,
            "value": self.value,
            "limit": self.limit,
            "ok": self.ok,
            "note": self.note,
        })
    }
}

/// All checks, aligned; notes stand below their check.
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
