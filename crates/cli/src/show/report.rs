//! What a subcommand answers.

use std::io::Write;

use serde_json::Value;

/// One answer in both of its forms.
pub struct Report {
    /// For machines: an object.
    pub json: Value,
    /// For people: lines, each with its line feed.
    pub text: String,
    /// For people who want to know more, on standard error.
    pub aside: String,
    /// False when the answer is no.
    pub ok: bool,
}

impl Report {
    /// Prints it to standard output. A reader that has gone away is none of our business.
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
