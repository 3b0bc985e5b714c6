//! Drives the program as its users do: a real process, real sockets, real signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod crash;
mod exactly_once;
mod expecting;
mod faulty_disk;
mod layering;
mod lifecycle;
mod line;
mod log_file;
mod pushes;
mod receiving;
mod server;
mod store_damage;
mod store_faults;
