//! Drives the program as its users do: a real process, real sockets, real signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crash;
mod exactly_once;
mod layering;
mod line;
mod log_file;
mod pushes;
mod receiving;
mod server;
