//! The output topics, by their roles.

use crate::settings::{Role, Roles};

/// The names of the output topics, which the broker numbers in the order of the deployment.
#[derive(Debug, PartialEq)]
pub(super) struct Topics {
    pub(super) fraud: String,
    pub(super) valid: String,
    unscorable: Option<String>,
    history: Option<String>,
}

impl Topics {
    /// Takes the names of the topics, and their roles if those are not to be told by their number.
    pub(super) fn new(names: Vec<String>, roles: Option<Roles>) -> Result<Self, String> {
        let count = names.len();
        let Some(roles) = roles.or(Roles::of(count)) else {
            return Err(format!(
                "{count} output topics; it takes one, or two to four: fraud, valid and, if you want \
                 them, unscorable and history, in this order"
            ));
        };
        if roles.count() != count {
            let named = roles.count();
            return Err(format!(
                "{count} output topics, and FRAUD_TOPICS names the roles of {named}"
            ));
        }
        let of = |role| roles.place(role).map(|at| names[at].clone());
        match (of(Role::Fraud).or(of(Role::Scored)), of(Role::Valid).or(of(Role::Scored))) {
            (Some(fraud), Some(valid)) => Ok(Self {
                fraud,
                valid,
                unscorable: of(Role::Unscorable),
                history: of(Role::History),
            }),
            _ => Err("no output topic for what is scored".into()),
        }
    }

    /// Takes the topics from the variables that the broker sets.
    pub(super) fn from_environment(roles: Option<Roles>) -> Result<Self, String> {
        let topic = |at: usize| std::env::var(format!("REDPANDA_OUTPUT_TOPIC_{at}")).ok();
        Self::new((0..).map_while(topic).collect(), roles)
    }

    /// Returns the topic of records that cannot be scored: without one of their own they go to
    /// fraud, so that nothing suspicious slips into `valid`.
    pub(super) fn unscorable(&self) -> &String {
        self.unscorable.as_ref().unwrap_or(&self.fraud)
    }

    /// Returns the topic of history, if there is one.
    pub(super) fn history(&self) -> Option<&str> {
        self.history.as_deref()
    }

    /// Returns the topic of records of history that are refused, if there is one: they are no
    /// transactions, and have no place among the frauds.
    pub(super) fn refused_history(&self) -> Option<&String> {
        self.unscorable.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(names: &[&str], roles: Option<Roles>) -> Result<Topics, String> {
        Topics::new(names.iter().map(|name| (*name).to_owned()).collect(), roles)
    }

    #[test]
    fn by_position() {
        let topics = |names: &[&str]| {
            let topics = new(names, None).expect("one to four topics");
            let history = topics.history.clone().unwrap_or_default();
            [&topics.fraud, &topics.valid, topics.unscorable(), &history].map(String::clone)
        };
        assert_eq!(topics(&["a"]), ["a", "a", "a", ""]);
        assert_eq!(topics(&["a", "b"]), ["a", "b", "a", ""]);
        assert_eq!(topics(&["a", "b", "c"]), ["a", "b", "c", ""]);
        assert_eq!(topics(&["a", "b", "c", "d"]), ["a", "b", "c", "d"]);
    }

    #[test]
    fn other_numbers_of_topics() {
        for names in [&[][..], &["a", "b", "c", "d", "e"]] {
            let error = new(names, None).expect_err("refused");
            let expect = format!("{} output topics; it takes one, or two to four", names.len());
            assert!(error.starts_with(&expect), "{error}");
        }
        let error = new(&["a", "b"], Roles::of(3)).expect_err("refused");
        assert_eq!(error, "2 output topics, and FRAUD_TOPICS names the roles of 3");
    }
}
