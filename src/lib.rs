//! An event-sourced ledger for WeChat mini-game orders. See ARCHITECTURE.md for the map.

pub mod cli;
pub mod clock;
pub mod domain;
pub mod limits;
pub mod wechat;
