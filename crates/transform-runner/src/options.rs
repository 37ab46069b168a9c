//! Everything that a user may choose, as a flag or as an environment variable.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use transform_host::{Deployment, Limits, custom_section};

/// A promise about the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// Outputs and offsets are committed in one transaction: a read_committed reader sees the output of
    /// every record exactly once.
    ExactlyOnce,
    /// Offsets are committed after the outputs: after a crash some outputs are written again.
    AtLeastOnce,
}

/// The end of a record in which the module ends at every try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnPoison {
    /// Its partition stands still, and the record is tried again with growing pauses, as on a broker.
    Stop,
    /// It goes on unchanged to this topic, with a header `transform-error`, and the partition goes on.
    SkipTo(String),
}

/// Earlier records that a new instance sees before it goes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmUp {
    /// All that the topic still has.
    All,
    /// The records of so long a time before the last one that was processed. Zero is none.
    Last(Duration),
}

/// A transform to run: its metadata, its module and the policy for records that it cannot take.
#[derive(Debug, Clone)]
pub struct Job {
    /// Name, topics, environment and start, as on a broker.
    pub deployment: Deployment,
    /// The module.
    pub wasm: Arc<[u8]>,
    /// Earlier records that a new instance sees.
    pub warm_up: WarmUp,
    /// The policy for a record in which the module always ends.
    pub on_poison: OnPoison,
}

/// The cluster, and the ways of a runner with it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses of brokers, comma-separated.
    pub brokers: String,
    /// Settings of librdkafka, such as `security.protocol`. They come last and win.
    pub kafka: Vec<(String, String)>,
    /// Name of this runner, which no other in the group has. A stable one also makes its membership
    /// static, so that a restart moves no partition.
    pub instance: Option<String>,
    /// The promise about the outputs.
    pub guarantee: Guarantee,
    /// Time from one commit to the next.
    pub commit_interval: Duration,
    /// Compression of the outputs: none, gzip, snappy, lz4 or zstd.
    pub compression: String,
    /// The limits of a module.
    pub limits: Limits,
}

impl Options {
    /// Returns the defaults for a cluster.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            kafka: Vec::new(),
            instance: None,
            guarantee: Guarantee::ExactlyOnce,
            commit_interval: Duration::from_millis(100),
            compression: "none".into(),
            limits: Limits::stock(),
        }
    }
}

/// Name of the custom section in which a module says how long its memory is.
const WARM_UP_SECTION: &str = "warm-up";

impl WarmUp {
    /// Returns the warm-up that a module asks for in its custom section `warm-up`, with the words of the
    /// option; none if it has no such section.
    pub fn of_module(wasm: &[u8]) -> Self {
        custom_section(wasm, WARM_UP_SECTION)
            .and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok())
            .unwrap_or(Self::Last(Duration::ZERO))
    }
}

impl Job {
    /// Returns the id of the consumer group, which keeps the offsets.
    pub fn group(&self) -> String {
        format!("transform-{}", self.deployment.name)
    }
}

impl FromStr for WarmUp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::Last(Duration::ZERO)),
            _ => parse_duration(text)
                .map(Self::Last)
                .map_err(|why| format!("{why}, or `all`, or `none`")),
        }
    }
}

impl FromStr for OnPoison {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("skip-to") {
            None if text == "stop" => Ok(Self::Stop),
            Some(topic) if topic.starts_with([':', ' ', '=']) && topic.len() > 1 => {
                Ok(Self::SkipTo(topic[1..].trim().into()))
            }
            _ => Err("expected `stop` or `skip-to:TOPIC`".into()),
        }
    }
}

/// Reads a duration such as `100ms`, `30s`, `15m`, `12h` or `35d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is no duration: expected a number and ms, s, m, h or d, as in 35d");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit_ms: u64 = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_policies() {
        for (text, expect) in
            [("100ms", Some(100)), ("35d", Some(3_024_000_000)), ("5", None), ("d", None)]
        {
            assert_eq!(parse_duration(text).ok(), expect.map(Duration::from_millis), "{text}");
        }
        assert_eq!("all".parse(), Ok(WarmUp::All));
        assert_eq!("none".parse(), Ok(WarmUp::Last(Duration::ZERO)));
        assert_eq!("skip-to:dead".parse(), Ok(OnPoison::SkipTo("dead".into())));
        assert_eq!("stop".parse(), Ok(OnPoison::Stop));
        assert!("skip-to:".parse::<OnPoison>().is_err());
    }

    #[test]
    fn a_module_says_how_long_its_memory_is() {
        let of = |text: &str| WarmUp::of_module(&wat::parse_str(text).unwrap());
        assert_eq!(of("(module)"), WarmUp::Last(Duration::ZERO));
        assert_eq!(of(r#"(module (@custom "warm-up" "all"))"#), WarmUp::All);
        let days = |n: u64| WarmUp::Last(Duration::from_secs(n * 86_400));
        assert_eq!(of(r#"(module (@custom "warm-up" "35d\n"))"#), days(35));
    }
}
