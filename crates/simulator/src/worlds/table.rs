//! The writer of flat records, as JSON lines or CSV.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use super::Format;

/// Flat records, written member by member. Every record has the same members in the same order.
pub struct Table<'w> {
    out: &'w mut dyn Write,
    format: Format,
    /// The line of names, until it is written.
    names: Option<String>,
    line: String,
}

impl<'w> Table<'w> {
    pub fn new(out: &'w mut dyn Write, format: Format) -> Self {
        let names = (format == Format::Csv).then(String::new);
        Self { out, format, names, line: String::new() }
    }

    /// Adds a member whose JSON needs no quotes.
    pub fn number(&mut self, name: &str, value: impl Display) {
        self.begin(name);
        append(&mut self.line, value);
    }

    /// Adds a text without quotes, backslashes and control characters: nothing in it is escaped.
    pub fn text(&mut self, name: &str, value: impl Display) {
        self.begin(name);
        let start = self.line.len();
        append(&mut self.line, value);
        if self.format == Format::JsonLines || self.line[start..].contains(',') {
            self.line.insert(start, '"');
            self.line.push('"');
        }
    }

    /// Ends a record and writes it.
    pub fn end(&mut self) -> io::Result<()> {
        if let Some(names) = self.names.take() {
            writeln!(self.out, "{names}")?;
        }
        self.line.push_str(if self.format == Format::Csv { "\n" } else { "}\n" });
        self.out.write_all(self.line.as_bytes())?;
        self.line.clear();
        Ok(())
    }

    fn begin(&mut self, name: &str) {
        let first = self.line.is_empty();
        match self.format {
            Format::JsonLines => {
                append(
                    &mut self.line,
                    format_args!("{}\"{name}\": ", if first { "{" } else { ", " }),
                );
            }
            Format::Csv => {
                let comma = if first { "" } else { "," };
                self.line.push_str(comma);
                if let Some(names) = &mut self.names {
                    append(names, format_args!("{comma}{name}"));
                }
            }
        }
    }
}

fn append(text: &mut String, value: impl Display) {
    write!(text, "{value}").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_records(format: Format) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, format);
        for (shop, paid) in [("Bell", 1), ("Bell, Lunt", 2)] {
            table.text("shop", shop);
            table.number("paid", paid);
            table.end().expect("a Vec takes everything");
        }
        String::from_utf8(out).expect("only text went in")
    }

    #[test]
    fn one_table_in_two_formats() {
        assert_eq!(two_records(Format::Csv), "shop,paid\nBell,1\n\"Bell, Lunt\",2\n");
        assert_eq!(
            two_records(Format::JsonLines),
            "{\"shop\": \"Bell\", \"paid\": 1}\n{\"shop\": \"Bell, Lunt\", \"paid\": 2}\n"
        );
    }
}
