//! The subcommands, one room each. A room knows [`crate::data`], [`crate::module`] and
//! [`crate::show`], and no other room.

pub mod backtest;
pub mod bench;
pub mod features;
pub mod inspect;
pub mod reports;
pub mod run;
pub mod simulate;
pub mod tune;
