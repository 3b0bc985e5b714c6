//! What an order, a refund, a gift, a bill, a case and a period are, and what a push or a person's word means
//! for them. Pure: no IO, no clock, no
//! randomness, no SQL and none of WeChat's JSON.

pub mod app;
pub mod bill;
pub mod case;
pub mod environment;
pub mod event;
pub mod evidence;
pub mod fen;
pub mod grant;
pub mod id;
pub mod order;
pub mod payment;
pub mod period;
pub mod push;
pub mod quarantine;
pub mod recovery;
pub mod role;
pub mod seal;

#[cfg(test)]
pub mod samples;
