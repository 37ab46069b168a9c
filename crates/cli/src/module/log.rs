//! What the module's log says.

/// The numbers of `history of N + M entities`; none in another line.
pub fn capacities_in(message: &str) -> Vec<u64> {
    let said = message.split_once("history of ").and_then(|(_, rest)| rest.split_once(" entities"));
    said.map_or_else(Vec::new, |(numbers, _)| {
        numbers.split(" + ").map_while(|number| number.parse().ok()).collect()
    })
}
