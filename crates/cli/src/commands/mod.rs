//! The subcommands, one room each.
//!
//! A room's `mod.rs` is its door: it turns the arguments into plain options, computes, and answers
//! with a type whose text is its `Display` and whose JSON is its serde form (`docs/cli-json.md`
//! documents the keys). A room uses [`crate::module`], [`crate::data`] and [`crate::show`], and no
//! other room.
//!
//! [`flags`] has the arguments that several commands share.

pub mod backtest;
pub mod bench;
pub mod features;
pub mod flags;
pub mod inspect;
pub mod new;
pub mod reports;
pub mod restore;
pub mod run;
pub mod simulate;
pub mod train;
pub mod tune;
mod unreadable;
