//! Drives the program as its users do: a real process, real sockets, real signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod layering;
mod pushes;
mod receiving;
mod server;
