//! Advice for the topics: how large a batch each must take.

use std::time::Duration;

use serde::Serialize;
use transform_host::Deployment;

use super::largest::Largest;
use crate::show::units;

/// A topic's `max.message.bytes` on a stock cluster.
const STOCK: u64 = 1 << 20;

/// The output of an instance that catches up on a backlog.
pub struct Load {
    pub records_per_second: u64,
    pub write_latency: Duration,
    pub bytes_per_record: u64,
}

/// A setting of one topic.
#[derive(Serialize)]
pub struct Advice {
    topic: String,
    /// `input` or `output`.
    role: &'static str,
    max_message_bytes: u64,
    command: String,
    why: String,
}

/// Advises on the input and every output.
pub fn advice(deployment: &Deployment, largest: &Largest, load: &Load) -> Vec<Advice> {
    let input = Advice::new(
        &deployment.input_topic,
        "input",
        largest.any,
        "The largest record that gets through. It bounds whole batches too, so producers' \
         batch.size must be below it; and it bounds batches as they are sent, so a record that was \
         compressed may still be too large."
            .into(),
    );
    let Load { records_per_second, write_latency, bytes_per_record } = *load;
    let queued = records_per_second as u128 * write_latency.as_micros() / 1_000_000;
    // While one batch is written, this much queues up for the next; it ends in any of the topics.
    let batch = (queued as u64).saturating_mul(bytes_per_record).saturating_add(largest.any);
    let stock = units::size(STOCK);
    let why = format!(
        "For brokers before 25.1, whose batch holds what queued up while the last was written: \
         {}/s × {} ms × {} bytes, and one largest record; at least the stock {stock}. Since 25.1 a \
         batch ends at {stock} by itself, and only a larger record needs more.",
        units::count(records_per_second),
        write_latency.as_millis(),
        bytes_per_record,
    );
    let bytes = batch.next_multiple_of(1 << 16).max(STOCK);
    let outputs = deployment.output_topics.iter();
    let outputs = outputs.map(|topic| Advice::new(topic, "output", bytes, why.clone()));
    [input].into_iter().filter(|advice| advice.max_message_bytes > 0).chain(outputs).collect()
}

impl Advice {
    fn new(topic: &str, role: &'static str, max_message_bytes: u64, why: String) -> Self {
        let command =
            format!("rpk topic alter-config {topic} --set max.message.bytes={max_message_bytes}");
        Self { topic: topic.into(), role, max_message_bytes, command, why }
    }
}

/// Writes the commands, and each reason once.
pub fn text(advice: &[Advice]) -> String {
    let mut text = String::new();
    let mut last = "";
    for advice in advice {
        if advice.why != last {
            last = &advice.why;
            text += &format!("\n# {}\n", wrap(last));
        }
        text += &format!("{}\n", advice.command);
    }
    text
}

/// Breaks a comment into lines of at most 98 characters.
fn wrap(text: &str) -> String {
    let mut wrapped = String::new();
    let mut width = 2;
    for word in text.split(' ') {
        let needed = word.chars().count() + usize::from(width > 2);
        if width + needed > 98 {
            wrapped += "\n# ";
            width = 2;
        } else if width > 2 {
            wrapped.push(' ');
        }
        wrapped += word;
        width += needed;
    }
    wrapped
}
