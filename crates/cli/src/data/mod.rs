//! Files that are read: transactions, lists of frauds, feature specs.
//!
//! - [`spec`]: the feature spec
//! - [`input`]: the records of a file, whatever kind of file it is; [`hint`]: the kind of one that cannot be read
//! - [`labels`]: which transactions were frauds, and when each is reported
//! - [`envelope`]: the few fields that the commands themselves read of a record; [`at_path`]: one value of it
//! - [`clock`]: the broker's clock, as a file tells it
//! - [`stream`]: the records, and between them the reports that fall due, in order of event time
//! - [`notes`]: what a command says of a file; [`unreadable`]: the records that cannot be scored;
//!   [`spread`]: the customers that are on several partitions

pub mod at_path;
pub mod clock;
pub mod envelope;
pub mod hint;
pub mod input;
pub mod labels;
pub mod notes;
pub mod spec;
pub mod spread;
pub mod stream;
pub mod unreadable;
