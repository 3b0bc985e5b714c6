//! A stand-in for a KurrentDB cluster, for tests: speaks its wire protocol, and fails on command.

mod calls;
mod clock;
mod cluster;
mod commit;
mod connection;
mod counters;
mod faults;
mod frames;
mod log;
mod reading;
mod refusal;
mod service;
pub mod wire;

pub use cluster::{Cluster, Options};
pub use counters::Counts;
pub use faults::{Fault, Moment, On, Schedule, Switchboard};
pub use log::{Event, Log, Record};
