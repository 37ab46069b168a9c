//! The answer for people.

use super::Answer;
use super::evaluation::{Evaluation, Part};
use super::metrics::Tally;
use super::protocol::{CAVEAT, PUBLISHED};
use crate::module::replay::unbalanced;
use crate::show::units::{self, count, figure, percent, seconds, share};

/// Lines and tables.
pub fn of(answer: &Answer) -> String {
    let main = answer.main();
    let tally = &main.all.tally;
    let mut text = format!(
        "{} transactions from {} to {}, {} of them frauds ({})\n",
        count(tally.transactions),
        units::date(main.period.first),
        units::date(main.period.last),
        count(tally.frauds),
        share(tally.frauds, tally.transactions),
    );
    if answer.args.protocol.is_some() {
        let left_out = count(main.left_out);
        text += &format!("{left_out} left out: their customers are known to be compromised\n");
    }
    text += &format!(
        "\n  \
         AUC ROC            {}\n  \
         average precision  {}\n  \
         CP@100             {}\n\n\
         At the threshold {}\n  \
         caught        {} of {} frauds ({}), {:.2} of {:.2} in amounts\n  \
         alerts        {:.1} a day, {} of them frauds\n  \
         false alarms  {}\n",
        figure(main.all.auc_roc),
        figure(main.all.average_precision),
        figure(main.card_precision),
        answer.rows.threshold.unwrap_or_default(),
        count(tally.caught),
        count(tally.frauds),
        percent(tally.recall()),
        tally.saved,
        tally.saved + tally.missed,
        main.alerts_per_day(),
        percent(tally.precision()),
        count(tally.false_alarms()),
    );
    text += "\nWith a fixed number of alerts a day\n";
    for at in &main.at_alerts {
        text += &format!(
            "  {:>6}  precision {:>6}, recall {:>6}; as a threshold {}\n",
            at.a_day,
            percent(at.precision()),
            percent(at.recall()),
            at.threshold.map_or("–".into(), |threshold| threshold.to_string()),
        );
    }
    text += &parts(main);
    text += &days(main);
    if answer.args.weeks.is_some() {
        text += &weeks(answer);
    }
    if answer.args.protocol.is_some() {
        text += &published(main);
    }
    text += &format!(
        "\n{} transactions and {} fraud reports went through {} in {}; {} could not be scored, \
         {} restarts\n",
        count(answer.replayed.records),
        count(answer.replayed.reports),
        answer.args.replay.module.display(),
        seconds(answer.elapsed),
        count(answer.rows.unscorable),
        answer.replayed.usage.restarts,
    );
    if answer.args.republish.is_some() {
        let again = count(answer.replayed.republished);
        text += &format!("{again} of the reports were published again after the wipe\n");
    }
    text + &unbalanced(answer.lost())
}

fn parts(main: &Evaluation) -> String {
    let mut text = format!(
        "\n  {:<14} {:>8} {:>8} {:>8} {:>8} {:>8}\n",
        "", "frauds", "caught", "recall", "AP", "AUC"
    );
    let mut row = |name: &str, part: &Part| {
        text += &format!(
            "  {:<14} {:>8} {:>8} {:>8} {:>8} {:>8}\n",
            name,
            count(part.tally.frauds),
            count(part.tally.caught),
            percent(part.tally.recall()),
            figure(part.average_precision),
            figure(part.auc_roc),
        );
    };
    for (scenario, part) in &main.scenarios {
        row(&format!("scenario {scenario}"), part);
    }
    row("cold history", &main.cold);
    row("warm history", &main.warm);
    text
}

fn days(main: &Evaluation) -> String {
    let mut text = format!(
        "\n  {:<10} {:>12} {:>7} {:>7} {:>7} {:>10} {:>8} {:>7}\n",
        "day", "transactions", "frauds", "alerts", "caught", "precision", "recall", "CP@100"
    );
    for day in &main.days {
        let Tally { transactions, frauds, alerts, caught, .. } = day.tally;
        text += &format!(
            "  {} {:>12} {:>7} {:>7} {:>7} {:>10} {:>8} {:>7}\n",
            units::date(day.day),
            count(transactions),
            count(frauds),
            count(alerts),
            count(caught),
            percent(day.tally.precision()),
            percent(day.tally.recall()),
            figure(day.card_precision),
        );
    }
    text
}

fn weeks(answer: &Answer) -> String {
    let mut text = format!(
        "\n  {:<12} {:>6} {:>6} {:>7} {:>10} {:>7} {:>10}\n",
        "week from", "AUC", "AP", "CP@100", "precision", "recall", "alerts/day"
    );
    let mut row = |name: &str, figures: [Option<f64>; 6]| {
        let [auc, average, card, precision, recall, alerts] = figures;
        text += &format!(
            "  {:<12} {:>6} {:>6} {:>7} {:>10} {:>7} {:>10.1}\n",
            name,
            figure(auc),
            figure(average),
            figure(card),
            percent(precision),
            percent(recall),
            alerts.unwrap_or_default(),
        );
    };
    for week in &answer.weeks {
        row(&units::date(week.period.first), week.headline().map(|(_, value)| value));
    }
    let means: Vec<_> = answer.means().map(|(_, value)| value).collect();
    row("mean", std::array::from_fn(|at| means[at]));
    text
}

fn published(main: &Evaluation) -> String {
    let mut text = format!(
        "\n  {:<20} {:<22} {:>6} {:>6} {:>7}\n",
        "baseline week", "trained on", "AUC", "AP", "CP@100"
    );
    let mut row = |name: &str, trained_on: &str, figures: [Option<f64>; 3]| {
        let [auc, average, card] = figures.map(figure);
        text += &format!("  {name:<20} {trained_on:<22} {auc:>6} {average:>6} {card:>7}\n");
    };
    for (model, auc, average, card) in PUBLISHED {
        row(model, "one week of this data", [auc, average, card].map(Some));
    }
    let ours = [main.all.auc_roc, main.all.average_precision, main.card_precision];
    row("this module", "simulation only", ours);
    text + CAVEAT + "\n"
}
