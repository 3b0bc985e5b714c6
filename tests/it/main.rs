//! Drives the program as its users do: a real process, real sockets, real signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admin_errors;
mod asking;
mod bad_encryption;
mod bad_input;
mod by_hand;
mod commands;
mod connections;
mod crash;
mod decided;
mod envelopes;
mod exactly_once;
mod expecting;
mod families;
mod faulty_disk;
mod folded;
mod gifts;
mod grants;
mod keys;
mod layering;
mod lifecycle;
mod line;
mod log_file;
mod looking;
mod outcomes;
mod projector;
mod pushes;
mod quarantine;
mod quotas;
mod receiving;
mod refused;
mod role_reports;
mod server;
mod store_damage;
mod store_faults;
mod vectors;
