//! The two listeners: `push`, open to WeChat and nothing else, and `admin`, for people and machines of
//! the company.

pub mod access;
pub mod api;
mod body;
pub mod dial;
mod failures;
mod game_server;
mod idle;
pub mod metrics;
pub mod push;
mod role_directory;
pub mod roles;
pub mod server;
pub mod service;

pub use service::{Keys, KeysError, Service};
