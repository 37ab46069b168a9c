//! The decision: as the file that the module is built from, as JSON, and on a screen.

use std::collections::BTreeMap;
use std::fmt;

use fraud_plan::Calibration;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::calibration::Bin;
use super::threshold::Choice;
use crate::show::units::{count, percent, shortest};

/// Everything that was decided.
#[derive(Serialize)]
pub struct Decided {
    pub threshold: f64,
    /// The goal of the threshold, in words.
    #[serde(skip)]
    pub goal: String,
    /// The goal, and the transactions that the threshold was chosen on.
    pub basis: String,
    /// The hash of the files.
    pub data: String,
    /// The threshold's figures on these transactions.
    pub expected: Choice,
    #[serde(serialize_with = "serialize_calibration")]
    pub calibration: Calibration,
    /// Name and usual value of each feature.
    #[serde(serialize_with = "serialize_baselines")]
    pub baselines: Vec<(String, f32)>,
    /// Other thresholds that could be chosen.
    pub alternatives: Vec<Alternative>,
    #[serde(rename = "reliability")]
    pub bins: Vec<Bin>,
}

/// The threshold for another number of alerts a day.
#[derive(Serialize)]
pub struct Alternative {
    /// Maximum number of alerts a day.
    pub at_most: u32,
    /// `None` if the highest score alone gives more alerts.
    pub expected: Option<Choice>,
}

impl Decided {
    /// Returns the text of `decision.toml`.
    pub fn toml(&self) -> String {
        let Choice { threshold, precision, recall, alerts_per_day, amount_caught } = self.expected;
        let mut text = format!(
            "# Written by `fraud tune`. FRAUD_THRESHOLD overrides the threshold in a deployment.\n\
             threshold = {threshold:?}\n\
             basis = {}\n\
             # of the transactions and the list of frauds, one file after the other\n\
             data = \"{}\"\n\
             \n\
             # What it does on that data.\n\
             [expected]\n\
             precision = {precision:.3}\n\
             recall = {recall:.3}\n\
             alerts_per_day = {alerts_per_day:.1}\n\
             amount_caught = {amount_caught:.3}\n\
             \n\
             {}\n\
             # The median of each feature over genuine transactions; nan: most lack it.\n\
             [baselines]\n",
            Value::from(self.basis.as_str()),
            self.data,
            self.calibration_toml(),
        );
        for (name, value) in &self.baselines {
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            text += &match name.chars().all(bare) {
                true => name.clone(),
                false => Value::from(name.as_str()).to_string(),
            };
            // `{:?}` writes a float as TOML does, except NaN.
            text += &format!(" = {value:?}\n").replace("NaN", "nan");
        }
        text
    }

    fn calibration_toml(&self) -> String {
        match &self.calibration {
            Calibration::Identity => String::new(),
            Calibration::Platt { slope, offset } => format!(
                "# score = 1 / (1 + e^-(slope * ln(output / (1 - output)) + offset))\n\
                 [calibration]\nslope = {:?}\noffset = {:?}\n",
                *slope as f32, *offset as f32,
            ),
            Calibration::Isotonic { knots } => format!(
                "# The score is linear between these.\n\
                 [calibration]\noutput = {:?}\nscore = {:?}\n",
                column(knots, 0),
                column(knots, 1),
            ),
        }
    }

    fn write_alternatives(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("  alerts a day  threshold  precision  recall\n")?;
        for Alternative { at_most, expected } in &self.alternatives {
            let cells = expected
                .map(|at| [at.threshold.to_string(), share(at.precision), share(at.recall)]);
            let [threshold, precision, recall] =
                cells.unwrap_or_else(|| ["–"; 3].map(str::to_owned));
            writeln!(f, "  {at_most:>12}  {threshold:>9}  {precision:>9}  {recall:>6}")?;
        }
        Ok(())
    }

    fn write_bins(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("  score       transactions  mean score  frauds\n")?;
        for Bin { from, to, transactions, mean_score, fraud_share } in &self.bins {
            writeln!(
                f,
                "  {from:.1} to {to:.1}  {:>12}  {:>10}  {:>6}",
                count(*transactions),
                percent(*mean_score),
                percent(*fraud_share),
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Choice { threshold, precision, recall, alerts_per_day, amount_caught } = self.expected;
        writeln!(f, "Threshold {threshold}: {}", self.goal)?;
        writeln!(f, "  alerts  {alerts_per_day:.1} a day, {} of them frauds", share(precision))?;
        writeln!(
            f,
            "  caught  {} of the frauds, {} of their amounts\n",
            share(recall),
            share(amount_caught),
        )?;
        self.write_alternatives(f)?;
        f.write_str("\n")?;
        self.write_bins(f)
    }
}

fn share(share: f64) -> String {
    percent(Some(share))
}

/// Serialises the members of the calibration's TOML table.
fn serialize_calibration<S: Serializer>(
    calibration: &Calibration,
    to: S,
) -> Result<S::Ok, S::Error> {
    let value = match calibration {
        Calibration::Identity => Value::Null,
        Calibration::Platt { slope, offset } => json!({
            "slope": shortest(*slope as f32),
            "offset": shortest(*offset as f32),
        }),
        Calibration::Isotonic { knots } => {
            let column = |at| column(knots, at).into_iter().map(shortest).collect::<Vec<_>>();
            json!({ "output": column(0), "score": column(1) })
        }
    };
    value.serialize(to)
}

/// Serialises baselines by name; NaN becomes null, because JSON has no NaN.
fn serialize_baselines<S: Serializer>(
    baselines: &[(String, f32)],
    to: S,
) -> Result<S::Ok, S::Error> {
    let by_name = baselines.iter().map(|(name, value)| (name, shortest(*value)));
    by_name.collect::<BTreeMap<_, _>>().serialize(to)
}

/// Returns one of the numbers of each knot.
fn column(knots: &[[f32; 2]], at: usize) -> Vec<f32> {
    knots.iter().map(|knot| knot[at]).collect()
}
