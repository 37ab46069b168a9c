//! The output topics, by position.

use anyhow::{Result, bail};

/// The names of the output topics, which the broker numbers in the order of the deployment.
#[derive(Debug, PartialEq)]
pub(super) struct Topics {
    pub(super) fraud: String,
    pub(super) valid: String,
    unscorable: Option<String>,
}

impl Topics {
    /// Takes the names of two topics, or three.
    pub(super) fn new(names: Vec<String>) -> Result<Self> {
        let count = names.len();
        let mut names = names.into_iter();
        match [(); 4].map(|()| names.next()) {
            [Some(fraud), Some(valid), unscorable, None] => Ok(Self { fraud, valid, unscorable }),
            _ => bail!(
                "{count} output topics; it takes two or three: fraud, valid and, if you want it, \
                 unscorable, in this order"
            ),
        }
    }

    /// Takes the topics from the variables that the broker sets.
    pub(super) fn from_environment() -> Result<Self> {
        let topic = |at: usize| std::env::var(format!("REDPANDA_OUTPUT_TOPIC_{at}")).ok();
        Self::new((0..).map_while(topic).collect())
    }

    /// Returns the topic of records that cannot be scored: without one of their own they go to
    /// fraud, so that nothing suspicious slips into `valid`.
    pub(super) fn unscorable(&self) -> &String {
        self.unscorable.as_ref().unwrap_or(&self.fraud)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(names: &[&str]) -> Result<Topics> {
        Topics::new(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn by_position() {
        let two = new(&["a", "b"]).expect("two topics");
        assert_eq!([&two.fraud, &two.valid, two.unscorable()], ["a", "b", "a"]);
        let three = new(&["a", "b", "c"]).expect("three topics");
        assert_eq!([&three.fraud, &three.valid, three.unscorable()], ["a", "b", "c"]);
    }

    #[test]
    fn other_numbers_of_topics() {
        for names in [&[][..], &["a"], &["a", "b", "c", "d"]] {
            let error = new(names).expect_err("refused").to_string();
            let expect = format!("{} output topics; it takes two or three", names.len());
            assert!(error.starts_with(&expect), "{error}");
        }
    }
}
