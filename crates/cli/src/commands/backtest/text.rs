//! The answer for people.

use std::fmt::{Display, Formatter, Result};

use super::Answer;
use super::evaluation::{Evaluation, Part};
use super::metrics::Tally;
use super::protocol::{CAVEAT, Published};
use crate::module::replay::unbalanced;
use crate::module::target::module_text;
use crate::show::units::{self, count, figure, percent, seconds, share};

impl Display for Answer<'_> {
    fn fmt(&self, f: &mut Formatter) -> Result {
        let main = self.main;
        self.write_head(f)?;
        self.write_threshold(f)?;
        write_parts(main, f)?;
        write_days(main, f)?;
        if let Some(weeks) = self.weeks {
            self.write_weeks(weeks, f)?;
        }
        if let Some(published) = &self.published {
            self.write_published(published, f)?;
        }
        self.write_foot(f)
    }
}

impl Answer<'_> {
    fn write_head(&self, f: &mut Formatter) -> Result {
        let main = self.main;
        let Tally { transactions, frauds, .. } = main.all.tally;
        writeln!(
            f,
            "{} transactions from {} to {}, {} of them frauds ({})",
            count(transactions),
            units::date(main.period.first),
            units::date(main.period.last),
            count(frauds),
            share(frauds, transactions),
        )?;
        if self.protocol.is_some() {
            let left_out = count(main.left_out);
            writeln!(f, "{left_out} left out: their customers are known to be compromised")?;
        }
        let [auc, average, card] = self.ours().map(figure);
        writeln!(f, "\n  AUC ROC            {auc}\n  average precision  {average}")?;
        writeln!(f, "  CP@100             {card}\n")
    }

    fn write_threshold(&self, f: &mut Formatter) -> Result {
        let main = self.main;
        let tally = &main.all.tally;
        writeln!(f, "At the threshold {}", self.threshold.unwrap_or_default())?;
        writeln!(
            f,
            "  caught        {} of {} frauds ({}), {:.2} of {:.2} in amounts",
            count(tally.caught),
            count(tally.frauds),
            percent(tally.recall()),
            tally.saved,
            tally.saved + tally.missed,
        )?;
        writeln!(
            f,
            "  alerts        {:.1} a day, {} of them frauds\n  false alarms  {}\n",
            main.alerts_per_day,
            percent(tally.precision()),
            count(tally.false_alarms()),
        )?;
        writeln!(f, "With a fixed number of alerts a day")?;
        for at in &main.at_alerts {
            writeln!(
                f,
                "  {:>6}  precision {:>6}, recall {:>6}; as a threshold {}",
                at.a_day,
                percent(at.precision),
                percent(at.recall),
                at.threshold.map_or("–".into(), |threshold| threshold.to_string()),
            )?;
        }
        Ok(())
    }

    fn write_weeks(&self, weeks: &[Evaluation], f: &mut Formatter) -> Result {
        writeln!(
            f,
            "\n  {:<12} {:>6} {:>6} {:>7} {:>10} {:>7} {:>10}",
            "week from", "AUC", "AP", "CP@100", "precision", "recall", "alerts/day"
        )?;
        let mut line = |name: &str, figures: [Option<f64>; 6]| {
            let [auc, average, card, precision, recall, alerts] = figures;
            writeln!(
                f,
                "  {:<12} {:>6} {:>6} {:>7} {:>10} {:>7} {:>10.1}",
                name,
                figure(auc),
                figure(average),
                figure(card),
                percent(precision),
                percent(recall),
                alerts.unwrap_or_default(),
            )
        };
        for week in weeks {
            line(&units::date(week.period.first), week.headline().map(|(_, value)| value))?;
        }
        line("mean", self.means())
    }

    fn write_published(&self, published: &[Published], f: &mut Formatter) -> Result {
        writeln!(
            f,
            "\n  {:<20} {:<22} {:>6} {:>6} {:>7}",
            "baseline week", "trained on", "AUC", "AP", "CP@100"
        )?;
        let mut line = |name: &str, trained_on: &str, figures: [Option<f64>; 3]| {
            let [auc, average, card] = figures.map(figure);
            writeln!(f, "  {name:<20} {trained_on:<22} {auc:>6} {average:>6} {card:>7}")
        };
        for other in published {
            line(other.model, other.trained_on, other.figures())?;
        }
        line("this module", "simulation only", self.ours())?;
        writeln!(f, "{CAVEAT}")
    }

    fn write_foot(&self, f: &mut Formatter) -> Result {
        writeln!(
            f,
            "\n{} transactions and {} fraud reports went through {} in {}; {} could not be scored, {} \
             restarts",
            count(self.records),
            count(self.reports),
            module_text(self.shown.module, self.model),
            seconds(self.seconds),
            count(self.unscorable),
            self.restarts,
        )?;
        if let Some(again) = self.republished {
            writeln!(f, "{} of the reports were published again after the wipe", count(again))?;
        }
        if let Some(history) = &self.history {
            writeln!(
                f,
                "{} records of history were written, {} bytes beside {} ({}); {} restored it",
                count(history.records),
                count(history.bytes),
                count(history.bytes_of_others),
                percent(Some(history.bytes as f64 / history.bytes_of_others.max(1) as f64)),
                count(history.restored),
            )?;
        }
        write!(f, "{}{}", self.notes, self.labels)?;
        f.write_str(&unbalanced(self.lost))
    }
}

fn write_parts(main: &Evaluation, f: &mut Formatter) -> Result {
    writeln!(
        f,
        "\n  {:<14} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "", "frauds", "caught", "recall", "AP", "AUC"
    )?;
    let mut line = |name: &str, part: &Part| {
        writeln!(
            f,
            "  {:<14} {:>8} {:>8} {:>8} {:>8} {:>8}",
            name,
            count(part.tally.frauds),
            count(part.tally.caught),
            percent(part.tally.recall()),
            figure(part.average_precision),
            figure(part.auc_roc),
        )
    };
    for (scenario, part) in &main.scenarios {
        line(&format!("scenario {scenario}"), part)?;
    }
    line("cold history", &main.cold)?;
    line("warm history", &main.warm)
}

fn write_days(main: &Evaluation, f: &mut Formatter) -> Result {
    writeln!(
        f,
        "\n  {:<10} {:>12} {:>7} {:>7} {:>7} {:>10} {:>8} {:>7}",
        "day", "transactions", "frauds", "alerts", "caught", "precision", "recall", "CP@100"
    )?;
    for day in &main.days {
        let Tally { transactions, frauds, alerts, caught, .. } = day.tally;
        writeln!(
            f,
            "  {} {:>12} {:>7} {:>7} {:>7} {:>10} {:>8} {:>7}",
            units::date(day.day),
            count(transactions),
            count(frauds),
            count(alerts),
            count(caught),
            percent(day.tally.precision()),
            percent(day.tally.recall()),
            figure(day.card_precision),
        )?;
    }
    Ok(())
}
