//! A subcommand's answer, in both of its forms.

use std::fmt::Display;
use std::io::Write;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

/// An answer, ready to be printed.
pub struct Report {
    /// The object for `--json`.
    pub json: Value,
    /// Lines for people, each with its line feed.
    text: String,
    /// Lines for standard error, printed with the text.
    aside: String,
    /// False when the answer is no.
    pub ok: bool,
}

impl Report {
    /// Takes both forms of an answer: its text is its `Display`, its JSON its serde form.
    pub fn of(answer: &(impl Serialize + Display)) -> Result<Self> {
        let json = serde_json::to_value(answer).context("the answer has no JSON form")?;
        Ok(Self { json, text: answer.to_string(), aside: String::new(), ok: true })
    }

    /// Adds what is worth knowing beside the answer.
    pub fn aside(self, aside: String) -> Self {
        Self { aside, ..self }
    }

    /// Says whether the answer is yes; it sets the exit status.
    pub fn ok(self, ok: bool) -> Self {
        Self { ok, ..self }
    }

    /// Prints one form to standard output. A reader that has gone away is no error.
    pub fn print(&self, json: bool) {
        if !json {
            let _ = std::io::stderr().write_all(self.aside.as_bytes());
        }
        let mut out = std::io::stdout().lock();
        let _ = match json {
            true => writeln!(out, "{:#}", self.json),
            false => out.write_all(self.text.as_bytes()),
        };
    }
}
