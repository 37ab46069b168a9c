//! Markdown.

/// Writes a table: its first column is text, the others are figures.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = String>| {
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let mut text = line(&mut head.iter().map(|cell| cell.to_string()));
    text += &format!("|---|{}\n", "--:|".repeat(head.len() - 1));
    for row in rows {
        text += &line(&mut row.iter().cloned());
    }
    text
}
