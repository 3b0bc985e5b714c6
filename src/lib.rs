//! An event-sourced ledger for WeChat mini-game orders. See ARCHITECTURE.md for the map.

pub mod audit;
pub mod bill;
pub mod cli;
pub mod clock;
pub mod codec;
pub mod config;
pub mod decision;
pub mod domain;
pub mod ed25519;
pub mod http;
pub mod import;
pub mod ledger;
pub mod limits;
pub mod lookup;
pub mod moment;
pub mod pace;
pub mod projector;
pub mod quota;
pub mod reconcile;
pub mod replay;
pub mod spool;
pub mod store;
pub mod table;
pub mod wechat;
