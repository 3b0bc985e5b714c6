//! Drives the program as its users do: a real process, real sockets, real signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_encryption;
mod bad_input;
mod by_hand;
mod connections;
mod decided;
mod envelopes;
mod families;
mod gifts;
mod keys;
mod layering;
mod looking;
mod outcomes;
mod pushes;
mod quarantine;
mod quotas;
mod receiving;
mod refused;
mod server;
mod vectors;
