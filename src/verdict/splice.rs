//! Splicing: the record's bytes, with the verdict as one more member.

use fraud_plan::Plan;

use super::judge::{Verdict, Warmth};
use super::number::{self, MAX_LENGTH};
use crate::simd::bytes;

const DUPLICATE: &str = r#","duplicate":true"#;

/// The writer of verdicts into records; keeps the texts that all verdicts share.
pub struct Splicer {
    /// The text before the score: `,"fraud":{"decision":"valid","score":`, and with `"fraud"`.
    open: [String; 2],
    /// The text behind it: `,"threshold":0.5,"model":"0123abcd","history":"cold"`, and with
    /// `"warm"`; then both again, with `,"duplicate":true` behind.
    middle: [String; 4],
}

impl Splicer {
    /// Makes the texts of the plan's verdicts with this threshold.
    pub fn new(plan: &Plan, threshold: f32) -> Self {
        let (name, id) = (escape(&plan.program.verdict), plan.id);
        Self {
            open: ["valid", "fraud"]
                .map(|decision| format!(r#","{name}":{{"decision":"{decision}","score":"#)),
            middle: [("cold", ""), ("warm", ""), ("cold", DUPLICATE), ("warm", DUPLICATE)].map(
                |(history, end)| {
                    let rest = format!(r#""model":"{id:08x}","history":"{history}"{end}"#);
                    format!(r#","threshold":{threshold},{rest}"#)
                },
            ),
        }
    }

    /// Appends `record` to `output`, with the verdict as the last member of the object that closes
    /// at `end`, and `reasons` as the verdict's last member. The object has other members before
    /// it, because the spec has fields.
    pub fn splice(
        &self,
        verdict: &Verdict,
        reasons: &str,
        record: &[u8],
        end: usize,
        output: &mut Vec<u8>,
    ) {
        let open = &self.open[usize::from(verdict.fraud)];
        let warm = usize::from(verdict.history == Warmth::Warm);
        let middle = &self.middle[usize::from(verdict.duplicate) << 1 | warm];
        let texts = open.len() + middle.len() + reasons.len();
        output.reserve_exact(record.len() + texts + MAX_LENGTH);
        bytes::append(&record[..end], output);
        bytes::append(open.as_bytes(), output);
        number::write(verdict.score, output);
        bytes::append(middle.as_bytes(), output);
        if !reasons.is_empty() {
            output.extend_from_slice(reasons.as_bytes());
        }
        output.push(b'}');
        match record[end..] {
            [brace] => output.push(brace),
            ref rest => output.extend_from_slice(rest),
        }
    }
}

/// Returns a text as it is written between the quotes of a JSON text.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => escaped.extend(['\\', character]),
            '\0'..' ' => escaped.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => escaped.push(other),
        }
    }
    escaped
}
