//! Answers as they are shown: on a screen, as JSON, in Markdown.
//!
//! - [`report`]: a subcommand's answer in both of its forms
//! - [`units`]: sizes, times and counts; [`markdown`]: tables; [`progress`]: bars on standard error

pub mod markdown;
pub mod progress;
pub mod report;
pub mod units;
