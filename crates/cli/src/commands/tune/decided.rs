//! The decision: as the file that the module is built with, and on a screen.

use fraud_plan::Calibration;
use serde_json::{Value, json};

use super::calibration::Bin;
use super::threshold::Choice;
use crate::show::units::{count, percent, shortest};

/// Everything that was decided.
pub struct Decided {
    /// How the threshold was chosen, in words.
    pub goal: String,
    /// On which transactions.
    pub on: String,
    /// The hash of the files.
    pub data: String,
    pub choice: Choice,
    pub calibration: Calibration,
    /// Of each feature its name and usual value.
    pub baselines: Vec<(String, f32)>,
    /// What else could be chosen, by alerts a day.
    pub alternatives: Vec<(u32, Option<Choice>)>,
    pub bins: Vec<Bin>,
}

impl Decided {
    /// How the threshold was found.
    pub fn basis(&self) -> String {
        format!("{} on {}", self.goal, self.on)
    }

    /// `decision.toml`.
    pub fn toml(&self) -> String {
        let Choice { threshold, precision, recall, alerts_per_day, amount_caught } = self.choice;
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
            Value::from(self.basis()),
            self.data,
            self.calibration_toml(),
        );
        for (name, value) in &self.baselines {
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            text += &match name.chars().all(bare) {
                true => name.clone(),
                false => Value::from(name.as_str()).to_string(),
            };
            // `{:?}` of a float is TOML's, but for NaN.
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

    /// The calibration for machines.
    pub fn calibration_json(&self) -> Value {
        match &self.calibration {
            Calibration::Identity => Value::Null,
            Calibration::Platt { slope, offset } => json!({
                "slope": shortest(*slope as f32),
                "offset": shortest(*offset as f32),
            }),
            Calibration::Isotonic { knots } => {
                let column = |at| column(knots, at).into_iter().map(shortest).collect::<Vec<_>>();
                json!({ "output": column(0), "score": column(1) })
            }
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let share = |share: f64| percent(Some(share));
        let Choice { threshold, precision, recall, alerts_per_day, amount_caught } = self.choice;
        let mut text = format!(
            "\nThreshold {threshold}: {}\n  \
             alerts  {alerts_per_day:.1} a day, {} of them frauds\n  \
             caught  {} of the frauds, {} of their amounts\n\n  \
             alerts a day  threshold  precision  recall\n",
            self.goal,
            share(precision),
            share(recall),
            share(amount_caught),
        );
        for (a_day, choice) in &self.alternatives {
            let cells =
                choice.map(|at| [at.threshold.to_string(), share(at.precision), share(at.recall)]);
            let [threshold, precision, recall] =
                cells.unwrap_or_else(|| ["–"; 3].map(str::to_owned));
            text += &format!("  {a_day:>12}  {threshold:>9}  {precision:>9}  {recall:>6}\n");
        }
        text += "\n  score       transactions  mean score  frauds\n";
        for Bin { from, to, transactions, mean_score, fraud_share } in &self.bins {
            text += &format!(
                "  {from:.1} to {to:.1}  {:>12}  {:>10}  {:>6}\n",
                count(*transactions),
                percent(*mean_score),
                percent(*fraud_share),
            );
        }
        text
    }
}

/// One of the numbers of each knot.
fn column(knots: &[[f32; 2]], at: usize) -> Vec<f32> {
    knots.iter().map(|knot| knot[at]).collect()
}
