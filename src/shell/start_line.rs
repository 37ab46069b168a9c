//! The log line of a module that has started. It is written and read here, so that `fraud inspect`
//! and the tests read what the shell writes.

use std::fmt;

use super::NAME;

/// The line in the transform's log with which a module has started.
#[derive(Clone, Debug, PartialEq)]
pub struct StartLine {
    /// The plan's name, as in every verdict.
    pub model: u32,
    /// The score from which on a transaction is fraud.
    pub threshold: f32,
    /// Number of entities that each table of history has room for.
    pub capacities: Vec<usize>,
    /// Bytes of the largest record that memory is kept free for.
    pub max_record: usize,
    /// The meaning of each table, as hashes, in a module that writes a changelog; else none.
    pub tables: Vec<u32>,
}

impl fmt::Display for StartLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, threshold, capacities, max_record, tables } = self;
        let capacities: Vec<String> = capacities.iter().map(usize::to_string).collect();
        let capacities = capacities.join(" + ");
        write!(
            f,
            "{NAME} started: model {model:08x}, threshold {threshold}, history of {capacities} \
             entities, records up to {max_record} bytes"
        )?;
        let mut before = ", restores";
        for table in tables {
            write!(f, "{before} {table:08x}")?;
            before = " +";
        }
        Ok(())
    }
}

impl StartLine {
    /// Reads the line, as its `Display` writes it; `None` of any other line.
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.trim_end().strip_prefix(NAME)?.strip_prefix(" started: model ")?;
        let (model, rest) = rest.split_once(", threshold ")?;
        let (threshold, rest) = rest.split_once(", history of ")?;
        let (capacities, rest) = rest.split_once(" entities, records up to ")?;
        let (max_record, tables) = rest.split_once(" bytes")?;
        let tables = match tables {
            "" => None,
            tables => Some(tables.strip_prefix(", restores ")?.split(" + ")),
        };
        Some(Self {
            model: u32::from_str_radix(model, 16).ok()?,
            threshold: threshold.parse().ok()?,
            capacities: capacities
                .split(" + ")
                .map(|number| number.parse().ok())
                .collect::<Option<_>>()?,
            max_record: max_record.parse().ok()?,
            tables: (tables.into_iter().flatten())
                .map(|table| u32::from_str_radix(table, 16).ok())
                .collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let line = StartLine {
            model: 0x0f2d_394a,
            threshold: 0.2022,
            capacities: vec![29_552, 9_840],
            max_record: 65_536,
            tables: Vec::new(),
        };
        let text = "fraud-detector started: model 0f2d394a, threshold 0.2022, history of 29552 + 9840 \
                    entities, records up to 65536 bytes";
        assert_eq!(line.to_string(), text);
        assert_eq!(StartLine::parse(text), Some(line.clone()));
        assert_eq!(StartLine::parse(&format!("{text}\n")), Some(line.clone()));
        let text = format!("{text}, restores 0000002a + 0f2d394a");
        let line = StartLine { tables: vec![42, 0x0f2d_394a], ..line };
        assert_eq!(line.to_string(), text);
        assert_eq!(StartLine::parse(&text), Some(line));
    }

    #[test]
    fn other_lines() {
        for line in
            ["", "history: customer 3 of 10 (30%), 0 evicted", "fraud-detector cannot start: x"]
        {
            assert_eq!(StartLine::parse(line), None, "{line}");
        }
    }
}
