//! The answer as one page: what would be caught, at what cost, and where the threshold belongs.

use std::fmt::Write;

use super::Answer;
use super::cases::Case;
use super::chart;
use super::evaluation::{Evaluation, Part};
use super::protocol::{CAVEAT, Published};
use crate::module::target::module_text;
use crate::show::units::{self, count, figure, percent, plural, rfc3339};

/// Writes a page that needs nothing beside itself.
pub fn page(answer: &Answer) -> String {
    let main = answer.main;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Fraud backtest, {} to {}</title>\n<style>\n{}</style>\n",
        units::date(main.period.first),
        units::date(main.period.last),
        include_str!("html.css"),
    );
    page += &header(answer);
    page += &tiles(main);
    page += &threshold(answer);
    page += &section(
        "Day by day",
        "What was caught and missed, and below the line what was flagged in vain.",
        &chart::days(&main.days),
    );
    page += &format!("<div class=\"two\">{}{}</div>\n", scenarios(main), warmth(main));
    page += &format!("<div class=\"two\">{}{}</div>\n", misses(answer), false_alarms(answer));
    if let Some(evaluations) = answer.weeks {
        page += &weeks(answer, evaluations);
    }
    if let Some(others) = &answer.published {
        page += &published(answer, others);
    }
    page + &footer(answer)
}

fn section(title: &str, lead: &str, body: &str) -> String {
    format!("<section><h2>{title}</h2>\n<p class=\"soft\">{lead}</p>\n{body}</section>\n")
}

fn header(answer: &Answer) -> String {
    let main = answer.main;
    let tally = &main.all.tally;
    let left_out = match main.left_out {
        0 => String::new(),
        left_out => format!(
            " {} more are left out: their customers were known to be compromised.",
            count(left_out)
        ),
    };
    let wipe = answer.wipe.as_ref().map_or(String::new(), |day| {
        let mut text = format!(" Right before {day} all history was wiped.");
        if let Some(restored) = answer.history.map(|history| history.restored).filter(|&n| n > 0) {
            text += &format!(
                " {} records of the topic of history restored it right after.",
                count(restored)
            );
        }
        if let Some(reports) = answer.republished {
            let reports = count(reports);
            text += &format!(" {reports} reports were published again after that.");
        }
        text
    });
    format!(
        "<header><h1>{} of {} frauds caught, with {:.1} alerts a day</h1>\n\
         <p class=\"soft\">{} transactions from {} to {}, scored by the compiled module one after \
         the other.{left_out}{wipe}</p></header>\n",
        count(tally.caught),
        count(tally.frauds),
        main.alerts_per_day,
        count(tally.transactions),
        units::date(main.period.first),
        units::date(main.period.last),
    )
}

fn tiles(main: &Evaluation) -> String {
    let tally = &main.all.tally;
    let a_day = |number: u64| number as f64 / main.period.days() as f64;
    let amount = tally.saved + tally.missed;
    let saved = if amount > 0.0 { tally.saved / amount } else { 0.0 };
    let mut tiles = String::from("<div class=\"tiles\">");
    for (class, figure, what) in [
        ("good", percent(tally.recall()), "of the frauds are caught".to_owned()),
        (
            "good",
            money(tally.saved),
            format!("saved, {} of {} in fraudulent amounts", percent(Some(saved)), money(amount)),
        ),
        ("mark", format!("{:.1}", main.alerts_per_day), "alerts a day to look at".to_owned()),
        (
            "bad",
            format!("{:.1}", a_day(tally.false_alarms())),
            format!("false alarms a day; {} of the alerts are frauds", percent(tally.precision())),
        ),
    ] {
        let _ = write!(
            tiles,
            "<section><b class=\"{class}\">{figure}</b><small>{what}</small></section>"
        );
    }
    tiles + "</div>\n"
}

fn threshold(answer: &Answer) -> String {
    let main = answer.main;
    let threshold = answer.threshold.unwrap_or_default();
    let mut table = String::from(
        "<div class=\"scroll\"><table><tr><th>alerts a day</th><th>as a threshold</th><th>are \
         frauds</th><th>frauds caught</th></tr>",
    );
    let mut row = |class: &str, cells: [String; 4]| {
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = write!(table, "<tr class=\"{class}\">{cells}</tr>");
    };
    let tally = &main.all.tally;
    let alerts = format!("{:.1} (now)", main.alerts_per_day);
    let now = [alerts, threshold.to_string(), percent(tally.precision()), percent(tally.recall())];
    row("ours", now);
    for at in &main.at_alerts {
        let as_threshold = at.threshold.map_or("–".into(), |threshold| format!("{threshold:.4}"));
        let cells =
            [count(at.a_day as u64), as_threshold, percent(at.precision), percent(at.recall)];
        row("", cells);
    }
    let body = chart::thresholds(main, threshold) + &table + "</table></div>";
    section(
        "Where should the threshold be?",
        "Lower catches more and asks for more work. Below, what a fixed number of alerts a day \
         catches if the highest scores of each day are looked at.",
        &body,
    )
}

fn parts<'p>(title: &str, lead: &str, parts: impl Iterator<Item = (String, &'p Part)>) -> String {
    let mut table = String::from(
        "<div class=\"scroll\"><table><tr><th></th><th>frauds</th><th>caught</th><th></th><th>missed \
         amount</th><th class=\"wide\">avg. precision</th></tr>",
    );
    for (name, part) in parts {
        let _ = write!(
            table,
            "<tr><td>{name}</td><td>{}</td><td>{}</td><td><span class=\"bar\"><span \
             style=\"width:{:.1}%\"></span></span></td><td>{}</td><td \
             class=\"wide\">{}</td></tr>",
            count(part.tally.frauds),
            percent(part.tally.recall()),
            part.tally.recall().unwrap_or_default() * 100.0,
            money(part.tally.missed),
            figure(part.average_precision),
        );
    }
    section(title, lead, &(table + "</table></div>"))
}

fn scenarios(main: &Evaluation) -> String {
    let scenarios =
        main.scenarios.iter().map(|(number, part)| (format!("Scenario {number}"), part));
    parts("By kind of fraud", "As the list of frauds tells them apart.", scenarios)
}

fn warmth(main: &Evaluation) -> String {
    let named = [("Cold", &main.cold), ("Warm", &main.warm)];
    let named = named.map(|(name, part)| {
        let share = units::share(part.tally.transactions, main.all.tally.transactions);
        (format!("{name} <small>{share}</small>"), part)
    });
    let lead =
        "Cold are customers that the module has hardly seen: new ones, and all after a restart.";
    parts("With and without history", lead, named.into_iter())
}

fn case(case: &Case, answer: &Answer) -> String {
    let reason = |reason: &String| format!("<em class=\"why\">{}</em>", escape(reason));
    let mut marks: String = case.reasons.iter().map(reason).collect();
    if !case.warm {
        marks += "<em>cold</em>";
    }
    if case.is_fraud() {
        let _ = write!(marks, "<em>scenario {}</em>", case.scenario);
    }
    format!(
        "<li><b>{}</b><span>{}</span><small>score {:.3}</small><div>{marks}<small>customer {}, \
         transaction {}</small></div></li>",
        money(case.amount),
        rfc3339(case.millis)[..16].replace('T', " "),
        case.score,
        escape(&answer.shown.cases.customer_id(case.customer)),
        escape(&case.transaction_id),
    )
}

fn cases(title: &str, lead: &str, cases: &[Case], answer: &Answer) -> String {
    let list: String = cases.iter().map(|one| case(one, answer)).collect();
    let list = if list.is_empty() { "<p>None.</p>".into() } else { format!("<ol>{list}</ol>") };
    section(title, lead, &list)
}

fn misses(answer: &Answer) -> String {
    let main = answer.main;
    let missed = main.all.tally.frauds - main.all.tally.caught;
    let lead = format!("The largest of {} that passed.", count(missed));
    cases("Worst misses", &lead, &main.worst_misses, answer)
}

fn false_alarms(answer: &Answer) -> String {
    let main = answer.main;
    let lead =
        format!("The surest of {} that were no frauds.", count(main.all.tally.false_alarms()));
    cases("Worst false alarms", &lead, &main.worst_false_alarms, answer)
}

fn weeks(answer: &Answer, weeks: &[Evaluation]) -> String {
    let mut table = String::from(
        "<div class=\"scroll\"><table><tr><th>from</th><th>AUC ROC</th><th>avg. precision</th>\
         <th>CP@100</th><th>precision</th><th>recall</th><th>alerts/day</th></tr>",
    );
    let mut row = |class: &str, name: &str, figures: &[Option<f64>]| {
        let _ = write!(table, "<tr class=\"{class}\"><td>{name}</td>");
        for (at, &value) in figures.iter().enumerate() {
            let text = match at {
                0..3 => figure(value),
                3..5 => percent(value),
                _ => format!("{:.1}", value.unwrap_or_default()),
            };
            let _ = write!(table, "<td>{text}</td>");
        }
        table.push_str("</tr>");
    };
    for week in weeks {
        row("", &units::date(week.period.first), &week.headline().map(|(_, value)| value));
    }
    row("ours", "mean", &answer.means());
    let lead = "Each evaluated in the same way, from one pass.";
    section("Week by week", lead, &(table + "</table></div>"))
}

fn published(answer: &Answer, others: &[Published]) -> String {
    let mut table = String::from(
        "<div class=\"scroll\"><table><tr><th>model</th><th>trained on</th><th>AUC ROC</th>\
         <th>avg. precision</th><th>CP@100</th></tr>",
    );
    let mut row = |class: &str, name: &str, trained_on: &str, figures: [Option<f64>; 3]| {
        let figures = figures.map(|value| format!("<td>{}</td>", figure(value))).concat();
        let _ = write!(
            table,
            "<tr class=\"{class}\"><td>{name}</td><td>{trained_on}</td>{figures}</tr>"
        );
    };
    for other in others {
        row("", other.model, other.trained_on, other.figures());
    }
    row("ours", "this module", "simulation only", answer.ours());
    section("Beside the published figures", CAVEAT, &(table + "</table></div>"))
}

fn footer(answer: &Answer) -> String {
    let shown = &answer.shown;
    let [auc, average, card] = answer.ours().map(figure);
    format!(
        "<footer class=\"soft\">{} transactions of {} and {} fraud reports went through {} on {} \
         and {}; {} could not be scored, {} restarts. AUC ROC {auc}, average precision {average}, \
         CP@100 {card}. Days are UTC. This page holds ids of your data.</footer>\n</html>\n",
        count(answer.records),
        escape(&shown.input.display().to_string()),
        count(answer.reports),
        escape(&module_text(shown.module, answer.model)),
        plural(shown.partitions, "partition"),
        plural(shown.instances, "instance"),
        count(answer.unscorable),
        answer.restarts,
    )
}

/// Writes an amount in groups of three; a large one without its cents.
fn money(amount: f64) -> String {
    let cents = (amount.abs() * 100.0).round() as u64;
    let sign = if amount < 0.0 { "−" } else { "" };
    match cents {
        100_000.. => format!("{sign}{}", count((cents + 50) / 100)),
        _ => format!("{sign}{}.{:02}", cents / 100, cents % 100),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
