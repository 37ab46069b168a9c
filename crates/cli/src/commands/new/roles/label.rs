//! The label, and what would give it away.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::super::columns::{Column, shown, text};
use super::super::hints::{self, is_in, weigh};
use super::super::{Asked, Sure};
use super::Roles;
use crate::data::labels::label;

impl Roles<'_> {
    pub(super) fn find_label(&mut self, asked: &Asked) -> Result<()> {
        if let Some(path) = &asked.label {
            let at = self.named("--label", path)?;
            if self.flags(at).is_none() {
                bail!("--label {}: its values are not 0 and 1, or true and false", shown(path));
            }
            self.label = Some(at);
            self.note("label", shown(path), Sure::Certain, "--label says so");
        } else if asked.frauds.is_none() {
            let weigh = |column: &Column| weigh(column, hints::LABEL) - column.around.len() as i32;
            let labels = self.best(|column| column.distinct.len() <= 2 && column.is_full(), weigh);
            let few = |at: &usize| {
                self.flags(*at).is_some_and(|flags| {
                    let ones = flags.iter().filter(|flag| **flag).count();
                    2 * ones <= flags.len().max(3)
                })
            };
            if let Some((at, _)) = labels.into_iter().find(|(at, _)| few(at)) {
                self.label = Some(at);
                let ones = self.flags(at).iter().flatten().filter(|flag| **flag).count();
                let why = format!(
                    "0 or 1 by its name and values; {ones} of {} are frauds",
                    self.columns[at].rows()
                );
                self.note("label", self.path(at), Sure::Likely, why);
            }
        }
        self.used.extend(self.label);
        Ok(())
    }

    /// Returns a column's values as a label's, if it can be one.
    pub fn flags(&self, at: usize) -> Option<Vec<bool>> {
        let flag = |value: &Option<&Value>| label(text((*value)?).as_bytes());
        let column = &self.columns[at];
        let flags: Option<Vec<bool>> =
            column.values.iter().filter(|value| value.is_some()).map(flag).collect();
        flags.filter(|flags| !flags.is_empty())
    }

    /// Leaves out what nobody knows when the transaction is scored: what is called a fraud, or is nearly the
    /// label itself.
    pub(super) fn leave_out_hindsight(&mut self, asked: &Asked) {
        let rows = 0..self.columns[0].rows();
        let label: Option<Vec<bool>> = match (&asked.frauds, self.id, self.label) {
            (Some(_), Some(id), _) => {
                let column = &self.columns[id];
                Some(rows.map(|row| column.text(row).is_some_and(|id| asked.lists(&id))).collect())
            }
            (_, _, Some(label)) => self.flags(label).filter(|flags| flags.len() == rows.len()),
            _ => None,
        };
        for at in 0..self.columns.len() {
            if self.used.contains(&at) {
                continue;
            }
            let column = &self.columns[at];
            let called = column
                .words
                .iter()
                .any(|word| hints::HINDSIGHT.iter().any(|hint| is_in(word, hint)));
            let nearly = label.as_ref().is_some_and(|label| is_nearly(column, label));
            if called {
                self.leave_out(at, "by its name known only after the transaction");
            } else if nearly {
                self.leave_out(at, "nearly the label itself: nobody knows it in time");
            }
        }
    }
}

/// Returns whether a column is the label by another name: it tells frauds from others nearly always.
fn is_nearly(column: &Column, label: &[bool]) -> bool {
    let frauds = label.iter().filter(|fraud| **fraud).count();
    if frauds < 5 {
        return false;
    }
    let filled: Vec<bool> = column.values.iter().map(Option::is_some).collect();
    let equal = filled.iter().zip(label).filter(|(filled, fraud)| filled == fraud).count();
    let differ = label.len() - equal;
    let few = frauds / 20;
    if differ <= few || equal <= few {
        return true;
    }
    if column.distinct.len() <= 20 {
        // The best guess by value alone.
        let mut counts: BTreeMap<Option<String>, [usize; 2]> = BTreeMap::new();
        for (row, fraud) in label.iter().enumerate() {
            counts.entry(column.text(row)).or_default()[usize::from(*fraud)] += 1;
        }
        return counts.values().map(|counts| counts[0].min(counts[1])).sum::<usize>() <= few;
    }
    column.is_number() && (auc(column, label) - 0.5).abs() > 0.4975
}

/// Returns how often a fraud's number is above another transaction's; 0.5 where that says nothing.
pub(super) fn auc(column: &Column, label: &[bool]) -> f64 {
    let mut ranked: Vec<(f64, bool)> =
        column.numbers().zip(label).filter_map(|(number, fraud)| Some((number?, *fraud))).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut frauds, mut sum) = (0.0, 0.0, 0.0);
    for ties in ranked.chunk_by(|a, b| a.0 == b.0) {
        let of = ties.iter().filter(|(_, fraud)| *fraud).count() as f64;
        let others = ties.len() as f64 - of;
        sum += of * (below + others / 2.0);
        (below, frauds) = (below + others, frauds + of);
    }
    if frauds * below == 0.0 { 0.5 } else { sum / (frauds * below) }
}
