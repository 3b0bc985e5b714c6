//! What an order, a refund and a gift are, and what a push means for them. Pure: no IO, no clock, no
//! randomness, no SQL and none of WeChat's JSON.

pub mod app;
pub mod environment;
pub mod event;
pub mod evidence;
pub mod fen;
pub mod grant;
pub mod id;
pub mod order;
pub mod push;
pub mod quarantine;
pub mod role;

#[cfg(test)]
pub mod samples;
